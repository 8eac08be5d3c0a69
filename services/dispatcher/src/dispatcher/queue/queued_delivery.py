"""Copies that are ready to go out, and the tracker by which the handler of a batch waits for all of them.

A batch is finished when each of its deliveries has an outcome. When it fails (the dispatcher stops, or another one has
the batch) its deliveries are no longer offered, and it is finished as soon as none is in flight: only then may somebody
else take the batch, or a copy could go out twice.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from dispatcher.attempt.attempt import BatchAttempt, CopyRecipient
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.reply_rules import Disposition
from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.smtp_replies import SmtpError
from runtime.errors import Postponed
from runtime.logs import get_logger

log = get_logger(__name__)


class BatchTracker:
    """Counts the deliveries of one attempt at a batch that have no outcome yet, and those in flight."""

    def __init__(self, attempt: BatchAttempt) -> None:
        self.attempt = attempt
        self._left = 0
        self._in_flight = 0
        self._error: Exception | None = None
        self._finished: asyncio.Future[None] | None = None

    @property
    def failed(self) -> bool:
        return self._error is not None

    def expect(self, number: int) -> None:
        """So many deliveries more belong to the batch."""
        self._left += number

    def taken(self) -> None:
        """A connection has one of them."""
        self._in_flight += 1

    def put_back(self) -> None:
        """One that a connection had was given back, without an outcome."""
        self._in_flight -= 1
        self._look()

    def done(self, number: int, *, in_flight: int = 0) -> None:
        """So many have their outcome, and so many of these were in flight."""
        self._left -= number
        self._in_flight -= in_flight
        self._look()

    def fail(self, error: Exception) -> None:
        """Nothing more of the batch shall be offered."""
        self._error = self._error or error
        self._look()

    async def finished(self) -> None:
        """Wait for all deliveries. Raises the error that the batch failed with."""
        while not self._is_finished():
            self._finished = asyncio.get_running_loop().create_future()
            await self._finished
        if self._error is not None:
            raise self._error

    def _is_finished(self) -> bool:
        return self._left == 0 or (self._error is not None and self._in_flight == 0)

    def _look(self) -> None:
        if self._finished is not None and not self._finished.done() and self._is_finished():
            self._finished.set_result(None)


@dataclass(slots=True, eq=False)
class QueuedDelivery:
    """One copy, rendered. `setbacks`: how often it was put back in this attempt without the server's having had it.
    `in_flight`: a connection has it, so that it is to be put back or done, and that once."""

    tracker: BatchTracker
    recipient: CopyRecipient
    envelope: Envelope
    setbacks: int = 0
    in_flight: bool = False

    @property
    def attempt(self) -> BatchAttempt:
        return self.tracker.attempt

    def take(self) -> None:
        """A connection has it."""
        self.in_flight = True
        self.tracker.taken()

    def put_back(self) -> None:
        """It has been given back, without an outcome."""
        if self.in_flight:
            self.in_flight = False
            self.tracker.put_back()

    def done(self) -> None:
        """It has its outcome."""
        self.tracker.done(1, in_flight=int(self.in_flight))
        self.in_flight = False


async def record_all(
    deliveries: Iterable[QueuedDelivery], disposition: Disposition, policy: CarrierPolicy, told: SmtpError | None = None
) -> None:
    """Give copies that are not in flight one and the same outcome. An outcome that cannot be stored fails its batch."""
    by_tracker: dict[BatchTracker, list[CopyRecipient]] = {}
    for delivery in deliveries:
        by_tracker.setdefault(delivery.tracker, []).append(delivery.recipient)
    for tracker, recipients in by_tracker.items():
        try:
            await tracker.attempt.record(recipients, disposition, policy, told)
        except Postponed as lost:
            tracker.fail(lost)
        except Exception as error:
            # Ours to mend; the other batches are none of its concern.
            log.exception("outcomes_not_recorded", carrier=policy.name)
            tracker.fail(error)
        else:
            tracker.done(len(recipients))
