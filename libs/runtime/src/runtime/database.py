"""The database engine: SQLAlchemy over asyncpg, with limits on every wait.

A pool connection is tried before use, so a restarted server costs one slow query and no error. Parameters never show
in error texts, because they hold personal data.
"""

import asyncio

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
log = get_logger(__name__)


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
    return create_async_engine(
        async_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=10,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "timeout": CONNECT_SECONDS,
            "command_timeout": STATEMENT_SECONDS + 5,
            "server_settings": {
                "application_name": f"renrakumo-{service}",
                "statement_timeout": str(STATEMENT_SECONDS * 1000),
                "idle_in_transaction_session_timeout": "60000",
                # A machine that vanished without a word still holds its relay's lock: the server must notice soon.
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "10",
                "tcp_keepalives_count": "3",
                "tcp_user_timeout": "60000",
                "timezone": "UTC",
            },
        },
    )


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
