"""One attempt at a batch, as the desks see it: what is the same for all its copies, and what becomes of each.

`record` turns a verdict into the copy's outcome (delivered, put off until, given up ...) and returns when it is stored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events.delivery import CopyOutcome, DeliveryBatch, Outcome
from contracts.lifetimes import LONGEST, ends_at
from contracts.sealed import RecipientCard
from dispatcher import retry
from dispatcher.carriers import CarrierPolicy
from dispatcher.halted import Halted
from dispatcher.progress import Progress
from dispatcher.replies import Reply, SmtpError
from dispatcher.verdicts import Verdict
from dispatcher.words import server_name, server_words

EXPIRED = Verdict("expired", "too late to be of use")


@dataclass(frozen=True, slots=True)
class Letter:
    """A card with its address normalised."""

    card: RecipientCard
    address: str


@dataclass(frozen=True, slots=True)
class Moment:
    """The clock, this batch's share of chance (0..1, the same for all its copies, so that those that wait for the same
    reason come back together), and RENRAKUMO_RETRY_PLAN if set."""

    now: Callable[[], datetime]
    chance: float
    retry_override: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """See the module."""

    batch: DeliveryBatch
    progress: Progress
    halted: Halted
    moment: Moment
    deadline: datetime

    @classmethod
    def of(cls, batch: DeliveryBatch, progress: Progress, halted: Halted, moment: Moment) -> "Job":
        """With the time from when on its copies are of no use."""
        until = ends_at(batch.first_planned_at, batch.expires_at, LONGEST)
        return cls(batch, progress, halted, moment, until)

    def spared(self) -> Verdict | None:
        """Why a copy that has not been offered yet need not be: stopped, corrected, or too late."""
        if self.batch.message in self.halted:
            return Verdict("superseded", self.halted.reason(self.batch.message))
        return EXPIRED if self.moment.now() >= self.deadline else None

    async def record(
        self, letters: Sequence[Letter], verdict: Verdict, policy: CarrierPolicy, told: Reply | SmtpError | None = None
    ) -> None:
        """Record the same verdict on all of these. Raises Postponed when the attempt is no longer ours."""
        await self.progress.record(*(self._outcome(letter, verdict, policy, told) for letter in letters))

    def _outcome(
        self, letter: Letter, verdict: Verdict, policy: CarrierPolicy, told: Reply | SmtpError | None
    ) -> CopyOutcome:
        now = self.moment.now()
        kind: Outcome = verdict.outcome
        reason = verdict.reason
        again = None
        if kind == "deferred":
            again = self._again(letter, verdict, policy, now)
            if again is None:
                kind, reason = "expired", f"given up: {reason}"
        reply = told if isinstance(told, Reply) else told.reply if told is not None else None
        return CopyOutcome(
            copy_ref=letter.card.copy_ref,
            outcome=kind,
            at=now,
            attempt=self.batch.attempt,
            stage="plan" if told is None else told.stage,
            code=None if reply is None else reply.code,
            enhanced=None if reply is None else reply.enhanced,
            host=None if told is None else server_name(told.host, letter.address),
            reason=reason,
            sure=verdict.sure,
            reply="" if reply is None else server_words(reply, letter.address),
            next_attempt_at=again,
        )

    def _again(self, letter: Letter, verdict: Verdict, policy: CarrierPolicy, now: datetime) -> datetime | None:
        batch, moment = self.batch, self.moment
        wait = retry.delay(
            letter.card.tries + 1,
            now - batch.first_planned_at,
            verdict,
            batch.lane,
            policy,
            override=moment.retry_override,
            chance=moment.chance,
        )
        return retry.next_attempt(now, wait, self.deadline, batch.lane, policy, moment.chance)
