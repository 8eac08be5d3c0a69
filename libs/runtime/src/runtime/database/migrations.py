"""Database migrations: alembic without files of configuration.

A package keeps its steps in `<package>/migrations/versions/*.py` (or right in `<package>/migrations`). All steps that
are due run in one transaction under an advisory lock, so that any number of processes may call this at once, and a
failing step leaves nothing half done.
"""

import asyncio
import importlib.resources
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from runtime.database.engine import CONNECT_SECONDS, async_url

_LOCK = 0x52656E72616B75


def upgrade(url: str, package: str, schema: str | None = None, *, to: str = "heads") -> None:
    """Bring the database at `url` to the newest step of `package`, or `to` that revision. `schema`: where the table
    `alembic_version` lives (the owner's schema; it must exist). May be called with or without a running event loop."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(lambda: asyncio.run(_upgrade(url, package, schema, to))).result()


async def _upgrade(url: str, package: str, schema: str | None, to: str) -> None:
    config = Config()
    config.set_main_option("script_location", _escaped(Path(__file__).parent / "alembic_env"))
    config.set_main_option("version_locations", _escaped(_versions(package)))
    config.set_main_option("path_separator", "os")
    config.attributes["schema"] = schema

    def run(connection: Connection) -> None:
        config.attributes["connection"] = connection
        command.upgrade(config, to)

    engine = create_async_engine(
        async_url(url), poolclass=NullPool, hide_parameters=True, connect_args={"timeout": CONNECT_SECONDS}
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(run)
    finally:
        await engine.dispose()


def _versions(package: str) -> Path:
    migrations = Path(str(importlib.resources.files(package))) / "migrations"
    versions = migrations / "versions"
    return versions if versions.is_dir() else migrations


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
