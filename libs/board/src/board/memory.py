"""The boards of all units in memory. Whoever shows them is served from here alone: a rush costs the database nothing,
and its absence goes unnoticed.

    every few seconds: the revisions of all units -> the boards whose revision differs are read, and no others
    each board besides at least once a day: the days ahead move on, and what was left out may come in

While the database is away the boards stay as they were last read; notices begin and expire by the clock.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zlib import crc32

from board import metrics
from board.bounds import MOST_BYTES, STEPS, BoardSelection, StoredBoard, size_of
from board.model import Board
from runtime.errors import TransientError
from runtime.logs import get_logger
from runtime.redaction import reason_of

PORTION = 50
"""Boards that are read at once: so few that whoever asks meanwhile hardly waits, and memory is hardly exceeded."""
_DAY = timedelta(days=1)
_HALF_A_DAY = 12 * 60 * 60
_QUARTER = 4
"""Boards in less than a fourth of the memory fit at the next wider step, too, which is about three times as much."""
log = get_logger(__name__)


class BoardSource(Protocol):
    """Where boards are read from; see BoardStore."""

    async def revisions(self) -> Mapping[str, int]: ...

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    """A board in memory. `step`: the bounds by which it was read; `due_at`: when it is due even if unchanged."""

    stored: StoredBoard
    size: int
    step: int
    due_at: datetime


class BoardMemory:
    """The last boards that could be read. `every`: seconds between two looks at what has changed."""

    def __init__(
        self, source: BoardSource, *, clock: Callable[[], datetime], every: float, most_bytes: int = MOST_BYTES
    ) -> None:
        self._source = source
        self._clock = clock
        self._every = every
        self._most_bytes = most_bytes
        self._kept: dict[str, _Kept] = {}
        self._step = 0
        self._step_since = clock()
        self._loaded = False
        self._failing = False

    def board(self, unit: str) -> Board | None:
        """The board of a unit, None when there is no such unit. TransientError until all have been read once."""
        if not self._loaded:
            raise TransientError("boards_not_loaded_yet")
        kept = self._kept.get(unit)
        return kept.stored.board if kept else None

    async def check(self) -> None:
        """Health check: nothing to show yet."""
        if not self._loaded:
            raise TransientError("boards_not_loaded_yet")

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until told to stop."""
        while not stop.is_set():
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every)

    async def refresh(self) -> None:
        """Read what has changed. Whatever ails the database, what was read stays; the rest is read next time."""
        try:
            with metrics.SECONDS.time():
                await self._refresh()
        except Exception as error:
            if not self._failing:
                log.warning("boards_not_refreshed", reason=reason_of(error))
            self._failing = True
            return
        self._loaded = True
        metrics.REFRESHED.set_to_current_time()
        if self._failing:
            log.info("boards_refreshing_resumed")
        self._failing = False

    async def _refresh(self) -> None:
        revisions = await self._source.revisions()
        now = self._clock()
        for unit in self._kept.keys() - revisions.keys():
            del self._kept[unit]
        self._widen(now)
        due = {unit for unit, revision in revisions.items() if self._is_due(unit, revision, now)}
        while due:
            # What is to be cut comes first: until that is done, memory gets no fuller.
            portion = sorted(due, key=lambda unit: (not self._is_too_wide(unit), unit))[:PORTION]
            await self._read(portion, now)
            due.difference_update(portion)
            if self._tighten(now):
                due.update(filter(self._is_too_wide, self._kept))
        self._measure()

    def _is_due(self, unit: str, revision: int, now: datetime) -> bool:
        kept = self._kept.get(unit)
        if kept is None or kept.stored.revision != revision or kept.due_at <= now:
            return True
        return self._is_too_wide(unit)

    def _is_too_wide(self, unit: str) -> bool:
        """Was the board read by wider bounds than those of now?"""
        kept = self._kept.get(unit)
        return kept is not None and kept.step < self._step

    async def _read(self, units: list[str], now: datetime) -> None:
        found = await self._source.read(units, BoardSelection(now, STEPS[self._step]))
        for unit in units:
            stored = found.get(unit)
            if stored is None:
                self._kept.pop(unit, None)
            else:
                self._kept[unit] = _Kept(stored, size_of(stored.board), self._step, now + _at_least_once_a_day(unit))
        metrics.READ.inc(len(found))

    def _tighten(self, now: datetime) -> bool:
        """Cut all boards further when they are too large together though all have been cut as far as was said."""
        if self._size() <= self._most_bytes or any(map(self._is_too_wide, self._kept)):
            return False
        if self._step == len(STEPS) - 1:
            log.error("boards_exceed_memory", units=len(self._kept), bytes=self._size())
            return False
        self._step += 1
        self._step_since = now
        log.warning("boards_cut", step=self._step, units=len(self._kept), bytes=self._size())
        return True

    def _widen(self, now: datetime) -> None:
        """Cut less when there is room again: a step a day, since boards grow only as each comes to be read."""
        if self._step and now - self._step_since > _DAY and self._size() < self._most_bytes / _QUARTER:
            self._step -= 1
            self._step_since = now

    def _size(self) -> int:
        return sum(kept.size for kept in self._kept.values())

    def _measure(self) -> None:
        stored = [kept.stored for kept in self._kept.values()]
        metrics.UNITS.set(len(stored))
        metrics.BYTES.set(self._size())
        metrics.STEP.set(self._step)
        metrics.LEFT_OUT.labels("notice").set(sum(each.notices_left_out for each in stored))
        metrics.LEFT_OUT.labels("event").set(sum(each.events_left_out for each in stored))


def _at_least_once_a_day(unit: str) -> timedelta:
    """Between half a day and a day, another for each unit: what was read at once at the start is not due at once."""
    return timedelta(seconds=_HALF_A_DAY + crc32(unit.encode()) % _HALF_A_DAY)
