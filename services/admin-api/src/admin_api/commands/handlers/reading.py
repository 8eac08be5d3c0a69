"""Commands are looked at, and undone by another command."""

from admin_api.commands import store
from admin_api.commands.explanations import explain_refusal
from admin_api.commands.handlers import giving
from admin_api.commands.model import RIGHTS_TO_UNDO, GivenCommand, command_id, command_number, why_not_undoable
from admin_api.kernel.context import Context, Database
from admin_api.kernel.errors import Conflict, Forbidden, NotFound
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.units import handlers as units
from contracts.commands import CloseGroup, UndoCommand


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


async def undo(context: Context, who: Caller, unit: str, identifier: str) -> GivenCommand:
    """Undo a command: gives the command that does, and waits a moment for its result. Forbidden for who may not give
    the undone one; Conflict when it can't be undone, or would bring back one group too many."""
    undone = await one(context.database, unit, identifier)
    right = RIGHTS_TO_UNDO.get(undone.kind)
    if right is not None and not who.may(right):
        raise Forbidden
    now = context.database.clock()
    if undone.state == "waiting":
        raise Conflict("command-waiting", "It has no result yet. Try again when it has.")
    refusal = why_not_undoable(undone, now)
    if refusal is not None:
        words = explain_refusal(refusal)
        raise Conflict(refusal, words.en if words else "")
    command = UndoCommand(
        id=giving.new_command_id(), occurred_at=now, unit=unit, actor=who.actor, of=command_id(undone.id)
    )
    allow = units.require_room_for_group if undone.kind == CloseGroup.kind() else None
    return await giving.give_undo(context, command, undone, allow)
