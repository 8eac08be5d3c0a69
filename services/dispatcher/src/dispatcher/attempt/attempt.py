"""One attempt at a batch: what is the same for all its copies, and what becomes of each.

skip_reason   asked before a copy is offered: stopped, corrected, or too late?
record        a disposition -> the copy's outcome (delivered, put off until, given up ...) -> stored in the progress
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.events.delivery import CopyOutcome, DeliveryBatch, Outcome
from contracts.lifetimes import LONGEST, ends_at
from contracts.sealed import RecipientCard
from dispatcher.attempt import retry
from dispatcher.attempt.progress import Progress
from dispatcher.attempt.stopped import StoppedMessages
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.reply_rules import Disposition
from dispatcher.smtp.server_words import server_name, server_words
from dispatcher.smtp.smtp_replies import SmtpError, SmtpReply

EXPIRED = Disposition("expired", "too late to be of use")


@dataclass(frozen=True, slots=True)
class CopyRecipient:
    """Who gets a copy: his card, and his address normalised."""

    card: RecipientCard
    address: str


@dataclass(frozen=True, slots=True)
class RetryClock:
    """The clock, this batch's share of chance (0..1, the same for all its copies, so that those that wait for the same
    reason come back together), and RENRAKUMO_RETRY_PLAN if set."""

    now: Callable[[], datetime]
    chance: float
    retry_plan: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class BatchAttempt:
    """One attempt at a batch. `deadline`: from then on its copies are of no use."""

    batch: DeliveryBatch
    progress: Progress
    stopped: StoppedMessages
    clock: RetryClock
    deadline: datetime

    @classmethod
    def of(
        cls, batch: DeliveryBatch, progress: Progress, stopped: StoppedMessages, clock: RetryClock
    ) -> "BatchAttempt":
        """An attempt with the deadline that lane and message give."""
        until = ends_at(batch.first_planned_at, batch.expires_at, LONGEST)
        return cls(batch, progress, stopped, clock, until)

    def skip_reason(self) -> Disposition | None:
        """Why a copy that has not been offered yet need not be: stopped, corrected, or too late."""
        if self.batch.message in self.stopped:
            return Disposition("superseded", self.stopped.reason(self.batch.message))
        return EXPIRED if self.clock.now() >= self.deadline else None

    async def record(
        self,
        recipients: Sequence[CopyRecipient],
        disposition: Disposition,
        policy: CarrierPolicy,
        told: SmtpReply | SmtpError | None = None,
    ) -> None:
        """Record what becomes of all these copies alike. Raises Postponed when the attempt is no longer ours."""
        await self.progress.record(*(self._outcome(each, disposition, policy, told) for each in recipients))

    def _outcome(
        self,
        recipient: CopyRecipient,
        disposition: Disposition,
        policy: CarrierPolicy,
        told: SmtpReply | SmtpError | None,
    ) -> CopyOutcome:
        now = self.clock.now()
        kind: Outcome = disposition.outcome
        reason = disposition.reason
        next_attempt_at = None
        if kind == "deferred":
            next_attempt_at = self._next_attempt(recipient, disposition, policy, now)
            if next_attempt_at is None:
                kind, reason = "expired", f"given up: {reason}"
        reply = told if isinstance(told, SmtpReply) else told.reply if told is not None else None
        return CopyOutcome(
            copy_ref=recipient.card.copy_ref,
            outcome=kind,
            at=now,
            attempt=self.batch.attempt,
            stage="plan" if told is None else told.stage,
            code=None if reply is None else reply.code,
            enhanced=None if reply is None else reply.enhanced,
            host=None if told is None else server_name(told.host, recipient.address),
            reason=reason,
            sure=disposition.sure,
            reply="" if reply is None else server_words(reply, recipient.address),
            next_attempt_at=next_attempt_at,
        )

    def _next_attempt(
        self, recipient: CopyRecipient, disposition: Disposition, policy: CarrierPolicy, now: datetime
    ) -> datetime | None:
        batch, clock = self.batch, self.clock
        wait = retry.delay(
            recipient.card.tries + 1,
            now - batch.first_planned_at,
            disposition.retry_hint,
            batch.lane,
            policy,
            override=clock.retry_plan,
            chance=clock.chance,
        )
        return retry.next_attempt(now, wait, self.deadline, batch.lane, policy, clock.chance)
