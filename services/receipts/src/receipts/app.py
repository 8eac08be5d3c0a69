"""Where the ledger is put together: database, bus, both consumers, the outbox's relay."""

from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.streams import RECEIPTS_INBOUND, RECEIPTS_OUTCOMES
from mail.mime.reading import Limits
from receipts import store, tables
from receipts.consumers import InboundConsumer, OutcomesConsumer
from receipts.context import Context
from receipts.handlers import housekeeping
from receipts.model import SentMessage, TokenLifetimes
from receipts.sent_messages import SentMessages
from receipts.settings import SERVICE, Settings
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.sealing import Opener, Sealer
from runtime.database import engine as database
from runtime.database.outbox import Inbox, Outbox
from runtime.database.relay import OutboxRelay
from runtime.database.schema import SchemaCheck
from runtime.process.lifecycle import Service

CONCURRENCY = 12
"""Events in flight of each consumer; with the relay they need no more connections than the pool may open."""
POOL = 13


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
    context = make_context(settings, engine)
    service.consume(bus, RECEIPTS_INBOUND, InboundConsumer(context), concurrency=CONCURRENCY)
    service.consume(bus, RECEIPTS_OUTCOMES, OutcomesConsumer(context), concurrency=CONCURRENCY)
    service.consume_dead_letter_retries(bus)
    service.task("outbox relay", OutboxRelay(engine, tables.outbox, bus).run)
    service.task("housekeeping", lambda stop: housekeeping.run(context, stop))


def make_context(settings: Settings, engine: AsyncEngine) -> Context:
    """What handlers need to work on this database, with the keys of these settings."""
    cipher = FieldCipher(settings.content_keys)

    async def look(unit: str, message: int) -> SentMessage | None:
        async with engine.connect() as connection:
            return await store.sent_message(connection, cipher, unit=unit, message=message)

    return Context(
        engine=engine,
        inbox=Inbox(tables.inbox),
        outbox=Outbox(tables.outbox),
        token_keys=settings.token_keys,
        token_lifetimes=TokenLifetimes(
            registration=settings.registration_token_life,
            post=settings.post_token_life,
            answer=settings.answer_token_life,
        ),
        cipher=cipher,
        opener=Opener(SERVICE, settings.seal_private_keys),
        sealer=Sealer(settings.seal_public_keys),
        clock=lambda: datetime.now(UTC),
        sent_messages=SentMessages(look),
        limits=Limits(**settings.reading_limits()),
    )
