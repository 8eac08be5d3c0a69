"""The boards in memory: only what changed is read, each at least once a day, within bounds, whatever ails the database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY

from board.bounds import STEPS, BoardSelection, Bounds, StoredBoard, size_of
from board.memory import PORTION, BoardMemory
from board.model import Board, CalendarEvent, Notice
from runtime.errors import TransientError
from tests.board.source import FakeSource

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def memory(source: FakeSource, clock: Clock | None = None, *, most_bytes: int = 10**9) -> BoardMemory:
    return BoardMemory(source, clock=clock or Clock(), every=60, most_bytes=most_bytes)


def large(entries: int) -> Board:
    """A board of so many events, the nearest first."""
    return Board("large", events=tuple(CalendarEvent(n, date(2026, 4, 8), "x" * 100) for n in range(entries)))


def metric(name: str, **labels: str) -> float:
    value = REGISTRY.get_sample_value(f"renrakumo_board_{name}", labels)
    assert value is not None
    return value


async def test_only_what_changed_is_read() -> None:
    source = FakeSource(**{unit: Board(unit) for unit in ("aoba", "kita", "minami")})
    boards = memory(source)
    await boards.refresh()
    assert source.reads == [["aoba", "kita", "minami"]]
    await boards.refresh()
    assert len(source.reads) == 1
    source.put(kita=Board("changed"), hoshi=Board("new"))
    await boards.refresh()
    assert source.reads[1:] == [["hoshi", "kita"]]
    names = [known.name for unit in ("aoba", "kita", "hoshi") if (known := boards.board(unit))]
    assert names == ["aoba", "changed", "new"]


async def test_many_boards_are_read_in_portions() -> None:
    source = FakeSource(**{f"unit{number}": Board(str(number)) for number in range(2 * PORTION + 1)})
    boards = memory(source)
    await boards.refresh()
    assert [len(units) for units in source.reads] == [PORTION, PORTION, 1]


async def test_a_unit_that_is_closed_has_no_board() -> None:
    source = FakeSource(aoba=Board("aoba"))
    boards = memory(source)
    await boards.refresh()
    source.remove("aoba")
    await boards.refresh()
    assert boards.board("aoba") is None
    assert len(source.reads) == 1


async def test_a_unit_that_is_closed_between_looking_and_reading_has_no_board() -> None:
    class Closing(FakeSource):
        async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
            return {}

    boards = memory(Closing(aoba=Board("aoba")))
    await boards.refresh()
    assert boards.board("aoba") is None


async def test_each_board_is_read_once_a_day_and_not_all_at_once() -> None:
    source = FakeSource(**{f"unit{number}": Board(str(number)) for number in range(100)})
    clock = Clock()
    boards = memory(source, clock)
    await boards.refresh()
    at_the_start = len(source.reads)
    by_hour = []
    for _ in range(24):
        clock.now += timedelta(hours=1)
        already = len(source.reads)
        await boards.refresh()
        by_hour.append(sum(len(units) for units in source.reads[already:]))
    again = Counter(unit for units in source.reads[at_the_start:] for unit in units)
    assert len(again) == 100
    assert set(again.values()) == {1}
    assert by_hour[:11] == [0] * 11
    assert max(by_hour) < 25


async def test_while_the_database_is_away_all_boards_stay() -> None:
    source = FakeSource(aoba=Board("aoba"))
    clock = Clock()
    boards = memory(source, clock)
    await boards.refresh()
    refreshed = metric("refreshed_timestamp_seconds")
    source.away = True
    clock.now += timedelta(days=3)
    await boards.refresh()
    assert boards.board("aoba") == Board("aoba")
    await boards.check()
    assert metric("refreshed_timestamp_seconds") == refreshed
    source.away = False
    source.put(aoba=Board("back"))
    await boards.refresh()
    assert boards.board("aoba") == Board("back")


async def test_before_all_have_been_read_there_is_no_board_and_what_was_read_is_not_read_again() -> None:
    class Failing(FakeSource):
        async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
            found = await super().read(units, selection)
            self.away = len(self.reads) == 1
            return found

    source = Failing(**{f"unit{number:03}": Board(str(number)) for number in range(PORTION + 1)})
    boards = memory(source)
    await boards.refresh()
    with pytest.raises(TransientError, match="boards_not_loaded_yet"):
        boards.board("unit000")
    with pytest.raises(TransientError, match="boards_not_loaded_yet"):
        await boards.check()
    source.away = False
    await boards.refresh()
    assert source.reads[1:] == [[f"unit{PORTION:03}"]]
    assert boards.board("unit000") == Board("0")


async def test_boards_too_large_together_are_all_cut_to_the_next_step_and_the_nearest_stays() -> None:
    full = STEPS[0].events
    source = FakeSource(**{f"unit{number}": large(full) for number in range(4)})
    allowed = 4 * size_of(large(full)) - 1
    boards = memory(source, most_bytes=allowed)
    await boards.refresh()
    for number in range(4):
        board = boards.board(f"unit{number}")
        assert board is not None
        assert [event.id for event in board.events] == list(range(STEPS[1].events))
    assert metric("bytes") <= allowed
    assert metric("cut_step") == 1
    assert metric("left_out", kind="event") == 4 * (full - STEPS[1].events)
    assert metric("units") == 4


async def test_no_board_is_cut_further_than_all_need() -> None:
    units = [f"unit{number}" for number in range(5 * PORTION)]
    events = STEPS[2].events
    boards = memory(
        FakeSource(**dict.fromkeys(units, large(STEPS[1].events - 100))),
        most_bytes=len(units) * size_of(large(events)),
    )
    await boards.refresh()
    assert {len(board.events) for unit in units if (board := boards.board(unit))} == {events}
    assert metric("cut_step") == 2


async def test_what_exceeds_memory_at_the_tightest_step_is_kept_and_read_no_more_often() -> None:
    source = FakeSource(aoba=large(9999))
    boards = memory(source, most_bytes=1)
    await boards.refresh()
    board = boards.board("aoba")
    assert board is not None
    assert len(board.events) == STEPS[-1].events
    reads = len(source.reads)
    assert reads == len(STEPS)
    await boards.refresh()
    assert len(source.reads) == reads


async def test_with_room_again_the_boards_are_cut_less_a_step_a_day() -> None:
    source = FakeSource(aoba=large(1000), kita=large(1000))
    clock = Clock()
    boards = memory(source, clock, most_bytes=size_of(large(1000)))
    await boards.refresh()
    assert metric("cut_step") == 2
    source.remove("kita")
    source.put(aoba=Board("small", (Notice(1, "x", "", NOW),)))
    await boards.refresh()
    assert metric("cut_step") == 2
    steps = []
    for _ in range(3):
        clock.now += timedelta(days=1, seconds=1)
        await boards.refresh()
        steps.append(metric("cut_step"))
    assert steps == [1, 0, 0]
    source.put(aoba=large(900))
    await boards.refresh()
    board = boards.board("aoba")
    assert board is not None
    assert len(board.events) == 900


def test_each_step_holds_less_than_the_one_before_and_more_than_a_third_of_it() -> None:
    for wider, tighter in pairwise(STEPS):
        for more, less in ((wider.notices, tighter.notices), (wider.events, tighter.events)):
            assert more / 3.4 < less < more
    assert STEPS[0] == Bounds(50, 2000)
