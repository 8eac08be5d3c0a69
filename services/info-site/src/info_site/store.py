"""All SQL of the info site: the office's public views, and nothing else."""

from collections import defaultdict

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from info_site.model import Board, Boards, CalendarEvent, Notice

_UNITS = text("SELECT unit, name FROM office.public_units")
_NOTICES = text("""
    SELECT id, unit, title, body, published_at, expires_at
    FROM (
        SELECT *, row_number() OVER (PARTITION BY unit ORDER BY published_at DESC, id DESC) AS rank
        FROM office.public_notices
        WHERE group_code IS NULL AND (expires_at IS NULL OR expires_at > now())
    ) AS recent
    WHERE rank <= 50
    ORDER BY unit, rank
""")
# A week ahead, so that the pages stay right while the database is away; the server's date may be a day behind Japan's.
_EVENTS = text("""
    SELECT id, unit, starts_on, ends_on, starts_at, title, note, place FROM office.public_events
    WHERE group_code IS NULL AND coalesce(ends_on, starts_on) >= current_date - 1 AND starts_on <= current_date + 8
""")


async def read_boards(engine: AsyncEngine) -> Boards:
    """What is public now. One read for all units: the whole of it is small."""
    notices: dict[str, list[Notice]] = defaultdict(list)
    events: dict[str, list[CalendarEvent]] = defaultdict(list)
    async with engine.connect() as connection:
        units = {row.unit: row.name for row in await connection.execute(_UNITS)}
        for row in await connection.execute(_NOTICES):
            notices[row.unit].append(Notice(row.id, row.title, row.body, row.published_at, row.expires_at))
        for row in await connection.execute(_EVENTS):
            events[row.unit].append(
                CalendarEvent(
                    row.id, row.starts_on, row.title, row.ends_on, row.starts_at, row.note or "", row.place or ""
                )
            )
    return Boards(
        {unit: Board(name, tuple(notices.get(unit, ())), tuple(events.get(unit, ()))) for unit, name in units.items()}
    )
