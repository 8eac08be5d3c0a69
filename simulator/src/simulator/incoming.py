"""A mail as a parent's phone shows it: from whom, where an answer goes, what it says.

Read with the standard library alone, so that a mistake in the product's own reading cannot hide here.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from enum import IntEnum, StrEnum


class MailKind(StrEnum):
    """What a parent sees in a mail."""

    CONFIRM_REGISTRATION = "confirm-registration"
    CONFIRM_LEAVE = "confirm-leave"
    CONFIRM_POST = "confirm-post"
    BROADCAST = "broadcast"
    NOTICE = "notice"


class _TokenKind(IntEnum):
    REGISTRATION = 1
    LEAVE = 2
    POST = 3
    ANSWER = 4


@dataclass(frozen=True, slots=True)
class Incoming:
    """The parts of a mail that a person or a mail program acts on; addresses without display name."""

    subject: str
    text: str
    sender: str
    sender_name: str
    to: str
    reply_to: str
    message_id: str
    references: tuple[str, ...]
    date: str
    automatic: bool
    list_unsubscribe: str

    @property
    def answer_address(self) -> str:
        """Where a well-behaved mail program sends the answer."""
        return self.reply_to or self.sender

    @property
    def date_japanese(self) -> str:
        """`2026年4月8日(水) 9:00`, or '' without a readable Date."""
        try:
            at = parsedate_to_datetime(self.date)
        except ValueError:
            return ""
        return f"{at.year}年{at.month}月{at.day}日({'月火水木金土日'[at.weekday()]}) {at.hour}:{at.minute:02}"


def read(raw: bytes) -> Incoming:
    """Parse a mail that our own senders made; headers that are missing become ''."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    part = message.get_body(preferencelist=("plain", "html"))
    name, sender = parseaddr(str(message.get("From", "")))
    return Incoming(
        subject=str(message.get("Subject", "")),
        text="" if part is None else str(part.get_content()).replace("\r\n", "\n"),
        sender=sender,
        sender_name=name,
        to=parseaddr(str(message.get("To", "")))[1],
        reply_to=parseaddr(str(message.get("Reply-To", "")))[1],
        message_id=str(message.get("Message-ID", "")).strip(),
        references=tuple(str(message.get("References", "")).split()),
        date=str(message.get("Date", "")),
        automatic=str(message.get("Auto-Submitted", "no")).lower().strip() != "no",
        list_unsubscribe=str(message.get("List-Unsubscribe", "")),
    )


def kind_of(mail: Incoming) -> MailKind:
    """Told by the kind in the reply token (the low half of its first octet), as words may be rewritten at any time."""
    local = mail.reply_to.partition("@")[0].lower()
    if not local.startswith("r-"):
        return MailKind.NOTICE
    try:
        token = base64.b32decode(local[2:10].upper().encode())
    except (binascii.Error, ValueError):
        return MailKind.NOTICE
    kinds = {
        _TokenKind.REGISTRATION: MailKind.CONFIRM_REGISTRATION,
        _TokenKind.LEAVE: MailKind.CONFIRM_LEAVE,
        _TokenKind.POST: MailKind.CONFIRM_POST,
        _TokenKind.ANSWER: MailKind.BROADCAST,
    }
    number = token[0] & 0x0F
    return kinds[_TokenKind(number)] if number in set(_TokenKind) else MailKind.NOTICE
