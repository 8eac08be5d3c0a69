"""Pure rules of the voice: which news count now, how a day is written, what a batch is called.

Dates are Japan's. Time comes in as an argument.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")
NEWEST = 3
_WEEKDAYS = "月火水木金土日"
_NOT_IN_A_BATCH_ID = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_BATCH_ID = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """A public notice; `group` None: of the whole unit. Times are aware."""

    id: int
    title: str
    body: str
    published_at: datetime
    expires_at: datetime | None = None
    group: str | None = None

    def in_force(self, now: datetime) -> bool:
        return self.published_at <= now and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """A public event; `ends_on` is its last day, None: one day. `group` None: of the whole unit."""

    id: int
    starts_on: date
    title: str
    ends_on: date | None = None
    starts_at: time | None = None
    note: str = ""
    place: str = ""
    group: str | None = None

    def covers(self, day: date) -> bool:
        return self.starts_on <= day <= (self.ends_on or self.starts_on)


@dataclass(frozen=True, slots=True)
class Board:
    """Everything public of one unit."""

    notices: tuple[Notice, ...] = ()
    events: tuple[CalendarEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Boards:
    """All units' boards, as last read."""

    by_unit: Mapping[str, Board] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Day:
    """One day's events in order of time; `label` is 今日 or 明日."""

    label: str
    date: date
    events: tuple[CalendarEvent, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What is told at the moment `now`: notices newest first, and exactly today and tomorrow."""

    now: datetime
    notices: tuple[Notice, ...]
    days: tuple[Day, Day]

    @property
    def empty(self) -> bool:
        return not self.notices and not any(day.events for day in self.days)


def select(board: Board, group: str | None, now: datetime) -> News:
    """The unit's own news, and with a group that group's too; never another group's."""
    today = now.astimezone(JAPAN).date()
    tomorrow = today + timedelta(days=1)
    wanted = (None, group)
    notices = [notice for notice in board.notices if notice.group in wanted and notice.in_force(now)]
    notices.sort(key=lambda notice: (notice.published_at, notice.id), reverse=True)
    events = [event for event in board.events if event.group in wanted]
    return News(
        now,
        tuple(notices[:NEWEST]),
        (Day("今日", today, _events_of(events, today)), Day("明日", tomorrow, _events_of(events, tomorrow))),
    )


def _events_of(events: Iterable[CalendarEvent], day: date) -> tuple[CalendarEvent, ...]:
    return tuple(sorted((each for each in events if each.covers(day)), key=lambda e: (e.starts_at or time.min, e.id)))


def written_day(day: date) -> str:
    """`4月8日(水)`."""
    return f"{day.month}月{day.day}日({_WEEKDAYS[day.weekday()]})"


def written_moment(moment: datetime) -> str:
    """`4月8日(水) 9:05` in Japan."""
    here = moment.astimezone(JAPAN)
    return f"{written_day(here.date())} {here.hour}:{here.minute:02}"


def batch_id(event_id: str) -> str:
    """The same batch for the same event, in characters that may stand in a subject of the bus."""
    clean = _NOT_IN_A_BATCH_ID.sub("-", event_id)
    if clean != event_id or len(clean) > _LONGEST_BATCH_ID:
        clean = f"{clean[:_LONGEST_BATCH_ID]}-{hashlib.sha256(event_id.encode()).hexdigest()[:16]}"
    return f"auto-{clean}"


def fingerprint(news: News) -> str:
    """The same as long as there is nothing new to tell."""
    return hashlib.sha256(repr((news.notices, news.days)).encode()).hexdigest()[:16]
