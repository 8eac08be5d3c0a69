"""What the bus loop promises to a handler and to whoever waits for its effect."""

import asyncio
import base64
import contextlib
import dataclasses
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
from sqlalchemy.exc import IntegrityError, OperationalError

from contracts.events.dead import DeadLetter
from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.bus.consumer import ConsumerLoop, Delivery, dead_letter_id
from runtime.errors import BusUnavailable, PermanentError, Postponed, TransientError
from runtime.faults import is_outage
from tests.runtime.conftest import connected, declare, subject_of

Handler = Callable[[Delivery], Awaitable[None]]
NewConsumer = Callable[..., Awaitable[ConsumerSpec]]


@contextlib.asynccontextmanager
async def running(bus: Bus, spec: ConsumerSpec, handler: Handler, **options: object) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = ConsumerLoop(bus, spec, handler, **options)  # type: ignore[arg-type]
    task = asyncio.create_task(loop.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 (the condition changes in another task)
            await asyncio.sleep(0.01)


async def pending(bus: Bus, spec: ConsumerSpec) -> int:
    info = await bus.jetstream.consumer_info(spec.stream, spec.name)
    return (info.num_pending or 0) + (info.num_ack_pending or 0)


async def settled(bus: Bus, spec: ConsumerSpec) -> None:
    async with asyncio.timeout(10):
        while await pending(bus, spec):  # noqa: ASYNC110 (the server has no event to wait for)
            await asyncio.sleep(0.05)


async def dead_letter(bus: Bus, spec: ConsumerSpec) -> DeadLetter | None:
    stored = await bus.last("DEADLETTERS", "dead.registry")
    letter = DeadLetter.model_validate_json(stored.data) if stored else None
    return letter if letter and letter.consumer == spec.name else None


async def test_a_message_that_was_handled_never_comes_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.data)

    for number in range(500):
        await bus.publish_raw(subject_of(spec), str(number).encode())
    async with running(bus, spec, handler):
        await until(lambda: len(seen) >= 500)
        await settled(bus, spec)
    assert sorted(map(int, seen)) == list(range(500))


async def test_a_single_message_is_handled_without_waiting_for_more(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.data)

    async with running(bus, spec, handler, batch=100):
        for number in range(3):
            await bus.publish_raw(subject_of(spec), b"x")
            # Less than any request lives: it came because it was there, not because a request ran out.
            await until(lambda wanted=number + 1: len(seen) == wanted, 4)  # type: ignore[misc]
    assert seen == [b"x"] * 3


async def test_a_handler_that_raises_gets_the_message_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    attempts: list[int] = []

    async def handler(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if len(attempts) < 3:
            raise ValueError("surprise")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, backoff=(0.05,)):
        await until(lambda: len(attempts) == 3)
        await settled(bus, spec)
    assert attempts == [1, 2, 3]


async def test_a_permanent_error_goes_to_the_dead_letters_at_once(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise PermanentError("group_unknown")

    await bus.publish_raw(subject_of(spec), b"sealed", headers={"Renrakumo-Correlation": "abc"})
    async with running(bus, spec, handler):
        await until(lambda: bool(calls))
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert letter.reason == "PermanentError: group_unknown"
    assert base64.b64decode(letter.payload) == b"sealed"
    assert letter.headers["Renrakumo-Correlation"] == "abc"
    assert calls == [1]


async def test_a_message_has_one_dead_letter_and_shares_it_with_none_of_a_bus_that_was_made_anew(
    bus: Bus, new_consumer: NewConsumer
) -> None:
    spec = await new_consumer()
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)
        if len(seen) < 2:
            raise TransientError("away")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, backoff=(0.05,)):
        await until(lambda: len(seen) == 2)
        await settled(bus, spec)
    first, second = (dead_letter_id(spec, each) for each in seen)
    assert first == second
    assert seen[0].stored_at is not None
    anew = dataclasses.replace(seen[0], stored_at=seen[0].stored_at + timedelta(days=1))
    assert dead_letter_id(spec, anew) != first


async def test_a_dead_letter_may_hold_less_than_the_message(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise PermanentError("anybody_could_send_that", kept=delivery.data[:3])

    await bus.publish_raw(subject_of(spec), b"sealed")
    async with running(bus, spec, handler):
        await until(lambda: bool(calls))
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert (letter.reason, base64.b64decode(letter.payload)) == ("PermanentError: anybody_could_send_that", b"sea")


async def test_a_mistake_is_tried_so_often_and_buried_without_its_text(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise ValueError("taro@docomo.ne.jp 山田")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=3, backoff=(0.02,)):
        await until(lambda: len(calls) >= 3)
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert letter.reason == "ValueError"
    assert len(calls) == 3


async def test_an_outage_never_buries_a_message(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 6:
            raise ConnectionRefusedError

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=2, backoff=(0.02,)):
        await until(lambda: len(calls) == 7)
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is None


async def test_attempts_in_an_outage_do_not_count_as_mistakes(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 4:
            raise BusUnavailable("away")
        if len(calls) == 5:
            raise ValueError

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=2, backoff=(0.02,)):
        await until(lambda: len(calls) == 6)
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is None


async def test_a_handler_may_say_when_a_message_comes_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 3:
            raise Postponed("not_yet", delay=0.05)

    await bus.publish_raw(subject_of(spec), b"x")
    # The loop's own delay is far too long for this test to end: it was the handler's that counted.
    async with running(bus, spec, handler, max_attempts=2, backoff=(3600,)):
        await until(lambda: len(calls) == 4)
        await settled(bus, spec)
    assert calls == [1, 2, 3, 4]


async def test_a_body_that_is_not_the_event_is_buried(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()

    async def handler(delivery: Delivery) -> None:
        delivery.event(DeadLetter)

    await bus.publish_raw(subject_of(spec), b"not json")
    async with running(bus, spec, handler):
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is not None


# Slow: the handler outlives the time that the bus waits, several times.
async def test_a_slow_handler_runs_once_however_long_it_takes(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer(ack_wait=0.6)
    calls: list[int] = []
    redelivered: list[int | None] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        await asyncio.sleep(2.5)
        info = await bus.jetstream.consumer_info(spec.stream, spec.name)
        redelivered.append(info.num_redelivered)

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler):
        await until(lambda: bool(calls))
        await settled(bus, spec)
    assert calls == [1]
    assert redelivered == [0]


async def test_no_more_are_in_flight_than_allowed(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    now, most, total = 0, 0, 0

    async def handler(_: Delivery) -> None:
        nonlocal now, most, total
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1
        total += 1

    for _ in range(60):
        await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, concurrency=4, batch=100):
        await until(lambda: total == 60)
    assert most <= 4


async def test_stopping_finishes_what_is_in_flight(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    started, finished = asyncio.Event(), asyncio.Event()

    async def handler(_: Delivery) -> None:
        started.set()
        await asyncio.sleep(0.5)
        finished.set()

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler):
        await asyncio.wait_for(started.wait(), 10)
    assert finished.is_set()
    await settled(bus, spec)


async def test_stopping_gives_back_what_does_not_finish(
    nats_server: NatsServer, new_consumer: NewConsumer, bus: Bus
) -> None:
    spec = await new_consumer(ack_wait=300)
    stuck = 0

    async def hangs(_: Delivery) -> None:
        nonlocal stuck
        stuck += 1
        await asyncio.sleep(3600)

    for _ in range(20):
        await bus.publish_raw(subject_of(spec), b"x")
    first = await connected(nats_server)
    stop = asyncio.Event()
    loop = ConsumerLoop(first, spec, hangs, concurrency=5, finish_seconds=0.2)
    task = asyncio.create_task(loop.run(stop))
    await until(lambda: stuck == 5)
    stop.set()
    await asyncio.wait_for(task, 20)
    await first.drain()

    again: list[int] = []

    async def handler(delivery: Delivery) -> None:
        again.append(delivery.sequence)

    async with running(bus, spec, handler):
        await until(lambda: len(set(again)) == 20)  # long before ack_wait: they were given back
    assert set(again) == set(range(1, 21))


async def test_a_missing_consumer_is_waited_for(bus: Bus, nats_server: NatsServer) -> None:
    name = f"LATE{uuid.uuid4().hex[:6]}"
    spec = ConsumerSpec(name, "late-reader", "registry", (f"{name}.>",))
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.data)

    async with running(bus, spec, handler):
        await asyncio.sleep(0.5)
        await bus.jetstream.add_stream(name=name, subjects=[f"{name}.>"])
        await bus.jetstream.add_consumer(name, durable_name="late-reader", ack_policy="explicit")
        await bus.publish_raw(f"{name}.x", b"at last")
        await until(lambda: len(seen) == 1)
    assert seen == [b"at last"]


async def test_the_rights_of_a_service_are_enough(nats_server: NatsServer, bus: Bus) -> None:
    from contracts.streams import REGISTRY_INBOUND

    service = await connected(nats_server, "registry")
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.correlation)
        raise PermanentError("enough")

    try:
        await bus.publish_raw("inbound.entry", b"{}", headers={"Renrakumo-Correlation": "the-mail"})
        async with running(service, REGISTRY_INBOUND, handler):
            await until(lambda: "the-mail" in seen)
            await settled(bus, REGISTRY_INBOUND)
        assert await dead_letter(bus, REGISTRY_INBOUND) is not None
    finally:
        await service.close()


async def test_the_loop_goes_on_after_the_server_restarted(fresh_nats: NatsServer) -> None:
    bus = await connected(fresh_nats)
    spec = await declare(bus, ack_wait=2)
    seen: list[bytes] = []
    in_the_middle, go_on = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        if delivery.data == b"slow":
            in_the_middle.set()
            await go_on.wait()
        seen.append(delivery.data)

    try:
        async with running(bus, spec, handler, backoff=(0.1,)):
            await bus.publish_raw(subject_of(spec), b"slow")
            await asyncio.wait_for(in_the_middle.wait(), 10)
            await asyncio.to_thread(fresh_nats.kill)
            await until(lambda: not bus.ready)
            go_on.set()  # its acknowledgement has no server to go to
            await until(lambda: b"slow" in seen)
            await asyncio.to_thread(fresh_nats.stop)
            await asyncio.to_thread(fresh_nats.start)
            await until(lambda: bus.ready)
            async with asyncio.timeout(20):
                while True:
                    try:
                        await bus.publish_raw(subject_of(spec), b"after", msg_id="after")
                        break
                    except BusUnavailable:
                        await asyncio.sleep(0.1)
            await until(lambda: b"after" in seen)
            await settled(bus, spec)
        assert set(seen) == {b"slow", b"after"}
    finally:
        await bus.close()


def test_outages_are_told_from_mistakes() -> None:
    assert is_outage(OperationalError("SELECT", {}, Exception()))
    assert is_outage(asyncpg.AdminShutdownError("x"))
    assert is_outage(asyncpg.InterfaceError("connection is closed"))
    assert is_outage(asyncpg.UndefinedTableError("x"))
    assert is_outage(TimeoutError())
    assert not is_outage(IntegrityError("INSERT", {}, Exception()))
    assert not is_outage(asyncpg.UniqueViolationError("x"))
    assert not is_outage(KeyError("x"))
