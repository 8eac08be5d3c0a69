"""An event of the calendar. Pure."""

from dataclasses import dataclass
from datetime import date, time


@dataclass(frozen=True, slots=True)
class CalendarEvent:
    """A day or time on the board. `ends_on` is the last day; dates and times are Japan's. `group` None: the whole
    unit's."""

    id: int
    unit: str
    group: str | None
    starts_on: date
    ends_on: date | None
    starts_at: time | None
    title: str
    note: str
    place: str
