"""Waiting for a broadcast to arrive."""

import asyncio
import time

from simulator.school import School

_ASK_EVERY = 0.1


async def settled(school: School, message: str, copies: int, within: float) -> None:
    """Until the office says that so many copies are delivered. Raises TimeoutError with what it says instead."""
    deadline = time.monotonic() + within
    while (counts := await school.counts(message))["delivered"] < copies:
        if time.monotonic() > deadline:
            told = ", ".join(f"{name} {number}" for name, number in counts.items() if number)
            raise TimeoutError(f"of {copies} copies the ledger said after {within:.0f} s: {told or 'nothing'}")
        await asyncio.sleep(_ASK_EVERY)
