"""Database migrations: alembic without files of configuration.

A package keeps its steps in `<package>/migrations/versions/*.py` (or right in `<package>/migrations`). All steps that
are due run in one transaction under an advisory lock, so that any number of processes may call `upgrade` at once, and
a failing step leaves nothing half done. Services never migrate: they wait until somebody has (runtime.database.schema).
"""

import asyncio
import importlib.resources
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from runtime.database.engine import CONNECT_SECONDS, async_url
from runtime.errors import PermanentError

_LOCK = 0x52656E72616B75

T = TypeVar("T")


class SchemaNewer(PermanentError):
    """The schema was made by a later release, whose steps this one does not know."""


@dataclass(frozen=True, slots=True)
class SchemaState:
    """A schema beside the steps of this release. `found`: the revision that it is at, None before the first step;
    `wanted`: the newest of this release; `known`: this release has a step of the name `found`."""

    package: str
    found: str | None
    wanted: str
    known: bool

    @property
    def current(self) -> bool:
        """The schema is that of this release."""
        return self.found == self.wanted

    @property
    def newer(self) -> bool:
        """The schema is that of a later release."""
        return not self.known


@dataclass(frozen=True, slots=True)
class Upgraded:
    """What an upgrade did: the revision before, None for an empty schema, and the one after."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Steps were run."""
        return self.before != self.after


def upgrade(url: str, package: str, schema: str | None = None, *, to: str = "head") -> Upgraded:
    """Bring the database at `url` to the newest step of `package`, or `to` that revision. `schema`: where the table
    `alembic_version` lives (the owner's schema; it must exist). Raises SchemaNewer when a later release was here. May
    be called with or without a running event loop."""
    return _apart(lambda engine: _upgrade(engine, package, schema, to), url)


def look(url: str, package: str, schema: str | None = None) -> SchemaState:
    """How the schema at `url` stands to the steps of `package`. May be called with or without a running event loop."""
    return _apart(lambda engine: state(engine, package, schema), url)


def _apart(work: Callable[[AsyncEngine], Coroutine[Any, Any, T]], url: str) -> T:
    """Run `work` in a thread and an event loop of its own, on an engine for this once."""

    async def run() -> T:
        engine = create_async_engine(
            async_url(url), poolclass=NullPool, hide_parameters=True, connect_args={"timeout": CONNECT_SECONDS}
        )
        try:
            return await work(engine)
        finally:
            await engine.dispose()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(run())).result()


async def state(engine: AsyncEngine, package: str, schema: str | None = None) -> SchemaState:
    """How the schema behind `engine` stands to the steps of `package`."""
    async with engine.connect() as connection:
        found = await connection.run_sync(_revision, schema)
    return _compared(package, found)


async def _upgrade(engine: AsyncEngine, package: str, schema: str | None, to: str) -> Upgraded:
    config = _config(package)
    config.attributes["schema"] = schema

    def run(connection: Connection) -> Upgraded:
        before = _compared(package, _revision(connection, schema))
        if before.newer:
            raise SchemaNewer("schema_is_newer_than_this_release")
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        return Upgraded(before.found, _revision(connection, schema) or "")

    async with engine.begin() as connection:
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        return await connection.run_sync(run)


def _compared(package: str, found: str | None) -> SchemaState:
    steps = ScriptDirectory.from_config(_config(package))
    known = {step.revision for step in steps.walk_revisions()}
    return SchemaState(package, found, steps.get_current_head() or "", found is None or found in known)


def _revision(connection: Connection, schema: str | None) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": schema})
    return context.get_current_revision()


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(Path(__file__).parent / "alembic_env"))
    config.set_main_option("version_locations", _escaped(_versions(package)))
    config.set_main_option("path_separator", "os")
    return config


def _versions(package: str) -> Path:
    migrations = Path(str(importlib.resources.files(package))) / "migrations"
    versions = migrations / "versions"
    return versions if versions.is_dir() else migrations


def _escaped(path: Path) -> str:
    return str(path).replace("%", "%%")
