"""Commands in the database."""

import dataclasses
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.commands.model import GivenCommand
from admin_api.commands.tables import commands
from admin_api.kernel.context import COMMAND_RESULTS
from admin_api.kernel.paging import PageRequest, Slice
from contracts.commands import UndoCommand
from contracts.events import CommandDone

_COLUMNS = [commands.c[field.name].label(field.name) for field in dataclasses.fields(GivenCommand)]
_NOTIFY = text("SELECT pg_notify(:channel, :number)")


async def add(connection: AsyncConnection, given: GivenCommand) -> bool:
    """Add a command; False while another one on the same subject waits. Waits for a transaction that is just adding or
    settling that one: its end decides."""
    values = {field.name: getattr(given, field.name) for field in dataclasses.fields(given)}
    statement = insert(commands).values(values).on_conflict_do_nothing().returning(commands.c.id)
    return (await connection.execute(statement)).first() is not None


async def waiting_on(connection: AsyncConnection, unit: str, subject: str) -> int | None:
    """The number of the command on this subject that waits, if there is one."""
    query = select(commands.c.id).where(
        commands.c.unit == unit, commands.c.subject == subject, commands.c.state == "waiting"
    )
    return (await connection.execute(query)).scalar_one_or_none()


async def groups_coming_back(connection: AsyncConnection, unit: str) -> int:
    """How many undos of this unit that wait are about a group: each brings one back."""
    query = (
        select(func.count())
        .select_from(commands)
        .where(
            commands.c.unit == unit,
            commands.c.state == "waiting",
            commands.c.kind == UndoCommand.kind(),
            commands.c.subject.startswith("group/"),
        )
    )
    return int((await connection.execute(query)).scalar_one())


async def get(connection: AsyncConnection, number: int) -> GivenCommand | None:
    """One command; None when there is none of this number."""
    row = (await connection.execute(select(*_COLUMNS).where(commands.c.id == number))).first()
    return None if row is None else _given(row)


async def page(connection: AsyncConnection, unit: str, wanted: PageRequest[int]) -> Slice[GivenCommand, int]:
    """Commands of a unit, newest first."""
    query = wanted.newest_first(select(*_COLUMNS).where(commands.c.unit == unit), commands.c.id)
    return wanted.cut([_given(row) for row in await connection.execute(query)], lambda given: given.id)


async def settle(connection: AsyncConnection, number: int, done: CommandDone) -> GivenCommand | None:
    """Write down what came of a command of this unit that waits, and wake who waits for that once this transaction
    commits; None when there is no such command."""
    statement = (
        update(commands)
        .where(commands.c.id == number, commands.c.unit == done.unit, commands.c.state == "waiting")
        .values(state=done.outcome, reason=done.reason, count=done.count, undoable_until=done.undoable_until)
        .returning(*_COLUMNS)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    await connection.execute(_NOTIFY, {"channel": COMMAND_RESULTS, "number": str(number)})
    return _given(row)


async def mark_undone(connection: AsyncConnection, number: int, by: int) -> None:
    """Write down which command undid this one."""
    await connection.execute(update(commands).where(commands.c.id == number).values(undone_by=by))


async def keep_deleted_group(connection: AsyncConnection, number: int, columns: dict[str, Any]) -> None:
    """Keep what the group was that this command deleted."""
    await connection.execute(update(commands).where(commands.c.id == number).values(deleted_group=columns))


async def deleted_group(connection: AsyncConnection, number: int) -> dict[str, Any] | None:
    """What the group was that this command deleted; None when it deleted none."""
    query = select(commands.c.deleted_group).where(commands.c.id == number)
    return (await connection.execute(query)).scalar_one_or_none()


async def forget(connection: AsyncConnection, before: datetime, now: datetime) -> int:
    """Erase finished commands that were given before then, but none that can still be undone; returns how many."""
    statement = delete(commands).where(
        commands.c.state != "waiting",
        commands.c.requested_at < before,
        or_(commands.c.undoable_until.is_(None), commands.c.undoable_until < now),
    )
    return (await connection.execute(statement)).rowcount


def _given(row: Any) -> GivenCommand:
    return GivenCommand(**row._mapping)
