"""The boards of all units in memory: read again every few seconds, kept as they are while the database is away.

An answer is given from memory alone, so a town that asks at once costs the database nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import datetime

from responder import model
from responder.model import Board, Boards
from runtime.errors import TransientError
from runtime.logs import get_logger
from runtime.redaction import reason_of

log = get_logger(__name__)


class NewsMemory:
    """The last boards that could be read. `read` loads all of them; `every` in seconds."""

    def __init__(self, read: Callable[[], Awaitable[Boards]], *, every: float) -> None:
        self._read = read
        self._every = every
        self._boards: Boards | None = None
        self._failing = False

    def latest(self, unit: str, group: str | None, now: datetime) -> model.News:
        """What to tell about a unit, or one of its groups, now. TransientError while nothing was ever read."""
        if self._boards is None:
            raise TransientError("news_not_loaded_yet")
        return model.select(self._boards.by_unit.get(unit, Board()), group, now)

    async def refresh(self) -> None:
        """Read once; whatever ails the database, the last boards stay."""
        try:
            self._boards = await self._read()
        except Exception as error:
            if not self._failing:
                log.warning("news_not_refreshed", reason=reason_of(error))
            self._failing = True
        else:
            if self._failing:
                log.info("news_refreshed_again")
            self._failing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until told to stop."""
        while not stop.is_set():
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every)

    async def check(self) -> None:
        """Health check: nothing to tell yet."""
        if self._boards is None:
            raise TransientError("news_not_loaded_yet")
