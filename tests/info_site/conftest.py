"""A notice board with hand-written neighbours: boards to read, a bus that takes what is said, a clock to set."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest

from contracts.base import Event
from info_site.handlers import Unsubscriptions
from info_site.model import Board, Boards
from info_site.news import News
from info_site.routes import create_app
from runtime.errors import BusUnavailable

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)
"""In Japan it is already 8 April, 1:30 in the morning."""


@dataclass
class FakeBus:
    """Keeps what is published; `away` makes it refuse."""

    said: list[Event] = field(default_factory=list)
    away: bool = False

    async def publish(self, event: Event) -> int:
        if self.away:
            raise BusUnavailable("bus_disconnected")
        self.said.append(event)
        return len(self.said)


class Site:
    """The site. `boards` is what its database holds; None: it is away."""

    def __init__(self) -> None:
        self.now = NOW
        self.boards: dict[str, Board] | None = {}
        self.bus = FakeBus()
        self.news = News(self._read, every=60)
        self.unsubscriptions = Unsubscriptions(lambda: self.now)
        app = create_app(self.news, self.unsubscriptions.take, lambda: self.now)
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://board.example")

    async def show(self, **boards: Board) -> None:
        """The database holds these boards, and they have been read."""
        self.boards = boards
        await self.news.refresh()

    async def _read(self) -> Boards:
        if self.boards is None:
            raise ConnectionRefusedError
        return Boards(dict(self.boards))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    site.unsubscriptions.use(site.bus)
    yield site
    await site.http.aclose()
