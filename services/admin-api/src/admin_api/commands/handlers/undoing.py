"""A command is undone by another command, for who may give the undone one."""

from admin_api.commands.explanations import explain_refusal
from admin_api.commands.handlers import giving
from admin_api.commands.handlers.looking_up import one
from admin_api.commands.model import RIGHTS_TO_UNDO, GivenCommand, command_id, why_not_undoable
from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict, Forbidden
from admin_api.kernel.roles import Caller
from admin_api.units import handlers as units
from contracts.commands import CloseGroup, UndoCommand


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
