"""A service's start waits until the schema that it owns is that of its release: `renrakumo database upgrade` brings it
there. Until then /readyz and the log say which revision is there and which is wanted.

Once right, the schema is not looked at again: it changes only when a new release is put in place.
"""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.database.migrations import SchemaState, state
from runtime.errors import TransientError
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

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

    async def _look(self) -> Exception | None:
        try:
            found = await state(self._engine, self._package, self._schema)
        except Exception as error:
            if not is_outage(error):
                raise
            return error
        return None if found.current else SchemaMismatch(described(found))
