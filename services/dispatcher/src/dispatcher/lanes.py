"""Lanes: who may take one of a carrier's connections.

Urgent and prompt mail may use all of them, ordinary mail all but one (if there is more than one), so that a backlog of
ordinary mail never holds the last connection. Who waits is served urgent first, then prompt, then ordinary, each in
order of arrival. `may_enter` is the rule; `Slots` keeps the count of one carrier.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.base import LANES, Lane


def most_for(lane: Lane, connections: int) -> int:
    """How many of a carrier's connections a lane may use at once."""
    return max(1, connections - 1) if lane == "ordinary" else connections


def may_enter(lane: Lane, *, total: int, in_lane: int, connections: int) -> bool:
    """Whether one more of `lane` may start while `total` are at work, `in_lane` of them of this lane."""
    return total < connections and in_lane < most_for(lane, connections)


class Slots:
    """The connections of one carrier, as permits."""

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._at_work: dict[Lane, int] = dict.fromkeys(LANES, 0)
        self._waiting: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in LANES}

    @asynccontextmanager
    async def enter(self, lane: Lane) -> AsyncIterator[None]:
        """Wait for a permit and hold it for the block."""
        await self._acquire(lane)
        try:
            yield
        finally:
            self._release(lane)

    async def _acquire(self, lane: Lane) -> None:
        if not self._waiting[lane] and self._free_for(lane):
            self._at_work[lane] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[lane].append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._release(lane)
            elif turn in self._waiting[lane]:
                self._waiting[lane].remove(turn)
            raise

    def _release(self, lane: Lane) -> None:
        self._at_work[lane] -= 1
        for candidate in LANES:
            queue = self._waiting[candidate]
            while queue and self._free_for(candidate):
                turn = queue.popleft()
                if not turn.done():
                    self._at_work[candidate] += 1
                    turn.set_result(None)

    def _free_for(self, lane: Lane) -> bool:
        total = sum(self._at_work.values())
        return may_enter(lane, total=total, in_lane=self._at_work[lane], connections=self._connections)
