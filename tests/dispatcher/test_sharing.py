"""Who may use a carrier's connections, how sessions are shared, and that a batch has one owner."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import LANES, Lane
from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliveryProgress, DeliverySettled
from contracts.sealed import Sealed
from dispatcher.carriers import load_carriers
from dispatcher.client import Envelope
from dispatcher.lanes import Slots, may_enter
from dispatcher.pacing import Pauses
from dispatcher.pool import Pool
from dispatcher.progress import Progress
from dispatcher.replies import HopUnavailable, Reply
from dispatcher.routes import Hop, Host
from runtime.errors import BusUnavailable, Postponed, WrongRevision

NOW = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
HOPS = tuple(Hop(name, (Host(name),)) for name in ("a", "b", "c"))


# Lanes


def test_ordinary_mail_never_takes_the_last_connection() -> None:
    assert not may_enter("ordinary", total=3, in_lane=3, connections=4)
    assert may_enter("urgent", total=3, in_lane=0, connections=4)
    assert may_enter("prompt", total=3, in_lane=0, connections=4)
    assert may_enter("ordinary", total=0, in_lane=0, connections=1)


@given(
    connections=st.integers(1, 6),
    steps=st.lists(st.tuples(st.sampled_from(LANES), st.booleans()), max_size=40),
)
def test_no_connection_is_given_twice_and_none_is_kept_from_who_waits(
    connections: int, steps: list[tuple[Lane, bool]]
) -> None:
    async def play() -> None:
        slots = Slots(connections)
        holding: list[tuple[Lane, asyncio.Event]] = []
        at_work: dict[Lane, int] = dict.fromkeys(LANES, 0)
        tasks: list[asyncio.Task[None]] = []

        async def worker(lane: Lane, end: asyncio.Event) -> None:
            async with slots.enter(lane):
                at_work[lane] += 1
                assert sum(at_work.values()) <= connections
                assert at_work["ordinary"] <= max(1, connections - 1)
                holding.append((lane, end))
                await end.wait()
                at_work[lane] -= 1

        for number, (lane, cancel) in enumerate(steps):
            tasks.append(asyncio.create_task(worker(lane, asyncio.Event())))
            await asyncio.sleep(0)
            if cancel and number % 2 and not tasks[number // 2].done():
                waiting = tasks[number // 2]
                if all(end.is_set() is False for _, end in holding):
                    waiting.cancel()
                    await asyncio.sleep(0)
            elif cancel and holding:
                holding.pop(0)[1].set()
                await asyncio.sleep(0)
        while not all(task.done() for task in tasks):
            for _, end in holding:
                end.set()
            await asyncio.sleep(0)

    try:
        asyncio.run(asyncio.wait_for(play(), 5))
    except asyncio.CancelledError:
        pytest.fail("the play itself was cancelled")


async def test_who_waits_is_served_urgent_first() -> None:
    slots = Slots(1)
    order: list[str] = []

    async def worker(lane: Lane) -> None:
        async with slots.enter(lane):
            order.append(lane)

    async with slots.enter("ordinary"):
        tasks = [asyncio.create_task(worker(lane)) for lane in ("ordinary", "prompt", "urgent")]
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    assert order == ["urgent", "prompt", "ordinary"]


# Sessions


@dataclass
class FakeSession:
    """A session that counts."""

    hop: Hop
    offered: int = 0
    idle_since: float = 0.0
    host: str = "host"
    usable: bool = True
    ends: list[str] = field(default_factory=list)

    async def send(self, envelope: Envelope) -> Reply:
        raise AssertionError

    async def close(self) -> None:
        self.ends.append("quit")
        self.usable = False

    def drop(self) -> None:
        self.ends.append("dropped")
        self.usable = False


class Opener:
    """Opens fake sessions, remembers them."""

    def __init__(self) -> None:
        self.opened: list[FakeSession] = []

    async def open(self, hop: Hop) -> FakeSession:
        if hop.key == "closed":
            raise HopUnavailable("no connection", stage="connect")
        self.opened.append(FakeSession(hop))
        return self.opened[-1]

    @property
    def in_use(self) -> int:
        return sum(session.usable for session in self.opened)


POLICY = replace(load_carriers().named("other"), connections=2, connections_per_hop=1, messages_per_connection=3, idle_seconds=10)


async def test_a_session_in_order_is_used_again_and_a_worn_out_one_is_not() -> None:
    opener = Opener()
    pool = Pool(opener.open)
    first = await pool.take(HOPS[0], POLICY)
    pool.give_back(first, POLICY)
    assert await pool.take(HOPS[0], POLICY) is first
    first.offered = 3
    pool.give_back(first, POLICY)
    assert await pool.take(HOPS[0], POLICY) is not first
    await asyncio.sleep(0)
    assert opener.opened[0].ends == ["quit"]


async def test_idle_sessions_make_room_for_another_hop() -> None:
    opener = Opener()
    pool = Pool(opener.open)
    for hop in HOPS:
        pool.give_back(await pool.take(hop, POLICY), POLICY)
        await asyncio.sleep(0)
    assert opener.in_use == 2
    assert not pool.has_idle(HOPS[0], POLICY)
    assert pool.has_idle(HOPS[2], POLICY)
    await pool.close()
    assert opener.in_use == 0


async def test_a_hop_that_cannot_be_reached_holds_no_room() -> None:
    pool = Pool(Opener().open)
    for _ in range(5):
        with pytest.raises(HopUnavailable):
            await asyncio.wait_for(pool.take(Hop("closed", ()), POLICY), 1)


async def test_who_comes_second_to_a_hop_waits_for_the_first() -> None:
    pool = Pool(Opener().open)
    first = await pool.take(HOPS[0], POLICY)
    second: Awaitable[object] = asyncio.create_task(pool.take(HOPS[0], POLICY))
    await asyncio.sleep(0)
    pool.give_back(first, POLICY)
    assert await second is first


async def test_sessions_without_work_are_closed_after_a_while() -> None:
    clock = [0.0]
    opener = Opener()
    pool = Pool(opener.open, now=lambda: clock[0])
    pool.give_back(await pool.take(HOPS[0], POLICY), POLICY)
    clock[0] = 9.0
    pool.close_idle()
    assert pool.has_idle(HOPS[0], POLICY)
    clock[0] = 11.0
    pool.close_idle()
    assert not pool.has_idle(HOPS[0], POLICY)


# Pauses


def test_a_pause_ends_by_itself_and_is_never_cut_short() -> None:
    clock = [100.0]
    pauses = Pauses(lambda: clock[0])
    pauses.pause("hop", 10)
    pauses.pause("hop", 1)
    assert pauses.remaining("hop") == 10
    assert pauses.remaining("other") == 0
    clock[0] = 110.0
    assert pauses.remaining("hop") == 0


# Progress


class FakeStore:
    """The newest progress, as the bus keeps it. `lose_next`: store the next write but lose its acknowledgement."""

    def __init__(self) -> None:
        self.last: DeliveryProgress | None = None
        self.sequence = 0
        self.lose_next = False

    async def content(self, key: str) -> Sealed | None:
        return None

    async def last_progress(self, batch: str) -> tuple[DeliveryProgress | None, int]:
        return self.last, self.sequence

    async def write_progress(self, progress: DeliveryProgress, follows: int) -> int:
        if follows != self.sequence:
            raise WrongRevision("wrong_revision")
        self.last = progress
        self.sequence += 7
        if self.lose_next:
            self.lose_next = False
            raise BusUnavailable("bus_not_acknowledged")
        return self.sequence

    async def settle(self, settled: DeliverySettled) -> None: ...

    async def send_later(self, batch: DeliveryBatch, at: datetime) -> None: ...


def a_batch(attempt: int = 1) -> DeliveryBatch:
    return DeliveryBatch(
        id=f"b/{attempt}",
        occurred_at=NOW,
        batch="b",
        unit="sakura",
        lane="ordinary",
        carrier="other",
        message=1,
        attempt=attempt,
        recipients=Sealed(recipient="dispatcher", key_id="k", box=""),
        first_planned_at=NOW,
    )


def delivered(copy_ref: int, attempt: int = 1) -> CopyOutcome:
    return CopyOutcome(copy_ref=copy_ref, outcome="delivered", at=NOW, attempt=attempt)


async def claim(store: FakeStore, attempt: int = 1) -> Progress | None:
    return await Progress.claim(store, a_batch(attempt), lambda: NOW)


async def test_a_successor_finds_what_was_recorded_and_the_first_owner_learns_of_it() -> None:
    store = FakeStore()
    first = await claim(store)
    assert first is not None
    await first.record(delivered(1))
    second = await claim(store)
    assert second is not None
    assert set(second.outcomes) == {1}
    with pytest.raises(Postponed) as lost:
        await first.record(delivered(2))
    assert lost.value.delay >= 20
    await second.record(delivered(2))
    assert store.last is not None
    assert {outcome.copy_ref for outcome in store.last.outcomes} == {1, 2}


async def test_a_lost_acknowledgement_is_no_other_owner() -> None:
    store = FakeStore()
    progress = await claim(store)
    assert progress is not None
    store.lose_next = True
    await progress.record(delivered(1))
    await progress.record(delivered(2))
    assert store.last is not None
    assert len(store.last.outcomes) == 2


async def test_the_next_attempt_begins_with_nothing_and_ends_the_one_before() -> None:
    store = FakeStore()
    first = await claim(store)
    assert first is not None
    await first.record(delivered(1))
    second = await claim(store, attempt=2)
    assert second is not None
    assert second.outcomes == {}
    assert await claim(store, attempt=1) is None
