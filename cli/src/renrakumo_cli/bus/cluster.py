"""The servers of a cluster as a whole: have they found each other, and does each hold everything?

Asked of JetStream itself, as the operator: each stream and consumer tells who leads it and how far the others are.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import ClusterInfo, StreamConfig, StreamInfo, StreamsListIterator

from renrakumo_cli.bus.login import connected

_PROBE = StreamConfig(name="RENRAKUMO_PROBE", subjects=["renrakumo.probe"], max_msgs=1)
_PAUSE = 0.2


class WithoutLeader(nats.errors.Error):
    """Streams that no server answers for: one that led them was just lost, or too many are."""

    def __init__(self, number: int) -> None:
        super().__init__(f"{number} streams have no server that leads them")


async def streams(js: JetStreamContext, *, within: float = 0.0) -> list[StreamInfo]:
    """All streams. The server's list leaves out those without a leader: they are waited for, so many seconds. Raises
    WithoutLeader."""
    found: list[StreamInfo] = []

    async def complete() -> bool:
        listed = await js.streams_info_iterator()
        assert isinstance(listed, StreamsListIterator)  # declared as less
        found[:] = listed
        if len(found) < listed.total:
            raise WithoutLeader(listed.total - len(found))
        return True

    await _until(complete, within)
    return found


async def formed(js: JetStreamContext, *, servers: int, within: float) -> None:
    """Wait until a stream with so many copies can be made. Raises the last refusal when that takes too long."""
    if servers == 1:
        return

    async def possible() -> bool:
        await js.add_stream(_PROBE.evolve(num_replicas=servers))
        await js.delete_stream(str(_PROBE.name))
        return True

    await _until(possible, within)


async def in_sync(url: str, user: str, password: str, *, replicas: int, within: float) -> None:
    """Wait until every stream and every consumer has a leader and `replicas - 1` followers that are up to date, so that
    any server may go without loss of choice. Raises TimeoutError that names what lags."""
    behind: list[str] = []

    async def complete() -> bool:
        async with connected(url, user, password) as client:
            behind[:] = await lagging(client.jetstream(timeout=5), replicas=replicas)
        return not behind

    try:
        await _until(complete, within)
    except (OSError, nats.errors.Error) as error:
        raise TimeoutError(f"{', '.join(behind) or type(error).__name__}") from None


async def lagging(js: JetStreamContext, *, replicas: int) -> list[str]:
    """Streams and consumers that fewer than `replicas` servers hold right now. Raises nats.errors.Error while the
    bus does not answer."""
    found = []
    for stream in await streams(js):
        name = str(stream.config.name)
        if not _whole(stream.cluster, replicas):
            found.append(name)
        found += [
            f"{name}/{consumer.name}"
            for consumer in await js.consumers_info(name)
            if consumer.config.durable_name and not _whole(consumer.cluster, replicas)
        ]
    return found


def _whole(cluster: ClusterInfo | None, replicas: int) -> bool:
    if replicas == 1:
        return True
    if cluster is None or not cluster.leader:
        return False
    return sum(bool(peer.current) and not peer.offline for peer in cluster.replicas or []) >= replicas - 1


async def _until(done: Callable[[], Awaitable[bool]], within: float) -> None:
    deadline = monotonic() + within
    while True:
        problem: Exception = TimeoutError("not in time")
        try:
            if await done():
                return
        except (OSError, nats.errors.Error) as error:
            problem = error
        if monotonic() > deadline:
            raise problem
        await asyncio.sleep(_PAUSE)
