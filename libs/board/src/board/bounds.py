"""How much of the boards is kept in memory. Pure.

Of each unit the notices and days nearest to now are kept: what a page or a mail shows comes first, and what is left out
is what lies furthest away.
"""

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from board.model import Board, CalendarEvent, Notice, japanese_day

DAYS_AHEAD = 400
"""More than a year, so that a whole school year can be shown; what comes nearer day by day is read in time, because
each board is read at least once a day."""

MOST_BYTES = 256 * 2**20
_BYTES_A_CHARACTER = 2  # Japanese, in CPython
_BYTES_AN_ENTRY = 400  # the object, its numbers and times
_BYTES_A_BOARD = 1000
_NOTICE_TEXTS = [field.name for field in fields(Notice) if field.type is str]
_EVENT_TEXTS = [field.name for field in fields(CalendarEvent) if field.type is str]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that is kept of one unit. `notices`: of the whole unit, and again of each of its groups, and again of
    those that are yet to begin. `events`: of the unit and its groups together."""

    notices: int
    events: int


BOUNDS = Bounds(notices=50, events=2000)
"""More than a page or a mail shows, so that notices may expire and days pass until the board is read again."""


@dataclass(frozen=True, slots=True)
class BoardSelection:
    """What to read of a board: what is nearest to `now`, as much as `bounds` says, of the days `first` to `last`."""

    now: datetime
    bounds: Bounds = BOUNDS

    @property
    def today(self) -> date:
        return japanese_day(self.now)

    @property
    def first(self) -> date:
        """Yesterday: whoever's clock is a little behind still finds his day."""
        return self.today - timedelta(days=1)

    @property
    def last(self) -> date:
        return self.today + timedelta(days=DAYS_AHEAD)


@dataclass(frozen=True, slots=True)
class StoredBoard:
    """A board as the database had it at `revision`, and how many entries the bounds left out."""

    board: Board
    revision: int
    notices_left_out: int = 0
    events_left_out: int = 0


def size_of(board: Board) -> int:
    """About how many bytes of memory a board takes."""
    characters = sum(len(getattr(notice, name)) for notice in board.notices for name in _NOTICE_TEXTS)
    characters += sum(len(getattr(event, name)) for event in board.events for name in _EVENT_TEXTS)
    entries = len(board.notices) + len(board.events)
    return _BYTES_A_BOARD + entries * _BYTES_AN_ENTRY + characters * _BYTES_A_CHARACTER
