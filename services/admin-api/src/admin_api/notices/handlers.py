"""Notices and events of a unit, what was refused at its post addresses, and its audit log."""

import dataclasses
from datetime import date

from admin_api.audit import store as audit
from admin_api.audit.store import AuditRow, ChainCheck
from admin_api.kernel.context import Books
from admin_api.kernel.errors import NotFound
from admin_api.kernel.roles import Caller
from admin_api.notices import store as news
from admin_api.notices.store import CalendarEvent, Notice, PostAttempt
from admin_api.units.handlers import require, require_groups
from runtime.ids import new_id


async def notices(books: Books, unit: str, *, before: int | None, limit: int) -> list[Notice]:
    async with books.engine.connect() as connection:
        await require(connection, unit)
        return await news.notices_page(connection, unit, before=before, limit=limit)


async def add_notice(books: Books, who: Caller, notice: Notice) -> Notice:
    """Publish; the id of `notice` is replaced by a new one."""
    notice = dataclasses.replace(notice, id=new_id())
    async with books.change(who.actor, "notice.published", f"notice/{notice.id}", unit=notice.unit) as connection:
        await require(connection, notice.unit)
        await require_groups(connection, notice.unit, (notice.group,) if notice.group else None, "group")
        await news.add_notice(connection, notice)
    return notice


async def delete_notice(books: Books, who: Caller, unit: str, number: int) -> None:
    async with books.change(who.actor, "notice.deleted", f"notice/{number}", unit=unit) as connection:
        if not await news.delete_notice(connection, unit, number):
            raise NotFound("There is no such notice.")


async def events(
    books: Books, unit: str, *, first: date | None, last: date | None, before: int | None, limit: int
) -> list[CalendarEvent]:
    async with books.engine.connect() as connection:
        await require(connection, unit)
        return await news.events_page(connection, unit, first=first, last=last, before=before, limit=limit)


async def add_event(books: Books, who: Caller, event: CalendarEvent) -> CalendarEvent:
    """Enter into the calendar; the id of `event` is replaced by a new one."""
    event = dataclasses.replace(event, id=new_id())
    async with books.change(who.actor, "event.added", f"event/{event.id}", unit=event.unit) as connection:
        await require(connection, event.unit)
        await require_groups(connection, event.unit, (event.group,) if event.group else None, "group")
        await news.add_event(connection, event)
    return event


async def delete_event(books: Books, who: Caller, unit: str, number: int) -> None:
    async with books.change(who.actor, "event.deleted", f"event/{number}", unit=unit) as connection:
        if not await news.delete_event(connection, unit, number):
            raise NotFound("There is no such event.")


async def post_attempts(books: Books, unit: str, *, before: int | None, limit: int) -> list[PostAttempt]:
    async with books.engine.connect() as connection:
        await require(connection, unit)
        return await news.post_attempts_page(connection, unit, before=before, limit=limit)


async def audit_page(books: Books, unit: str, *, before: int | None, limit: int) -> list[AuditRow]:
    async with books.engine.connect() as connection:
        await require(connection, unit)
        return await audit.page(connection, unit, before=before, limit=limit)


async def audit_check(books: Books) -> ChainCheck:
    """Does the whole audit log hang together?"""
    async with books.engine.connect() as connection:
        return await audit.check(connection)
