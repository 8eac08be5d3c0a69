"""What registry says has come of a command is written down, and what follows from it happens: one transaction.

    command.done -> inbox -> the row, where it waits -> a group that was closed goes, one whose closing was undone comes
    back (with the directory) -> audit log -> who waits at the screen is woken when all that is committed
The unit is locked before the command's row, as everywhere, so that nobody waits in a circle.
"""

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.commands import store
from admin_api.commands.handlers.giving import audit_detail
from admin_api.commands.model import GivenCommand, command_number
from admin_api.kernel.audit import Detail
from admin_api.kernel.context import Database
from admin_api.units import handlers as units
from contracts.commands import CloseGroup, UndoCommand
from contracts.events import CommandDone
from runtime.logs import get_logger

log = get_logger(__name__)


async def settle(database: Database, done: CommandDone) -> None:
    """Take in the result of a command. One that the office didn't give, or whose result it has, changes nothing."""
    async with database.engine.begin() as connection:
        if not await database.inbox.first_time(connection, CommandDone.name, done.id):
            return
        if done.kind in (CloseGroup.kind(), UndoCommand.kind()):
            await units.require(connection, done.unit, lock=True)
        number = command_number(done.command)
        given = None if number is None else await store.settle(connection, number, done)
        if given is None:
            log.warning("command_result_without_command", kind=done.kind, unit=done.unit, outcome=done.outcome)
            return
        if given.state == "done":
            await _follow_up(database, connection, given)
        await _audit_outcome(database, connection, given)


async def _follow_up(database: Database, connection: AsyncConnection, given: GivenCommand) -> None:
    if given.kind == CloseGroup.kind():
        deleted = await units.remove_group(database, connection, given.unit, _group(given))
        if deleted is not None:
            await store.keep_deleted_group(connection, given.id, deleted)
    elif given.undoes is not None:
        await store.mark_undone(connection, given.undoes, by=given.id)
        deleted = await store.deleted_group(connection, given.undoes)
        if deleted is not None:
            await units.restore_group(database, connection, given.unit, _group(given), deleted)


async def _audit_outcome(database: Database, connection: AsyncConnection, given: GivenCommand) -> None:
    """The second row of a command in the audit log, by the account that gave it."""
    outcome: Detail = {} if given.reason is None else {"kind": given.kind, "reason": given.reason}
    await database.audit(
        connection,
        given.actor,
        given.done_action if given.state == "done" else "command.refused",
        given.subject,
        unit=given.unit,
        detail={**(audit_detail(given) or {}), **outcome, "count": given.count},
    )


def _group(given: GivenCommand) -> str:
    return given.subject.removeprefix("group/")
