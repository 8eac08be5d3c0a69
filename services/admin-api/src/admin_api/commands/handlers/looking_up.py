"""Commands are looked up: a unit's, or a single one."""

from admin_api.commands import store
from admin_api.commands.model import GivenCommand, command_number
from admin_api.kernel.context import Database
from admin_api.kernel.errors import NotFound
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.units import handlers as units


async def page(database: Database, unit: str, wanted: PageRequest[int]) -> Slice[GivenCommand, int]:
    """Commands of a unit, newest first."""
    async with database.engine.connect() as connection:
        await units.require(connection, unit)
        return await store.page(connection, unit, wanted)


async def one(database: Database, unit: str, identifier: str) -> GivenCommand:
    """The command of the unit with this id, or NotFound."""
    number = command_number(identifier)
    async with database.engine.connect() as connection:
        given = None if number is None else await store.get(connection, number)
    if given is None or given.unit != unit:
        raise NotFound("The unit has no such command.")
    return given
