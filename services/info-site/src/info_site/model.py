"""What a unit's page shows, and how a day and a moment are written on it."""

from dataclasses import dataclass
from datetime import datetime

from board.model import JAPAN, Day, News, written_day

SHOWN_NOTICES = 20
"""A page for phones: older notices than these stay off it."""


@dataclass(frozen=True, slots=True)
class BoardPage:
    """The unit's name and what its board says now."""

    name: str
    news: News


def headed(day: Day) -> str:
    """`今日 4月8日(水)`."""
    return f"{day.label} {written_day(day.date)}"


def published(moment: datetime) -> str:
    """`4月8日(水) 09:05` in Japan."""
    here = moment.astimezone(JAPAN)
    return f"{written_day(here.date())} {here:%H:%M}"
