"""An attempt at a batch has one owner, and whoever follows him knows every outcome that was recorded."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliveryProgress, DeliverySettled
from contracts.sealed import Sealed
from dispatcher.attempt.progress import Progress
from runtime.errors import BusRefused, BusUnavailable, Postponed, WrongRevision

NOW = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)


class FakeStore:
    """The steps of one attempt, as the bus keeps them. `lose_next`: store the next one but lose its acknowledgement;
    `away`: so many writes are not stored at all; `refuse`: none is, whatever happens."""

    def __init__(self) -> None:
        self.kept: list[DeliveryProgress] = []
        self.lose_next = False
        self.away = 0
        self.refuse = False

    @property
    def sequence(self) -> int:
        return 7 * len(self.kept)

    async def content(self, key: str) -> Sealed | None:
        return None

    async def steps(self, batch: str, attempt: int) -> tuple[list[DeliveryProgress], int]:
        return list(self.kept), self.sequence

    async def last_step(self, batch: str, attempt: int) -> tuple[DeliveryProgress | None, int]:
        return (self.kept[-1] if self.kept else None), self.sequence

    async def write_step(self, step: DeliveryProgress, follows: int) -> int:
        await asyncio.sleep(0)
        if self.refuse:
            raise BusRefused("message_too_large")
        if self.away:
            self.away -= 1
            raise BusUnavailable("bus_disconnected")
        if follows != self.sequence:
            raise WrongRevision("wrong_revision")
        self.kept.append(step)
        if self.lose_next:
            self.lose_next = False
            raise BusUnavailable("bus_not_acknowledged")
        return self.sequence

    async def settle(self, settled: DeliverySettled) -> None: ...

    async def send_later(self, batch: DeliveryBatch, at: datetime) -> None: ...

    @property
    def recorded(self) -> list[int]:
        return [outcome.copy_ref for step in self.kept for outcome in step.outcomes]


def a_batch() -> DeliveryBatch:
    return DeliveryBatch(
        id="b",
        occurred_at=NOW,
        batch="b",
        unit="sakura",
        lane="ordinary",
        carrier="other",
        message=1,
        recipients=Sealed(recipient="dispatcher", key_id="k", box=""),
        first_planned_at=NOW,
    )


def delivered(copy_ref: int) -> CopyOutcome:
    return CopyOutcome(copy_ref=copy_ref, outcome="delivered", at=NOW, attempt=1)


async def claim(store: FakeStore) -> Progress:
    return await Progress.claim(store, a_batch(), lambda: NOW, away_seconds=(0.0,))


async def test_a_successor_finds_what_was_recorded_and_the_first_owner_learns_of_it() -> None:
    store = FakeStore()
    first = await claim(store)
    await first.record(delivered(1))
    second = await claim(store)
    assert set(second.outcomes) == {1}
    with pytest.raises(Postponed) as lost:
        await first.record(delivered(2))
    assert lost.value.delay >= 20
    with pytest.raises(Postponed):
        await first.record(delivered(3))
    await second.record(delivered(2))
    assert store.recorded == [1, 2]


async def test_a_lost_acknowledgement_is_no_other_owner() -> None:
    store = FakeStore()
    progress = await claim(store)
    store.lose_next = True
    await progress.record(delivered(1))
    await progress.record(delivered(2))
    assert store.recorded == [1, 2]


async def test_a_claim_whose_acknowledgement_was_lost_can_be_made_again() -> None:
    store = FakeStore()
    store.lose_next = True
    with pytest.raises(BusUnavailable):
        await claim(store)
    progress = await claim(store)
    await progress.record(delivered(1))
    assert store.recorded == [1]


async def test_outcomes_that_come_while_a_step_is_stored_share_the_next_one() -> None:
    store = FakeStore()
    progress = await claim(store)
    await asyncio.gather(*(progress.record(delivered(number)) for number in range(1, 51)))
    assert sorted(store.recorded) == list(range(1, 51))
    assert len(store.kept) <= 4


async def test_while_the_bus_is_away_nobody_goes_on() -> None:
    store = FakeStore()
    progress = await claim(store)
    store.away = 2
    recording = asyncio.create_task(progress.record(delivered(1)))
    await asyncio.sleep(0)
    assert not recording.done()
    await recording
    assert store.recorded == [1]


# Slow: each example has an event loop of its own.
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_no_outcome_is_lost_or_kept_twice_whatever_happens_to_acknowledgements(
    rounds: list[tuple[int, bool, bool]],
) -> None:
    async def play() -> None:
        store = FakeStore()
        progress = await claim(store)
        wanted: list[int] = []
        for number, (copies, lose, take_over) in enumerate(rounds):
            refs = [100 * number + copy for copy in range(1, copies + 1)]
            store.lose_next = lose
            await asyncio.gather(*(progress.record(delivered(ref)) for ref in refs))
            wanted += refs
            if take_over:
                store.lose_next = False
                progress = await claim(store)
                assert sorted(progress.outcomes) == sorted(wanted)
        assert sorted(store.recorded) == sorted(wanted)

    asyncio.run(play())
