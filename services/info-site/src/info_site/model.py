"""What a unit's page shows on a day: pure selection, the day comes in as an argument.

Dates are Japan's; a page for phones shows today, tomorrow, and the notices in force.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")
WEEKDAYS = "月火水木金土日"
SHOWN_NOTICES = 20
"""A page for phones: older notices than these stay off it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice on the board. Times are aware."""

    id: int
    title: str
    body: str
    published_at: datetime
    expires_at: datetime | None = None

    @property
    def published_on(self) -> str:
        day = self.published_at.astimezone(JAPAN)
        return f"{day.month}月{day.day}日({WEEKDAYS[day.weekday()]}) {day:%H:%M}"

    def in_force(self, now: datetime) -> bool:
        return self.published_at <= now and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """One event of the calendar; `ends_on` is its last day."""

    id: int
    starts_on: date
    title: str
    ends_on: date | None = None
    starts_at: time | None = None
    note: str = ""
    place: str = ""

    def covers(self, day: date) -> bool:
        return self.starts_on <= day <= (self.ends_on or self.starts_on)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything public of one unit."""

    name: str
    notices: tuple[Notice, ...] = ()
    events: tuple[CalendarEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """A day as it is headed on the page, with its events in order of time."""

    label: str
    day: date
    events: tuple[CalendarEvent, ...]

    @property
    def title(self) -> str:
        return f"{self.label} {self.day.month}月{self.day.day}日({WEEKDAYS[self.day.weekday()]})"


@dataclass(frozen=True, slots=True)
class Page:
    """What is shown."""

    name: str
    days: tuple[Day, ...]
    notices: tuple[Notice, ...]


@dataclass(frozen=True, slots=True)
class Boards:
    """All units' boards, as last read from the database."""

    by_unit: Mapping[str, Board] = field(default_factory=dict)


def page(board: Board, now: datetime) -> Page:
    """Today, tomorrow and the newest notices in force, the newest first."""
    today = now.astimezone(JAPAN).date()
    days = tuple(
        Day(label, day, _events_of(board.events, day))
        for label, day in (("今日", today), ("明日", today + timedelta(days=1)))
    )
    notices = sorted((n for n in board.notices if n.in_force(now)), key=lambda n: n.published_at, reverse=True)
    return Page(board.name, days, tuple(notices[:SHOWN_NOTICES]))


def _events_of(events: Iterable[CalendarEvent], day: date) -> tuple[CalendarEvent, ...]:
    return tuple(sorted((e for e in events if e.covers(day)), key=lambda e: (e.starts_at or time.min, e.id)))
