"""What people and their programs do with a quotation besides leaving it alone: writing on it, cutting, wrapping it."""

from __future__ import annotations

import pytest

from mail.mime.reading import read
from mail.reply.answers import answer_text, recognise
from tests.mail.reply.test_answers_clients import PLAIN, parsed

HEAD = "2026/04/08 9:00、緑小学校 <r-abc@midori.example.jp>のメール:\n\n"
FIELDS = "差出人: 緑小学校 <r-abc@midori.example.jp>\n送信日時: 2026年4月8日 9:00\n件名: 健康調査\n\n"
FORM = "出欠をお知らせください。\n氏名：\n出欠（　　）\n人数：　　名\n備考：\n1 良好\n2 せき\n"
LONG = (
    "緑小学校の保護者の皆様へ、本日の体調をこのメールへの返信で、午前九時までに番号を書いてお知らせくださるようお願いいたします。\n"
    "1 良好\n2 せきあり\n"
)


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}".rstrip() + "\n" for line in text.splitlines())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1 良好", "1 良好 ←これです"),
        ("1 良好", "1 良好です。"),
        ("2 せきあり", "○2 せきあり"),
        ("2 せきあり", "(○) 2 せきあり"),
        ("2 せきあり", "2 せきあり　○"),
        ("2 せきあり", "⇒2 せきあり"),
        ("3 発熱あり", "3 発熱あり（38.5度）"),
    ],
)
def test_what_is_written_on_a_quoted_line_is_an_answer(before: str, after: str) -> None:
    for mark in ("> ", ">", "＞", "| "):
        text = quoted(PLAIN.replace(before, after), mark)
        assert answer_text(parsed(HEAD + text), PLAIN).split() == after.split()
        assert answer_text(parsed(f"お願いします\n\n{HEAD}{text}"), PLAIN).split() == ["お願いします", *after.split()]


def test_what_is_written_behind_a_sentence_of_ours_stands_alone() -> None:
    text = quoted(PLAIN.replace("返信してください。", "返信してください。3です"))
    assert answer_text(parsed(HEAD + text), PLAIN) == "3です"


def test_what_is_written_in_the_midst_of_the_quotation_is_an_answer_where_there_is_no_other() -> None:
    inside = quoted(PLAIN.replace("\n\n1", "\n3です\n1"))
    below = quoted(PLAIN) + "> \n> 3です\n"
    for text in (inside, below):
        assert answer_text(parsed(HEAD + text), PLAIN) == "3です"
        assert answer_text(parsed(f"2です\n\n{HEAD}{text}"), PLAIN) == "2です"
    earlier = quoted(f"{PLAIN}\n2026/04/08 9:00、緑 <taro@example.jp>のメール:\n\n> 1です\n")
    assert answer_text(parsed(HEAD + earlier), PLAIN) == ""


@pytest.mark.parametrize(("ours", "theirs"), [("～", "〜"), ("－", "−"), ("—", "―"), ("か\u3099", "が"), ("ｶﾞ", "ガ")])
def test_characters_that_phones_confuse_are_ours_all_the_same(ours: str, theirs: str) -> None:
    sent = PLAIN.replace("3 発熱あり", f"3 10時{ours}11時の間に熱が出た")
    back = sent.replace(ours, theirs)
    for text in (quoted(back), back):
        assert answer_text(parsed(f"2です\n\n{text}"), sent) == "2です"


@pytest.mark.parametrize("line", ["×2 せきあり", "✕ 2 せきあり", "2 せきあり ×", "❌2 せきあり"])
def test_a_crossed_option_is_not_chosen(line: str) -> None:
    answer = answer_text(parsed(HEAD + quoted(PLAIN.replace("2 せきあり", line))), PLAIN)
    assert recognise(answer, ("良好", "せきあり", "発熱あり")).number is None


def test_an_arrow_on_a_quoted_line_means_something_even_where_our_text_is_unknown() -> None:
    text = HEAD + quoted(PLAIN.replace("1 良好", "1 良好 ←これです"))
    assert answer_text(parsed(text), None) == "1 良好 ←これです"


def test_a_form_filled_in_behind_marks_or_without_them() -> None:
    filled = FORM.replace("氏名：", "氏名：緑 太郎").replace("（　　）", "（出席）").replace("　　名", "2名")
    wanted = "氏名：緑 太郎\n出欠（出席）\n人数：2名"
    for text in (HEAD + quoted(filled), filled, FIELDS + filled):
        assert answer_text(parsed(text), FORM) == wanted
    assert answer_text(parsed(HEAD + quoted(FORM)), FORM) == ""


def test_the_one_option_that_was_not_deleted_is_an_answer() -> None:
    for left in ("> 2 せきあり\n", "2 せきあり\n"):
        assert answer_text(parsed(HEAD + left), PLAIN) == "2 せきあり"
    assert answer_text(parsed("2 せきあり"), PLAIN) == "2 せきあり"


def test_a_quotation_wrapped_without_marks_leaves_nothing() -> None:
    wrapped = quoted(LONG).replace("返信で", "返\n信で").replace("お願いいたします", "お願いいたしま\nす")
    assert answer_text(parsed(f"2\n\n{wrapped}"), LONG) == "2"
    assert answer_text(parsed(f"{wrapped}\n2"), LONG) == "2"


def test_an_answer_right_above_an_option_is_no_part_of_it() -> None:
    for answer in ("1", "３", "2です"):
        for text in (quoted(PLAIN), PLAIN):
            posted = text.replace("\n> \n", "\n>\n").replace("\n\n1 良好", f"\n{answer}\n1 良好")
            posted = posted.replace("\n>\n> 1 良好", f"\n{answer}\n> 1 良好")
            assert answer_text(parsed(HEAD + posted), PLAIN) == answer


def test_the_sign_of_quotations_may_address_somebody() -> None:
    for text in ("＞緑先生\n2です", "2です\n＞緑先生"):
        assert answer_text(parsed(f"{text}\n\n{HEAD}{quoted(PLAIN)}"), PLAIN) == text
        assert answer_text(parsed(text), PLAIN) == text
    assert answer_text(parsed(f"2です\n\n{HEAD}> 別のメール\n"), PLAIN) == "2です"


def test_an_attribution_may_share_its_line_and_stand_anywhere() -> None:
    ja = "2026年4月8日(水) 9:00 緑小学校 <r-abc@midori.example.jp>:"
    en = "On Wed, Apr 8, 2026 at 9:00 AM Midori <r-abc@midori.example.jp> wrote:"
    for known in (PLAIN, None):
        assert answer_text(parsed(f"2です。{ja}\n{quoted(PLAIN)}"), known) == "2です。"
        assert answer_text(parsed(f"Yes! {en}\n{quoted(PLAIN)}"), known) == "Yes!"
        assert answer_text(parsed(f"2です\n\n  {en}   {PLAIN}"), known) == "2です"
        assert answer_text(parsed(f"{quoted(PLAIN)}\n{ja}\n\n2です"), known) == "2です"


def test_of_several_quoted_mails_nothing_remains() -> None:
    earlier = quoted(
        f"受け付けました。\n\n2026年4月8日(水) 9:00 緑 <taro@example.jp>:\n> 1です\n{quoted(PLAIN, '> > ')}"
    )
    marked = f"2でした\n\n2026年4月9日(木) 9:00 緑小学校 <info@midori.example.jp>:\n{earlier}"
    unmarked = f"2でした\n\n{FIELDS}受け付けました。\n\n{FIELDS.replace('緑小学校', '緑')}1です\n\n{FIELDS}{PLAIN}"
    for known in (PLAIN, None):
        assert answer_text(parsed(marked), known) == "2でした"
        assert answer_text(parsed(unmarked), known) == "2でした"


def test_a_warning_that_a_company_puts_above_our_text_is_no_answer() -> None:
    text = f"2です\n\n{FIELDS}[外部メール] 添付ファイルを開くときは注意してください。\n\n{PLAIN}"
    assert answer_text(parsed(text), PLAIN) == "2です"
    between = PLAIN.replace("1 良好", "これです→\n1 良好")
    assert answer_text(parsed(f"下に書きました\n\n{FIELDS}{between}"), PLAIN).split() == ["下に書きました", "これです→"]


@pytest.mark.parametrize(
    "signature",
    [
        "-- \n緑",
        "-- \n緑 太郎\n営業部\n株式会社みどり",
        "--\n株式会社みどり 営業部\n緑 太郎\nMail: taro@example.jp\nURL: https://example.jp/",
        "==========\n緑 太郎\n〒100-0001 東京都千代田区1-2-3\nTEL 03-1234-5678\n==========",
        "☆＊☆＊☆＊☆＊☆＊\n緑 花子\nhanako@example.jp\n☆＊☆＊☆＊☆＊☆＊",
        "┏━━━━━━━━━━┓\n  緑 太郎 taro@example.jp\n┗━━━━━━━━━━┛",
        "_______________________________________________\nparents mailing list\nparents@lists.example.jp",
        "Android 版 Gmail から送信",
        "My docomoから送信",
        "<iPhoneから送信>",
        "Xperia(TM)から送信",
        "らくらくスマートフォンから送信",
        "Yahoo!メール for Androidから送信",
        "Windows 10 版のメールから送信",
        "Sent with Proton Mail secure email.",
        "Sent from my mobile, please excuse typos.",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "[image: photo.jpg]",
        "<image0.jpeg>",
        "このメールはアバスト アンチウイルスによりウイルススキャンされています。\nhttps://www.avast.com/antivirus",
        "CONFIDENTIALITY NOTICE: This e-mail is for the addressee only.\nIf you are not, delete it.",
        "本メールには機密情報が含まれている場合があります。誤って受信された方は削除してください。",
    ],
)
def test_signatures_and_footers_are_no_part_of_an_answer(signature: str) -> None:
    for answer in ("2です", "2です。\n\n緑"):
        for below in ("", f"\n\n{HEAD}{quoted(PLAIN)}", f"\n\n{FIELDS}{PLAIN}"):
            assert answer_text(parsed(f"{answer}\n\n{signature}{below}\n"), PLAIN) == answer


@pytest.mark.parametrize(
    "text",
    [
        "-----\n2です",
        "お世話になります\n----------\n2です。電話は090-1234-5678です",
        "3です\n\n電話 090-1234-5678",
        "山田\n090-1234-5678",
        "--\n2です",
        "祖父の携帯から送信しました",
        "会社のパソコンから送信しています。2です",
        "Sent by bus.",
        "本メールは見ました\n2です",
        "このメールは妻が書いています。2です",
        "引用\n2です",
        "Original is fine",
        "・・・・・\n2です",
    ],
)
def test_what_only_resembles_a_signature_stays(text: str) -> None:
    assert answer_text(parsed(text), PLAIN) == text
    assert answer_text(parsed(f"{text}\n\n{HEAD}{quoted(PLAIN)}"), PLAIN) == text
    assert answer_text(parsed(f"{text}\n\n{HEAD}{quoted(PLAIN)}"), None) == text


def test_a_number_behind_re_is_an_answer_even_where_the_subject_is_unknown() -> None:
    for subject in ("Re: 2", "Re:３です", "RE: ②", "返信：2番でお願いします"):
        assert (
            answer_text(parsed(quoted(PLAIN), subject), PLAIN)
            == subject.split(":" if ":" in subject else "：")[1].strip()
        )
    for subject in ("Re: 学校だより 3", "Re: 4月号", "Re: 2学期の予定"):
        assert answer_text(parsed(quoted(PLAIN), subject), PLAIN) == ""


LINES = PLAIN.strip().split("\n")
BREAKS = "<br>".join(LINES)
ROWS = "".join(f"<div>{line or '<br>'}</div>" for line in LINES)
WORD = "".join(f"<p class=MsoNormal>{line or '&nbsp;'}<o:p></o:p></p>" for line in LINES)
GMAIL = "2026年4月8日(水) 9:00 緑小学校 &lt;<a href='mailto:r@midori.example.jp'>r@midori.example.jp</a>&gt;:<br>"


@pytest.mark.parametrize(
    "page",
    [
        (
            f"<div dir=ltr>2です<div>熱は37.5度</div></div><br><div class=gmail_quote><div class=gmail_attr>{GMAIL}</div>"
            f"<blockquote class=gmail_quote>{BREAKS}</blockquote></div>"
        ),
        (
            f"<div dir=ltr><div class=gmail_quote><div class=gmail_attr>{GMAIL}</div><blockquote>{BREAKS}</blockquote></div>"
            "2です<br>熱は37.5度</div>"
        ),
        (
            "<body dir=auto>2です<div>熱は37.5度</div><div><br><div dir=ltr>iPhoneから送信</div><div dir=ltr><br><blockquote>"
            f"2026/04/08 9:00、緑小学校 &lt;r@midori.example.jp&gt;のメール:<br><br></blockquote></div><blockquote>{BREAKS}"
            "</blockquote></div></body>"
        ),
        (
            "<div><p class=MsoNormal>2です<o:p></o:p></p><p class=MsoNormal>熱は37.5度</p><p class=MsoNormal>&nbsp;</p>"
            "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt'><p class=MsoNormal><b>From:</b> 緑小学校 "
            "&lt;r@midori.example.jp&gt; <br><b>Sent:</b> Wednesday, April 8, 2026<br><b>To:</b> Taro<br><b>Subject:</b> 調査"
            f"</p></div></div>{WORD}</div>"
        ),
        (
            "<div>2です</div><div>熱は37.5度</div><div><a href='https://aka.ms/o0ukef'>iOS 版 Outlook</a>を入手してください</div>"
            "<hr><div id=divRplyFwdMsg><b>差出人:</b> 緑小学校 &lt;r@midori.example.jp&gt;<br><b>送信日時:</b> 水曜日, 4月 8, 2026"
            f"<br><b>宛先:</b> t@example.jp<br><b>件名:</b> 調査<div>&nbsp;</div></div>{ROWS}"
        ),
        (
            "<div>2です<br>熱は37.5度</div><div class=yahoo_quoted><div>On Wednesday, April 8, 2026 at 09:00:00 AM GMT+9, "
            f"緑小学校 &lt;r@midori.example.jp&gt; wrote: </div><div><br></div>{ROWS}</div>"
        ),
        (
            "<p>2です<br>熱は37.5度</p><div class=moz-cite-prefix>2026/04/08 9:00、緑小学校 のメッセージ:<br></div>"
            f"<blockquote type=cite><pre>{PLAIN}</pre></blockquote>"
        ),
        (
            "<div>2です</div><div>熱は37.5度</div><div><br></div><div>Galaxyから送信</div><div>-------- 元のメッセージ --------</div>"
            f"<div>差出人: r@midori.example.jp</div><div>日付: 2026/04/08  9:00  (GMT+09:00)</div><div>件名: 調査</div>{ROWS}"
        ),
        (
            "<div>2です<br>熱は37.5度</div><table><tr><td>差出人:</td><td>緑小学校 &lt;r@midori.example.jp&gt;</td></tr>"
            f"<tr><td>送信日時:</td><td>2026年4月8日 9:00</td></tr><tr><td>件名:</td><td>調査</td></tr></table>{ROWS}"
        ),
    ],
)
def test_replies_in_html_only(page: str) -> None:
    reply = read(f"Subject: Re: a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}".encode())
    for known in (PLAIN, None):
        assert answer_text(reply, known).split() == ["2です", "熱は37.5度"]


def test_a_photo_between_the_words() -> None:
    part = "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}\r\n"
    photo = "--b\r\nContent-Type: image/jpeg\r\nContent-Disposition: inline; filename=a.jpg\r\n\r\nxxxx\r\n"
    rest = f"37.5度でした\n\niPhoneから送信\n\n{HEAD}{quoted(PLAIN)}"
    body = part.format("2です") + photo + part.format(rest) + "--b--\r\n"
    reply = read(f"Subject: Re: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{body}".encode())
    for known in (PLAIN, None):
        assert answer_text(reply, known).split() == ["2です", "37.5度でした"]
