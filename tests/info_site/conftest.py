"""An info site with hand-written neighbours: boards to read, a bus in memory, a clock to set."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest

from board.memory import BoardMemory
from board.model import Board
from info_site.clients import LatePublisher
from info_site.context import Context
from info_site.routes import create_app
from tests.board.source import FakeSource
from tests.support.fake_bus import FakeBus

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)
"""In Japan it is already 8 April, 1:30 in the morning."""


class Site:
    """The site. `source` is its database."""

    def __init__(self) -> None:
        self.now = NOW
        self.source = FakeSource()
        self.bus = FakeBus()
        self.boards = BoardMemory(self.source, clock=self._clock, every=60)
        self.publisher = LatePublisher()
        app = create_app(Context(self.boards, self.publisher, self._clock))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://board.example")

    async def show(self, **boards: Board) -> None:
        """The database holds these boards, and they have been read."""
        self.source.away = False
        self.source.put(**boards)
        await self.boards.refresh()

    def _clock(self) -> datetime:
        return self.now


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    site.publisher.connected(site.bus)
    yield site
    await site.http.aclose()
