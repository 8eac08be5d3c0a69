"""Where admin-api is put together: database, bus, the web application, consumers of events, the outbox's relay."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from admin_api.commands.consumers import CommandResultConsumer
from admin_api.commands.handlers import forgetting
from admin_api.dead_letters import cleaner
from admin_api.dead_letters.consumers import DeadLetterConsumer
from admin_api.kernel import tables
from admin_api.kernel.clients import BusVerbs, Contents, Dispatchers, Registry
from admin_api.kernel.context import COMMAND_RESULTS, Context, Database, utc_now
from admin_api.kernel.idempotency import fingerprinter
from admin_api.kernel.notifications import Notifications
from admin_api.kernel.passwords import Passwords
from admin_api.posts.consumers import PostConsumer
from admin_api.settings import SCHEMA, SERVICE, Settings
from admin_api.units.post_secrets import post_secret_hasher
from admin_api.web import application
from contracts.streams import ADMIN_API_COMMANDS, ADMIN_API_DEADLETTERS, ADMIN_API_EVENTS, ADMIN_API_INBOUND
from runtime.crypto.ciphers import FieldCipher, KeyedHash
from runtime.crypto.sealing import Sealer
from runtime.database.engine import check, create_engine, wait_until_up
from runtime.database.relay import OutboxRelay
from runtime.database.schema import SchemaCheck
from runtime.logs import get_logger
from runtime.process.lifecycle import Service
from runtime.process.web import serve
from runtime.redaction import reason_of

CONCURRENCY = 4
POOL = 12
FORGET_EVERY = 6 * 3600.0
REMEMBER = timedelta(days=35)
"""Longer than the stream of events keeps them."""

log = get_logger(__name__)


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything; the web side opens once bus and database are there."""
    engine = create_engine(settings.general_database_url, service=SERVICE, pool_size=POOL)
    service.on_close(engine.dispose)
    service.health.add("database", lambda: check(engine))
    schema = SchemaCheck(engine, "admin_api", SCHEMA)
    service.health.add("schema", schema.check)
    bus = await service.connect_bus()
    await wait_until_up(engine)
    await schema.wait()
    context = build(settings, engine, bus)
    app = application.build(context, cookie_secure=settings.cookie_secure)

    async def serve_web(stop: asyncio.Event) -> None:
        await serve(
            app, host=settings.web_host, port=settings.web_port, variable="RENRAKUMO_WEB_PORT", stop=stop, ws="none"
        )

    async def forget(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with engine.begin() as connection:
                    await context.database.inbox.forget(connection, REMEMBER)
                await forgetting.forget(context.database, settings.undo_life)
            except Exception as error:  # mere tidying: it can wait for the next time
                log.warning("old_rows_not_forgotten", reason=reason_of(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), FORGET_EVERY)

    for consumer in (ADMIN_API_EVENTS, ADMIN_API_INBOUND):
        service.consume(bus, consumer, PostConsumer(context), concurrency=CONCURRENCY)
    service.consume(bus, ADMIN_API_COMMANDS, CommandResultConsumer(context.database), concurrency=CONCURRENCY)
    service.consume(bus, ADMIN_API_DEADLETTERS, DeadLetterConsumer(context.database), concurrency=CONCURRENCY)
    service.consume_dead_letter_retries(bus)
    service.task("outbox relay", OutboxRelay(engine, tables.outbox, bus).run)
    service.task("command results", context.command_results.run)
    service.task("web", serve_web)
    service.task("forget", forget)
    life = timedelta(days=settings.dead_letter_days)
    service.task("dead letters", lambda stop: cleaner.run(context.database, life, stop))


def build(
    settings: Settings,
    engine: AsyncEngine,
    bus: BusVerbs,
    passwords: Passwords | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> Context:
    """What handlers are given: this database and bus, with the keys of these settings."""
    sealer = Sealer(settings.seal_public_keys)
    secret_hash = KeyedHash(settings.post_secret_key.value)
    return Context(
        database=Database.open(engine, FieldCipher(settings.content_keys), passwords, clock),
        registry=Registry(bus),
        contents=Contents(bus, sealer),
        dispatchers=Dispatchers(bus),
        command_results=Notifications(engine, COMMAND_RESULTS),
        sealer=sealer,
        hash_secret=post_secret_hasher(secret_hash),
        fingerprint=fingerprinter(secret_hash),
        base_domain=settings.base_domain,
        session_idle=settings.session_idle,
        session_life=settings.session_life,
        command_wait=settings.command_wait,
    )
