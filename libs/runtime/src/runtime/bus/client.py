"""The bus as a service sees it: one connection, and a small set of verbs.

Events go out with `publish` (which returns only after JetStream has stored them) or `schedule`; questions with
`request`, answered by `serve`. Key-value buckets are read and written through `kv_*`. A message that the bus does not
take in time raises BusUnavailable, so nothing ever waits for ever. Nothing here creates streams or consumers: those
are declared in contracts and applied by the operator.

    client -> keyvalue -> streams -> connection -> jetstream (nats-py, repaired)
           -> requests
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from nats.aio.client import Client
from nats.js import JetStreamContext
from pydantic import BaseModel

from contracts.base import Event
from contracts.streams import ConsumerSpec
from runtime.bus.connection import Connection
from runtime.bus.errors import AWAY
from runtime.bus.failover import retry
from runtime.bus.keyvalue import KV_READY, KeyValueStore, KvChange, KvEntry
from runtime.bus.requests import RequestReply
from runtime.bus.streams import Outgoing, StoredMessage, Streams
from runtime.errors import BusUnavailable
from runtime.settings import ServiceSettings

__all__ = ["KV_READY", "Bus", "KvChange", "KvEntry", "Outgoing", "StoredMessage"]

Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


class Bus:
    """A connection to the bus. Make it with `connect`."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._streams = Streams(connection)
        self._requests = RequestReply(connection.client)
        self._kv = KeyValueStore(connection, self._streams)
        self.name = name

    @classmethod
    async def connect(cls, settings: ServiceSettings, *, name: str, on_closed: Callable[[], None]) -> "Bus":
        """Connect as `name`, trying for as long as it takes. `on_closed` is called when the connection has ended for
        good without `drain` or `close` having been asked for."""
        return cls(await Connection.connect(settings, name=name, on_closed=on_closed), name)

    @property
    def client(self) -> Client:
        """The NATS client underneath, for the consumer loop."""
        return self._connection.client

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context underneath, for who manages streams."""
        return self._connection.jetstream

    @property
    def ready(self) -> bool:
        """Connected right now."""
        return self._connection.ready

    @property
    def closed(self) -> bool:
        """Ended for good, asked for or not."""
        return self._connection.closed

    async def check(self) -> None:
        """Health check: raises BusUnavailable when the connection is away."""
        await self._connection.check()

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each reconnection; returns a function that ends it."""
        return self._connection.on_reconnect(listener)

    # Events

    async def publish(
        self,
        event: Event,
        *,
        subject: str | None = None,
        msg_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """Store an event on the bus; returns its stream sequence (of the first, when the message id was seen before).

        Subject defaults to the event's own, message id to the event's id. Raises BusUnavailable when it was not
        acknowledged within `timeout` seconds (it may be stored all the same: publish again with the same id), or the
        failover of a cluster takes too long, and BusRefused when the bus never will take it."""
        return await self.publish_raw(
            subject or event.bus_subject(),
            event.model_dump_json().encode(),
            msg_id=msg_id or event.id,
            headers=headers,
            timeout=timeout,
        )

    async def publish_raw(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        """Store bytes under a subject; returns the stream sequence (of the first, when the message id was seen before).

        Raises BusUnavailable when it was not acknowledged within `timeout` seconds (it may be stored all the same:
        publish again with the same id), or the failover of a cluster takes too long, and BusRefused when the bus never
        will take it."""
        return await self._streams.publish(subject, payload, msg_id=msg_id, headers=headers, timeout=timeout)

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]:
        """Publish all in order without waiting in between, then wait for all acknowledgements.

        Returns for each message None (stored) or BusUnavailable / BusRefused."""
        return await self._streams.publish_many(messages, timeout=timeout)

    async def schedule(
        self,
        event: Event,
        *,
        at: datetime,
        schedule_subject: str,
        target: str,
        msg_id: str,
    ) -> None:
        """Have the bus put `event` on `target` at that time (1 s granularity, never early). `schedule_subject` must
        belong to the same stream, and a later schedule on the same subject replaces this one."""
        moment = (at.astimezone(UTC) + timedelta(microseconds=999_999)).replace(microsecond=0)
        headers = {
            "Nats-Schedule": f"@at {moment.strftime('%Y-%m-%dT%H:%M:%SZ')}",
            "Nats-Schedule-Target": target,
        }
        await self.publish(event, subject=schedule_subject, msg_id=msg_id, headers=headers)

    async def last(self, stream: str, subject: str) -> StoredMessage | None:
        """The newest message of `subject` in `stream`, or None."""
        return await self._streams.last(stream, subject)

    async def all_of(self, stream: str, subject: str) -> list[StoredMessage]:
        """All messages of `subject` in `stream`, oldest first; for subjects that hold few."""
        return await self._streams.all_of(stream, subject)

    async def waiting(self, spec: ConsumerSpec) -> int:
        """How many messages a consumer has not acknowledged yet. Raises BusUnavailable."""
        return await self._streams.waiting(spec)

    # Requests

    async def request(self, subject: str, message: BaseModel, reply: type[R], *, timeout: float = 5) -> R:
        """Ask and wait for the answer. Raises RequestRefused(code) when the other side refuses, RequestFailed when it
        broke, BusUnavailable when nobody answered in time or what it depends on is away."""

        async def ask(seconds: float) -> R:
            async with asyncio.timeout(seconds + 1):
                return await self._requests.ask(subject, message, reply, seconds)

        try:
            return await retry(self.client, ask, timeout, give_up_after=timeout)
        except AWAY:
            raise BusUnavailable("bus_no_answer") from None

    async def serve(
        self,
        subject: str,
        request: type[Q],
        handler: Callable[[Q], Awaitable[BaseModel]],
        *,
        queue: str,
    ) -> None:
        """Answer questions on `subject` with `handler`, shared among all processes of the same `queue`. A
        PermanentError of the handler is told to the asker by its text, which is a code; anything else is not told."""
        await self._requests.answer(subject, request, handler, queue)

    # Key-value buckets. All raise BusUnavailable when the bus does not answer in time.

    async def kv_get(self, bucket: str, key: str) -> bytes | None:
        """The value of a key, or None when it is not there."""
        entry = await self._kv.entry(bucket, key)
        return None if entry is None else entry.value

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None:
        """Value and revision of a key, or None when it is not there."""
        return await self._kv.entry(bucket, key)

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int:
        """Set a value; returns the revision."""
        return await self._kv.put(bucket, key, value)

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int:
        """Set a value that must not be there yet (or was deleted); WrongRevision otherwise."""
        return await self._kv.create(bucket, key, value)

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int:
        """Set a value if the key's revision is still this; WrongRevision otherwise."""
        return await self._kv.update(bucket, key, value, revision)

    async def kv_delete(self, bucket: str, key: str) -> None:
        """Delete a key (no error when it is not there)."""
        await self._kv.delete(bucket, key)

    def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]:
        """All entries, KV_READY, then changes, until `stop` is set or the bus is closed. After a lost connection
        everything is given anew, KV_READY too."""
        return self._kv.watch(bucket, stop)

    # End

    async def drain(self) -> None:
        """Finish what is under way (answers, buffered acknowledgements), then close."""
        self._connection.expect_end()
        await self._requests.finish(5)
        await self._connection.drain()

    async def close(self) -> None:
        """Close at once."""
        await self._connection.close()
