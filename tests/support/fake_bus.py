"""A bus in memory, for tests of what uses one. `tests/runtime/bus/test_alike.py` runs the same suite against it and against a
real server, so that it can't promise what the real one doesn't keep.

Faults are attributes: `away` (nothing works), `takes` (so many more messages, then away), `failures` (of the next
messages, in order; None: this one is stored; what is no Exception ends the process), `rivals` (so many updates of an entry lose to somebody else), `gate`
(publishing waits for it).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel

from contracts.base import Event
from contracts.streams import ConsumerSpec
from runtime.bus.client import KV_READY, KvChange, KvEntry, Outgoing, StoredMessage
from runtime.errors import BusUnavailable, PermanentError, RequestFailed, RequestRefused, TransientError, WrongRevision

_MSG_ID = "Nats-Msg-Id"
_LAST = "Nats-Expected-Last-Subject-Sequence"

B = TypeVar("B", bound=BaseModel)
E = TypeVar("E", bound=Event)
Q = TypeVar("Q", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An event that the bus shall put on `target` at that time."""

    event: Event
    at: datetime
    target: str


@dataclass
class FakeBus:
    """A bus in memory whose faults are attributes.

    `messages`: all that was stored, oldest first; `answers`: what a question on a subject gets, a
    model or an error, though somebody serves it; `asked`: every question."""

    messages: list[StoredMessage] = field(default_factory=list)
    scheduled: dict[str, Scheduled] = field(default_factory=dict)
    answers: dict[str, BaseModel | Exception] = field(default_factory=dict)
    asked: list[tuple[str, BaseModel]] = field(default_factory=list)
    away: bool = False
    takes: int | None = None
    failures: list[BaseException | None] = field(default_factory=list)
    rivals: int = 0
    gate: asyncio.Event | None = None
    publishing: asyncio.Event = field(default_factory=asyncio.Event)
    _ids: dict[str, int] = field(default_factory=dict)
    _servers: dict[str, Callable[[Any], Awaitable[BaseModel]]] = field(default_factory=dict)
    _watchers: list[tuple[str, "asyncio.Queue[KvChange | None]"]] = field(default_factory=list)
    _listeners: set[Callable[[], None]] = field(default_factory=set)
    _buckets: dict[str, dict[str, KvEntry]] = field(default_factory=dict)

    # -- what tests look at

    @property
    def subjects(self) -> list[str]:
        """Of all stored messages but those of buckets, oldest first."""
        return [message.subject for message in self.messages if not message.subject.startswith("$KV.")]

    def events(self, kind: type[E]) -> list[E]:
        """The stored events of one kind, on whatever subject such events go."""
        shape = kind.name.split(".")
        own = [each for each in self.messages if each.subject.split(".")[: len(shape)] == shape]
        return [kind.model_validate_json(each.data) for each in own]

    def bodies(self, subject: str, model: type[B]) -> list[B]:
        """The stored messages of a subject."""
        return [model.model_validate_json(each.data) for each in self.messages if each.subject == subject]

    def bucket(self, name: str) -> dict[str, bytes]:
        """What a bucket holds now."""
        return {key: entry.value for key, entry in self._buckets.get(name, {}).items()}

    def reconnect(self) -> None:
        """The connection was lost and is there again: who listens is told, watches begin anew."""
        for listener in tuple(self._listeners):
            listener()
        for bucket, queue in self._watchers:
            self._tell_all(bucket, queue)

    # -- the verbs of runtime.bus.client.Bus

    @property
    def ready(self) -> bool:
        return not self.away

    async def check(self) -> None:
        self._try()

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def publish(
        self,
        event: Event,
        *,
        subject: str | None = None,
        msg_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 5,
    ) -> int:
        payload = event.model_dump_json().encode()
        return await self.publish_raw(
            subject or event.bus_subject(), payload, msg_id=msg_id or event.id, headers=headers, timeout=timeout
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
        self.publishing.set()
        if self.gate is not None:
            await self.gate.wait()
        self._try()
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        if self.takes == 0:
            raise BusUnavailable("bus_not_acknowledged")
        self.takes = None if self.takes is None else self.takes - 1
        return self._store(subject, payload, msg_id, dict(headers or {}))

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]:
        results: list[Exception | None] = []
        for message in messages:
            try:
                await self.publish_raw(
                    message.subject, message.payload, msg_id=message.msg_id, headers=message.headers, timeout=timeout
                )
            except Exception as error:
                results.append(error)
            else:
                results.append(None)
        return results

    async def schedule(self, event: Event, *, at: datetime, schedule_subject: str, target: str, msg_id: str) -> None:
        self._try()
        if msg_id not in self._ids:
            self._ids[msg_id] = 0
            self.scheduled[schedule_subject] = Scheduled(event, at, target)

    async def last(self, stream: str, subject: str) -> StoredMessage | None:
        self._try()
        return next((each for each in reversed(self.messages) if each.subject == subject), None)

    async def all_of(self, stream: str, subject: str) -> list[StoredMessage]:
        self._try()
        return [each for each in self.messages if each.subject == subject]

    async def waiting(self, spec: ConsumerSpec) -> int:
        self._try()
        return sum(each.subject in spec.filters for each in self.messages)

    async def request(self, subject: str, message: BaseModel, reply: type[R], *, timeout: float = 5) -> R:
        self.asked.append((subject, message))
        self._try()
        answer = self.answers.get(subject)
        if answer is None and (server := self._servers.get(subject)) is not None:
            try:
                answer = await server(message)
            except PermanentError as refusal:
                raise RequestRefused(str(refusal)) from None
            except TransientError:
                raise BusUnavailable("request_unavailable") from None
            except Exception:
                raise RequestFailed("request_failed") from None
        if answer is None:
            raise BusUnavailable("bus_no_answer")
        if isinstance(answer, Exception):
            raise answer
        return reply.model_validate_json(answer.model_dump_json())

    async def serve(
        self, subject: str, request: type[Q], handler: Callable[[Q], Awaitable[BaseModel]], *, queue: str
    ) -> None:
        async def answer(message: BaseModel) -> BaseModel:
            return await handler(request.model_validate_json(message.model_dump_json()))

        self._servers[subject] = answer

    async def kv_get(self, bucket: str, key: str) -> bytes | None:
        entry = await self.kv_entry(bucket, key)
        return None if entry is None else entry.value

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None:
        self._try()
        return self._buckets.get(bucket, {}).get(key)

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int:
        return await self.publish_raw(f"$KV.{bucket}.{key}", value)

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int:
        return await self.kv_update(bucket, key, value, 0)

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int:
        self._try()
        if self.rivals:
            self.rivals -= 1
            raise WrongRevision("wrong_revision")
        known = self._buckets.get(bucket, {}).get(key)
        if (known.revision if known else 0) != revision:
            raise WrongRevision("wrong_revision")
        return await self.kv_put(bucket, key, value)

    async def kv_delete(self, bucket: str, key: str) -> None:
        self._try()
        if self._buckets.get(bucket, {}).pop(key, None) is not None:
            self._tell(bucket, KvChange(key, None))

    async def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]:
        self._try()
        queue: asyncio.Queue[KvChange | None] = asyncio.Queue()
        self._tell_all(bucket, queue)
        watcher = (bucket, queue)
        self._watchers.append(watcher)
        ending = asyncio.create_task(_end(queue, stop))
        try:
            while (change := await queue.get()) is not None:
                yield change
        finally:
            ending.cancel()
            self._watchers.remove(watcher)

    # -- within

    def _try(self) -> None:
        if self.away:
            raise BusUnavailable("bus_disconnected")

    def _store(self, subject: str, payload: bytes, msg_id: str | None, headers: dict[str, str]) -> int:
        if msg_id is not None and msg_id in self._ids:
            return self._ids[msg_id]
        newest = next((each.sequence for each in reversed(self.messages) if each.subject == subject), 0)
        if _LAST in headers and int(headers[_LAST]) != newest:
            raise WrongRevision("wrong_revision")
        sequence = len(self.messages) + 1
        if msg_id is not None:
            self._ids[msg_id] = sequence
            headers[_MSG_ID] = msg_id
        self.messages.append(StoredMessage(subject, payload, sequence, headers))
        if subject.startswith("$KV."):
            _, bucket, key = subject.split(".", 2)
            self._buckets.setdefault(bucket, {})[key] = KvEntry(payload, sequence)
            self._tell(bucket, KvChange(key, payload))
        return sequence

    def _tell(self, bucket: str, change: KvChange) -> None:
        for name, queue in self._watchers:
            if name == bucket:
                queue.put_nowait(change)

    def _tell_all(self, bucket: str, queue: "asyncio.Queue[KvChange | None]") -> None:
        for key, entry in self._buckets.get(bucket, {}).items():
            queue.put_nowait(KvChange(key, entry.value))
        queue.put_nowait(KV_READY)


async def _end(queue: "asyncio.Queue[KvChange | None]", stop: asyncio.Event | None) -> None:
    if stop is not None:
        await stop.wait()
        queue.put_nowait(None)
