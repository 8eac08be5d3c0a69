"""Key-value buckets on plain stream verbs, so that a service needs rights on the bucket's own subjects only.

`watch` gives everything that is in the bucket, then a marker, then every change, for as long as wanted: after a lost
connection it begins anew (everything again, the marker again), so a reader that simply applies what it gets is right.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from runtime.bus.connection import Connection
from runtime.bus.streams import Streams
from runtime.errors import BusUnavailable
from runtime.logs import get_logger
from runtime.redaction import reason_of

_LAST = "Nats-Expected-Last-Subject-Sequence"
_OPERATION = "KV-Operation"
_GONE = ("DEL", "PURGE")
_MARKER_REASON = "Nats-Marker-Reason"
_RETRY_SECONDS = 0.5
log = get_logger(__name__)


class KvChange(NamedTuple):
    """A key and its new value; None when it was deleted."""

    key: str
    value: bytes | None


KV_READY: Final = KvChange("", None)
"""What `watch` yields once everything that was in the bucket has been given."""


@dataclass(frozen=True, slots=True)
class KvEntry:
    """A value and the revision to name when updating it."""

    value: bytes
    revision: int


class KeyValueStore:
    """The buckets behind one connection. All methods raise BusUnavailable when the bus does not answer in time."""

    def __init__(self, connection: Connection, streams: Streams) -> None:
        self._connection = connection
        self._streams = streams

    async def entry(self, bucket: str, key: str) -> KvEntry | None:
        """Value and revision of a key, or None when it is not there."""
        message = await self._streams.last(f"KV_{bucket}", _subject(bucket, key))
        if message is None or message.headers.get(_OPERATION) in _GONE or message.headers.get(_MARKER_REASON):
            return None
        return KvEntry(message.data, message.sequence)

    async def put(self, bucket: str, key: str, value: bytes) -> int:
        """Set a value; returns the revision."""
        return await self._streams.publish(_subject(bucket, key), value)

    async def create(self, bucket: str, key: str, value: bytes) -> int:
        """Set a value that must not be there yet (or was deleted); WrongRevision otherwise."""
        message = await self._streams.last(f"KV_{bucket}", _subject(bucket, key))
        gone = message is not None and (message.headers.get(_OPERATION) in _GONE or _MARKER_REASON in message.headers)
        return await self.update(bucket, key, value, message.sequence if message is not None and gone else 0)

    async def update(self, bucket: str, key: str, value: bytes, revision: int) -> int:
        """Set a value if the key's revision is still this; WrongRevision otherwise."""
        return await self._streams.publish(_subject(bucket, key), value, headers={_LAST: str(revision)})

    async def delete(self, bucket: str, key: str) -> None:
        """Delete a key (no error when it is not there)."""
        await self._streams.publish(_subject(bucket, key), b"", headers={_OPERATION: "DEL"})

    async def _is_empty(self, bucket: str) -> bool | None:
        """Whether nothing is in the bucket; None when the bus doesn't tell."""
        try:
            return not (await self._connection.jetstream.stream_info(f"KV_{bucket}")).state.messages
        except (nats.errors.Error, TimeoutError, OSError):
            return None

    async def watch(self, bucket: str, stop: asyncio.Event | None) -> AsyncIterator[KvChange]:
        """All entries, KV_READY, then changes, until `stop` is set or the bus is closed."""
        view = KeyValue(
            name=bucket, stream=f"KV_{bucket}", pre=f"$KV.{bucket}.", js=self._connection.jetstream, direct=False
        )
        ended = stop or asyncio.Event()
        told = False
        while not ended.is_set() and not self._connection.closed:
            renew = asyncio.Event()
            forget = self._connection.on_reconnect(renew.set)
            try:
                try:
                    watcher = await view.watchall()
                except (nats.errors.Error, TimeoutError, OSError) as error:
                    if not told:
                        log.warning("bucket_not_readable_yet", bucket=bucket, reason=reason_of(error))
                    told = True
                    await asyncio.sleep(_RETRY_SECONDS)
                    continue
                told = False
                closer = asyncio.create_task(_stop_when(watcher, renew, ended))
                try:
                    seen = pending = False
                    async for entry in watcher:
                        if entry is None:
                            # The client says so, too, when what there is was sent but has not arrived yet.
                            empty = seen or await self._is_empty(bucket)
                            if empty is None:
                                await asyncio.sleep(_RETRY_SECONDS)
                                break  # and begin anew: of an empty bucket nothing else would tell
                            pending = not empty
                            if not pending:
                                yield KV_READY
                            continue
                        seen = True
                        yield KvChange(entry.key, None if entry.operation in _GONE else entry.value or b"")
                        if pending and not entry.delta:
                            pending = False
                            yield KV_READY
                finally:
                    renew.set()
                    await closer
            finally:
                forget()


async def _stop_when(watcher: KeyValue.KeyWatcher, *events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    try:
        await watcher.stop()
    except nats.errors.Error:
        # The subscription is gone already; the watcher still has to be told, or its reader waits for ever.
        watcher._updates.put_nowait(KeyValue.KeyWatcher.STOP_ITER)


def _subject(bucket: str, key: str) -> str:
    return f"$KV.{bucket}.{key}"


class Watchable(Protocol):
    """Whose buckets can be watched (Bus)."""

    def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]: ...


async def contents(bus: Watchable, bucket: str, *, timeout: float = 5) -> dict[str, bytes]:
    """All that is in a small bucket right now, by key. Raises BusUnavailable when that isn't told in time."""
    found = dict[str, bytes]()
    told, complete = asyncio.Event(), False
    try:
        async with asyncio.timeout(timeout):
            async for change in bus.kv_watch(bucket, stop=told):
                if change == KV_READY:
                    complete = True
                    told.set()
                elif not complete and change.value is not None:
                    found[change.key] = change.value
    except TimeoutError:
        pass
    if not complete:
        raise BusUnavailable("bucket_not_told")
    return found
