"""The database engine: SQLAlchemy over asyncpg, with limits on every wait.

A pool connection that has rested is tried before use, so a restarted server costs one slow query and no error; one
that was in use a moment ago is not, because trying it costs as much as a small transaction. Parameters never show in
error texts, because they hold personal data. The few statements that a broadcast repeats for each hundred copies speak
asyncpg's own language (`transaction`); all else is SQLAlchemy.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, TypeAlias

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import greenlet_spawn

from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
TRUSTED_SECONDS = 1.0
_USED = "renrakumo_used"
log = get_logger(__name__)

Driver: TypeAlias = "asyncpg.Connection[Any]"
"""A connection in asyncpg's own language."""


def async_url(url: str) -> URL:
    """`postgresql://...` as a URL for asyncpg. ValueError, without the URL, for any other kind."""
    try:
        parsed = make_url(url)
    except Exception:
        raise ValueError("a database URL must look like postgresql://role:password@host:port/database") from None
    if parsed.get_backend_name() != "postgresql":
        raise ValueError("only PostgreSQL URLs are supported")
    return parsed.set(drivername="postgresql+asyncpg")


def create_engine(url: str, *, service: str, pool_size: int = 5) -> AsyncEngine:
    """An engine for `url` (postgresql://role:password@host:port/database); connects on first use.

    `service` is what the server shows as application name. Statements end after 30 s, idle transactions after 60 s."""
    engine = create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_use_lifo=True,  # the connection used last has its plans and caches at hand; the others rest
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": STATEMENT_SECONDS + 5,
            "server_settings": {
                "application_name": f"renrakumo-{service}",
                "statement_timeout": str(STATEMENT_SECONDS * 1000),
                "idle_in_transaction_session_timeout": "60000",
                # The relay of a machine that vanished without a word stays locked: the server must notice soon.
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
                "tcp_user_timeout": "60000",
                "timezone": "UTC",
            },
        },
    )
    _try_what_has_rested(engine)
    return engine


def _try_what_has_rested(engine: AsyncEngine) -> None:
    """What SQLAlchemy's `pool_pre_ping` does, but only for connections that rested for longer than a moment."""
    dialect = engine.dialect

    def checkin(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = monotonic()

    def checkout(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        used = record.info.get(_USED)
        driver = record.driver_connection
        closed = isinstance(driver, asyncpg.Connection) and driver.is_closed()
        if not closed and (used is None or monotonic() - used < TRUSTED_SECONDS):
            return
        try:
            alive = not closed and dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            if not dialect.is_disconnect(error, connection, None):
                raise
            alive = False
        if not alive:
            raise InvalidatePoolError

    event.listen(engine.sync_engine, "checkin", checkin)
    event.listen(engine.sync_engine, "checkout", checkout)


@asynccontextmanager
async def driver(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """A connection of the engine's pool in asyncpg's own language, where each statement commits by itself. For
    statements so frequent that SQLAlchemy would cost more than the database."""
    borrowed = await engine.raw_connection()
    connection = borrowed.driver_connection
    assert isinstance(connection, asyncpg.Connection)
    try:
        yield connection
    finally:
        await asyncio.shield(greenlet_spawn(borrowed.invalidate if connection.is_closed() else borrowed.close))


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncIterator[Driver]:
    """A connection of the engine's pool in asyncpg's own language, in one transaction that commits at the end of the
    block and rolls back when it raises."""
    async with driver(engine) as connection, connection.transaction():
        yield connection


async def check(engine: AsyncEngine) -> None:
    """Health check: one trivial query within five seconds."""
    async with asyncio.timeout(CONNECT_SECONDS), engine.connect() as connection:
        await connection.execute(text("SELECT 1"))


async def wait_until_up(engine: AsyncEngine, *, pause: float = 1.0) -> None:
    """Return once the database answers; logs why while it does not. Cancel it to give up."""
    told = ""
    while True:
        try:
            await check(engine)
            return
        except Exception as error:
            if not is_outage(error):
                raise
            if told != reason_of(error):
                told = reason_of(error)
                log.warning("database_not_reachable_yet", reason=told)
        await asyncio.sleep(pause)
