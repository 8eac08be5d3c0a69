"""Events of the calendar in the database. A column is a field of `CalendarEvent`, by its name."""

import dataclasses
from datetime import date

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.calendar.model import CalendarEvent
from admin_api.calendar.tables import events
from admin_api.kernel.paging import PageRequest, Slice

_COLUMNS = [events.c[field.name].label(field.name) for field in dataclasses.fields(CalendarEvent)]


async def add(connection: AsyncConnection, event: CalendarEvent) -> None:
    """Enter an event."""
    await connection.execute(events.insert().values(dataclasses.asdict(event)))


async def page(
    connection: AsyncConnection, unit: str, *, first: date | None, last: date | None, wanted: PageRequest[int]
) -> Slice[CalendarEvent, int]:
    """Events of a unit, newest entered first; `first` and `last` bound the days."""
    query = wanted.newest_first(select(*_COLUMNS).where(events.c.unit == unit), events.c.id)
    if first is not None:
        query = query.where(func.coalesce(events.c.ends_on, events.c.starts_on) >= first)
    if last is not None:
        query = query.where(events.c.starts_on <= last)
    found = [CalendarEvent(**row._mapping) for row in await connection.execute(query)]
    return wanted.cut(found, lambda event: event.id)


async def remove(connection: AsyncConnection, unit: str, number: int) -> bool:
    """Take an event out; False when the unit has none of this number."""
    query = delete(events).where(events.c.unit == unit, events.c.id == number)
    return (await connection.execute(query)).rowcount == 1
