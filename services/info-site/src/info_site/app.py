"""Where the info site is put together: boards in memory, pages, and the bus for who wants out.

The pages need neither bus nor database once the boards have been read, so they wait for neither.
"""

import asyncio
from datetime import UTC, datetime

from board.memory import BoardMemory
from board.store import BoardStore
from contracts.views import OFFICE_REVISION, OFFICE_VERSION
from info_site.clients import LatePublisher
from info_site.context import Context
from info_site.routes import create_app
from info_site.settings import SERVICE, Settings
from runtime.database.engine import create_engine
from runtime.database.schema import ForeignSchemaCheck
from runtime.process import web
from runtime.process.lifecycle import Service


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything."""
    engine = create_engine(settings.general_database_url, service=SERVICE, pool_size=2)
    service.on_close(engine.dispose)
    boards = BoardMemory(
        BoardStore(engine, with_groups=False),
        clock=_now,
        every=settings.news_refresh,
        most_bytes=settings.board_memory * 2**20,
    )
    schema = ForeignSchemaCheck(engine, "admin_api", OFFICE_VERSION.schema, wanted=OFFICE_REVISION)
    service.health.add("schema", schema.check)
    service.health.add("news", boards.check)
    publisher = LatePublisher()
    pages = create_app(Context(boards, publisher, _now))

    async def connect(stop: asyncio.Event) -> None:
        connecting = asyncio.create_task(service.connect_bus())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({connecting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            connecting.cancel()
            return
        publisher.connected(connecting.result())
        await stopped

    async def serve(stop: asyncio.Event) -> None:
        await web.serve(
            pages,
            host=settings.info_host,
            port=settings.info_port,
            variable="RENRAKUMO_INFO_PORT",
            stop=stop,
            lifespan="off",
            ws="none",
        )

    service.task("news", schema.before(boards.run))
    service.task("bus", connect)
    service.task("web", serve)


def _now() -> datetime:
    return datetime.now(UTC)
