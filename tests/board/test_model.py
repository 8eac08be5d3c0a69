"""What of a board counts at a moment: notices in force, today and tomorrow in Japan, the unit's and one group's."""

from datetime import UTC, date, datetime, time, timedelta

from board.model import Board, CalendarEvent, Notice, news_of, written_day, written_moment

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)
"""In Japan it is already 8 April, 1:30 in the morning."""
TODAY = date(2026, 4, 8)
AN_HOUR_AGO = NOW - timedelta(hours=1)


def titles(board: Board, now: datetime = NOW, *, newest: int = 9, group: str | None = None) -> list[str]:
    return [notice.title for notice in news_of(board, now, newest=newest, group=group).notices]


def days(board: Board, now: datetime = NOW, *, group: str | None = None) -> list[list[int]]:
    return [[event.id for event in day.events] for day in news_of(board, now, newest=9, group=group).days]


def test_the_newest_notices_in_force_come_first() -> None:
    board = Board(
        "",
        (
            Notice(1, "old", "", NOW - timedelta(days=2)),
            Notice(2, "same moment", "", AN_HOUR_AGO),
            Notice(3, "same moment, entered later", "", AN_HOUR_AGO),
            Notice(4, "begins now", "", NOW),
            Notice(5, "not yet", "", NOW + timedelta(seconds=1)),
            Notice(6, "ends now", "", AN_HOUR_AGO, NOW),
        ),
    )
    assert titles(board) == ["begins now", "same moment, entered later", "same moment", "old"]
    assert titles(board, newest=1) == ["begins now"]


def test_notices_begin_and_expire_by_the_clock() -> None:
    board = Board("", (Notice(1, "x", "", NOW, NOW + timedelta(hours=1)),))
    moments = (timedelta(seconds=-1), timedelta(0), timedelta(minutes=59), timedelta(hours=1))
    assert [len(titles(board, NOW + moment)) for moment in moments] == [0, 1, 1, 0]


def test_a_day_has_its_events_in_order_of_time_and_those_of_several_days() -> None:
    board = Board(
        "",
        events=(
            CalendarEvent(1, TODAY, "ten", starts_at=time(10)),
            CalendarEvent(2, TODAY, "nine", starts_at=time(9)),
            CalendarEvent(3, TODAY, "all day"),
            CalendarEvent(4, TODAY - timedelta(days=3), "week", ends_on=TODAY + timedelta(days=1)),
            CalendarEvent(5, TODAY - timedelta(days=1), "yesterday"),
            CalendarEvent(6, TODAY + timedelta(days=2), "in two days"),
        ),
    )
    assert days(board) == [[3, 4, 2, 1], [4]]


def test_the_day_turns_at_midnight_in_japan() -> None:
    board = Board("", events=(CalendarEvent(1, TODAY, "x"),))
    before, midnight = datetime(2026, 4, 7, 14, 59, tzinfo=UTC), datetime(2026, 4, 7, 15, 0, tzinfo=UTC)
    assert (days(board, before), days(board, midnight)) == ([[], [1]], [[1], []])


def test_a_group_has_the_units_news_and_its_own_and_never_another_groups() -> None:
    board = Board(
        "",
        tuple(Notice(number, group or "unit", "", NOW, group=group) for number, group in enumerate((None, "1", "2"))),
        tuple(CalendarEvent(number, TODAY, "", group=group) for number, group in enumerate((None, "1", "2"))),
    )
    assert (titles(board), days(board)[0]) == (["unit"], [0])
    assert (titles(board, group="1"), days(board, group="1")[0]) == (["1", "unit"], [0, 1])
    assert (titles(board, group="gone"), days(board, group="gone")[0]) == (["unit"], [0])


def test_a_board_is_empty_when_nothing_counts_now() -> None:
    later = Board("", (Notice(1, "", "", NOW + timedelta(days=1)),), (CalendarEvent(1, TODAY + timedelta(days=9), ""),))
    assert news_of(later, NOW, newest=9).empty
    assert not news_of(Board("", events=(CalendarEvent(1, TODAY + timedelta(days=1), ""),)), NOW, newest=9).empty


def test_dates_are_written_as_in_japan() -> None:
    assert [written_day(date(2026, 4, day)) for day in (5, 6)] == ["4月5日(日)", "4月6日(月)"]
    assert written_moment(datetime(2026, 4, 7, 15, 5, tzinfo=UTC)) == "4月8日(水) 0:05"
