"""The progress of one attempt at a batch: claimed before the first copy goes out, told on for every copy.

    claim -> (send a copy -> record) * -> settled
`record` returns when the outcome is stored, and a connection offers its next text only then. So whoever takes over
after a crash finds all outcomes but that of the one copy in flight on each connection. Outcomes that come while a step
is being stored go out together in the next one: however many connections work on a batch, the bus sees few steps.

Each step names the one it follows (expected sequence). Of two dispatchers at the same attempt (one was thought dead)
the earlier one learns of the other at its next step, and stops.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextvars import copy_context
from datetime import datetime

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliveryProgress
from dispatcher.store import Store
from runtime.errors import BusUnavailable, Postponed, WrongRevision

ELSEWHERE_SECONDS = 30.0
"""How long a batch that another dispatcher has claimed is left alone: longer than it keeps silent while it works."""

AWAY_SECONDS = (0.1, 0.3, 1.0, 2.0)
"""Rests between the tries to store a step while the bus is away; the last one repeats."""


class Progress:
    """Outcomes so far by copy. `begun`: when this attempt was claimed for the first time; `taken_over`: not by us. Make
    it with `claim`."""

    def __init__(
        self, store: Store, batch: DeliveryBatch, now: Callable[[], datetime], away_seconds: Sequence[float]
    ) -> None:
        self.outcomes: dict[int, CopyOutcome] = {}
        self.begun = now()
        self.taken_over = False
        self._store = store
        self._batch = batch
        self._now = now
        self._owner = secrets.token_hex(6)
        self._away_seconds = away_seconds
        self._sequence = 0
        self._number = 0
        self._lost: Exception | None = None
        self._unsaid: list[CopyOutcome] = []
        self._waiting: list[asyncio.Future[None]] = []
        self._writer: asyncio.Task[None] | None = None
        self._context = copy_context()  # the batch's own, whoever records

    @classmethod
    async def claim(
        cls,
        store: Store,
        batch: DeliveryBatch,
        now: Callable[[], datetime],
        *,
        away_seconds: Sequence[float] = AWAY_SECONDS,
    ) -> "Progress":
        """Make this attempt ours, with what an earlier owner recorded of it. Raises Postponed when another dispatcher
        claims at the same moment, BusUnavailable when the bus is away."""
        progress = cls(store, batch, now, away_seconds)
        try:
            await progress._step(())  # nearly always nobody was here before
        except WrongRevision:
            steps, progress._sequence = await store.steps(batch.batch, batch.attempt)
            progress.taken_over = bool(steps)
            progress.begun = steps[0].occurred_at if steps else progress.begun
            progress.outcomes = {outcome.copy_ref: outcome for step in steps for outcome in step.outcomes}
            try:
                await progress._step(())
            except WrongRevision:
                raise progress._elsewhere() from None
        return progress

    async def record(self, *outcomes: CopyOutcome) -> None:
        """Keep these outcomes on the bus; returns only when they are there, however long the bus is away. Raises
        Postponed when the attempt is no longer ours, BusRefused when the bus will never take them."""
        if self._lost is not None:
            raise self._lost
        for outcome in outcomes:
            self.outcomes[outcome.copy_ref] = outcome
        self._unsaid.extend(outcomes)
        stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(stored)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_on(), context=self._context)
        await stored

    async def _write_on(self) -> None:
        """Step by step, until nobody has anything more to say."""
        try:
            while self._unsaid and self._lost is None:
                outcomes, self._unsaid = tuple(self._unsaid), []
                waiting, self._waiting = self._waiting, []
                try:
                    await self._store_for_sure(outcomes)
                except Exception as error:
                    self._lost = error
                    waiting += self._waiting
                    self._waiting = []
                for each in waiting:
                    if not each.done():
                        each.set_result(None) if self._lost is None else each.set_exception(self._lost)
        finally:
            self._writer = None

    async def _store_for_sure(self, outcomes: tuple[CopyOutcome, ...]) -> None:
        tries = 0
        while True:
            try:
                await self._step(outcomes)
                return
            except WrongRevision:
                if await self._was_stored():
                    return
                raise self._elsewhere() from None
            except BusUnavailable:
                await asyncio.sleep(self._away_seconds[min(tries, len(self._away_seconds) - 1)])
                tries += 1
                self._number -= 1  # the same step again

    async def _step(self, outcomes: tuple[CopyOutcome, ...]) -> None:
        self._number += 1
        step = DeliveryProgress(
            id=self._step_id,
            occurred_at=self._now(),
            batch=self._batch.batch,
            attempt=self._batch.attempt,
            owner=self._owner,
            outcomes=outcomes,
        )
        self._sequence = await self._store.write_step(step, self._sequence)

    async def _was_stored(self) -> bool:
        """Whether the newest step is this one, its acknowledgement having been lost."""
        while True:
            try:
                last, sequence = await self._store.last_step(self._batch.batch, self._batch.attempt)
            except BusUnavailable:
                await asyncio.sleep(self._away_seconds[-1])
                continue
            if last is None or last.id != self._step_id:
                return False
            self._sequence = sequence
            return True

    @property
    def _step_id(self) -> str:
        return f"{self._batch.batch}/{self._batch.attempt}/{self._owner}/{self._number}"

    def _elsewhere(self) -> Postponed:
        return Postponed("batch_worked_elsewhere", ELSEWHERE_SECONDS)
