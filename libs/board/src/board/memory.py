"""The boards of all units in memory. Whoever shows them is served from here: a rush costs the database nothing, and its
absence goes unnoticed.

    every few seconds: the revisions of all units -> the boards whose revision differs are read, and no others
    each board besides at least once a day: the days ahead move on, and what was left out may come in
    more boards than fit: those that nobody has asked for longest go, and are read when somebody does

While the database is away the boards stay as they were last read; notices begin and expire by the clock.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol
from zlib import crc32

from board import metrics
from board.bounds import MOST_BYTES, BoardSelection, StoredBoard, size_of
from board.model import Board
from runtime.errors import TransientError
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

PORTION = 10
"""Boards that are read at once: so few that whoever asks meanwhile hardly waits, and memory is hardly exceeded."""
_FILLED = 0.8
"""So much of the memory is filled with boards for which nobody has asked; the rest is for those somebody asks for."""
_HALF_A_DAY = 12 * 60 * 60
log = get_logger(__name__)


class BoardSource(Protocol):
    """Where boards are read from; see BoardStore."""

    async def revisions(self) -> Mapping[str, int]: ...

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]: ...


@dataclass(frozen=True, slots=True)
class _Kept:
    """A board in memory. `due_at`: when it is due even if unchanged."""

    stored: StoredBoard
    size: int
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
        self._kept: dict[str, _Kept] = {}  # who was asked for longest ago comes first
        self._bytes = 0
        self._without: set[str] = set()
        self._fetching: dict[str, asyncio.Task[Mapping[str, StoredBoard]]] = {}
        self._loaded = False
        self._failing = False

    async def board(self, unit: str) -> Board | None:
        """The board of a unit, None when there is no such unit. TransientError until all have been read once, and for
        one that is not in memory while the database is away."""
        await self.check()
        kept = self._kept.get(unit)
        if kept is not None:
            self._kept[unit] = self._kept.pop(unit)
            return kept.stored.board
        if unit not in self._without:
            return None
        stored = (await self._fetched(unit)).get(unit)
        return None if stored is None else stored.board

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
            self._drop(unit)
        self._without &= revisions.keys()
        all_fitted = not self._without
        self._without.difference_update(list(islice(self._without, self._room())))
        due = iter(sorted(unit for unit, revision in revisions.items() if self._is_due(unit, revision, now)))
        while portion := list(islice(due, PORTION)):
            if not self._room():
                self._without.update(unit for unit in portion if unit not in self._kept)
            await self._read([unit for unit in portion if unit not in self._without], now)
        if self._without and all_fitted:
            log.warning("boards_exceed_memory", units=len(revisions), left_out=len(self._without))
        self._measure()

    def _is_due(self, unit: str, revision: int, now: datetime) -> bool:
        kept = self._kept.get(unit)
        if kept is None:
            return unit not in self._without
        return kept.stored.revision != revision or kept.due_at <= now

    def _room(self) -> int:
        """How many boards more, of the size that they have here, would leave some memory free; a portion at most."""
        if not self._kept:
            return PORTION
        free = _FILLED * self._most_bytes - self._bytes
        return max(0, min(PORTION, int(free * len(self._kept) / self._bytes)))

    async def _fetched(self, unit: str) -> Mapping[str, StoredBoard]:
        """The board of a unit that is not in memory, read once for all who ask at the same time."""
        fetching = self._fetching.get(unit)
        if fetching is None:
            fetching = self._fetching[unit] = asyncio.create_task(self._read([unit], self._clock()))
            fetching.add_done_callback(lambda ended: self._fetch_ended(unit, ended))
        try:
            return await asyncio.shield(fetching)
        except Exception as error:
            if not is_outage(error):
                raise
            raise TransientError("board_not_in_memory_and_database_away") from None

    def _fetch_ended(self, unit: str, ended: asyncio.Task[Mapping[str, StoredBoard]]) -> None:
        del self._fetching[unit]
        if not ended.cancelled():
            ended.exception()  # seen, though everybody who waited may have gone

    async def _read(self, units: list[str], now: datetime) -> Mapping[str, StoredBoard]:
        found = await self._source.read(units, BoardSelection(now)) if units else {}
        for unit in units:
            stored = found.get(unit)
            if stored is None:
                self._drop(unit)
            else:
                self._keep(unit, _Kept(stored, size_of(stored.board), now + _at_least_once_a_day(unit)))
        while self._bytes > self._most_bytes and len(self._kept) > 1:
            longest_not_asked_for = next(iter(self._kept))
            self._drop(longest_not_asked_for)
            self._without.add(longest_not_asked_for)
        metrics.READ.inc(len(found))
        return found

    def _keep(self, unit: str, board: _Kept) -> None:
        before = self._kept.get(unit)
        self._bytes += board.size - (before.size if before else 0)
        self._kept[unit] = board
        self._without.discard(unit)

    def _drop(self, unit: str) -> None:
        before = self._kept.pop(unit, None)
        self._bytes -= before.size if before else 0
        self._without.discard(unit)

    def _measure(self) -> None:
        stored = [kept.stored for kept in self._kept.values()]
        metrics.UNITS.set(len(stored))
        metrics.WITHOUT.set(len(self._without))
        metrics.BYTES.set(self._bytes)
        metrics.LEFT_OUT.labels("notice").set(sum(each.notices_left_out for each in stored))
        metrics.LEFT_OUT.labels("event").set(sum(each.events_left_out for each in stored))


def _at_least_once_a_day(unit: str) -> timedelta:
    """Between half a day and a day, another for each unit: what was read at once at the start is not due at once."""
    return timedelta(seconds=_HALF_A_DAY + crc32(unit.encode()) % _HALF_A_DAY)
