"""Where the ledger is put together: database, bus, both consumers, the outbox's relay."""

import asyncio
import contextlib
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.streams import RECEIPTS_INBOUND, RECEIPTS_OUTCOMES
from mail.mime.reading import Limits
from receipts import store, tables
from receipts.consumers import InboundConsumer, OutcomesConsumer
from receipts.handlers import Receipts
from receipts.model import Lives, SentMessage
from receipts.sent import SentMessages
from receipts.settings import SERVICE, Settings
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.sealing import Opener, Sealer
from runtime.database import engine as database
from runtime.database.outbox import Inbox, Outbox
from runtime.database.relay import OutboxRelay
from runtime.database.schema import SchemaCheck
from runtime.logs import get_logger
from runtime.process.lifecycle import Service
from runtime.redaction import reason_of

CONCURRENCY = 12
"""Events in hand of each consumer; with the relay they need no more connections than the pool may open."""
POOL = 13
FORGET_EVERY = 6 * 3600.0

log = get_logger(__name__)


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything; consumers start once bus and database are there."""
    engine = database.create_engine(settings.general_database_url, service=SERVICE, pool_size=POOL)
    service.on_close(engine.dispose)
    service.health.add("database", lambda: database.check(engine))
    schema = SchemaCheck(engine, "receipts", tables.SCHEMA)
    service.health.add("schema", schema.check)
    bus = await service.connect_bus()
    await database.wait_until_up(engine)
    await schema.wait()
    receipts = build(settings, engine)

    async def forget(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await receipts.forget_old_events()
            except Exception as error:  # mere tidying: it can wait for the next time
                log.warning("old_events_not_forgotten", reason=reason_of(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), FORGET_EVERY)

    service.consume(bus, RECEIPTS_INBOUND, InboundConsumer(receipts), concurrency=CONCURRENCY)
    service.consume(bus, RECEIPTS_OUTCOMES, OutcomesConsumer(receipts), concurrency=CONCURRENCY)
    service.consume_dead_letter_retries(bus)
    service.task("outbox relay", OutboxRelay(engine, tables.outbox, bus).run)
    service.task("forget", forget)


def build(settings: Settings, engine: AsyncEngine) -> Receipts:
    """The ledger's work on this database, with the keys of these settings."""
    cipher = FieldCipher(settings.content_keys)

    async def look(unit: str, message: int) -> SentMessage | None:
        async with engine.connect() as connection:
            return await store.sent_message(connection, cipher, unit=unit, message=message)

    return Receipts(
        engine=engine,
        inbox=Inbox(tables.inbox),
        outbox=Outbox(tables.outbox),
        token_keys=settings.token_keys,
        lives=Lives(
            registration=settings.registration_token_life,
            post=settings.post_token_life,
            answer=settings.answer_token_life,
        ),
        cipher=cipher,
        opener=Opener(SERVICE, settings.seal_private_keys),
        sealer=Sealer(settings.seal_public_keys),
        clock=lambda: datetime.now(UTC),
        sent=SentMessages(look),
        limits=Limits(**settings.reading_limits()),
    )
