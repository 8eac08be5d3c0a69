"""A command is given: its row, its row in the audit log and its message in one transaction; then a moment's patience.

    give -> row (waiting) + audit log + outbox, committed together -> registry -> settling.settle
         -> waits until the row is settled, `RENRAKUMO_COMMAND_WAIT` at the longest -> the row as it is then
One command on a subject (a member, a group) waits at a time, so that two never overtake each other: the next is given
when the first has its result, and refused when that takes too long.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.commands import store
from admin_api.commands.explanations import explain_refusal
from admin_api.commands.model import GivenCommand, command_id, describe, describe_undo
from admin_api.kernel.audit import Detail
from admin_api.kernel.context import Context, Database
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from contracts.commands import Command, UndoCommand
from runtime.ids import new_id

Allow = Callable[[AsyncConnection, str], Awaitable[None]]
"""Asked with the unit in the transaction that gives a command: locks what it decides by, and raises what forbids it."""


def new_command_id() -> str:
    """The id of a command that is about to be given."""
    return command_id(new_id())


async def give(context: Context, command: Command) -> GivenCommand:
    """Give a command, whose id is a new one, and wait a moment for its result. It may be waiting still; one that was
    refused is raised as the error that says why."""
    return await _give(context, describe(command), command)


async def give_undo(
    context: Context, command: UndoCommand, undone: GivenCommand, allow: Allow | None = None
) -> GivenCommand:
    """Give the command, whose id is a new one, that undoes `undone`, and wait a moment for its result. It may be
    waiting still; one that was refused is raised as the error that says why. `allow` comes first in the transaction
    that gives it, and raises what forbids it."""
    return await _give(context, describe_undo(command, undone), command, allow)


async def add(database: Database, connection: AsyncConnection, command: Command) -> None:
    """Give a command in the caller's transaction, which writes the audit log itself, without waiting for its result.
    Conflict while another one on the same subject waits."""
    await _add(database, connection, describe(command), command)


async def groups_coming_back(connection: AsyncConnection, unit: str) -> int:
    """How many deleted groups of the unit an undo that waits for its result is about to bring back."""
    return await store.groups_coming_back(connection, unit)


def audit_detail(given: GivenCommand) -> Detail:
    """What the audit log says about a command besides its subject."""
    undoes = {} if given.undoes is None else {"undoes": command_id(given.undoes)}
    return {"command": command_id(given.id), **given.detail, **undoes}


class _Occupied(Conflict):
    """Another command on the same subject waits: that of `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(
            "command-waiting",
            f"An earlier change of the same member or group still waits for its result ({command_id(number)}). "
            "Try again when it has one.",
        )
        self.number = number


async def _give(context: Context, given: GivenCommand, command: Command, allow: Allow | None = None) -> GivenCommand:
    with context.command_results.expect(str(given.id)) as told:
        try:
            await _commit(context.database, given, command, allow)
        except _Occupied as occupied:
            await _wait_for(context, occupied.number)
            await _commit(context.database, given, command, allow)
        return _unless_refused(await _result(context, given.id, told))


async def _commit(database: Database, given: GivenCommand, command: Command, allow: Allow | None) -> None:
    async with database.change(
        given.actor, given.requested_action, given.subject, unit=given.unit, detail=audit_detail(given)
    ) as connection:
        if allow is not None:
            await allow(connection, given.unit)
        await _add(database, connection, given, command)


async def _add(database: Database, connection: AsyncConnection, given: GivenCommand, command: Command) -> None:
    # Who waits and is then not found was settled in between: the subject is free.
    while not await store.add(connection, given):
        waiting = await store.waiting_on(connection, given.unit, given.subject)
        if waiting is not None:
            raise _Occupied(waiting)
    await database.outbox.add(connection, command)


async def _wait_for(context: Context, number: int) -> None:
    with context.command_results.expect(str(number)) as told:
        await _result(context, number, told)


async def _result(context: Context, number: int, told: asyncio.Event) -> GivenCommand:
    """The command once it is settled, or as it is when the time to wait is over."""
    clock = asyncio.get_running_loop().time
    end = clock() + context.command_wait.total_seconds()
    while True:
        told.clear()
        async with context.database.engine.connect() as connection:
            given = await store.get(connection, number)
        assert given is not None
        left = end - clock()
        if given.state != "waiting" or left <= 0:
            return given
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left):
                await told.wait()


def _unless_refused(given: GivenCommand) -> GivenCommand:
    words = explain_refusal(given.reason, given.count)
    if given.reason is None or words is None:
        return given
    match given.reason:
        case "unknown-member" | "unknown-group":
            raise NotFound(words.en)
        case "bad-address":
            raise Unacceptable("address", words.en)
    raise Conflict(given.reason, words.en)
