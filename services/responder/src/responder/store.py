"""All SQL of responder: the office's public views, and nothing else."""

from collections import defaultdict

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from responder.model import Board, Boards, CalendarEvent, Notice

_NOTICES = text("""
    SELECT id, unit, group_code, title, body, published_at, expires_at FROM office.public_notices
    WHERE expires_at IS NULL OR expires_at > now()
""")
# Two weeks ahead, so that today and tomorrow are still known when the database stays away for some days.
_EVENTS = text("""
    SELECT id, unit, group_code, starts_on, ends_on, starts_at, title, note, place FROM office.public_events
    WHERE coalesce(ends_on, starts_on) >= current_date - 1 AND starts_on <= current_date + 14
""")


async def read_boards(engine: AsyncEngine) -> Boards:
    """Everything public of all units, in one read."""
    notices: dict[str, list[Notice]] = defaultdict(list)
    events: dict[str, list[CalendarEvent]] = defaultdict(list)
    async with engine.connect() as connection:
        for row in await connection.execute(_NOTICES):
            notices[row.unit].append(
                Notice(row.id, row.title, row.body or "", row.published_at, row.expires_at, row.group_code)
            )
        for row in await connection.execute(_EVENTS):
            events[row.unit].append(
                CalendarEvent(
                    id=row.id,
                    starts_on=row.starts_on,
                    title=row.title,
                    ends_on=row.ends_on,
                    starts_at=row.starts_at,
                    note=row.note or "",
                    place=row.place or "",
                    group=row.group_code,
                )
            )
    units = notices.keys() | events.keys()
    return Boards({unit: Board(tuple(notices.get(unit, ())), tuple(events.get(unit, ()))) for unit in units})
