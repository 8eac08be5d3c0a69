"""What the bus promises on a cluster of three servers while one of them is killed in the middle."""

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from contracts.streams import STREAMS, ConsumerSpec
from renrakumo_cli.bus.nats_accounts import OPERATOR
from runtime.bus.client import KV_READY, Bus, KvChange, Outgoing
from runtime.bus.consumer import ConsumerLoop, Delivery
from runtime.errors import BusUnavailable, WrongRevision
from runtime.settings import ServiceSettings
from simulator import servers
from simulator.servers import NatsCluster
from tests.runtime.bus.consuming import until

EXPECTED = "Nats-Expected-Last-Subject-Sequence"
MANY = 200


# Slow: three servers have to find each other and elect leaders.
@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers with everything declared on each."""
    started = servers.start_nats_cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


# Slow: whoever a test lost is started again, and waited for until it holds everything.
@pytest.fixture
async def whole(cluster: NatsCluster) -> NatsCluster:
    """The three servers, none of them missing."""
    await cluster.heal()
    return cluster


@contextlib.asynccontextmanager
async def bus_of(cluster: NatsCluster, *, at: str | None = None) -> AsyncIterator[Bus]:
    """A bus with all rights. `at`: the server to begin with; it knows the others all the same."""
    settings = ServiceSettings(
        nats_url=cluster.servers[at].url if at else cluster.url,
        nats_user=OPERATOR,
        nats_password=cluster.passwords[OPERATOR],  # type: ignore[arg-type]
        base_domain="example.test",
        health_port=0,
    )
    bus = await Bus.connect(settings, name=OPERATOR, on_closed=lambda: None)
    try:
        yield bus
    finally:
        await bus.close()


def held_by(cluster: NatsCluster, name: str) -> set[str]:
    """Streams and consumers that lie on a server's disk."""
    store = cluster.servers[name].folder / "store" / "jetstream"
    found = (*store.glob("*/streams/*"), *store.glob("*/streams/*/obs/*"))
    return {str(path.relative_to(store)) for path in found}


def another(cluster: NatsCluster, name: str) -> str:
    return next(other for other in cluster.servers if other != name)


async def stored_for_sure(bus: Bus, subject: str, payload: bytes, msg_id: str) -> None:
    """As every writer does it: again with the same id until it is acknowledged."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(BusUnavailable):
                await bus.publish_raw(subject, payload, msg_id=msg_id)
                return
            await asyncio.sleep(0.1)


# Slow: a new leader is elected.
async def test_what_is_published_while_the_leader_dies_is_stored_once(whole: NatsCluster) -> None:
    leader = await whole.leader("INBOUND")
    async with bus_of(whole, at=another(whole, leader)) as bus:
        before = (await bus.jetstream.stream_info("INBOUND")).state.messages

        async def write(number: int) -> None:
            await asyncio.sleep(number / 200)  # spread over the time in which the leader dies
            await stored_for_sure(bus, "inbound.entry", str(number).encode(), f"once-{number}")

        writing = [asyncio.create_task(write(number)) for number in range(MANY)]
        await asyncio.sleep(0.5)  # some are stored, some are under way, some come later
        await whole.lose(leader)
        await asyncio.gather(*writing)
        assert (await bus.jetstream.stream_info("INBOUND")).state.messages == before + MANY


async def surely(write: Callable[[], Awaitable[int]]) -> None:
    """As every caller does: what was not acknowledged is written again, and a revision that is another one by then says
    that it had been stored."""
    async with asyncio.timeout(60):
        while True:
            try:
                await write()
                return
            except BusUnavailable:
                await asyncio.sleep(0.2)
            except WrongRevision:
                return


# Slow: a new leader is elected.
async def test_a_write_right_after_the_leader_died_is_made_by_the_next_one_once(whole: NatsCluster) -> None:
    leader = await whole.leader("KV_directory")
    async with bus_of(whole, at=leader) as bus:
        revision = await bus.kv_put("directory", "unit.write", b"1")
        await whole.lose(leader)
        await surely(lambda: bus.kv_update("directory", "unit.write", b"2", revision))
        assert await bus.kv_get("directory", "unit.write") == b"2"
        with pytest.raises(WrongRevision):
            await bus.kv_update("directory", "unit.write", b"3", revision)


# Slow: a new leader is elected.
async def test_many_published_at_once_right_after_the_leader_died_are_all_stored(whole: NatsCluster) -> None:
    leader = await whole.leader("EVENTS")
    async with bus_of(whole, at=another(whole, leader)) as bus:
        await whole.lose(leader)
        results = await bus.publish_many(
            [Outgoing("leave.opened", str(number).encode(), f"many-{number}") for number in range(100)]
        )
        assert set(results) == {None}


# Slow: a new leader is elected.
async def test_steps_that_name_the_one_they_follow_go_on_without_a_gap(whole: NatsCluster) -> None:
    leader = await whole.leader("PROGRESS")
    async with bus_of(whole, at=another(whole, leader)) as bus:
        subject, follows = "progress.b1.1", 0
        losing: asyncio.Task[None] | None = None
        for number in range(MANY):
            if number == MANY // 4:
                losing = asyncio.create_task(whole.lose(leader))
            body = str(number).encode()
            async with asyncio.timeout(60):
                while True:
                    try:
                        follows = await bus.publish_raw(subject, body, headers={EXPECTED: str(follows)})
                        break
                    except BusUnavailable:
                        await asyncio.sleep(0.1)
                    except WrongRevision:
                        last = await bus.last("PROGRESS", subject)
                        assert last is not None
                        if last.data == body:
                            follows = last.sequence
                            break
                        await asyncio.sleep(0.1)
        assert losing is not None
        await losing
        stored = await bus.all_of("PROGRESS", subject)
        assert [int(message.data) for message in stored] == list(range(MANY))


# Slow: a new leader is elected, and only then looks at what is due.
async def test_what_is_scheduled_comes_once_though_the_leader_died_meanwhile(whole: NatsCluster) -> None:
    async with bus_of(whole) as bus:
        await bus.jetstream.add_stream(
            StreamConfig(name="LATER", subjects=["later.>"], num_replicas=3, allow_msg_schedules=True)
        )
        await whole.heal()
        leader = await whole.leader("LATER")
        due = datetime.now(UTC) + timedelta(seconds=5)
        for number in range(20):
            await bus.publish_raw(
                f"later.plan.{number}",
                str(number).encode(),
                msg_id=f"later-{number}",
                headers={
                    "Nats-Schedule": f"@at {due.strftime('%Y-%m-%dT%H:%M:%SZ')}",
                    "Nats-Schedule-Target": "later.now",
                },
            )
        await whole.lose(leader)

        async def come() -> list[bytes]:
            return [message.data for message in await bus.all_of("LATER", "later.now")]

        async with asyncio.timeout(30):
            while len(await come()) < 20:  # noqa: ASYNC110  the server has no event to wait for
                await asyncio.sleep(0.2)
        await whole.heal()
        assert Counter(await come()) == Counter(str(number).encode() for number in range(20))


# Slow: a new leader is elected.
async def test_a_consumer_reads_on_though_its_leader_died(whole: NatsCluster) -> None:
    async with bus_of(whole) as bus:
        await bus.jetstream.add_stream(StreamConfig(name="READ", subjects=["read.>"], num_replicas=3))
        await bus.jetstream.add_consumer(
            "READ", ConsumerConfig(durable_name="reader", ack_wait=5, max_deliver=-1, max_ack_pending=1000)
        )
        await whole.heal()
        spec = ConsumerSpec("READ", "reader", "registry", ("read.>",), ack_wait=5)
        seen: Counter[bytes] = Counter()
        stop = asyncio.Event()

        async def handle(delivery: Delivery) -> None:
            seen[delivery.data] += 1

        loop = asyncio.create_task(ConsumerLoop(bus, spec, handle).run(stop))
        await stored_for_sure(bus, "read.x", b"before", "before")
        await until(lambda: b"before" in seen)
        info = await bus.jetstream.consumer_info("READ", "reader")
        assert info.cluster is not None
        assert info.cluster.leader is not None
        await whole.lose(info.cluster.leader)
        await stored_for_sure(bus, "read.x", b"after", "after")
        await until(lambda: b"after" in seen, 40)
        stop.set()
        await asyncio.wait_for(loop, 30)


# Slow: a new leader is elected.
async def test_a_watch_goes_on_though_the_server_that_told_it_died(whole: NatsCluster) -> None:
    leader = await whole.leader("KV_directory")
    async with bus_of(whole, at=another(whole, leader)) as bus:
        seen: list[KvChange] = []
        stop = asyncio.Event()

        async def watch() -> None:
            async for change in bus.kv_watch("directory", stop=stop):
                seen.append(change)

        task = asyncio.create_task(watch())
        await until(lambda: KV_READY in seen)
        await whole.lose(leader)
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(BusUnavailable):
                    await bus.kv_put("directory", "unit.watch", b"1")
                    break
        await until(lambda: ("unit.watch", b"1") in seen, 40)
        assert not task.done()
        stop.set()
        await asyncio.wait_for(task, 20)


# Slow: a server gets a whole store from the others.
async def test_services_start_while_a_server_is_missing_and_it_is_given_everything_again_when_it_lost_its_store(
    whole: NatsCluster,
) -> None:
    await whole.lose("nats-3")
    async with bus_of(whole, at="nats-2") as bus:
        assert bus.ready
    async with bus_of(whole) as bus:
        assert bus.ready
    shutil.rmtree(whole.servers["nats-3"].folder / "store")
    await whole.heal()
    assert {stream.name for stream in STREAMS} <= {name.rpartition("/")[2] for name in held_by(whole, "nats")}
    # The others may call it up to date before it has noticed itself that it lost everything.
    await until(lambda: held_by(whole, "nats-3") >= held_by(whole, "nats"), seconds=90)
    await whole.heal()
    await whole.lose("nats-2")
    async with bus_of(whole) as bus:
        await surely(lambda: bus.kv_put("directory", "unit.again", b"1"))
        assert await bus.kv_get("directory", "unit.again") == b"1"
