"""Where the voice is put together: bus, names in memory, news in memory, limit, consumers."""

import asyncio
from datetime import UTC, datetime

from contracts.streams import DIRECTORY, RESPONDER_EVENTS, RESPONDER_INBOUND
from responder import store
from responder.consumers import EventConsumer
from responder.directory import Directory
from responder.handlers import Responder
from responder.limits import AnswerLimit, PerHour
from responder.news import NewsMemory
from responder.settings import SERVICE, Settings
from runtime.crypto.sealing import Sealer
from runtime.database.engine import create_engine
from runtime.process.lifecycle import Service


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything. The database may be away: then what needs it waits, and nothing else does."""
    bus = await service.connect_bus()
    engine = create_engine(settings.general_database_url, service=SERVICE, pool_size=2)
    service.on_close(engine.dispose)
    directory = Directory(settings.base_domain)
    memory = NewsMemory(lambda: store.read_boards(engine), every=settings.news_refresh)
    service.health.add("directory", directory.check)
    service.health.add("news", memory.check)
    consumer = EventConsumer(
        Responder(
            directory=directory,
            memory=memory,
            limit=AnswerLimit(
                bus, PerHour(proven=settings.answers_per_hour, unproven=settings.unproven_answers_per_hour)
            ),
            publisher=bus,
            sealer=Sealer(settings.seal_public_keys),
            clock=lambda: datetime.now(UTC),
        )
    )

    async def follow(stop: asyncio.Event) -> None:
        await directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop))

    service.task("directory", follow)
    service.task("news", memory.run)
    service.consume(bus, RESPONDER_INBOUND, consumer, concurrency=32)
    service.consume(bus, RESPONDER_EVENTS, consumer, concurrency=32)
    service.consume_dead_letter_retries(bus)
