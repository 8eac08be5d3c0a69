"""Reads and writes of streams: publish until it is stored, many at once without waiting in between, read by subject.

A write that the bus does not take in time raises BusUnavailable; one that it never will take, BusRefused.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import nats.errors
import nats.js.errors
from nats.js.api import PubAck, RawStreamMsg

from contracts.streams import ConsumerSpec
from runtime import tracing
from runtime.bus.connection import READ_SECONDS, Connection
from runtime.bus.errors import translated
from runtime.bus.failover import FAILOVER_SECONDS, in_failover, retry
from runtime.errors import BusUnavailable

MSG_ID = "Nats-Msg-Id"
_BETWEEN_ROUNDS = 0.2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for `publish_many`."""

    subject: str
    payload: bytes
    msg_id: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it lies in its stream."""

    subject: str
    data: bytes
    sequence: int
    headers: Mapping[str, str]


class Streams:
    """The streams behind one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._client = connection.client
        self._js = connection.jetstream

    async def publish(
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
        deadline = monotonic() + max(timeout, FAILOVER_SECONDS)
        errors = await self._publish_round(messages, timeout)
        while left := [number for number, error in enumerate(errors) if error and in_failover(self._client, error)]:
            if monotonic() + _BETWEEN_ROUNDS > deadline:
                break
            await asyncio.sleep(_BETWEEN_ROUNDS)
            later = await self._publish_round([messages[number] for number in left], timeout)
            for number, error in zip(left, later, strict=True):
                errors[number] = error
        return [None if error is None else translated(error) for error in errors]

    async def _publish_round(self, messages: Sequence[Outgoing], timeout: float) -> list[BaseException | None]:
        """Publish each once; for each message None, or what went wrong as the client says it."""
        errors: list[BaseException | None] = [BusUnavailable("bus_disconnected")] * len(messages)
        futures: dict[asyncio.Future[Any], int] = {}
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    for number, message in enumerate(messages):
                        if not self._connection.ready:
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
        return _stored(message, subject)

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
            found.append(_stored(message, subject))

    async def waiting(self, spec: ConsumerSpec) -> int:
        """How many messages a consumer has not acknowledged yet. Raises BusUnavailable."""
        try:
            info = await retry(
                self._client, lambda _: self._js.consumer_info(spec.stream, spec.name), READ_SECONDS, reading=True
            )
        except Exception as error:
            raise translated(error) from None
        return (info.num_pending or 0) + (info.num_ack_pending or 0)


def _stored(message: RawStreamMsg, subject: str) -> StoredMessage:
    return StoredMessage(message.subject or subject, message.data or b"", message.seq or 0, message.headers or {})
