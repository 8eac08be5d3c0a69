"""Publishing, asking and the key-value buckets, with the server there, away and refusing."""

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import nats.errors
import pytest
from nats.js.api import KeyValueConfig, StreamConfig
from pydantic import BaseModel

from contracts.events.dead import DeadLetter
from renrakumo_cli.local.nats import NatsServer
from runtime import tracing
from runtime.bus.client import KV_READY, Bus, KvChange, Outgoing
from runtime.bus.connection import Connection
from runtime.bus.keyvalue import KeyValueStore, contents
from runtime.bus.streams import Streams
from runtime.errors import (
    BusRefused,
    BusUnavailable,
    PermanentError,
    RequestFailed,
    RequestRefused,
    TransientError,
    WrongRevision,
)
from tests.runtime.conftest import connected, declare, settings_for, subject_of


class Question(BaseModel):
    number: int


class Answer(BaseModel):
    text: str


def letter(identity: str) -> DeadLetter:
    return DeadLetter(
        id=identity,
        occurred_at=datetime.now(UTC),
        service="registry",
        consumer="c",
        subject="s",
        reason="r",
        attempts=1,
        payload="",
    )


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (the condition changes in another task)
            await asyncio.sleep(0.02)


async def test_publishing_the_same_event_again_stores_it_once(bus: Bus) -> None:
    identity = uuid.uuid4().hex
    with tracing.accept({"Renrakumo-Correlation": "abc"}):
        first = await bus.publish(letter(identity))
    assert await bus.publish(letter(identity)) == first
    stored = await bus.last("DEADLETTERS", "dead.registry")
    assert stored is not None
    assert (stored.sequence, stored.headers["Renrakumo-Correlation"]) == (first, "abc")


async def test_what_no_stream_takes_is_unavailable_and_what_is_too_large_refused(bus: Bus) -> None:
    with pytest.raises(BusUnavailable) as caught:
        await bus.publish_raw("nobody.listens", b"x", timeout=2)
    assert isinstance(caught.value, TransientError)
    with pytest.raises(BusRefused):
        await bus.publish_raw("dead.registry", b"x" * 9_000_000)


async def test_many_are_published_in_order_and_each_has_its_own_result(bus: Bus) -> None:
    spec = await declare(bus)
    subject = subject_of(spec)
    batch = [Outgoing(subject, str(number).encode(), f"m{number}") for number in range(300)]
    batch.insert(5, Outgoing("nobody.listens", b"x"))
    results = await bus.publish_many(batch)
    assert isinstance(results.pop(5), BusUnavailable)
    assert set(results) == {None}
    assert [(await bus.jetstream.get_msg(spec.stream, seq=n)).data for n in (1, 300)] == [b"0", b"299"]


async def test_messages_that_are_too_large_or_given_up_keep_no_others_from_being_published(bus: Bus) -> None:
    spec = await declare(bus)
    too_large = Outgoing(subject_of(spec), b"x" * 9_000_000)
    results = await bus.publish_many([too_large] * 4_100)
    assert all(isinstance(result, BusRefused) for result in results)
    await bus.client.subscribe("silent.listener")
    given_up = asyncio.create_task(bus.publish_many([Outgoing("silent.listener", b"x")] * 4_100))
    await asyncio.wait([given_up], timeout=1)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    assert await bus.publish_many([Outgoing(subject_of(spec), b"x")]) == [None]


async def test_a_subject_without_right_is_never_reported_as_stored(nats_server: NatsServer) -> None:
    service = await connected(nats_server, "info-site")
    try:
        with pytest.raises(BusUnavailable):
            await service.publish_raw("message.approved", b"x", timeout=0.5)
    finally:
        await service.close()


async def test_publishing_fails_at_once_while_the_server_is_away(fresh_nats: NatsServer) -> None:
    bus = await connected(fresh_nats)
    try:
        await asyncio.to_thread(fresh_nats.stop)
        await until(lambda: not bus.ready)
        with pytest.raises(BusUnavailable):
            await bus.publish(letter("x"))
        with pytest.raises(BusUnavailable):
            await bus.request("ask.x", Question(number=1), Answer)
        with pytest.raises(BusUnavailable):
            await bus.check()
        assert all(isinstance(result, BusUnavailable) for result in await bus.publish_many([Outgoing("a", b"")] * 3))
        await asyncio.to_thread(fresh_nats.start)
        await until(lambda: bus.ready)
    finally:
        await bus.close()


async def test_a_connection_that_ends_for_good_is_told(nats_server: NatsServer) -> None:
    told: list[str] = []
    from tests.runtime.conftest import settings_for

    bus = await Bus.connect(settings_for(nats_server), name="operator", on_closed=lambda: told.append("closed"))
    await bus.client.close()  # as after refused credentials
    assert told == ["closed"]
    second = await Bus.connect(settings_for(nats_server), name="operator", on_closed=lambda: told.append("again"))
    await second.drain()
    assert told == ["closed"]


# Slow: the server's schedules go by whole seconds.
async def test_a_scheduled_event_comes_when_it_is_due(bus: Bus) -> None:
    name = f"S{uuid.uuid4().hex[:6]}"
    await bus.jetstream.add_stream(StreamConfig(name=name, subjects=[f"{name}.>"], allow_msg_schedules=True))
    due = datetime.now(UTC) + timedelta(seconds=1)
    for _ in range(2):
        await bus.schedule(letter("later"), at=due, schedule_subject=f"{name}.plan", target=f"{name}.go", msg_id="m1")
    assert await bus.last(name, f"{name}.go") is None
    async with asyncio.timeout(10):
        while (found := await bus.last(name, f"{name}.go")) is None:  # noqa: ASYNC110 (the server's own schedule)
            await asyncio.sleep(0.1)
    assert datetime.now(UTC) >= due
    assert DeadLetter.model_validate_json(found.data).id == "later"


async def test_questions_are_answered_or_refused_by_a_code(bus: Bus, nats_server: NatsServer) -> None:
    subject = f"ask.{uuid.uuid4().hex}"
    correlations: list[str | None] = []

    async def handler(question: Question) -> Answer:
        correlations.append(tracing.correlation())
        if question.number == 1:
            raise PermanentError("unknown_member")
        if question.number == 2:
            raise ValueError("taro@docomo.ne.jp")
        if question.number == 3:
            raise ConnectionRefusedError
        return Answer(text=str(question.number))

    other = await connected(nats_server)
    try:
        await other.serve(subject, Question, handler, queue="registry")
        await other.client.flush()
        with tracing.accept({"Renrakumo-Correlation": "the-click"}):
            assert await bus.request(subject, Question(number=5), Answer) == Answer(text="5")
        assert correlations == ["the-click"]
        with pytest.raises(RequestRefused) as refused:
            await bus.request(subject, Question(number=1), Answer)
        assert refused.value.code == "unknown_member"
        with pytest.raises(RequestFailed) as failed:
            await bus.request(subject, Question(number=2), Answer)
        assert "taro" not in str(failed.value)
        with pytest.raises(BusUnavailable):
            await bus.request(subject, Question(number=3), Answer)
        with pytest.raises(RequestRefused):
            await bus.request(subject, Answer(text="not a question"), Answer)
        with pytest.raises(BusUnavailable):
            await bus.request("ask.nobody", Question(number=1), Answer)
    finally:
        await other.drain()


async def new_bucket(bus: Bus) -> str:
    name = f"b{uuid.uuid4().hex[:8]}"
    await bus.jetstream.create_key_value(KeyValueConfig(bucket=name, history=1))
    return name


async def test_bucket_entries_are_read_written_and_guarded_by_revision(bus: Bus) -> None:
    bucket = await new_bucket(bus)
    assert await bus.kv_get(bucket, "unit.oka") is None
    revision = await bus.kv_create(bucket, "unit.oka", b"1")
    with pytest.raises(WrongRevision):
        await bus.kv_create(bucket, "unit.oka", b"2")
    newer = await bus.kv_update(bucket, "unit.oka", b"2", revision)
    with pytest.raises(WrongRevision):
        await bus.kv_update(bucket, "unit.oka", b"3", revision)
    entry = await bus.kv_entry(bucket, "unit.oka")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"2", newer)
    await bus.kv_delete(bucket, "unit.oka")
    assert await bus.kv_get(bucket, "unit.oka") is None
    await bus.kv_create(bucket, "unit.oka", b"4")
    assert await bus.kv_get(bucket, "unit.oka") == b"4"


async def test_a_watch_gives_all_then_the_marker_then_changes(bus: Bus) -> None:
    bucket, empty = await new_bucket(bus), await new_bucket(bus)
    stop = asyncio.Event()
    async for change in bus.kv_watch(empty, stop=stop):
        assert change == KV_READY
        break
    await bus.kv_put(bucket, "a", b"1")
    await bus.kv_put(bucket, "b", b"2")
    seen: list[KvChange] = []

    async def watch() -> None:
        async for change in bus.kv_watch(bucket, stop=stop):
            seen.append(change)

    task = asyncio.create_task(watch())
    await until(lambda: KV_READY in seen)
    assert seen == [("a", b"1"), ("b", b"2"), KV_READY]
    await bus.kv_delete(bucket, "a")
    await bus.kv_put(bucket, "c", b"3")
    await until(lambda: len(seen) == 5)
    assert seen[3:] == [("a", None), ("c", b"3")]
    stop.set()
    await asyncio.wait_for(task, 5)


class OnceAway:
    """A connection whose server doesn't answer the first question for a stream's state."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._js = connection.jetstream
        self._asked = False

    @property
    def jetstream(self) -> "OnceAway":
        return self

    async def stream_info(self, name: str) -> object:
        if not self._asked:
            self._asked = True
            raise nats.errors.TimeoutError
        return await self._js.stream_info(name)

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection if hasattr(self._connection, name) else self._js, name)


async def test_an_empty_bucket_is_told_even_when_its_state_was_not_told_at_first(
    bus: Bus, nats_server: NatsServer
) -> None:
    bucket = await new_bucket(bus)
    connection = await Connection.connect(settings_for(nats_server), name="operator", on_closed=lambda: None)
    store = KeyValueStore(OnceAway(connection), Streams(connection))  # type: ignore[arg-type]  # once away
    stop = asyncio.Event()
    async with asyncio.timeout(10):
        async for change in store.watch(bucket, stop):
            assert change == KV_READY
            break
    stop.set()
    await connection.close()


async def test_a_bucket_is_told_as_it_is_right_now(bus: Bus) -> None:
    bucket = await new_bucket(bus)
    assert await contents(bus, bucket) == {}
    for key, value in (("a", b"1"), ("b", b"2"), ("b", b"3")):
        await bus.kv_put(bucket, key, value)
    await bus.kv_delete(bucket, "a")
    assert await contents(bus, bucket) == {"b": b"3"}


async def test_a_bucket_that_is_not_there_is_said_to_be_away(bus: Bus) -> None:
    with pytest.raises(BusUnavailable):
        await contents(bus, "nowhere", timeout=0.2)


async def test_a_watch_goes_on_after_the_server_restarted(fresh_nats: NatsServer) -> None:
    bus = await connected(fresh_nats)
    writer = await connected(fresh_nats)
    seen: list[KvChange] = []
    stop = asyncio.Event()

    async def watch() -> None:
        async for change in bus.kv_watch("directory", stop=stop):
            seen.append(change)

    task = asyncio.create_task(watch())
    try:
        await until(lambda: KV_READY in seen)
        await asyncio.to_thread(fresh_nats.stop)
        await asyncio.to_thread(fresh_nats.start)
        await until(lambda: bus.ready and writer.ready)
        async with asyncio.timeout(20):
            while True:
                try:
                    await writer.kv_put("directory", "unit.oka", b"1")
                    break
                except BusUnavailable:
                    await asyncio.sleep(0.1)
        await until(lambda: ("unit.oka", b"1") in seen)
        assert not task.done()
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)
        await bus.close()
        await writer.close()


async def test_the_rights_of_ingress_smtp_are_enough_to_watch_the_directory(nats_server: NatsServer, bus: Bus) -> None:
    await bus.kv_put("directory", "unit.door", b"{}")
    door = await connected(nats_server, "ingress-smtp")
    try:
        async with asyncio.timeout(10):
            async for change in door.kv_watch("directory"):
                if change.key == "unit.door":
                    break
        assert await door.kv_get("directory", "unit.door") == b"{}"
    finally:
        await door.close()
