"""A service's start waits until the schema that it owns or reads is that of its release: `renrakumo database upgrade`
brings it there. Until then /readyz and the log say which revision is there and which is wanted.

Who owns a schema has its steps (`SchemaCheck`). Who only reads it knows the newest step's name (`ForeignSchemaCheck`),
and may see the version table once a step has granted that: a table that it may not see is one of an earlier release.

Once right, the schema is not looked at again: it changes only when a new release is put in place.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database.migrations import SchemaState, state
from runtime.errors import TransientError
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

_NOT_YET = ("42501", "42P01", "3F000")
"""SQLSTATE of a right, a table, a schema that is not there."""
Work = Callable[[asyncio.Event], Awaitable[None]]
log = get_logger(__name__)


class SchemaMismatch(TransientError):
    """The schema is not that of this release. The text names the revisions and what to do."""


def described(schema: SchemaState) -> str:
    """A line for a person: what is there, what is wanted, what to do."""
    found = f"revision {schema.found}" if schema.found else "no tables"
    if schema.current:
        return f"{found}, as this release needs it"
    if schema.newer:
        return f"{found} is newer than this release (revision {schema.wanted}): start the release that belongs to it"
    return f"{found}, this release needs revision {schema.wanted}: run `renrakumo database upgrade`"


class SchemaCheck:
    """Whether the schema that `package` owns is that of this release. `schema`: its name, None where the database is
    all the package's own."""

    def __init__(self, engine: AsyncEngine, package: str, schema: str | None = None) -> None:
        self._engine = engine
        self._package = package
        self._schema = schema
        self._problem: Exception | None = SchemaMismatch("not looked at yet")

    async def check(self) -> None:
        """Health check: raises SchemaMismatch until `wait` has seen the right schema."""
        if self._problem is not None:
            raise self._problem

    async def wait(self, *, pause: float = 1.0) -> None:
        """Return once the schema is that of this release; logs why while it is not, also when the database is away.
        Cancel it to give up."""
        while True:
            problem = await self._look()
            if problem is None:
                self._problem = None
                return
            if self._problem is None or reason_of(problem) != reason_of(self._problem):
                log.warning("schema_not_of_this_release", package=self._package, reason=reason_of(problem))
            self._problem = problem
            await asyncio.sleep(pause)

    def before(self, work: Work) -> Work:
        """A service's task that begins once the schema is that of this release."""

        async def waiting(stop: asyncio.Event) -> None:
            right, stopped = asyncio.create_task(self.wait()), asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({right, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if right.done():
                    right.result()
                    await work(stop)
            finally:
                right.cancel()
                stopped.cancel()

        return waiting

    async def _state(self) -> SchemaState:
        return await state(self._engine, self._package, self._schema)

    async def _look(self) -> Exception | None:
        try:
            found = await self._state()
        except Exception as error:
            if not is_outage(error):
                raise
            return error
        return None if found.current else SchemaMismatch(described(found))


class ForeignSchemaCheck(SchemaCheck):
    """Whether the schema that another service's `package` owns is at the revision `wanted`, for who only reads it and
    has no steps. Names of revisions grow from step to step."""

    def __init__(self, engine: AsyncEngine, package: str, schema: str, *, wanted: str) -> None:
        super().__init__(engine, package, schema)
        self._wanted = wanted
        self._query = text(f'SELECT version_num FROM "{schema}".alembic_version')  # noqa: S608

    async def _state(self) -> SchemaState:
        try:
            async with self._engine.connect() as connection:
                found = (await connection.execute(self._query)).scalar_one_or_none()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _NOT_YET:
                raise
            raise SchemaMismatch(
                f"no tables, or those of an earlier release; this release needs revision {self._wanted}: "
                "run `renrakumo database upgrade`"
            ) from None
        return SchemaState(self._package, found, self._wanted, known=found is None or found <= self._wanted)
