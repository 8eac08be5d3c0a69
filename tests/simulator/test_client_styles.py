"""Each mail program writes what such a program writes, and it reads back as what the person typed."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from simulator.client_styles import STYLES, Style, new_mail, reply, vacation_reply
from simulator.incoming import Incoming, MailKind, kind_of, read
from simulator.people import ANSWER_FORMS, AnswerForm
from simulator.phone_encodings import body, encode_text, header

NOW = datetime(2026, 4, 8, 0, 0, tzinfo=UTC)
TOKEN = "r-ce" + "a" * 46
SURVEY = (
    "From: =?UTF-8?B?5bGx55Sw5bCP5a2m5qCh?= <info@yamada.school.example>\r\n"
    f"To: <taro@docomo.ne.jp>\r\nReply-To: <{TOKEN}@yamada.school.example>\r\n"
    "Subject: =?UTF-8?B?5YGl5bq36Kq/5p+7?=\r\nDate: Wed, 08 Apr 2026 09:00:00 +0900\r\n"
    f"Message-ID: <{TOKEN}.1@yamada.school.example>\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    "今朝の体調を返信してください。\r\n1 良好\r\n2 せきあり\r\n3 発熱あり\r\n"
).encode()


def answered(style: Style, text: str) -> tuple[str, Incoming, bytes]:
    out = reply(style, read(SURVEY), text, sender="taro@docomo.ne.jp", name="山田 太郎", date=NOW)
    return out.recipient, read(out.raw), out.raw


def test_a_survey_is_read_as_a_phone_shows_it() -> None:
    mail = read(SURVEY)
    assert (mail.subject, mail.sender_name, mail.sender) == ("健康調査", "山田小学校", "info@yamada.school.example")
    assert mail.answer_address == f"{TOKEN}@yamada.school.example"
    assert mail.date_japanese == "2026年4月8日(水) 9:00"
    assert "2 せきあり\n" in mail.text


@pytest.mark.parametrize("style", list(Style))
def test_every_style_carries_the_answer(style: Style) -> None:
    recipient, mail, _ = answered(style, "せきあり")
    assert "せきあり" in (mail.subject if STYLES[style].answer_in_subject else mail.text)
    to_reply_address = recipient == f"{TOKEN}@yamada.school.example"
    assert to_reply_address == STYLES[style].answers_reply_to
    assert to_reply_address or recipient == "info@yamada.school.example"


@pytest.mark.parametrize("style", list(Style))
@pytest.mark.parametrize("form", list(AnswerForm))
def test_every_form_of_an_answer_survives_every_style(style: Style, form: AnswerForm) -> None:
    words = ANSWER_FORMS[form](3, "発熱あり")
    _, mail, raw = answered(style, words)
    assert words in mail.subject + mail.text or words_as_windows_has_them(style, words, raw)


def words_as_windows_has_them(style: Style, words: str, raw: bytes) -> bool:
    """Python cannot read ③ in cp50221, nor in what calls itself shift_jis: look at the octets."""
    charset = STYLES[style].charset
    if charset not in ("iso-2022-jp", "shift_jis"):
        return False
    if STYLES[style].answer_in_subject:
        return f"Subject: {header(words, charset)}\r\n".encode() in raw
    payload = message_from_bytes(raw).get_payload(decode=True)
    return isinstance(payload, bytes) and payload.startswith(encode_text(words, charset))


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (AnswerForm.DIGIT, "3"),
        (AnswerForm.FULL_WIDTH, "３"),
        (AnswerForm.CIRCLED, "③"),
        (AnswerForm.KEYCAP, "3️⃣"),
        (AnswerForm.DIGIT_DESU, "３です"),
        (AnswerForm.WORD, "発熱あり"),
    ],
)
def test_answers_are_written_as_people_write_them(form: AnswerForm, words: str) -> None:
    assert ANSWER_FORMS[form](3, "発熱あり") == words


@pytest.mark.parametrize(
    ("style", "mark"),
    [
        (Style.IPHONE, "iPhoneから送信\n\n> 2026年4月8日(水) 9:00、山田小学校 <info@yamada.school.example>のメール:"),
        (Style.GMAIL_ANDROID, "2026年4月8日(水) 9:00 山田小学校 <info@yamada.school.example>:\n\n> 今朝"),
        (Style.AU, "\n\n>今朝"),
        (Style.YAHOO, "----- Original Message -----\nFrom: 山田小学校"),
        (Style.OUTLOOK, "差出人: 山田小学校 <info@yamada.school.example>\n送信日時: "),
        (Style.RAKUTEN, "> 今朝"),
    ],
)
def test_quotations_stand_below_the_answer(style: Style, mark: str) -> None:
    _, mail, _ = answered(style, "１")
    assert mail.text.index("１") < mail.text.index(mark)


def test_thunderbird_answers_below_the_quotation() -> None:
    _, mail, _ = answered(Style.THUNDERBIRD, "１です")
    assert mail.text.startswith("On Wed, 08 Apr 2026 09:00:00 +0900, 山田小学校 wrote:\n> 今朝")
    assert mail.text.index("> 3 発熱あり") < mail.text.index("１です") < mail.text.index("-- \n")


def test_docomo_and_softbank_quote_nothing() -> None:
    assert answered(Style.DOCOMO, "１")[1].text == "１\n"
    assert answered(Style.SOFTBANK, "１")[1].text == "１\n"


def test_the_feature_phone_answers_in_the_subject_alone_and_threads_nothing() -> None:
    _, mail, raw = answered(Style.FEATURE_PHONE, "３")
    assert (mail.subject, mail.text.strip()) == ("３", "")
    assert b"In-Reply-To" not in raw


def test_threading_headers_name_the_mail_answered() -> None:
    for style in (Style.IPHONE, Style.FROM_REPLIER):
        message = message_from_bytes(answered(style, "1")[2], policy=policy.default)
        assert message["In-Reply-To"] == f"<{TOKEN}.1@yamada.school.example>"
        assert ("References" in message) == (style is Style.IPHONE)


@pytest.mark.parametrize(
    ("style", "charset", "transfer"),
    [
        (Style.DOCOMO, "iso-2022-jp", "7bit"),
        (Style.AU, "shift_jis", "base64"),
        (Style.IPHONE, "utf-8", "quoted-printable"),
        (Style.GMAIL_ANDROID, "utf-8", "base64"),
        (Style.THUNDERBIRD, "utf-8", "8bit"),
    ],
)
def test_encodings_are_those_of_the_program(style: Style, charset: str, transfer: str) -> None:
    message = message_from_bytes(answered(style, "良好です")[2])
    part = next(part for part in message.walk() if part.get_content_type() == "text/plain")
    assert (part.get_content_charset(), part["Content-Transfer-Encoding"]) == (charset, transfer)
    assert message.is_multipart() == (style is Style.GMAIL_ANDROID)


def test_lines_end_in_crlf_and_headers_stay_short() -> None:
    for style in Style:
        raw = new_mail(style, sender="a@x.jp", recipient="b@y.jp", subject="健康調査" * 20, text="良好", date=NOW).raw
        assert raw.replace(b"\r\n", b"").count(b"\n") == 0
        head = raw.partition(b"\r\n\r\n")[0]
        assert max(map(len, head.split(b"\r\n"))) <= 100
        assert read(raw).subject == "健康調査" * 20


def test_the_empty_mail_of_a_docomo_phone_has_no_body() -> None:
    out = new_mail(Style.DOCOMO, sender="foo..bar@docomo.ne.jp", recipient="xx1-entry@y.jp", date=NOW)
    head, _, rest = out.raw.partition(b"\r\n\r\n")
    assert rest == b""
    assert b"Content-Type: text/plain; charset=iso-2022-jp\r\nContent-Transfer-Encoding: 7bit" in head
    assert b"From: <foo..bar@docomo.ne.jp>\r\n" in head


def test_a_vacation_note_says_that_it_is_one() -> None:
    out = vacation_reply(read(SURVEY), sender="taro@docomo.ne.jp", date=NOW, to_envelope="b-x@yamada.school.example")
    assert (out.envelope_from, out.recipient) == ("", "b-x@yamada.school.example")
    mail = read(out.raw)
    assert mail.automatic
    assert mail.subject == "【自動返信】Re: 健康調査"


@pytest.mark.parametrize(
    ("first_octet", "kind"),
    [
        (0x11, MailKind.CONFIRM_REGISTRATION),
        (0x12, MailKind.CONFIRM_LEAVE),
        (0x13, MailKind.CONFIRM_POST),
        (0x14, MailKind.BROADCAST),
        (0x16, MailKind.NOTICE),
    ],
)
def test_the_kind_of_a_letter_is_told_by_its_reply_token(first_octet: int, kind: MailKind) -> None:
    token = base64.b32encode(bytes([first_octet]) + bytes(29)).decode().lower()
    raw = f"From: <i@x>\r\nReply-To: <r-{token}@x.example>\r\nSubject: x\r\n\r\nx\r\n".encode()
    assert kind_of(read(raw)) is kind
    assert kind_of(read(b"From: <i@x>\r\nSubject: x\r\n\r\nx\r\n")) is MailKind.NOTICE


def test_iso_2022_jp_is_the_windows_kind() -> None:
    assert encode_text("山田", "iso-2022-jp") == "山田".encode("iso2022_jp")
    assert encode_text("①", "iso-2022-jp") == b"\x1b$B\x2d\x21\x1b(B"
    assert encode_text("髙", "iso-2022-jp") == b"\x1b$B\x7c\x62\x1b(B"
    assert encode_text("ｶﾅ a", "iso-2022-jp") == b"\x1b(I\x36\x45\x1b(B a"


def test_every_kanji_of_iso_2022_jp_comes_out_as_python_has_it() -> None:
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xEB)):
        for trail in range(0x40, 0xFD):
            char = bytes([lead, trail]).decode("shift_jis", "ignore")
            if len(char) == 1 and char.encode("cp932", "ignore") == bytes([lead, trail]):
                assert encode_text(char, "iso-2022-jp") == char.encode("iso2022_jp"), hex(lead)


def test_what_a_charset_cannot_hold_goes_as_utf_8() -> None:
    assert body("3️⃣", "iso-2022-jp", "7bit")[:2] == ("UTF-8", "base64")
    assert header("3️⃣", "shift_jis").startswith("=?UTF-8?B?")
