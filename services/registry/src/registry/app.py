"""Wiring: who is who in registry. Nothing else knows."""

from datetime import UTC, datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncEngine

from contracts import directory as bucket
from contracts import streams
from registry import consumers, directory, handlers, requests, tables
from registry.context import Context, Lifetimes, Publisher, Units
from registry.person_crypto import PersonCrypto
from registry.settings import SERVICE, Settings
from runtime.crypto.ciphers import FieldCipher, KeyedHash
from runtime.crypto.sealing import Opener, Sealer
from runtime.database import engine as database
from runtime.database.outbox import Inbox, Outbox
from runtime.database.relay import OutboxRelay
from runtime.database.schema import SchemaCheck
from runtime.process.lifecycle import Service

AT_ONCE = 8
"""Events in flight of each of the three consumers of events."""
COMMANDS_AT_ONCE = 4
POOL = 15
"""Connections kept; as many more may be opened, which is enough for all consumers and the relay at once."""


def build_context(settings: Settings, engine: AsyncEngine, units: Units, bus: Publisher) -> Context:
    """What the handlers work with."""
    return Context(
        engine=engine,
        inbox=Inbox(tables.inbox),
        outbox=Outbox(tables.outbox),
        bus=bus,
        crypto=PersonCrypto(
            FieldCipher(settings.address_keys),
            KeyedHash(settings.lookup_key.value),
            KeyedHash(settings.sender_key.value),
        ),
        opener=Opener(SERVICE, settings.seal_private_keys),
        sealer=Sealer(settings.seal_public_keys),
        units=units,
        lives=Lifetimes(
            confirmation=settings.confirmation_life,
            pending=settings.pending_life,
            done_leave=settings.done_leave_life,
            post=settings.post_life,
            undo=settings.undo_life,
        ),
        clock=lambda: datetime.now(UTC),
    )


async def set_up(service: Service, settings: Settings) -> None:
    """Connect to the database and the bus, and name the tasks of this process."""
    engine = database.create_engine(settings.personal_database_url, service=SERVICE, pool_size=POOL)
    service.on_close(engine.dispose)
    service.health.add("database", partial(database.check, engine))
    schema = SchemaCheck(engine, "registry")
    service.health.add("schema", schema.check)
    await database.wait_until_up(engine)
    await schema.wait()

    bus = await service.connect_bus()
    known = directory.FreshDirectory(partial(bus.kv_get, bucket.BUCKET))
    service.health.add("directory", known.check)
    context = build_context(settings, engine, known, bus)

    service.task("directory", lambda stop: known.follow(bus.kv_watch(bucket.BUCKET, stop=stop)))
    service.task("outbox", OutboxRelay(engine, tables.outbox, bus).run)
    service.task("housekeeping", partial(handlers.housekeeping.run, context))
    for spec, consumer in (
        (streams.REGISTRY_INBOUND, consumers.InboundConsumer(context)),
        (streams.REGISTRY_EVENTS, consumers.EventsConsumer(context)),
        (streams.REGISTRY_OUTCOMES, consumers.OutcomesConsumer(context)),
    ):
        service.consume(bus, spec, consumer, concurrency=AT_ONCE)
    commands = consumers.CommandsConsumer(context)
    service.consume(bus, streams.REGISTRY_COMMANDS, commands, concurrency=COMMANDS_AT_ONCE)
    service.consume_dead_letter_retries(bus, consumers.GivenUpConsumer(context))
    await requests.serve(bus, context)
