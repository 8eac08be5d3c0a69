"""Nothing that a person wrote is lost, and nothing of ours is left: any words, in any mail program."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mail.reply.answers import answer_text
from simulator.reply_forms import BARE, FOOTERS, MARKED, UNMARKED, Posting, ReplyForm, SentText, compose
from tests.mail.reply.test_answers_clients import QUESTIONS, parsed

SAID = (
    "2", "３番", "③です", "3️⃣", "1番でお願いします。", "良好です。熱は36.8度でした", "欠席します", "お世話になっております。", "4月8日（水）は休みます",
    "2026年4月8日 9:00に伺います。", "4/8 10:30～11:00でお願いします", "2026/04/08に書きました", "9:00にメールを送信しました", "祖母の携帯から送信しています",
    "電話は090-1234-5678です。", "TEL 03-1234-5678へおかけください", "taro@example.jpにお願いします", "詳しくは https://example.com/a?b=c です",
    "3年2組 緑 太郎の母です。", "先生のメールを読みました。", "「はい」と書きました", ">_< すみません", "(>_<)汗", "＞＜ 遅れました", "a > b です",
    "2 > 3 > 1 の順です", "※急ぎです！", "よろしくお願いします🙇‍♀️", "ｼﾞﾌﾞﾝﾃﾞｲｷﾏｽ", "・長男 1", "1)良好", "From: 10時", "To: 11時", "日時：4月9日", "件名：面談", "差出人：緑", "宛先：先生",
    "原文のとおりです", "引用しました", "Re: 1です", "On Monday we are away.", "He wrote: no", "See you at 10:00!", "Sent by bus.", "No, thanks.",
    "Yes -- of course", "- one", "以上", "緑", "緑 花子", "(^^)/", "……", "ありがとう♪", "5,000円", "=3", "|絶対|", "A: はい", "→ 2です", "#1", "* 2です *",
    "元のメールを消しました", "iPhoneを使っています", "Windows 11です", "本メールに書きました", "写真を送ります", "そのメールは届きました:", "10:00のメールの件:",
)  # fmt: skip
RULES = ("-----", "----------", "＝＝＝＝＝＝", "――――――", "～～～～～～", "**********")
BETWEEN = st.sampled_from(("", "", "", "\n", *(f"{rule}\n" for rule in RULES)))
FORMS = st.sampled_from((*MARKED, *UNMARKED, *BARE))


@st.composite
def answers(draw: st.DrawFn) -> str:
    """Lines of a person, with blank lines and rules between them."""
    first, *others = draw(st.lists(st.sampled_from(SAID), min_size=1, max_size=5))
    return "".join([first, *(f"\n{draw(BETWEEN)}{line}" for line in others)])


def decidable(form: ReplyForm, posting: Posting, *, known: bool) -> bool:
    """Whether anything tells the person's words from ours."""
    if form in BARE:
        return known and posting is not Posting.PART
    return known or form.mark is not None or posting in (Posting.TOP, Posting.TIGHT, Posting.FOOTED)


# Slow: 1,500 replies, since the forms of postings, quotations and footers are many.
@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(answers(), FORMS, st.sampled_from(Posting), st.sampled_from(QUESTIONS), st.booleans(), st.sampled_from(FOOTERS))
def test_words_come_out_of_any_reply_as_they_were_written(
    answer: str, form: ReplyForm, posting: Posting, question: SentText, known: bool, footer: str
) -> None:
    if posting is Posting.BOTH or not decidable(form, posting, known=known):
        posting = Posting.TOP
    known = known or form in BARE
    text = compose(form, posting, answer, question, footer=footer)
    found = answer_text(parsed(text), question.template if known else None, sent_subject=question.subject)
    assert found.split() == answer.split(), text


@given(answers())
def test_words_without_a_quotation_come_out_as_they_were_written(answer: str) -> None:
    for question in QUESTIONS:
        assert answer_text(parsed(answer), question.template, sent_subject=question.subject) == answer
    assert answer_text(parsed(answer), None) == answer


CHARACTERS = "あいうのはにでをがですますたんー漢字年月日時分名番 \u3000、。！？「」（）()0123456789１２３①②abcXYZ.,:：;/-–—_=+*#@%&'\"<>＞|~♪☆😀🙇ｶﾞ\n"


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(CHARACTERS, min_size=1, max_size=80), FORMS, st.booleans(), st.sampled_from(QUESTIONS))
def test_any_characters_come_out_as_they_were_written(
    text: str, form: ReplyForm, known: bool, question: SentText
) -> None:
    lines = [line for line in parsed(text).text.split("\n") if line.strip()]
    assume(lines)
    assume(not any(line.lstrip()[:1] in ">＞|" for line in lines))
    assume(any(char.isalnum() for char in lines[-1]))  # else it may be a rule
    posting = Posting.TIGHT if decidable(form, Posting.TIGHT, known=known) else Posting.TOP
    reply = compose(form, posting, "\n".join(lines), question)
    found = answer_text(parsed(reply), question.template if known or form in BARE else None, sent_subject="")
    assert found.split() == " ".join(lines).split(), reply
