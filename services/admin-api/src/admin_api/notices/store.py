"""Notices and events: the public part of the office. And posts that were refused, for the administrators to see."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.tables import events, notices, post_attempts
from contracts.events.inbound import Authentication


@dataclass(frozen=True, slots=True)
class Notice:
    id: int
    unit: str
    group: str | None
    title: str
    body: str
    published_at: datetime
    expires_at: datetime | None
    message: int | None = None


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """`ends_on` is the last day; dates and times are Japan's."""

    id: int
    unit: str
    group: str | None
    starts_on: date
    ends_on: date | None
    starts_at: time | None
    title: str
    note: str
    place: str


@dataclass(frozen=True, slots=True)
class PostAttempt:
    id: int
    unit: str
    group: str
    reason: str
    at: datetime
    tries: int = 1
    authentication: Authentication | None = None


async def add_notice(connection: AsyncConnection, notice: Notice) -> None:
    """A message makes at most one notice."""
    values = {
        "id": notice.id,
        "unit": notice.unit,
        "group_code": notice.group,
        "title": notice.title,
        "body": notice.body,
        "published_at": notice.published_at,
        "expires_at": notice.expires_at,
        "message": notice.message,
    }
    await connection.execute(insert(notices).values(values).on_conflict_do_nothing(index_elements=["message"]))


async def notices_page(connection: AsyncConnection, unit: str, *, before: int | None, limit: int) -> list[Notice]:
    """Newest first."""
    query = select(notices).where(notices.c.unit == unit).order_by(notices.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(notices.c.id < before)
    return [
        Notice(row.id, row.unit, row.group_code, row.title, row.body, row.published_at, row.expires_at, row.message)
        for row in await connection.execute(query)
    ]


async def delete_notice_of(connection: AsyncConnection, message: int) -> None:
    """Take down what a message made, if it is there."""
    await connection.execute(delete(notices).where(notices.c.message == message))


async def delete_notice(connection: AsyncConnection, unit: str, number: int) -> bool:
    query = delete(notices).where(notices.c.unit == unit, notices.c.id == number)
    return (await connection.execute(query)).rowcount == 1


async def add_event(connection: AsyncConnection, event: CalendarEvent) -> None:
    await connection.execute(
        events.insert().values(
            id=event.id,
            unit=event.unit,
            group_code=event.group,
            starts_on=event.starts_on,
            ends_on=event.ends_on,
            starts_at=event.starts_at,
            title=event.title,
            note=event.note,
            place=event.place,
        )
    )


async def events_page(
    connection: AsyncConnection,
    unit: str,
    *,
    first: date | None,
    last: date | None,
    before: int | None,
    limit: int,
) -> list[CalendarEvent]:
    """Newest entered first; `first` and `last` bound the days."""
    query = select(events).where(events.c.unit == unit).order_by(events.c.id.desc()).limit(limit)
    if first is not None:
        query = query.where(func.coalesce(events.c.ends_on, events.c.starts_on) >= first)
    if last is not None:
        query = query.where(events.c.starts_on <= last)
    if before is not None:
        query = query.where(events.c.id < before)
    return [_event(row) for row in await connection.execute(query)]


async def delete_event(connection: AsyncConnection, unit: str, number: int) -> bool:
    query = delete(events).where(events.c.unit == unit, events.c.id == number)
    return (await connection.execute(query)).rowcount == 1


async def add_post_attempt(connection: AsyncConnection, attempt: PostAttempt) -> None:
    await connection.execute(
        post_attempts.insert().values(
            id=attempt.id,
            unit=attempt.unit,
            group_code=attempt.group,
            reason=attempt.reason,
            at=attempt.at,
            tries=attempt.tries,
            authentication=None if attempt.authentication is None else attempt.authentication.model_dump(),
        )
    )


async def post_attempts_page(
    connection: AsyncConnection, unit: str, *, before: int | None, limit: int
) -> list[PostAttempt]:
    """Newest first."""
    query = select(post_attempts).where(post_attempts.c.unit == unit).order_by(post_attempts.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(post_attempts.c.id < before)
    return [
        PostAttempt(
            row.id,
            row.unit,
            row.group_code,
            row.reason,
            row.at,
            row.tries,
            None if row.authentication is None else Authentication.model_validate(row.authentication),
        )
        for row in await connection.execute(query)
    ]


def _event(row: Any) -> CalendarEvent:
    return CalendarEvent(
        row.id, row.unit, row.group_code, row.starts_on, row.ends_on, row.starts_at, row.title, row.note, row.place
    )
