"""Where responder is put together: bus, names and boards in memory, limit, consumers."""

import asyncio
from datetime import UTC, datetime

from board.memory import BoardMemory
from board.store import BoardStore
from contracts.streams import DIRECTORY, RESPONDER_EVENTS, RESPONDER_INBOUND
from contracts.views import OFFICE_REVISION, OFFICE_VERSION
from responder.consumers import EventConsumer
from responder.context import Context
from responder.directory import ScopeDirectory
from responder.limits import AnswerLimit, PerHour
from responder.settings import SERVICE, Settings
from runtime.crypto.sealing import Sealer
from runtime.database.engine import create_engine
from runtime.database.schema import ForeignSchemaCheck
from runtime.process.lifecycle import Service


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything. The database may be away: then what needs it waits, and nothing else does."""
    bus = await service.connect_bus()
    engine = create_engine(settings.general_database_url, service=SERVICE, pool_size=2)
    service.on_close(engine.dispose)
    directory = ScopeDirectory(settings.base_domain)
    boards = BoardMemory(
        BoardStore(engine, with_groups=True),
        clock=_now,
        every=settings.news_refresh,
        most_bytes=settings.board_memory * 2**20,
    )
    service.health.add("directory", directory.check)
    schema = ForeignSchemaCheck(engine, "admin_api", OFFICE_VERSION.schema, wanted=OFFICE_REVISION)
    service.health.add("schema", schema.check)
    service.health.add("news", boards.check)
    per_hour = PerHour(proven=settings.answers_per_hour, unproven=settings.unproven_answers_per_hour)
    consumer = EventConsumer(
        Context(
            directory=directory,
            boards=boards,
            limit=AnswerLimit(bus, per_hour),
            publisher=bus,
            sealer=Sealer(settings.seal_public_keys),
            clock=_now,
        )
    )

    async def follow(stop: asyncio.Event) -> None:
        await directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop))

    service.task("directory", follow)
    service.task("news", schema.before(boards.run))
    service.consume(bus, RESPONDER_INBOUND, consumer, concurrency=32)
    service.consume(bus, RESPONDER_EVENTS, consumer, concurrency=32)
    service.consume_dead_letter_retries(bus)


def _now() -> datetime:
    return datetime.now(UTC)
