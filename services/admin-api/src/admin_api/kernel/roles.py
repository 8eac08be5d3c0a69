"""The office's rules, pure: who may do what, what a message says in the end, when to slow down a guesser, when two
requests are the same, and how the rows of the audit log hang together. Time and randomness come in as arguments."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, Literal

Role = Literal["operator", "administrator", "sender", "viewer"]
ROLES: Final[tuple[Role, ...]] = ("operator", "administrator", "sender", "viewer")
Asks = Literal["none", "receipt", "choice", "text"]
OfficeLane = Literal["urgent", "ordinary"]
MessageState = Literal["draft", "held", "approved", "stopped", "cancelled"]
MessageKind = Literal["broadcast", "individual"]

RESERVED_GROUPS: Final = frozenset({"r", "b"})
"""Group codes that would read as tokens in a mail address."""

LOGIN_LENGTH = 64

USEFUL: Final[Mapping[OfficeLane, timedelta]] = {"urgent": timedelta(hours=6), "ordinary": timedelta(days=2)}
"""For how long a message is of use to those who wait for it, where its sender didn't say: what is urgent today must not
arrive tomorrow morning."""

PATIENCE: Final = timedelta(days=2)
"""How long the dispatchers try at most, whatever the sender said."""

FURTHEST_END: Final = timedelta(days=30)
"""How far away the end that a sender names may be."""

CORRECTABLE: Final = timedelta(days=3)
"""How long after it was last sent a message can be corrected: as long as copies may be on their way, and a day."""

EXCERPT = 200
"""Characters of a post that its sender is shown before it goes out."""


class Right(StrEnum):
    """What a route asks for."""

    MANAGE_UNITS = "manage_units"
    READ_UNIT = "read_unit"
    CHANGE_GROUPS = "change_groups"
    READ_MEMBERS = "read_members"
    CHANGE_MEMBERS = "change_members"
    READ_MESSAGES = "read_messages"
    SEND = "send"
    READ_NEWS = "read_news"
    CHANGE_NEWS = "change_news"
    READ_AUDIT = "read_audit"
    KEEP_PACE = "keep_pace"
    DECIDE_HELD_MAIL = "decide_held_mail"


_EVERYBODY = frozenset({Right.READ_UNIT, Right.READ_NEWS})
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    # The operator keeps the house; what a school writes and who its members are is not his to read.
    "operator": _EVERYBODY
    | {Right.MANAGE_UNITS, Right.CHANGE_GROUPS, Right.READ_AUDIT, Right.KEEP_PACE, Right.DECIDE_HELD_MAIL},
    "administrator": frozenset(Right) - {Right.MANAGE_UNITS, Right.KEEP_PACE, Right.DECIDE_HELD_MAIL},
    "sender": _EVERYBODY | {Right.READ_MEMBERS, Right.READ_MESSAGES, Right.SEND},
    "viewer": _EVERYBODY | {Right.READ_MEMBERS, Right.READ_MESSAGES},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is signed in. `groups`: a sender's own groups, None for no limit."""

    account: int
    login: str
    role: Role
    unit: str | None
    groups: tuple[str, ...] | None

    @property
    def actor(self) -> str:
        """How logs name this account."""
        return f"account/{self.account}"

    def may(self, right: Right) -> bool:
        return right in RIGHTS[self.role]

    def sees(self, unit: str) -> bool:
        """Does this unit exist for the caller?"""
        return self.role == "operator" or self.unit == unit

    def reaches(self, groups: Sequence[str] | None, members: Sequence[int] | None = None) -> bool:
        """May the caller have to do with a message to these groups (None: everybody) or members?"""
        if self.groups is None:
            return True
        return members is None and groups is not None and set(groups) <= set(self.groups)


def plain_text(text: str) -> str:
    """Text as it is kept: LF line ends, no control characters, no blank ends."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = (char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cs"))
    return "".join(kept).strip()


def plain_line(text: str) -> str:
    """The same for what must stay in one line."""
    return " ".join(plain_text(text).split())


def compose(text: str, *, asks: Asks, choices: Sequence[str], about_child: bool) -> str:
    """The text as every copy carries it: `text`, and how to answer where an answer is asked.

    `{{child}}` is the child with さん behind the name, which dispatcher fills in."""
    parts = ["{{child}}について"] if about_child else []
    parts.append(text)
    if asks == "choice":
        listed = "\n".join(f"{number} {choice}" for number, choice in enumerate(choices, 1))
        parts.append(
            f"【ご回答のお願い】\n{listed}\n\nこのメールに返信し、番号を書いて送ってください。\n"
            "Please reply to this mail with the number of your answer."
        )
    elif asks == "receipt":
        parts.append(
            "【受信確認のお願い】\nこのメールにそのまま返信してください。本文は空のままでかまいません。\n"
            "Please reply to this mail to tell us that you have read it. It may be empty."
        )
    elif asks == "text":
        parts.append(
            "【ご回答のお願い】\nこのメールに返信し、回答を書いて送ってください。\n"
            "Please reply to this mail with your answer."
        )
    return "\n\n".join(parts)


_URGENT = re.compile(r"\s*[\[【（(〔「『<＜《]?\s*緊急")


def lane_of_post(subject: str) -> OfficeLane:
    """A phone post is urgent when its subject begins so."""
    return "urgent" if _URGENT.match(unicodedata.normalize("NFKC", subject)) else "ordinary"


def useful_until(lane: OfficeLane, asked: datetime | None, sent_at: datetime) -> datetime:
    """From when on copies of a wave that left at `sent_at` are not sent any more. `asked`: what the sender said."""
    return sent_at + USEFUL[lane] if asked is None else min(asked, sent_at + PATIENCE)


def excerpt(text: str) -> str:
    """The first lines of a post."""
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT].rstrip()}…"


def canonical_request(operation: str, body: Mapping[str, Any]) -> str:
    """What a request asks for as one text, whatever the order of its fields. Times in `body` are aware."""
    content = {"operation": operation, "body": body}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_utc)


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


FREE_FAILURES: Final = 4
LONGEST_LOCK: Final = timedelta(hours=1)


def lock_after(failures: int) -> timedelta | None:
    """How long an account takes no sign-in after so many failures in a row: from the fifth on 30 s, doubling."""
    if failures <= FREE_FAILURES:
        return None
    return min(LONGEST_LOCK, timedelta(seconds=30 << min(failures - FREE_FAILURES - 1, 12)))


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. `object` is `kind/number`; `detail` holds codes and numbers, nothing personal."""

    actor: str
    action: str
    object: str
    unit: str | None = None
    detail: Mapping[str, str | int | bool | list[str] | None] | None = None


def chain_hash(previous: bytes, at: datetime, entry: AuditEntry) -> bytes:
    """SHA-256 over the hash of the row before and everything in this one. `at` is aware."""
    content = json.dumps(
        {
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": entry.actor,
            "unit": entry.unit,
            "action": entry.action,
            "object": entry.object,
            "detail": dict(entry.detail or {}),
        },
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + content.encode()).digest()
