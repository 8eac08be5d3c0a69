"""The boards in memory: read again every few seconds, kept as they are while the database is away.

A page is served from memory alone, so a rush of readers costs the database nothing and its absence goes unnoticed.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from prometheus_client import Gauge

from info_site.model import Board, Boards
from runtime.errors import TransientError
from runtime.logs import get_logger
from runtime.redaction import reason_of

log = get_logger(__name__)

REFRESHED = Gauge("renrakumo_info_site_news_refreshed_timestamp_seconds", "When the news were last read")


class News:
    """The last boards that could be read. `read` loads them all."""

    def __init__(self, read: Callable[[], Awaitable[Boards]], *, every: float) -> None:
        self._read = read
        self._every = every
        self._boards: Boards | None = None
        self._failing = False

    @property
    def loaded(self) -> bool:
        return self._boards is not None

    def board(self, unit: str) -> Board | None:
        return self._boards.by_unit.get(unit) if self._boards else None

    async def check(self) -> None:
        """Health check: nothing to show yet."""
        if not self.loaded:
            raise TransientError("news_not_loaded_yet")

    async def refresh(self) -> None:
        """Read once; whatever ails the database, the last boards stay."""
        try:
            self._boards = await self._read()
        except Exception as error:
            if not self._failing:
                log.warning("news_not_refreshed", reason=reason_of(error))
            self._failing = True
            return
        REFRESHED.set_to_current_time()
        if self._failing:
            log.info("news_refreshed_again")
        self._failing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Refresh until told to stop."""
        while not stop.is_set():
            await self.refresh()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._every)
