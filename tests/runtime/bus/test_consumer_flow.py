"""How messages flow through the bus loop: at once, never too many, to their end when it is stopped, and on after a fault."""

import asyncio
import uuid

import structlog.testing

from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.bus.consumer import ConsumerLoop, Delivery
from runtime.errors import BusUnavailable
from tests.runtime.bus.consuming import NewConsumer, pending, running, settled, until
from tests.runtime.conftest import connected, declare, subject_of


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


# Slow: the handler outlives the time that the bus waits, several times.
async def test_a_slow_handler_runs_once_however_long_it_takes(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer(ack_wait=0.6)
    calls: list[int] = []
    redelivered: list[int | None] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        await asyncio.sleep(2.5)  # the server's clock decides what is late
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
    together = asyncio.Barrier(4)  # nobody goes on until so many are in flight

    async def handler(_: Delivery) -> None:
        nonlocal now, most, total
        now += 1
        most = max(most, now)
        await together.wait()
        now -= 1
        total += 1

    for _ in range(60):
        await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, concurrency=4, batch=100):
        await until(lambda: total == 60)
    assert most == 4


async def test_stopping_finishes_what_is_in_flight(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    started, stopping, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handler(_: Delivery) -> None:
        started.set()
        await stopping.wait()
        await pending(bus, spec)  # something that takes a moment, while the loop ends around it
        finished.set()

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler) as stop:
        await asyncio.wait_for(started.wait(), 10)
        stop.set()
        stopping.set()
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
        await asyncio.Event().wait()

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
        with structlog.testing.capture_logs() as told:
            await until(lambda: any(each["event"] == "consumer_not_there_yet" for each in told))
        await bus.jetstream.add_stream(name=name, subjects=[f"{name}.>"])
        await bus.jetstream.add_consumer(name, durable_name="late-reader", ack_policy="explicit")
        await bus.publish_raw(f"{name}.x", b"at last")
        await until(lambda: len(seen) == 1)
    assert seen == [b"at last"]


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
                        await asyncio.sleep(0.1)  # connected, but JetStream is still reading its files
            await until(lambda: b"after" in seen)
            await settled(bus, spec)
        assert set(seen) == {b"slow", b"after"}
    finally:
        await bus.close()
