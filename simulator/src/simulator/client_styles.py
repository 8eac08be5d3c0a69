"""Mails as eleven mail programs write them: encoding, quotation, signature, header habits.

`new_mail` writes a fresh mail, `reply` answers one (`Incoming`), `vacation_reply` is an absence robot. Each style is a
row of `STYLES`; the functions below the table say how each quotes. All are deterministic: the caller gives date and
Message-ID seed.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum

from .incoming import Incoming
from .phone_encodings import body, header


class Style(StrEnum):
    """The mail programs that parents use."""

    DOCOMO = "docomo"
    FEATURE_PHONE = "feature-phone"
    AU = "au"
    SOFTBANK = "softbank"
    IPHONE = "iphone"
    GMAIL_ANDROID = "gmail-android"
    YAHOO = "yahoo"
    OUTLOOK = "outlook"
    THUNDERBIRD = "thunderbird"
    RAKUTEN = "rakuten"
    FROM_REPLIER = "from-replier"


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """A mail ready to be handed in."""

    envelope_from: str
    recipient: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class ClientStyle:
    """How one program writes. `compose` makes the body of an answer from the words and the mail answered."""

    charset: str
    transfer_encoding: str
    compose: Callable[[str, Incoming], str]
    reply_prefix: str = "Re: "
    mailer: str = ""
    signature: str = ""
    with_html: bool = False
    answers_reply_to: bool = True
    in_reply_to: bool = True
    references: bool = True
    answer_in_subject: bool = False


def new_mail(
    style: Style,
    *,
    sender: str,
    recipient: str,
    subject: str = "",
    text: str = "",
    name: str = "",
    date: datetime,
    seed: str = "",
) -> PreparedMail:
    """A fresh mail. With empty subject and text it is the empty mail of a phone (the signature of the program, if
    any, still stands in it, as in real life)."""
    spec = STYLES[style]
    words = f"{text}\n\n{spec.signature}\n" if spec.signature else text
    return _build(style, sender, recipient, subject, words, name, date, seed, ())


def reply(
    style: Style,
    original: Incoming,
    text: str,
    *,
    sender: str,
    name: str = "",
    date: datetime,
    seed: str = "",
) -> PreparedMail:
    """The answer to `original`, quoted, threaded and addressed as the program does."""
    spec = STYLES[style]
    recipient = original.answer_address if spec.answers_reply_to else original.sender
    subject = (
        original.subject if original.subject.startswith(spec.reply_prefix) else spec.reply_prefix + original.subject
    )
    if spec.answer_in_subject:
        subject, words = text, ""
    else:
        words = spec.compose(text, original)
    threading: list[tuple[str, str]] = []
    if spec.in_reply_to and original.message_id:
        threading.append(("In-Reply-To", original.message_id))
    if spec.references and original.message_id:
        threading.append(("References", "\r\n ".join([*original.references, original.message_id])))
    return _build(style, sender, recipient, subject, words, name, date, seed, tuple(threading))


def vacation_reply(
    original: Incoming, *, sender: str, date: datetime, to_envelope: str = "", seed: str = ""
) -> PreparedMail:
    """An RFC 3834 absence note: Auto-Submitted: auto-replied, empty envelope sender, to Return-Path or Reply-To."""
    extra = (
        ("In-Reply-To", original.message_id),
        ("References", original.message_id),
        ("Auto-Submitted", "auto-replied"),
        ("Precedence", "bulk"),
    )
    mail = _build(
        Style.GMAIL_ANDROID,
        sender,
        to_envelope or original.answer_address,
        f"【自動返信】Re: {original.subject}",
        "ただいま不在にしております。3日以内にお返事いたします。\n",
        "",
        date,
        "vacation" + seed,
        extra,
    )
    return PreparedMail("", mail.recipient, mail.raw)


# -- how each program puts the answer and the mail answered together


def _quoted(text: str, mark: str = "> ") -> str:
    return "\n".join(mark + line if line else mark.rstrip() for line in text.rstrip("\n").split("\n"))


def _no_quote(text: str, original: Incoming) -> str:
    return text + "\n"


def _iphone(text: str, original: Incoming) -> str:
    attribution = f"{original.date_japanese}、{original.sender_name} <{original.sender}>のメール:"
    return f"{text}\n\niPhoneから送信\n\n> {attribution}\n> \n{_quoted(original.text)}\n"


def _gmail(text: str, original: Incoming) -> str:
    attribution = f"{original.date_japanese} {original.sender_name} <{original.sender}>:"
    return f"{text}\n\n{attribution}\n\n{_quoted(original.text)}\n"


def _au(text: str, original: Incoming) -> str:
    return f"{text}\n\n{_quoted(original.text, '>')}\n"


def _yahoo(text: str, original: Incoming) -> str:
    head = f"From: {original.sender_name} <{original.sender}>\nTo: {original.to}\nDate: {original.date}\n"
    block = f"----- Original Message -----\n{head}Subject: {original.subject}\n"
    return f"{text}\n\n{block}\n{_quoted(original.text, '>')}\n"


def _outlook(text: str, original: Incoming) -> str:
    block = (
        f"差出人: {original.sender_name} <{original.sender}>\n送信日時: {original.date_japanese}\n"
        f"宛先: {original.to}\n件名: {original.subject}\n"
    )
    return f"{text}\n\n________________________________\n{block}\n{original.text}"


def _thunderbird(text: str, original: Incoming) -> str:
    attribution = f"On {original.date}, {original.sender_name} wrote:"
    return f"{attribution}\n{_quoted(original.text)}\n\n{text}\n\n-- \n山田の家\n電話 090-0000-1234\n"


def _rakuten(text: str, original: Incoming) -> str:
    return (
        f"{text}\n\n楽天メールから送信\n\n{original.date_japanese} {original.sender_name}:\n{_quoted(original.text)}\n"
    )


STYLES: dict[Style, ClientStyle] = {
    Style.DOCOMO: ClientStyle("iso-2022-jp", "7bit", _no_quote, reply_prefix="Re:", references=False),
    Style.FEATURE_PHONE: ClientStyle(
        "iso-2022-jp", "7bit", _no_quote, in_reply_to=False, references=False, answer_in_subject=True
    ),
    Style.AU: ClientStyle("shift_jis", "base64", _au, references=False),
    Style.SOFTBANK: ClientStyle("iso-2022-jp", "7bit", _no_quote, reply_prefix="Re:"),
    Style.IPHONE: ClientStyle(
        "utf-8", "quoted-printable", _iphone, mailer="iPhone Mail (22E240)", signature="iPhoneから送信"
    ),
    Style.GMAIL_ANDROID: ClientStyle("UTF-8", "base64", _gmail, with_html=True),
    Style.YAHOO: ClientStyle("iso-2022-jp", "7bit", _yahoo, mailer="YahooMailWebService/0.8.111_80"),
    Style.OUTLOOK: ClientStyle(
        "utf-8", "base64", _outlook, reply_prefix="RE: ", mailer="Microsoft Outlook 16.0", with_html=True
    ),
    Style.THUNDERBIRD: ClientStyle("UTF-8", "8bit", _thunderbird, mailer="Mozilla Thunderbird"),
    Style.RAKUTEN: ClientStyle("UTF-8", "base64", _rakuten, reply_prefix="返信："),
    Style.FROM_REPLIER: ClientStyle("UTF-8", "base64", _gmail, answers_reply_to=False, references=False),
}


# -- putting a mail together


def _build(
    style: Style,
    sender: str,
    recipient: str,
    subject: str,
    text: str,
    name: str,
    date: datetime,
    seed: str,
    extra: tuple[tuple[str, str], ...],
) -> PreparedMail:
    spec = STYLES[style]
    digest = hashlib.sha256(f"{style}\0{sender}\0{recipient}\0{subject}\0{seed}\0{date}".encode()).hexdigest()[:24]
    headers = [
        ("Date", format_datetime(date)),
        ("From", f"{header(name, spec.charset)} <{sender}>" if name else f"<{sender}>"),
        ("To", f"<{recipient}>"),
        ("Subject", header(subject, spec.charset)),
        ("Message-ID", f"<{digest}@{style}.example>"),
        *extra,
    ]
    if spec.mailer:
        headers.append(("X-Mailer", spec.mailer))
    headers.append(("MIME-Version", "1.0"))
    kind, content = _content(spec, text, f"=_{digest}")
    head = b"".join(f"{key}: {value}\r\n".encode("utf-8", "surrogateescape") for key, value in headers)
    return PreparedMail(sender, recipient, head + kind + b"\r\n" + content)


def _content(spec: ClientStyle, text: str, boundary: str) -> tuple[bytes, bytes]:
    """The MIME headers of the body, and the body."""
    plain = body(text, spec.charset, spec.transfer_encoding)
    kind = _kind("plain", plain.content_type_charset, plain.transfer_encoding)
    if not spec.with_html:
        return kind, plain.payload
    rich = body(f'<div dir="ltr">{html.escape(text).replace(chr(10), "<br>" + chr(10))}</div>\n', "UTF-8", "base64")
    parts = [
        kind + b"\r\n" + plain.payload,
        _kind("html", rich.content_type_charset, rich.transfer_encoding) + b"\r\n" + rich.payload,
    ]
    mark = boundary.encode()
    content = b"".join(b"--" + mark + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + mark + b"--\r\n"
    return b'Content-Type: multipart/alternative; boundary="' + mark + b'"\r\n', content


def _kind(subtype: str, charset: str, transfer_encoding: str) -> bytes:
    text = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {transfer_encoding}\r\n"
    return text.encode()
