"""Errands: copies that are ready to go out, and the bundle in which the postman waits for all of a batch.

A bundle is finished when each of its errands has an outcome. When it fails (the dispatcher stops, or another one has
the batch) its errands are no longer offered, and it is finished as soon as none is in a session's hands: only then may
somebody else take the batch, or a copy could go out twice.
"""

import asyncio
from dataclasses import dataclass

from dispatcher.attempt.attempt import Job, Letter
from dispatcher.smtp.client import Envelope


class Bundle:
    """All errands of one attempt at a batch."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._left = 0
        self._in_hand = 0
        self._error: Exception | None = None
        self._finished: asyncio.Future[None] | None = None

    @property
    def failed(self) -> bool:
        return self._error is not None

    def expect(self, errands: int) -> None:
        """So many more belong to it."""
        self._left += errands

    def taken(self) -> None:
        """One of them is in a session's hands."""
        self._in_hand += 1

    def put_back(self) -> None:
        """It has been given back, without an outcome."""
        self._in_hand -= 1
        self._look()

    def done(self, number: int, *, in_hand: int = 0) -> None:
        """So many have their outcome, so many of these had been taken."""
        self._left -= number
        self._in_hand -= in_hand
        self._look()

    def fail(self, error: Exception) -> None:
        """Nothing more shall be offered."""
        self._error = self._error or error
        self._look()

    async def finished(self) -> None:
        """Wait for all errands. Raises the error that it failed with."""
        while not self._is_finished():
            self._finished = asyncio.get_running_loop().create_future()
            await self._finished
        if self._error is not None:
            raise self._error

    def _is_finished(self) -> bool:
        return self._left == 0 or (self._error is not None and self._in_hand == 0)

    def _look(self) -> None:
        if self._finished is not None and not self._finished.done() and self._is_finished():
            self._finished.set_result(None)


@dataclass(slots=True, eq=False)
class Errand:
    """One copy, rendered. `setbacks`: how often it was put back in this attempt without the server's having had it.
    `in_hand`: a session has it, so that it is to be put back or done, and that once."""

    bundle: Bundle
    letter: Letter
    envelope: Envelope
    setbacks: int = 0
    in_hand: bool = False

    @property
    def job(self) -> Job:
        return self.bundle.job

    def take(self) -> None:
        """A session has it."""
        self.in_hand = True
        self.bundle.taken()

    def put_back(self) -> None:
        """It has been given back, without an outcome."""
        if self.in_hand:
            self.in_hand = False
            self.bundle.put_back()

    def done(self) -> None:
        """It has its outcome."""
        self.bundle.done(1, in_hand=int(self.in_hand))
        self.in_hand = False
