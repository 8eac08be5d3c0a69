"""What was stopped is known to every dispatcher, at once and for as long as a copy can be on its way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest

from contracts.stopped import StoppedMessage, key
from contracts.streams import STOPPED_MESSAGES
from dispatcher.attempt.stopped import CORRECTED, STOPPED, Halted
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
async def following(bus: Bus) -> AsyncIterator[Halted]:
    """A dispatcher's memory, kept up to date while this is open."""
    halted, stop = Halted(bus), asyncio.Event()
    task = asyncio.create_task(halted.follow(stop))
    try:
        yield halted
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
async def postman(fresh_nats: NatsServer) -> AsyncIterator[Bus]:
    bus = await connected(fresh_nats, "dispatcher")
    yield bus
    await bus.close()


async def test_what_was_stopped_before_the_start_is_known_before_the_first_batch(office: Bus, postman: Bus) -> None:
    stopped, corrected, other = new_id(), new_id(), new_id()
    await stop_sending(office, stopped)
    await stop_sending(office, corrected, by=other)
    async with following(postman) as halted:
        await asyncio.wait_for(halted.known(), 20)
        await halted.check()
        assert (stopped in halted, corrected in halted, other in halted) == (True, True, False)
        assert (halted.reason(stopped), halted.reason(corrected)) == (STOPPED, CORRECTED)


async def test_what_is_stopped_now_is_known_to_all_dispatchers(office: Bus, postman: Bus) -> None:
    message = new_id()
    async with following(postman) as one, following(postman) as another:
        await asyncio.wait_for(asyncio.gather(one.known(), another.known()), 20)
        assert message not in one
        await stop_sending(office, message)
        await until(lambda: message in one and message in another)
        # A correction that comes after the stop says so.
        await stop_sending(office, message, by=new_id())
        await until(lambda: one.reason(message) == CORRECTED)


async def test_what_is_stopped_while_the_bus_is_away_is_known_when_it_is_back(
    fresh_nats: NatsServer, office: Bus, postman: Bus
) -> None:
    before, meanwhile = new_id(), new_id()
    await stop_sending(office, before)
    async with following(postman) as halted:
        await asyncio.wait_for(halted.known(), 20)
        fresh_nats.stop()
        fresh_nats.start()
        await until(lambda: office.ready)
        await stop_sending(office, meanwhile)
        await until(lambda: meanwhile in halted)
        await asyncio.wait_for(halted.known(), 20)
        assert before in halted


async def test_memory_holds_no_more_than_the_bucket(office: Bus, postman: Bus) -> None:
    old, new = new_id(), new_id()
    async with following(postman) as halted:
        await stop_sending(office, old, at=NOW - timedelta(seconds=STOPPED_MESSAGES.ttl + 1))
        await until(lambda: old in halted)
        await stop_sending(office, new)
        await until(lambda: new in halted)
        assert old not in halted
        await office.kv_delete(STOPPED_MESSAGES.name, key(new))
        await until(lambda: new not in halted)
        assert len(halted) == 0


async def test_a_note_of_a_later_release_stops_its_message_all_the_same(office: Bus, postman: Bus) -> None:
    message = new_id()
    async with following(postman) as halted:
        await office.kv_put(STOPPED_MESSAGES.name, "of-the-future", b"{}")
        await office.kv_put(STOPPED_MESSAGES.name, key(message), b'{"format": "unknown"}')
        await until(lambda: message in halted)
        assert (len(halted), halted.reason(message)) == (1, STOPPED)


async def test_a_dispatcher_that_has_not_read_the_bucket_yet_is_not_ready(postman: Bus) -> None:
    with pytest.raises(TransientError):
        await Halted(postman).check()
