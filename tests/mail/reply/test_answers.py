"""Answers: the words that a parent wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.mime.reading import ParsedMail, read
from mail.reply.answers import answer_text, redact

SENT = """緑小学校です。
本日の体調をお知らせください。

1 良好
2 せきあり
3 発熱あり

※番号を1つ書いて返信してください。
"""
QUOTED = "".join(f"> {line}\n" for line in SENT.splitlines())
SUBJECT = "【緑小学校】健康調査"


def parsed(text: str, subject: str = f"Re: {SUBJECT}") -> ParsedMail:
    return read(f"Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}".encode())


@pytest.mark.parametrize(
    "text",
    [
        f"3です\n\n{QUOTED}",
        f"3です\n\n2026年4月8日(水) 9:00 緑小学校 <info@midori.example.jp>:\n\n{QUOTED}",
        f"3です\n\n2026年4月8日(水) 9:00 緑小学校\n<info@midori.example.jp>:\n\n{QUOTED}",
        f"3です\n\n2026/04/08 9:00、緑小学校 <info@midori.example.jp>のメール:\n\n{QUOTED}",
        f"3です\n\niPhoneから送信\n\n2026/04/08 9:00、緑小学校 <info@midori.example.jp>のメール:\n\n{QUOTED}",
        f"3です\n\nOn Wed, Apr 8, 2026 at 9:00 AM Midori <info@midori.example.jp> wrote:\n\n{QUOTED}",
        f"3です\n\nOn Wed, 8 Apr 2026 09:00:00 +0900\n緑小学校 <info@midori.example.jp> wrote:\n\n{QUOTED}\n-- \n山田\n03-1234-5678\n",
        f"3です\n\n-----Original Message-----\nFrom: 緑小学校\nSent: Wednesday\nSubject: x\n\n{SENT}",
        f"3です\n\n－－－－－　元のメッセージ　－－－－－\n差出人：緑小学校\n件名：健康調査\n\n{SENT}",
        f"3です\n\n差出人: 緑小学校 <info@midori.example.jp>\n送信日時: 2026年4月8日 9:00\n件名: 健康調査\n\n{SENT}",
        f"3です\n________________________________\nFrom: 緑小学校\nSent: x\nSubject: y\n\n{SENT}",
        f"3です\n\n{SENT}",
        f"2026年4月8日(水) 9:00 緑小学校 <info@midori.example.jp>:\n\n{QUOTED}\n3です\n",
        f"{QUOTED}\n3です\n",
        "> 本日の体調をお知らせください。\n3です\n> ※番号を1つ書いて返信してください。\n",
        "3です\n\n＞本日の体調をお知らせください。\n＞1 良好\n",
        "3です\n\n----------\n山田太郎\nTEL 090-1234-5678\n",
        "3です\nSent from my iPhone\n",
    ],
)
def test_only_the_persons_own_words_remain(text: str) -> None:
    assert answer_text(parsed(text), SENT) == "3です"
    assert answer_text(parsed(text.replace("\n", "\r\n")), SENT) == "3です"


def test_without_the_sent_text_marks_and_attributions_are_enough() -> None:
    assert (
        answer_text(parsed(f"3です\n\n2026年4月8日(水) 9:00 緑小学校 <info@midori.example.jp>:\n\n{QUOTED}"), None)
        == "3です"
    )
    assert answer_text(parsed(f"3です\n\n-----Original Message-----\nFrom: a\nSubject: x\n\n{SENT}"), None) == "3です"


def test_copying_one_of_our_lines_is_an_answer() -> None:
    assert answer_text(parsed(f"1 良好\n\n{QUOTED}"), SENT) == "1 良好"
    assert answer_text(parsed("良好"), SENT) == "良好"
    assert answer_text(parsed("1 良好\n2 せきあり\n"), SENT) == "1 良好\n2 せきあり"


def test_what_looks_like_a_quotation_but_is_not_stays() -> None:
    assert answer_text(parsed("2 > 3 > 1 の順です\n"), SENT) == "2 > 3 > 1 の順です"
    assert answer_text(parsed(">_< 3です\n"), SENT) == ">_< 3です"
    text = "2でお願いします。\nFrom: 10時\nTo: 11時"
    assert answer_text(parsed(text), SENT) == text


def test_an_answer_in_the_subject_only() -> None:
    assert answer_text(parsed("", "3"), SENT) == "3"
    assert answer_text(parsed("", f"Re: {SUBJECT} 3"), SENT, sent_subject=SUBJECT) == "3"
    assert answer_text(parsed(QUOTED, "Re: 3です"), SENT, sent_subject=SUBJECT) == "3です"
    assert answer_text(parsed(QUOTED), SENT, sent_subject=SUBJECT) == ""
    assert answer_text(parsed(QUOTED), SENT) == ""


COPY = """{{child}} さんについて

{{ school }}からのお知らせです。本日の体調を{{day}}までにお知らせください。
担任: {{teacher}}
{{office}}
1 良好
2 せきあり
"""
FILLED = """緑 太郎 さんについて

緑小学校からのお知らせです。本日の体調を4月8日(水)までにお知らせください。
担任: 山田
事務室
1 良好
2 せきあり
"""
WRAPPED = FILLED.replace("体調を4月", "体調を4\n月").replace("お知らせです。本日", "お知らせです。\n本日")
OUTLOOK = "\n\n-----Original Message-----\nFrom: 緑小学校\nSent: Wednesday\nSubject: 健康調査\n\n"
HEADERS = "\n差出人: 緑小学校 <info@midori.example.jp>\n送信日時: 2026年4月8日 9:00\n件名: 健康調査\n\n"
DATED = "\n2026年4月8日(水) 9:00 あおば小学校:\n\n"


@pytest.mark.parametrize("introduction", [OUTLOOK, HEADERS, DATED, ""])
@pytest.mark.parametrize("quoted", [FILLED, WRAPPED, FILLED.replace("山田", ""), FILLED.replace("事務室\n", "")])
def test_a_quoted_copy_is_known_whatever_its_placeholders_became(introduction: str, quoted: str) -> None:
    assert answer_text(parsed(introduction + quoted), COPY) == ""
    assert answer_text(parsed(f"2です\n{introduction}{quoted}"), COPY) == "2です"
    assert answer_text(parsed(f"{introduction}{quoted}\n2です\n"), COPY) == "2です"


@pytest.mark.parametrize(
    ("sent", "quoted"),
    [
        ("{{child}}について", "緑 太郎について"),
        ("{{child}}", "緑 太郎"),
        ("{{child}}\n本日の体調は？", "緑 太郎\n本日の体調は？"),
        ("本日の体調は？\n{{school}}", "本日の体調は？\n緑小学校"),
        ("{{class}} {{child}}さん、体調は？", "3年2組 緑太郎さん、体調は？"),
    ],
)
def test_a_short_copy_that_is_introduced_is_no_answer(sent: str, quoted: str) -> None:
    assert answer_text(parsed(OUTLOOK + quoted), sent) == ""
    assert answer_text(parsed(f"2\n{OUTLOOK}{quoted}"), sent) == "2"


def test_words_that_only_resemble_a_filled_line_stay() -> None:
    assert answer_text(parsed(f"給食 さんについて\n{OUTLOOK}{FILLED}"), COPY) == "給食 さんについて"
    assert answer_text(parsed(f"{OUTLOOK}{FILLED}\nアレルギーについて\n"), COPY) == "アレルギーについて"
    assert (
        answer_text(parsed("2です\n\n本日の体調は？\n良好ですか\n"), "{{child}}\n本日の体調は？\n良好ですか") == "2です"
    )
    changed = FILLED.replace("までにお知らせ", "までに電話")
    assert "までに電話ください。" in answer_text(parsed(changed), COPY)


@pytest.mark.parametrize(
    ("sent", "subject", "answer"),
    [
        ("【緑小学校】{{child}}の健康調査", "Re: 【緑小学校】太郎の健康調査", ""),
        ("【緑小学校】{{child}}の健康調査", "Ｒｅ：【緑小学校】 太郎の健康調査", ""),
        ("【緑小学校】{{child}}の健康調査", "Re: 【緑小学校】太郎の健康調査 ③", "③"),
        ("【緑小学校】{{child}}の健康調査", "③です Re: 【緑小学校】太郎の健康調査", "③です"),
        ("{{child}}の健康調査", "Re: 太郎の健康調査", ""),
        ("{{child}}の健康調査", "③ Re: 太郎の健康調査", "③"),
        ("健康調査 {{child}}", "Re: 健康調査 太郎", ""),
        ("{{title}}", "Re: 健康調査", ""),
        ("{{title}}", "③", "③"),
        ("【緑小学校】{{child}}の健康調査", "Re: ３です", "３です"),
    ],
)
def test_a_filled_in_subject_is_no_answer(sent: str, subject: str, answer: str) -> None:
    assert answer_text(parsed("", subject), SENT, sent_subject=sent) == answer


def test_an_answer_in_the_subject_keeps_its_characters() -> None:
    assert answer_text(parsed("", f"Re: {SUBJECT}　３ﾃﾞｽ ㈱"), SENT, sent_subject=SUBJECT) == "３ﾃﾞｽ ㈱"
    assert answer_text(parsed("", "Re: ｶﾞｯｺｳ 調査 ①"), SENT, sent_subject="ガッコウ調査") == "①"


@pytest.mark.parametrize(
    "introduction",
    [
        "2026年4月8日(水) 9:00 あおば小学校:",
        "2026/04/08 9:00、あおば小学校：",
        "2026年4月8日(水) 9:00\nあおば小学校:",
        "Wed, 8 Apr 2026 9:00 Aoba School:",
        "On Wed, 8 Apr 2026 at 9:00 Aoba School wrote:",
        "On Wed, 8 Apr 2026 at 9:00 Aoba\nSchool wrote:",
    ],
)
def test_an_attribution_needs_no_address(introduction: str) -> None:
    for quoted in (QUOTED, SENT):
        assert answer_text(parsed(f"{introduction}\n\n{quoted}"), SENT) == ""
        assert answer_text(parsed(f"3です\n\n{introduction}\n{quoted}"), SENT) == "3です"
    assert answer_text(parsed(f"{introduction}\n{QUOTED}\n3です"), SENT) == "3です"
    assert answer_text(parsed(f"3です\n\n{introduction}\n{QUOTED}"), None) == "3です"


def test_a_date_and_a_time_before_no_quotation_stay() -> None:
    text = "2026年4月8日(水) 9:00 次のとおりです:\n3"
    assert answer_text(parsed(text), SENT) == text


SHORT = "体調は？\n1 良好\n2 せきあり\n良好"


@pytest.mark.parametrize("sent", [SHORT, "体調は？", "明日は休校です。\n返信してください。", "良好ですか"])
@pytest.mark.parametrize("introduction", [OUTLOOK, HEADERS, DATED, "", "\n\n", "iPhoneから送信\n\n"])
def test_an_empty_reply_to_a_short_text_is_empty(sent: str, introduction: str) -> None:
    assert answer_text(parsed(introduction + sent), sent) == ""
    assert answer_text(parsed(f"3です\n{introduction}{sent}"), sent) == "3です"


def test_one_of_our_words_stays_an_answer_wherever_it_stands() -> None:
    marked = "".join(f"> {line}\n" for line in SHORT.splitlines())
    assert answer_text(parsed("良好"), SHORT) == "良好"
    for introduction in (OUTLOOK, HEADERS, DATED):
        assert answer_text(parsed(f"良好\n{introduction}{SHORT}"), SHORT) == "良好"
        assert answer_text(parsed(f"{introduction}{SHORT}\n\n良好"), SHORT) == "良好"
        assert answer_text(parsed(f"良好\n{introduction}{marked}"), SHORT) == "良好"
        assert answer_text(parsed(f"{introduction}{marked}\n良好"), SHORT) == "良好"
    assert answer_text(parsed(f"良好\n\n{marked}"), SHORT) == "良好"
    assert answer_text(parsed(f"{SHORT}\n\n良好"), SHORT) == "良好"


PIECES = ["\n", "a", "あ", "0", ":", " ", "{{child}}", "{{a}}"]


@given(
    st.text(alphabet="> \n-_|:aあ@0<１＞", max_size=400), st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
)
def test_any_reply_may_come(text: str, sent: str) -> None:
    titled = parsed(text, f"Re: {text[:40]}".replace("\n", " "))
    for mail, subject in ((parsed(text), None), (titled, sent.replace("\n", " "))):
        answer = answer_text(mail, sent, sent_subject=subject)
        assert answer == answer.strip()
        # Nothing is made up: every line was written, in the text or in the subject.
        assert all(line.strip() in f"{mail.text}\n{mail.subject}" for line in answer.split("\n"))


def test_addresses_are_taken_out_before_anything_is_stored() -> None:
    text = "連絡は taro@docomo.ne.jp か ｔａｒｏ＠ｄｏｃｏｍｏ．ｎｅ．ｊｐ、または da.me..@ezweb.ne.jp、taro[at]example.jp へ。3です"
    assert redact(text).count("〔アドレス省略〕") == 4
    assert "@" not in redact(text)
    assert "＠" not in redact(text)
    assert redact(text).endswith("へ。3です")
    assert redact("3 @ 教室") == "3 @ 教室"


@pytest.mark.parametrize(
    "hostile",
    [
        ">" * 300_000,
        "-" * 300_000,
        "a@" * 150_000,
        "On " * 100_000,
        "2026/4/8 9:00 \n" * 20_000,
        "From: x\n" * 40_000,
        "1 " * 150_000,
        "さんについて\n" * 40_000,
        "a さんについて\n本日\n" * 20_000,
        "> <" * 100_000,
        "-----\nTEL\n" * 40_000,
        ("1 " * 200 + ":\n") * 750,
        ("a@" * 200 + ":\n") * 750,
        ("sent from " * 40 + "\n") * 750,
        ("<http:" * 80 + "\n") * 600,
        ("a" * 390 + " wrote:\n") * 750,
        ("[image:" + "x" * 400 + "\n") * 750,
        "On 2026/4/8 9:00,\n" * 16_000,
        "日時：a\n件名：b\n" * 16_000,
        "taro> b\n" * 37_000,
        "> 1 良好 x\n" * 27_000,
        "1 良好\n2 せきあり\n" * 15_000,
    ],
)
def test_hostile_replies_are_read_all_the_same(hostile: str) -> None:
    reply = parsed(hostile)
    text = answer_text(reply, SENT * 20)
    answer_text(parsed("", hostile[:900]), COPY * 500, sent_subject="{{a}}a{{b}}1{{c}}" * 100)
    answer_text(parsed(hostile), COPY * 500)
    redact(hostile)
    assert len(text) <= len(reply.text)
