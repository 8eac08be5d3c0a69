"""The bus in memory (tests/support/fake_bus.py) does what the real one does: one suite for both."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from nats.js.api import StreamConfig
from pydantic import BaseModel

from contracts.events import LeaveRefused
from contracts.events.membership import Addressee
from contracts.sealed import Sealed
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import KV_READY, Bus, KvChange, Outgoing
from runtime.bus.keyvalue import contents
from runtime.errors import BusUnavailable, PermanentError, RequestFailed, RequestRefused, TransientError, WrongRevision
from tests.runtime.conftest import connected
from tests.support.fake_bus import FakeBus

_numbers = itertools.count(1)
FOLLOWS = "Nats-Expected-Last-Subject-Sequence"


class Question(BaseModel):
    """What is asked here."""

    text: str


class Answer(BaseModel):
    """What is answered here."""

    text: str


@dataclass
class World:
    """A bus, with a stream and a bucket of this test's own."""

    bus: Bus | FakeBus
    stream: str
    subject: str
    bucket: str


@pytest.fixture(params=["in memory", "real"])
async def world(request: pytest.FixtureRequest, nats_server: NatsServer) -> AsyncIterator[World]:
    number = next(_numbers)
    stream, subject, bucket = f"ALIKE{number}", f"alike{number}.x", f"alike{number}"
    if request.param == "in memory":
        yield World(FakeBus(), stream, subject, bucket)
        return
    bus = await connected(nats_server)
    await bus.jetstream.add_stream(StreamConfig(name=stream, subjects=[f"alike{number}.>"], allow_msg_schedules=True))
    await bus.jetstream.add_stream(
        StreamConfig(name=f"KV_{bucket}", subjects=[f"$KV.{bucket}.>"], max_msgs_per_subject=1, allow_rollup_hdrs=True)
    )
    yield World(bus, stream, subject, bucket)
    await bus.close()


def an_event(number: int = 1) -> LeaveRefused:
    to = Addressee(recipient=Sealed(recipient="dispatcher", key_id="k", box=""), carrier="other", sender_key="0" * 64)
    now = datetime(2026, 4, 8, tzinfo=UTC)
    return LeaveRefused(id=f"e{number}", occurred_at=now, unit="minami", request=number, reason="expired", to=to)


async def test_what_is_published_lies_in_its_stream_in_order(world: World) -> None:
    sequences = [await world.bus.publish_raw(world.subject, body) for body in (b"one", b"two")]
    found = await world.bus.all_of(world.stream, world.subject)
    assert [(each.data, each.sequence) for each in found] == [(b"one", sequences[0]), (b"two", sequences[1])]
    last = await world.bus.last(world.stream, world.subject)
    assert last is not None
    assert (last.data, last.sequence) == (b"two", sequences[1])
    assert await world.bus.last(world.stream, world.subject + ".other") is None


async def test_a_message_id_is_stored_once(world: World) -> None:
    first = await world.bus.publish(an_event(), subject=world.subject)
    again = await world.bus.publish(an_event(), subject=world.subject)
    assert first == again
    assert len(await world.bus.all_of(world.stream, world.subject)) == 1


async def test_many_are_published_in_order_and_each_is_told_of(world: World) -> None:
    results = await world.bus.publish_many([Outgoing(world.subject, str(n).encode(), f"m{n % 2}") for n in range(3)])
    assert results == [None, None, None]
    assert [each.data for each in await world.bus.all_of(world.stream, world.subject)] == [b"0", b"1"]


async def test_of_two_who_follow_the_same_message_the_second_is_refused(world: World) -> None:
    first = await world.bus.publish_raw(world.subject, b"1", headers={FOLLOWS: "0"})
    await world.bus.publish_raw(world.subject, b"2", headers={FOLLOWS: str(first)})
    with pytest.raises(WrongRevision):
        await world.bus.publish_raw(world.subject, b"rival", headers={FOLLOWS: str(first)})


async def test_an_entry_is_created_once_and_updated_by_its_revision(world: World) -> None:
    bus, bucket = world.bus, world.bucket
    assert await bus.kv_entry(bucket, "a") is None
    revision = await bus.kv_create(bucket, "a", b"1")
    with pytest.raises(WrongRevision):
        await bus.kv_create(bucket, "a", b"2")
    newer = await bus.kv_update(bucket, "a", b"2", revision)
    with pytest.raises(WrongRevision):
        await bus.kv_update(bucket, "a", b"3", revision)
    entry = await bus.kv_entry(bucket, "a")
    assert entry is not None
    assert (entry.value, entry.revision) == (b"2", newer)


async def test_a_deleted_entry_is_gone_and_may_be_created_again(world: World) -> None:
    bus, bucket = world.bus, world.bucket
    await bus.kv_put(bucket, "a", b"1")
    await bus.kv_delete(bucket, "a")
    assert await bus.kv_get(bucket, "a") is None
    await bus.kv_delete(bucket, "a")
    await bus.kv_create(bucket, "a", b"2")
    assert await contents(bus, bucket) == {"a": b"2"}


async def test_a_watch_tells_what_there_is_then_that_this_was_all_then_every_change(world: World) -> None:
    bus, bucket = world.bus, world.bucket
    await bus.kv_put(bucket, "a", b"1")
    stop = asyncio.Event()
    seen: list[KvChange] = []
    async for change in bus.kv_watch(bucket, stop=stop):
        seen.append(change)
        if change == KV_READY:
            await bus.kv_put(bucket, "b", b"2")
        elif change.key == "b" and change.value:
            await bus.kv_delete(bucket, "b")
        elif change.value is None:
            stop.set()
    assert seen == [KvChange("a", b"1"), KV_READY, KvChange("b", b"2"), KvChange("b", None)]


async def test_an_empty_bucket_is_told_to_be_empty(world: World) -> None:
    assert await contents(world.bus, world.bucket) == {}


async def test_a_question_is_answered_refused_failed_or_unavailable(world: World) -> None:
    async def answer(question: Question) -> Answer:
        match question.text:
            case "refuse":
                raise PermanentError("not_here")
            case "away":
                raise TransientError("database_away")
            case "break":
                raise ZeroDivisionError
        return Answer(text=question.text.upper())

    asked = f"ask.{world.bucket}"
    await world.bus.serve(asked, Question, answer, queue="q")
    assert (await world.bus.request(asked, Question(text="a"), Answer)).text == "A"
    with pytest.raises(RequestRefused, match="not_here"):
        await world.bus.request(asked, Question(text="refuse"), Answer)
    with pytest.raises(BusUnavailable):
        await world.bus.request(asked, Question(text="away"), Answer, timeout=0.2)
    with pytest.raises(RequestFailed):
        await world.bus.request(asked, Question(text="break"), Answer)
    with pytest.raises(BusUnavailable):
        await world.bus.request(f"nobody.{world.bucket}", Question(text="a"), Answer, timeout=0.2)


async def test_a_schedule_is_taken_once_however_often_it_is_said(world: World) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for _ in range(2):
        await world.bus.schedule(
            an_event(), at=later, schedule_subject=f"{world.subject}.later", target=world.subject, msg_id="retry-1"
        )
    assert await world.bus.all_of(world.stream, world.subject) == []
    if isinstance(world.bus, FakeBus):
        assert [each.target for each in world.bus.scheduled.values()] == [world.subject]
    else:
        assert len(await world.bus.all_of(world.stream, f"{world.subject}.later")) == 1
