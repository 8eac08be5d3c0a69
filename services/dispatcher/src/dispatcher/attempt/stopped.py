"""Stopped messages, of which nothing more is sent: their unit stopped them, or corrected them by another message.

    bucket `stopped-messages` -> watched -> in memory -> asked before each copy and when a batch is taken
The bucket is small (what was stopped in the last days), so every dispatcher has all of it in memory and asks without
waiting. Whoever takes a batch waits for `known` first: after a start, and after a lost connection until all has been
told again, memory may lack what was stopped meanwhile.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from pydantic import ValidationError

from contracts.stopped import StoppedMessage
from contracts.streams import STOPPED_MESSAGES
from runtime.bus.client import KV_READY, KvChange
from runtime.errors import TransientError
from runtime.logs import get_logger

CORRECTED = "superseded by a correction"
STOPPED = "stopped by its sender"

log = get_logger(__name__)
_LIFE = timedelta(seconds=STOPPED_MESSAGES.ttl)


class StoppedBucket(Protocol):
    """The verbs of the bus by which the bucket is followed."""

    def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]: ...

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]: ...


class _Entry(NamedTuple):
    reason: str
    at: datetime | None


class StoppedMessages:
    """`message in stopped`: nothing more of it may be offered."""

    def __init__(self, bus: StoppedBucket) -> None:
        self._bus = bus
        self._entries: dict[int, _Entry] = {}
        self._told: set[int] = set()
        self._known = asyncio.Event()

    def __contains__(self, message: object) -> bool:
        return message in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def reason(self, message: int) -> str:
        """Why it is stopped, for the outcome of its copies. Ask for a message that is."""
        return self._entries[message].reason

    async def known(self) -> None:
        """Wait until the whole bucket is in memory."""
        await self._known.wait()

    async def check(self) -> None:
        """Health check: TransientError while the bucket hasn't been read."""
        if not self._known.is_set():
            raise TransientError("stopped_messages_not_known_yet")

    async def follow(self, stop: asyncio.Event) -> None:
        """Keep memory up to date until `stop` is set."""
        forget = self._bus.on_reconnect(self._known.clear)
        try:
            async for change in self._bus.kv_watch(STOPPED_MESSAGES.name, stop=stop):
                self._apply(change)
        finally:
            forget()

    def _apply(self, change: KvChange) -> None:
        if change == KV_READY:
            # Everything was told anew: what wasn't has ended meanwhile.
            self._entries = {number: entry for number, entry in self._entries.items() if number in self._told}
            self._told = set()
            self._known.set()
            return
        if not change.key.isdecimal():
            log.error("stopped_message_key_not_understood")
            return
        message = int(change.key)
        if change.value is None:
            self._entries.pop(message, None)
            return
        self._told.add(message)
        entry = _read(change.value)
        self._entries[message] = entry
        if entry.at is not None:
            self._forget_before(entry.at - _LIFE)

    def _forget_before(self, moment: datetime) -> None:
        # The bucket lets entries go by age without saying so.
        for number in [number for number, each in self._entries.items() if each.at is not None and each.at < moment]:
            del self._entries[number]


def _read(value: bytes) -> _Entry:
    try:
        told = StoppedMessage.model_validate_json(value)
    except ValidationError:
        # Its key says which message it is: better one stopped without knowing why than one that goes on.
        log.error("stopped_message_not_understood")
        return _Entry(STOPPED, None)
    return _Entry(STOPPED if told.by is None else CORRECTED, told.at)
