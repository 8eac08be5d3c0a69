"""What a board is, what of it counts at a moment, and how a day is written. Pure: the time comes in as an argument.

Days are Japan's. A notice begins and expires by the clock, and the day turns at midnight, without anything being read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

JAPAN = ZoneInfo("Asia/Tokyo")
_WEEKDAYS = "月火水木金土日"


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
    """What is public of one unit and its groups; `name` is the unit's."""

    name: str
    notices: tuple[Notice, ...] = ()
    events: tuple[CalendarEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """One day's events in order of time; `label` is 今日 or 明日."""

    label: str
    date: date
    events: tuple[CalendarEvent, ...]


@dataclass(frozen=True, slots=True)
class News:
    """What a board says at the moment `now`: notices newest first, and exactly today and tomorrow."""

    now: datetime
    notices: tuple[Notice, ...]
    days: tuple[Day, Day]

    @property
    def empty(self) -> bool:
        return not self.notices and not any(day.events for day in self.days)


def news_of(board: Board, now: datetime, *, newest: int, group: str | None = None) -> News:
    """The `newest` notices in force and two days of events: the unit's own, and with a group that group's too; never
    another group's."""
    today = japanese_day(now)
    tomorrow = today + timedelta(days=1)
    wanted = (None, group)
    notices = [notice for notice in board.notices if notice.group in wanted and notice.in_force(now)]
    notices.sort(key=lambda notice: (notice.published_at, notice.id), reverse=True)
    events = [event for event in board.events if event.group in wanted]
    return News(
        now,
        tuple(notices[:newest]),
        (Day("今日", today, _events_of(events, today)), Day("明日", tomorrow, _events_of(events, tomorrow))),
    )


def _events_of(events: Iterable[CalendarEvent], day: date) -> tuple[CalendarEvent, ...]:
    return tuple(sorted((each for each in events if each.covers(day)), key=lambda e: (e.starts_at or time.min, e.id)))


def japanese_day(moment: datetime) -> date:
    """The day that it is in Japan at an aware moment."""
    return moment.astimezone(JAPAN).date()


def written_day(day: date) -> str:
    """`4月8日(水)`."""
    return f"{day.month}月{day.day}日({_WEEKDAYS[day.weekday()]})"


def written_moment(moment: datetime) -> str:
    """`4月8日(水) 9:05` in Japan."""
    here = moment.astimezone(JAPAN)
    return f"{written_day(here.date())} {here.hour}:{here.minute:02}"
