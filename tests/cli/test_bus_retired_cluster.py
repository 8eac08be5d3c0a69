"""What release 0.1 left on a cluster is there under the names of today, also when a server is lost while it is moved."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import nats.errors
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from renrakumo_cli import bus
from renrakumo_cli.bus.change import Change, NotApplied
from renrakumo_cli.bus.cluster import formed
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.bus.streams import bring_up_to_date
from simulator import servers
from simulator.servers import NatsCluster
from tests.cli.test_bus_retired import MOVED, RETIRED, assert_whole_and_once, fill, told
from tests.support import released_bus

SECOND_DECISION = 4  # of what is said anew; two probes come before the decisions


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers that each test gives a bus of its own."""
    started = servers.start_empty_nats_cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


@contextlib.asynccontextmanager
async def entered(cluster: NatsCluster) -> AsyncIterator[Client]:
    async with bus.connected(cluster.url, OPERATOR, cluster.passwords[OPERATOR]) as client:
        yield client


# Slow: the first waits for the cluster, the others until each server that was lost holds everything again.
@pytest.fixture
async def left(cluster: NatsCluster) -> NatsCluster:
    """What release 0.1 left to be moved, three times each: some given to a service and not acknowledged, some put off
    for an hour."""
    async with entered(cluster) as client:
        js = client.jetstream(timeout=15)
        await formed(js, servers=3, within=60)
        for info in await js.streams_info():
            await js.delete_stream(str(info.config.name))
        await released_bus.build(client, "release-0.1", only=(*RETIRED, "INBOUND"), replicas=3)
        await fill(js)
        (put_off,) = await (await js.pull_subscribe_bind("receipts-again", "AGAIN")).fetch(1)
        await put_off.nak(delay=3600)
    await cluster.heal()
    return cluster


async def apply(cluster: NatsCluster) -> list[Change]:
    return await bus.apply(cluster.url, OPERATOR, cluster.passwords[OPERATOR])


async def apply_until_done(cluster: NatsCluster) -> list[Change]:
    """As the message tells an operator to do it."""
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(NotApplied):
                return await apply(cluster)


async def assert_moved(cluster: NatsCluster) -> None:
    """Everything is there once, under the names of today alone, on three servers; services are given it at once."""
    await cluster.heal()
    async with entered(cluster) as client:
        js = client.jetstream(timeout=15)
        await assert_whole_and_once(js)
        assert await told(js, "KV_dispatchers") == {}
        assert {info.config.num_replicas for info in await js.streams_info()} == {3}
        assert await given(js, "DEADLETTER_RETRIES", "registry-dead-letter-retry") == [b"decision-1", b"decision-2"]
        assert await given(js, "DEADLETTER_RETRIES", "receipts-dead-letter-retry") == [b"decision-3"]
        assert await given(js, "INBOUND", "admin-api-inbound") == [b"probe-1", b"probe-2"]


async def given(js: JetStreamContext, stream: str, consumer: str) -> list[bytes]:
    """What a service is given, until nothing waits for it any more."""
    waiting = (await js.consumer_info(stream, consumer)).num_pending or 0
    messages = await (await js.pull_subscribe_bind(consumer, stream)).fetch(waiting)
    for message in messages:
        await message.ack_sync()
    state = await js.consumer_info(stream, consumer)
    assert (state.num_pending, state.num_ack_pending) == (0, 0)
    return [message.data for message in messages]


class Losing(JetStreamContext):
    """A connection during whose nth message the server that leads `stream` is lost."""

    def __init__(self, client: Client, cluster: NatsCluster, stream: str, nth: int) -> None:
        super().__init__(client, timeout=3)
        self._cluster = cluster
        self._stream = stream
        self._left = nth

    async def publish(self, *args: Any, **named: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            await self._cluster.lose(await self._cluster.leader(self._stream))
        return await super().publish(*args, **named)


# Slow: it waits for the cluster, and then makes all streams of today on three servers.
async def test_on_a_cluster_all_is_moved_and_held_by_each_server(left: NatsCluster) -> None:
    changes = await apply(left)

    assert {(change.kind, change.name) for change in changes if change.outcome == "moved"} == MOVED
    await assert_moved(left)
    assert {change.outcome for change in await apply(left)} == {"unchanged"}


# Slow: streams of today are made, on three servers.
async def test_two_operators_may_do_it_at_once(left: NatsCluster) -> None:
    await asyncio.gather(apply(left), apply(left))
    await assert_moved(left)


# Slow: another leader is chosen, and in the end the lost server catches up.
async def test_a_server_may_be_lost_meanwhile_and_stay_away_until_all_is_moved(left: NatsCluster) -> None:
    async with entered(left) as client:
        with pytest.raises((OSError, nats.errors.Error)):
            await bring_up_to_date(Losing(client, left, "AGAIN", SECOND_DECISION))

    changes = await apply_until_done(left)

    assert "created" not in {change.outcome for change in changes}, "what has no leader just now is not missing"
    assert sum(server.process.running for server in left.servers.values()) == 2
    await assert_moved(left)
