"""What was stopped is known to every dispatcher, at once and for as long as a copy can be on its way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from contracts.stopped import StoppedMessage, key
from contracts.streams import STOPPED_MESSAGES
from dispatcher.attempt.stopped import CORRECTED, STOPPED, StoppedMessages
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.errors import BusUnavailable, TransientError
from runtime.ids import new_id
from runtime.settings import ServiceSettings

NOW = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)


async def connected(server: NatsServer, service: str) -> Bus:
    settings = ServiceSettings(
        nats_url=server.url,
        nats_user=service,
        nats_password=server.passwords[service],  # type: ignore[arg-type]  # pydantic seals it
        base_domain="example.test",
        health_port=0,
    )
    return await Bus.connect(settings, name=service, on_closed=lambda: None)


async def stop_sending(office: Bus, message: int, *, by: int | None = None, at: datetime = NOW) -> None:
    """As the office's outbox does: again until the bus has it."""
    entry = StoppedMessage(message=message, by=by, at=at)
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(BusUnavailable):
                await office.kv_put(STOPPED_MESSAGES.name, key(message), entry.model_dump_json().encode())
                return


@contextlib.asynccontextmanager
async def following(bus: Bus) -> AsyncIterator[StoppedMessages]:
    """A dispatcher's memory, kept up to date while this is open."""
    memory, stop = StoppedMessages(bus), asyncio.Event()
    task = asyncio.create_task(memory.follow(stop))
    try:
        yield memory
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 (it is changed by what the server tells)
            await asyncio.sleep(0.01)


@pytest.fixture
async def office(fresh_nats: NatsServer) -> AsyncIterator[Bus]:
    bus = await connected(fresh_nats, "admin-api")
    yield bus
    await bus.close()


@pytest.fixture
async def bus(fresh_nats: NatsServer) -> AsyncIterator[Bus]:
    bus = await connected(fresh_nats, "dispatcher")
    yield bus
    await bus.close()


async def test_what_was_stopped_before_the_start_is_known_before_the_first_batch(office: Bus, bus: Bus) -> None:
    stopped, corrected, other = new_id(), new_id(), new_id()
    await stop_sending(office, stopped)
    await stop_sending(office, corrected, by=other)
    async with following(bus) as memory:
        await asyncio.wait_for(memory.known(), 20)
        await memory.check()
        assert (stopped in memory, corrected in memory, other in memory) == (True, True, False)
        assert (memory.reason(stopped), memory.reason(corrected)) == (STOPPED, CORRECTED)


async def test_what_is_stopped_now_is_known_to_all_dispatchers(office: Bus, bus: Bus) -> None:
    message = new_id()
    async with following(bus) as one, following(bus) as another:
        await asyncio.wait_for(asyncio.gather(one.known(), another.known()), 20)
        assert message not in one
        await stop_sending(office, message)
        await until(lambda: message in one and message in another)
        # A correction that comes after the stop says so.
        await stop_sending(office, message, by=new_id())
        await until(lambda: one.reason(message) == CORRECTED)


# Slow: a server of its own is stopped and started.
async def test_what_is_stopped_while_the_bus_is_away_is_known_when_it_is_back(
    fresh_nats: NatsServer, office: Bus, bus: Bus
) -> None:
    before, meanwhile = new_id(), new_id()
    await stop_sending(office, before)
    async with following(bus) as memory:
        await asyncio.wait_for(memory.known(), 20)
        fresh_nats.stop()
        fresh_nats.start()
        await until(lambda: office.ready)
        await stop_sending(office, meanwhile)
        await until(lambda: meanwhile in memory)
        await asyncio.wait_for(memory.known(), 20)
        assert before in memory


async def test_memory_holds_no_more_than_the_bucket(office: Bus, bus: Bus) -> None:
    old, new = new_id(), new_id()
    async with following(bus) as memory:
        await stop_sending(office, old, at=NOW - timedelta(seconds=STOPPED_MESSAGES.ttl + 1))
        await until(lambda: old in memory)
        await stop_sending(office, new)
        await until(lambda: new in memory)
        assert old not in memory
        await office.kv_delete(STOPPED_MESSAGES.name, key(new))
        await until(lambda: new not in memory)
        assert len(memory) == 0


async def test_a_note_of_a_later_release_stops_its_message_all_the_same(office: Bus, bus: Bus) -> None:
    message = new_id()
    async with following(bus) as memory:
        await office.kv_put(STOPPED_MESSAGES.name, "of-the-future", b"{}")
        await office.kv_put(STOPPED_MESSAGES.name, key(message), b'{"format": "unknown"}')
        await until(lambda: message in memory)
        assert (len(memory), memory.reason(message)) == (1, STOPPED)


async def test_a_dispatcher_that_has_not_read_the_bucket_yet_is_not_ready(bus: Bus) -> None:
    with pytest.raises(TransientError):
        await StoppedMessages(bus).check()
