"""Messages: what they are, what every copy says in the end, and how long they are of use. Pure."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from admin_api.results.model import Counts, Tally
from contracts import lifetimes
from contracts.events import Addressee
from contracts.events.inbound import Authentication

Asks = Literal["none", "receipt", "choice", "text"]
OfficeLane = Literal["urgent", "ordinary"]
MessageState = Literal["draft", "held", "approved", "stopped", "cancelled"]
MessageKind = Literal["broadcast", "individual"]

FURTHEST_END: Final = timedelta(days=30)
"""How far away the end that a sender names may be."""

CORRECTABLE: Final = lifetimes.LONGEST + timedelta(days=1)
"""How long after it was last sent a message can be corrected: as long as copies may be on their way, and a day."""

_ADDED_FIELDS: Final = ("synonyms",)
"""Fields of a draft that came later: a request of a client that doesn't know them stays the same request."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as it was written at the screen. Texts are plain already. One that `supersedes` another and names no
    recipients goes to those of the other."""

    subject: str
    text: str
    groups: tuple[str, ...] | None = None
    members: tuple[int, ...] | None = None
    lane: OfficeLane = "ordinary"
    asks: Asks = "none"
    choices: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    about_child: bool = False
    expires_at: datetime | None = None
    publish: bool = False
    supersedes: int | None = None

    def request_fields(self) -> dict[str, Any]:
        """What tells one request from another under the same Idempotency-Key."""
        fields = dataclasses.asdict(self)
        return {name: value for name, value in fields.items() if name not in _ADDED_FIELDS or value}


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `sent_text` is what every copy says; `addressee` the phone poster to write to, sealed.
    `supersedes`: the message that this one corrects; `superseded_by`: the one that corrects this one. `authentication`:
    what a phone post showed of its origin. `synonyms`: for each choice, or none at all."""

    id: int
    unit: str
    subject: str
    text: str
    sent_text: str
    lane: OfficeLane
    kind: MessageKind
    created_at: datetime
    groups: tuple[str, ...] | None = None
    members: tuple[int, ...] | None = None
    asks: Asks = "none"
    choices: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    about_child: bool = False
    publish: bool = False
    state: MessageState = "draft"
    created_by: int | None = None
    posted_by: int | None = None
    addressee: Addressee | None = None
    post: int | None = None
    approved_at: datetime | None = None
    expires_at: datetime | None = None
    waves: int = 0
    last_sent_at: datetime | None = None
    supersedes: int | None = None
    superseded_by: int | None = None
    stopped_at: datetime | None = None
    authentication: Authentication | None = None

    @property
    def sent_until(self) -> datetime | None:
        """From when on no copy is sent any more; None while it is not being sent."""
        if self.state != "approved" or self.last_sent_at is None:
            return None
        return useful_until(self.lane, self.expires_at, self.last_sent_at)

    def sent(self, at: datetime) -> "Message":
        """The message as it is once its first wave has left."""
        return replace(self, state="approved", approved_at=at, last_sent_at=at, waves=1)


@dataclass(frozen=True, slots=True)
class CountedMessage:
    """A message with its live counts; tallies, and the counts of the message that it corrects (None when it corrects
    none, or the ledger could not be asked), only where one message is looked at."""

    message: Message
    counts: Counts
    tallies: tuple[Tally, ...] = ()
    corrected: Counts | None = None


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


def useful_until(lane: OfficeLane, asked: datetime | None, sent_at: datetime) -> datetime:
    """From when on copies of a wave that left at `sent_at` are not sent any more. `asked`: what the sender said."""
    return lifetimes.ends_at(sent_at, asked, lifetimes.BY_LANE[lane])
