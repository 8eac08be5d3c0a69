"""Events are entered into the calendar of a unit, listed, and taken out."""

import dataclasses
from datetime import date

from admin_api.calendar import store
from admin_api.calendar.model import CalendarEvent
from admin_api.kernel.context import Database
from admin_api.kernel.errors import NotFound
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.roles import Caller
from admin_api.units.handlers import require, require_groups
from runtime.ids import new_id


async def page(
    database: Database, unit: str, *, first: date | None, last: date | None, wanted: PageRequest[int]
) -> Slice[CalendarEvent, int]:
    """Events of a unit, newest entered first; `first` and `last` bound the days."""
    async with database.engine.connect() as connection:
        await require(connection, unit)
        return await store.page(connection, unit, first=first, last=last, wanted=wanted)


async def add(database: Database, who: Caller, event: CalendarEvent) -> CalendarEvent:
    """Enter an event; the id of `event` is replaced by a new one."""
    event = dataclasses.replace(event, id=new_id())
    async with database.change(who.actor, "event.added", f"event/{event.id}", unit=event.unit) as connection:
        await require(connection, event.unit)
        await require_groups(connection, event.unit, (event.group,) if event.group else None, "group")
        await store.add(connection, event)
    return event


async def delete(database: Database, who: Caller, unit: str, number: int) -> None:
    """Take an event out of the calendar. NotFound when the unit has none of this number."""
    async with database.change(who.actor, "event.deleted", f"event/{number}", unit=unit) as connection:
        if not await store.remove(connection, unit, number):
            raise NotFound("There is no such event.")
