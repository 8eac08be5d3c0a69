"""The audit log is shown to who may see it, and checked."""

from admin_api.audit import store
from admin_api.audit.model import AuditRow, ChainCheck
from admin_api.kernel.context import Database
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.units.handlers import require


async def page(database: Database, unit: str, wanted: PageRequest[int]) -> Slice[AuditRow, int]:
    """What was done in a unit, newest first."""
    async with database.engine.connect() as connection:
        await require(connection, unit)
        return await store.page(connection, unit, wanted)


async def check(database: Database) -> ChainCheck:
    """Does every row of the audit log still fit to the one before it?"""
    async with database.engine.connect() as connection:
        return await store.check(connection)
