"""What a simulated carrier remembers and tells: mails, attempts, counters, a feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum


class Fate(StrEnum):
    """What became of a mail the carrier kept."""

    DELIVERED = "delivered"
    UNANSWERED = "unanswered"  # kept and delivered, but the sender never saw the 250: will probably come again
    BOUNCED_LATER = "bounced-later"  # 250, then a report; never reaches the mailbox


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One recipient's copy as it arrived; `raw` is free of dot-stuffing, `at` is aware UTC."""

    carrier: str
    envelope_from: str
    recipient: str
    raw: bytes
    at: datetime
    session: int
    fate: Fate = Fate.DELIVERED

    @property
    def message_id(self) -> str:
        """The Message-ID with its angle brackets, or ''."""
        head, _, _ = self.raw.partition(b"\r\n\r\n")
        for line in head.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").split(b"\r\n"):
            if line[:11].lower() == b"message-id:":
                return line[11:].strip().decode("ascii", "replace")
        return ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A RCPT (or, in `refused_after_data`, an end of DATA) and its answer."""

    sender: str
    recipient: str
    code: int
    reply: str
    at: datetime
    session: int


@dataclass(slots=True)
class CarrierStats:
    """Counters since start; `active` and `peak_active` are open sessions."""

    connections: int = 0
    connections_refused: int = 0
    active: int = 0
    peak_active: int = 0
    messages: int = 0
    octets: int = 0
    recipients_accepted: int = 0
    unknown: int = 0
    not_ours: int = 0
    greylisted: int = 0
    too_many_recipients: int = 0
    sessions_ended: int = 0
    filtered: int = 0
    resets_before_recording: int = 0
    resets_after_recording: int = 0
    bounced_later: int = 0
    dsns_sent: int = 0
    dsns_failed: int = 0

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class MailFeed:
    """The mails of a carrier from now on, by `async for`; ends when the carrier stops or at `close()`."""

    def __init__(self, forget: Callable[[MailFeed], None]) -> None:
        self._queue: asyncio.Queue[ReceivedMail | None] = asyncio.Queue()
        self._forget = forget

    def put(self, mail: ReceivedMail | None) -> None:
        self._queue.put_nowait(mail)

    def close(self) -> None:
        self._forget(self)
        self.put(None)

    def __aiter__(self) -> AsyncIterator[ReceivedMail]:
        return self

    async def __anext__(self) -> ReceivedMail:
        mail = await self._queue.get()
        if mail is None:
            raise StopAsyncIteration
        return mail
