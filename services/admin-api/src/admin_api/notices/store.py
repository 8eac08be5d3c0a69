"""Notices in the database. A column is a field of `Notice`, by its name."""

import dataclasses

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.notices.model import Notice
from admin_api.notices.tables import notices

_COLUMNS = [notices.c[field.name].label(field.name) for field in dataclasses.fields(Notice)]


async def add(connection: AsyncConnection, notice: Notice) -> None:
    """Publish a notice. A message makes at most one."""
    statement = insert(notices).values(dataclasses.asdict(notice))
    await connection.execute(statement.on_conflict_do_nothing(index_elements=["message"]))


async def page(connection: AsyncConnection, unit: str, wanted: PageRequest[int]) -> Slice[Notice, int]:
    """Notices of a unit, newest first."""
    query = wanted.newest_first(select(*_COLUMNS).where(notices.c.unit == unit), notices.c.id)
    return wanted.cut([Notice(**row._mapping) for row in await connection.execute(query)], lambda notice: notice.id)


async def remove(connection: AsyncConnection, unit: str, number: int) -> bool:
    """Take a notice down; False when the unit has none of this number."""
    query = delete(notices).where(notices.c.unit == unit, notices.c.id == number)
    return (await connection.execute(query)).rowcount == 1


async def remove_of_message(connection: AsyncConnection, message: int) -> None:
    """Take down the notice that a message made, if it is there."""
    await connection.execute(delete(notices).where(notices.c.message == message))
