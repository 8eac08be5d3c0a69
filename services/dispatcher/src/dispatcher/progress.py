"""The progress of one attempt at a batch: claimed before the first copy goes out, written after every copy.

    claim -> (send a copy -> record) * -> settled
A record is written before the next copy goes out; while the bus is away the outcome is held and nothing is sent. So
whoever takes over after a crash finds all outcomes but that of the copy in flight.
"""

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliveryProgress
from dispatcher.store import Store
from runtime.errors import BusUnavailable, Postponed, WrongRevision

ELSEWHERE_SECONDS = 30.0
"""How long a batch that another dispatcher has claimed is left alone: longer than it keeps silent while it works."""

_AWAY_SECONDS = (0.1, 0.3, 1.0, 2.0)


class Progress:
    """Outcomes so far by copy. Make it with `claim`; only one task uses it."""

    def __init__(
        self, store: Store, batch: DeliveryBatch, outcomes: dict[int, CopyOutcome], sequence: int,
        now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self.outcomes = outcomes
        self._store = store
        self._batch = batch
        self._sequence = sequence
        self._now = now
        self._owner = secrets.token_hex(6)
        self._number = 0

    @classmethod
    async def claim(cls, store: Store, batch: DeliveryBatch, now: Callable[[], datetime]) -> "Progress | None":
        """Make this attempt ours, with what an earlier owner recorded of it. None when a later attempt has begun, so
        this one is over. Raises Postponed when another dispatcher claims at the same moment."""
        last, sequence = await store.last_progress(batch.batch)
        outcomes: dict[int, CopyOutcome] = {}
        if last is not None:
            if last.attempt > batch.attempt:
                return None
            if last.attempt == batch.attempt:
                outcomes = {outcome.copy_ref: outcome for outcome in last.outcomes}
        progress = cls(store, batch, outcomes, sequence, now)
        await progress._write()
        return progress

    async def record(self, *outcomes: CopyOutcome) -> None:
        """Keep these outcomes on the bus; returns only when they are there. Raises Postponed when the batch is no
        longer ours."""
        for outcome in outcomes:
            self.outcomes[outcome.copy_ref] = outcome
        await self._write()

    async def _write(self) -> None:
        self._number += 1
        progress = DeliveryProgress(
            id=f"{self._batch.batch}/{self._batch.attempt}/{self._owner}/{self._number}",
            occurred_at=self._now(),
            batch=self._batch.batch,
            attempt=self._batch.attempt,
            outcomes=tuple(self.outcomes.values()),
        )
        tries = 0
        while True:
            try:
                self._sequence = await self._store.write_progress(progress, self._sequence)
                return
            except WrongRevision:
                if await self._was_stored(progress.id):
                    return
                raise Postponed("batch_worked_elsewhere", ELSEWHERE_SECONDS) from None
            except BusUnavailable:
                await asyncio.sleep(_AWAY_SECONDS[min(tries, len(_AWAY_SECONDS) - 1)])
                tries += 1

    async def _was_stored(self, progress_id: str) -> bool:
        """Whether the newest progress is this one, its acknowledgement having been lost."""
        while True:
            try:
                last, sequence = await self._store.last_progress(self._batch.batch)
            except BusUnavailable:
                await asyncio.sleep(_AWAY_SECONDS[-1])
                continue
            if last is None or last.id != progress_id:
                return False
            self._sequence = sequence
            return True
