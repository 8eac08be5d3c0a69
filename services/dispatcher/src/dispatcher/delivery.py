"""Sending the copies of one batch that go to one next hop: one session at a time, one copy after the other.

    session (from the pool) -> copy -> reply -> verdict -> recorded -> next copy
A hop that has no room for us right now (421) is left alone for a moment and tried again with the same copy, a few
times; then, or when it cannot be reached at all, what is left for it is deferred without being tried. A session that
breaks defers the copy in hand, since nobody can know what became of it, and the next copy gets a new session.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.events.delivery import CopyOutcome, DeliveryBatch, Outcome
from contracts.sealed import RecipientCard
from dispatcher import retry
from dispatcher.carriers import CarrierPolicy
from dispatcher.copies import CopyWriter
from dispatcher.pacing import Pauses, opening
from dispatcher.pool import PooledSession
from dispatcher.progress import Progress
from dispatcher.replies import TOO_BUSY, ConnectionLost, HopUnavailable, Reply, SmtpError
from dispatcher.routes import Hop
from dispatcher.verdicts import Verdict, judge, judge_error
from mail.rendering import RenderingError
from runtime.errors import Postponed

PATIENCE = 3
"""So many troubles in a row with a hop, and what is left for it waits for the next attempt."""


class Sessions(Protocol):
    """The pool as the delivery uses it."""

    def has_idle(self, hop: Hop, policy: CarrierPolicy) -> bool: ...

    async def take(self, hop: Hop, policy: CarrierPolicy) -> PooledSession: ...

    def give_back(self, session: PooledSession, policy: CarrierPolicy) -> None: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """A card with its address normalised."""

    card: RecipientCard
    address: str


@dataclass(frozen=True, slots=True)
class Job:
    """What is the same for all copies of the batch at this attempt."""

    batch: DeliveryBatch
    policy: CarrierPolicy
    progress: Progress
    retry_override: Sequence[float] | None
    now: Callable[[], datetime]
    chance: Callable[[], float]

    @property
    def deadline(self) -> datetime:
        return retry.deadline(self.batch.lane, self.batch.first_planned_at, self.batch.expires_at)

    def outcome(self, copy_ref: int, verdict: Verdict, told: Reply | SmtpError | None = None) -> CopyOutcome:
        """The outcome that a verdict makes, with the next attempt's time, or `expired` when that would be too late."""
        now = self.now()
        kind: Outcome = verdict.outcome
        reason = verdict.reason
        again = None
        if kind == "deferred":
            wait = retry.delay(
                self.batch.attempt,
                verdict.pace,
                self.batch.lane,
                self.policy.retry,
                override=self.retry_override,
                chance=self.chance(),
            )
            again = retry.next_attempt(now, wait, self.deadline)
            if again is None:
                kind, reason = "expired", f"given up: {reason}"
        reply = told if isinstance(told, Reply) else told.reply if told is not None else None
        return CopyOutcome(
            copy_ref=copy_ref,
            outcome=kind,
            at=now,
            attempt=self.batch.attempt,
            stage="plan" if told is None else told.stage,
            code=None if reply is None else reply.code,
            enhanced=None if reply is None else reply.enhanced,
            host=None if told is None else told.host,
            reason=reason,
            next_attempt_at=again,
        )

    async def record(self, letters: Sequence[Letter], verdict: Verdict, told: Reply | SmtpError | None = None) -> None:
        """Record the same verdict on all of these."""
        await self.progress.record(*(self.outcome(letter.card.copy_ref, verdict, told) for letter in letters))


class HopDelivery:
    """Sends what a batch has for one hop."""

    def __init__(self, sessions: Sessions, pauses: Pauses, stopping: asyncio.Event) -> None:
        self._sessions = sessions
        self._pauses = pauses
        self._stopping = stopping

    async def send_all(self, job: Job, hop: Hop, letters: Sequence[Letter], writer: CopyWriter) -> None:
        """Every letter has an outcome when this returns. Raises Postponed when the dispatcher stops in between."""
        run = _Run(job, hop, deque(letters), writer)
        try:
            while run.left:
                if self._stopping.is_set():
                    raise Postponed("dispatcher_stopping", 0)
                if job.now() >= job.deadline:
                    await job.record(tuple(run.left), Verdict("expired", "too late to be of use"))
                    return
                await self._pauses.wait(hop.key, self._stopping)
                if not self._stopping.is_set():
                    await self._next(run)
        finally:
            self._let_go(run)

    async def _next(self, run: "_Run") -> None:
        letter = run.left[0]
        try:
            envelope = run.writer.write(letter.card, letter.address, relayed=run.hop.relayed)
        except RenderingError:
            await self._done(run, Verdict("failed", "cannot be rendered"))
            return
        if run.session is None or not run.session.usable or run.worn_out:
            self._let_go(run)
            if not self._sessions.has_idle(run.hop, run.job.policy):
                await self._pauses.wait(opening(run.hop.key), self._stopping)
                if self._stopping.is_set():
                    return
            try:
                run.session = await self._sessions.take(run.hop, run.job.policy)
            except HopUnavailable as error:
                await self._no_session(run, error)
                return
            run.used_before = run.session.offered > 0
        try:
            reply = await run.session.send(envelope)
        except ConnectionLost as error:
            await self._lost(run, error)
            return
        if reply.code == TOO_BUSY:
            await self._busy(run, reply)
            return
        run.troubles = 0
        run.used_before = True
        await self._done(run, judge(reply, run.job.policy.name), reply)

    async def _no_session(self, run: "_Run", error: HopUnavailable) -> None:
        run.troubles += 1
        if error.busy:
            self._pauses.pause(opening(run.hop.key), run.job.policy.pause_after_421)
            if run.troubles < PATIENCE:
                return
        await self._defer_rest(run, error)

    async def _lost(self, run: "_Run", error: ConnectionLost) -> None:
        fresh = not run.used_before
        self._let_go(run)
        if error.stage == "mail" and not fresh:
            return  # an idle session that its server had given up: nothing was offered yet, try it on a new one
        run.troubles += 1
        await self._done(run, judge_error(error, run.job.policy.name), error)
        if run.troubles >= PATIENCE and run.left:
            self._pauses.pause(run.hop.key, run.job.policy.pause_after_421)
            await self._defer_rest(run, error)

    async def _busy(self, run: "_Run", reply: Reply) -> None:
        fresh = not run.used_before
        self._let_go(run)
        if reply.stage == "mail" and not fresh:
            return  # this session had carried all that its server allows
        run.troubles += 1
        self._pauses.pause(run.hop.key, run.job.policy.pause_after_421)
        if reply.stage != "mail":
            await self._done(run, judge(reply, run.job.policy.name), reply)
        if run.troubles >= PATIENCE and run.left:
            await self._defer_rest(run, ConnectionLost("host is busy", stage="mail", host=reply.host, reply=reply))

    async def _defer_rest(self, run: "_Run", error: SmtpError) -> None:
        await run.job.record(tuple(run.left), judge_error(error, run.job.policy.name), error)
        run.left.clear()

    async def _done(self, run: "_Run", verdict: Verdict, told: Reply | SmtpError | None = None) -> None:
        await run.job.record((run.left[0],), verdict, told)
        run.left.popleft()

    def _let_go(self, run: "_Run") -> None:
        if run.session is not None:
            session, run.session = run.session, None
            self._sessions.give_back(session, run.job.policy)


@dataclass(slots=True)
class _Run:
    """Where one `send_all` stands. `used_before`: the session in hand has answered a copy already."""

    job: Job
    hop: Hop
    left: deque[Letter]
    writer: CopyWriter
    session: PooledSession | None = None
    used_before: bool = False
    troubles: int = 0

    @property
    def worn_out(self) -> bool:
        return self.session is not None and self.session.offered >= self.job.policy.messages_per_connection
