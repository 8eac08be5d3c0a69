"""The bus: one NATS connection with the habits we want, and a small set of verbs.

Events go out with `publish` (which returns only after JetStream has stored them) or `schedule`; questions with
`request`, answered by `serve`. Key-value buckets are read and written through `keyvalue`. A message that the bus does
not take in time raises BusUnavailable, so nothing ever waits for ever. The connection comes back by itself, with
jitter; only when it is finally closed (credentials refused) `on_closed` is called, so that the process can end and
be restarted. Nothing here creates streams or consumers: those are declared in contracts and applied by the operator.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client, Server
from nats.js import JetStreamContext
from nats.js.api import PubAck, RawStreamMsg
from pydantic import BaseModel

from contracts.base import Event
from contracts.streams import ConsumerSpec
from runtime import tracing
from runtime.bus.errors import AWAY, translated
from runtime.bus.failover import CHANGEOVER_SECONDS, changing_over, retry
from runtime.bus.jetstream import JetStream
from runtime.bus.keyvalue import KV_READY, KeyValueVerbs, KvChange, KvEntry
from runtime.bus.requests import Questions
from runtime.errors import BusUnavailable
from runtime.logs import get_logger
from runtime.metrics import BUS_CONNECTED
from runtime.redaction import reason_of
from runtime.settings import ServiceSettings

__all__ = ["KV_READY", "Bus", "KvChange", "KvEntry", "Outgoing", "StoredMessage"]

MSG_ID = "Nats-Msg-Id"
READ_SECONDS = 5.0
_BETWEEN_ROUNDS = 0.2

Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for `publish_many`."""

    subject: str
    payload: bytes
    msg_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The newest message of a subject as it lies in its stream."""

    subject: str
    data: bytes
    sequence: int
    headers: Mapping[str, str]


class Bus:
    """A connection to the bus. Make it with `connect`."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._js = JetStream(client, timeout=READ_SECONDS)
        self._closing = False
        self._questions = Questions(client)
        self._listeners: set[Callable[[], None]] = set()
        self._kv = KeyValueVerbs(self)
        self.name = name

    @classmethod
    async def connect(cls, settings: ServiceSettings, *, name: str, on_closed: Callable[[], None]) -> "Bus":
        """Connect as `name`, trying for as long as it takes. `on_closed` is called when the connection has ended for
        good without `drain` or `close` having been asked for."""
        client = Client()
        bus = cls(client, name)

        async def error(problem: Exception) -> None:
            text = str(problem).lower()
            if "permissions violation" in text:
                log.error("bus_permission_refused", reason=reason_of(problem))
            elif not isinstance(problem, nats.errors.UnexpectedEOF):
                log.warning("bus_error", reason=reason_of(problem))

        async def disconnected() -> None:
            BUS_CONNECTED.set(0)
            if not bus._closing:
                log.warning("bus_disconnected")

        async def reconnected() -> None:
            BUS_CONNECTED.set(1)
            log.info("bus_reconnected")
            for listener in tuple(bus._listeners):
                listener()

        async def closed() -> None:
            BUS_CONNECTED.set(0)
            if not bus._closing:
                log.error("bus_closed")
                on_closed()

        def choose(servers: list[Server], _: dict[str, Any]) -> tuple[Server, float]:
            server = random.choice(servers)  # noqa: S311 (spreads load, hides nothing)
            return server, random.uniform(0.05, min(2.0, 0.2 * 2 ** min(server.reconnects, 6)))  # noqa: S311

        await client.connect(
            servers=[part.strip() for part in settings.nats_url.split(",")],
            user=settings.nats_user,
            password=settings.nats_password.get_secret_value(),
            name=name,
            inbox_prefix=f"_INBOX_{name}",
            error_cb=error,
            disconnected_cb=disconnected,
            reconnected_cb=reconnected,
            closed_cb=closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            reconnect_to_server_handler=choose,
            connect_timeout=3,
            ping_interval=10,
            max_outstanding_pings=2,
            drain_timeout=10,
        )
        BUS_CONNECTED.set(1)
        log.info("bus_connected")
        return bus

    @property
    def client(self) -> Client:
        """The NATS client underneath, for the consumer loop."""
        return self._client

    @property
    def jetstream(self) -> JetStreamContext:
        """The JetStream context underneath, for the key-value verbs."""
        return self._js

    @property
    def ready(self) -> bool:
        """Connected right now."""
        return bool(self._client.is_connected)

    @property
    def closed(self) -> bool:
        """Ended for good, asked for or not."""
        return bool(self._client.is_closed)

    async def check(self) -> None:
        """Health check: raises BusUnavailable when the connection is away."""
        if not self.ready:
            raise BusUnavailable("bus_disconnected")

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each reconnection; returns a function that ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

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
        acknowledged within `timeout` seconds (it may be stored all the same: publish again with the same id), or a
        cluster has not changed over in time (see changeover), and BusRefused when the bus never will take it."""
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
        """The same for bytes."""
        complete = {**tracing.headers(), **(headers or {})}
        if msg_id is not None:
            complete[MSG_ID] = msg_id

        async def store(seconds: float) -> PubAck:
            # The bound around it: a write into a dying connection can wait on its buffer.
            async with asyncio.timeout(seconds + 1):
                return await self._js.publish(subject, payload, timeout=seconds, headers=complete)

        try:
            ack = await retry(self._client, store, timeout)
        except Exception as error:
            raise translated(error) from None
        return ack.seq

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]:
        """Publish all in order without waiting in between, then wait for all acknowledgements.

        Returns for each message None (stored) or BusUnavailable / BusRefused."""
        deadline = monotonic() + max(timeout, CHANGEOVER_SECONDS)
        errors = await self._publish_round(messages, timeout)
        while again := [number for number, error in enumerate(errors) if error and changing_over(self._client, error)]:
            if monotonic() + _BETWEEN_ROUNDS > deadline:
                break
            await asyncio.sleep(_BETWEEN_ROUNDS)
            later = await self._publish_round([messages[number] for number in again], timeout)
            for number, error in zip(again, later, strict=True):
                errors[number] = error
        return [None if error is None else translated(error) for error in errors]

    async def _publish_round(self, messages: Sequence[Outgoing], timeout: float) -> list[BaseException | None]:
        """Each once; what went wrong as the client says it."""
        errors: list[BaseException | None] = [BusUnavailable("bus_disconnected")] * len(messages)
        futures: dict[asyncio.Future[Any], int] = {}
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    for number, message in enumerate(messages):
                        if not self.ready:
                            break
                        headers = {**tracing.headers(), **message.headers}
                        if message.msg_id is not None:
                            headers[MSG_ID] = message.msg_id
                        errors[number] = BusUnavailable("bus_not_acknowledged")
                        try:
                            future = await self._js.publish_soon(message.subject, message.payload, headers)
                        except (nats.errors.Error, OSError) as error:
                            errors[number] = error
                            continue
                        futures[future] = number
            if futures:
                done, _ = await asyncio.wait(futures, timeout=timeout)
                for future in done:
                    errors[futures[future]] = future.exception()
        finally:
            for future in futures:
                future.cancel()  # who waits no more keeps no place among the unacknowledged
        return errors

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
        try:
            message = await retry(
                self._client, lambda _: self._js.get_msg(stream, subject=subject), READ_SECONDS, reading=True
            )
        except nats.js.errors.NotFoundError:
            return None
        except Exception as error:
            raise translated(error) from None
        return StoredMessage(message.subject or subject, message.data or b"", message.seq or 0, message.headers or {})

    async def all_of(self, stream: str, subject: str) -> list[StoredMessage]:
        """All messages of `subject` in `stream`, oldest first; for subjects that hold few."""
        found: list[StoredMessage] = []
        while True:
            after = found[-1].sequence + 1 if found else 1

            def read(_: float, after: int = after) -> Awaitable[RawStreamMsg]:
                return self._js.get_msg(stream, seq=after, subject=subject, next=True)

            try:
                message = await retry(self._client, read, READ_SECONDS, reading=True)
            except nats.js.errors.NotFoundError:
                return found
            except Exception as error:
                raise translated(error) from None
            found.append(
                StoredMessage(message.subject or subject, message.data or b"", message.seq or 0, message.headers or {})
            )

    async def waiting(self, spec: ConsumerSpec) -> int:
        """How many messages a consumer has not acknowledged yet. Raises BusUnavailable."""
        try:
            info = await retry(
                self._client, lambda _: self._js.consumer_info(spec.stream, spec.name), READ_SECONDS, reading=True
            )
        except Exception as error:
            raise translated(error) from None
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    # Questions

    async def request(self, subject: str, message: BaseModel, reply: type[R], *, timeout: float = 5) -> R:
        """Ask and wait for the answer. Raises RequestRefused(code) when the other side refuses, RequestFailed when it
        broke, BusUnavailable when nobody answered in time or what it depends on is away."""

        async def ask(seconds: float) -> R:
            async with asyncio.timeout(seconds + 1):
                return await self._questions.ask(subject, message, reply, seconds)

        try:
            return await retry(self._client, ask, timeout, patience=timeout)
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
        await self._questions.answer(subject, request, handler, queue)

    # Key-value buckets: see keyvalue.KeyValueVerbs for what each promises

    async def kv_get(self, bucket: str, key: str) -> bytes | None:
        entry = await self._kv.entry(bucket, key)
        return None if entry is None else entry.value

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None:
        return await self._kv.entry(bucket, key)

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int:
        return await self._kv.put(bucket, key, value)

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int:
        return await self._kv.create(bucket, key, value)

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int:
        return await self._kv.update(bucket, key, value, revision)

    async def kv_delete(self, bucket: str, key: str) -> None:
        await self._kv.delete(bucket, key)

    def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]:
        return self._kv.watch(bucket, stop)

    # End

    async def drain(self) -> None:
        """Finish what is under way (answers, buffered acknowledgements), then close."""
        self._closing = True
        await self._questions.finish(5)
        try:
            async with asyncio.timeout(10):
                await self._client.drain()
        except (nats.errors.Error, TimeoutError, OSError):
            await self.close()

    async def close(self) -> None:
        """Close at once."""
        self._closing = True
        if not self._client.is_closed:
            try:
                async with asyncio.timeout(5):
                    await self._client.close()
            except (nats.errors.Error, TimeoutError, OSError):
                log.warning("bus_close_failed")
