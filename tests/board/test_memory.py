"""The boards in memory: only what changed is read, each at least once a day, within bounds, whatever ails the database."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from prometheus_client import REGISTRY

from board.bounds import BOUNDS, BoardSelection, StoredBoard, size_of
from board.memory import PORTION, BoardMemory
from board.model import Board, CalendarEvent
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
    names = [known.name for unit in ("aoba", "kita", "hoshi") if (known := await boards.board(unit))]
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
    assert await boards.board("aoba") is None
    assert len(source.reads) == 1


async def test_a_unit_that_is_closed_between_looking_and_reading_has_no_board() -> None:
    class Closing(FakeSource):
        async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
            return {}

    boards = memory(Closing(aoba=Board("aoba")))
    await boards.refresh()
    assert await boards.board("aoba") is None


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
    assert await boards.board("aoba") == Board("aoba")
    await boards.check()
    assert metric("refreshed_timestamp_seconds") == refreshed
    source.away = False
    source.put(aoba=Board("back"))
    await boards.refresh()
    assert await boards.board("aoba") == Board("back")


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
        await boards.board("unit000")
    with pytest.raises(TransientError, match="boards_not_loaded_yet"):
        await boards.check()
    source.away = False
    await boards.refresh()
    assert source.reads[1:] == [[f"unit{PORTION:03}"]]
    assert await boards.board("unit000") == Board("0")


def same_size(count: int) -> tuple[dict[str, Board], int]:
    """So many boards, and how many bytes one takes."""
    made = {f"unit{number:03}": large(100) for number in range(count)}
    return made, size_of(large(100))


async def test_boards_that_do_not_fit_are_read_when_somebody_asks_and_memory_stays_within_its_bound() -> None:
    made, one = same_size(4 * PORTION)
    source, most = FakeSource(**made), int(1.5 * PORTION * one)
    boards = memory(source, most_bytes=most)
    await boards.refresh()
    await boards.check()
    for _ in range(2):
        for unit in made:
            assert await boards.board(unit) == large(100)
            await boards.refresh()
            assert metric("bytes") <= most
    assert metric("units") + metric("units_left_out") == len(made)
    assert metric("units_left_out") > 0
    assert await boards.board("unknown") is None


async def test_what_does_not_fit_is_left_alone_until_somebody_asks() -> None:
    made, one = same_size(20 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=int(1.5 * PORTION * one))
    await boards.refresh()
    assert len(source.reads) <= 3
    already = len(source.reads)
    source.put(unit199=Board("changed"))
    for _ in range(3):
        await boards.refresh()
    assert len(source.reads) == already
    assert await boards.board("unit199") == Board("changed")


async def test_boards_that_somebody_asks_for_stay_in_memory() -> None:
    made, one = same_size(4 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=PORTION * one)
    await boards.refresh()
    await boards.board("unit007")
    already = len(source.reads)
    for unit in list(made)[PORTION : 2 * PORTION]:
        await boards.board(unit)
        await boards.board("unit007")
    assert source.reads[already:] == [[unit] for unit in list(made)[PORTION : 2 * PORTION]]
    source.away = True
    assert await boards.board("unit007") == large(100)


async def test_a_board_that_was_asked_for_is_current_at_the_next_look() -> None:
    made, one = same_size(4 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=PORTION * one)
    await boards.refresh()
    assert await boards.board("unit039") == large(100)
    source.put(unit039=Board("changed"))
    await boards.refresh()
    assert await boards.board("unit039") == Board("changed")
    source.remove("unit039")
    await boards.refresh()
    assert await boards.board("unit039") is None


async def test_many_who_ask_for_a_board_that_is_not_in_memory_cost_one_reading() -> None:
    made, one = same_size(4 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=PORTION * one)
    await boards.refresh()
    already = len(source.reads)
    found = await asyncio.gather(*(boards.board("unit039") for _ in range(50)))
    assert found == [large(100)] * 50
    assert source.reads[already:] == [["unit039"]]


async def test_while_the_database_is_away_only_what_is_not_in_memory_has_to_wait() -> None:
    made, one = same_size(4 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=PORTION * one)
    await boards.refresh()
    await boards.board("unit007")
    source.away = True
    await boards.refresh()
    assert await boards.board("unit007") == large(100)
    with pytest.raises(TransientError, match="board_not_in_memory_and_database_away"):
        await boards.board("unit039")
    source.away = False
    assert await boards.board("unit039") == large(100)


async def test_with_room_again_all_boards_come_back_into_memory() -> None:
    made, one = same_size(4 * PORTION)
    source = FakeSource(**made)
    boards = memory(source, most_bytes=PORTION * one)
    await boards.refresh()
    assert metric("units_left_out") > 0
    source.put(**dict.fromkeys(made, Board("small")))
    for _ in range(10):
        await boards.refresh()
    assert metric("units_left_out") == 0
    assert metric("units") == len(made)


async def test_one_board_larger_than_the_memory_is_shown_and_read_no_more_often() -> None:
    source = FakeSource(aoba=large(9999), kita=large(9999))
    boards = memory(source, most_bytes=1)
    await boards.refresh()
    for unit in ("aoba", "kita"):
        board = await boards.board(unit)
        assert board is not None
        assert len(board.events) == BOUNDS.events
    reads = len(source.reads)
    await boards.refresh()
    assert len(source.reads) == reads
    assert metric("units") == 1
