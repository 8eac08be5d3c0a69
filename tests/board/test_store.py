"""What the SQL reads of the office's own views: the nearest entries, within the window and the bounds."""

from datetime import UTC, date, datetime, time, timedelta

import asyncpg
import pytest

from board.bounds import BOUNDS, DAYS_AHEAD, BoardSelection, Bounds, StoredBoard
from board.model import Board, CalendarEvent, Notice
from board.store import BoardStore
from simulator.servers import Databases
from tests.support.office import OfficeTables

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)
TODAY = date(2026, 4, 8)
"""The day that it is in Japan."""
AN_HOUR = timedelta(hours=1)
A_DAY = timedelta(days=1)


async def read(store: BoardStore, unit: str, bounds: Bounds = BOUNDS) -> StoredBoard:
    return (await store.read([unit], BoardSelection(NOW, bounds)))[unit]


async def test_a_board_is_read_with_its_groups_or_without(
    tables: OfficeTables, store: BoardStore, units_only: BoardStore
) -> None:
    notice = await tables.add_notice("aoba", "運動会", at=NOW - AN_HOUR, expires=NOW + A_DAY, body="雨天順延")
    of_a_group = await tables.add_notice("aoba", "持ち物", group="1nen", at=NOW)
    event = await tables.add_event("aoba", "入学式", TODAY, ends=TODAY + A_DAY, at=time(10), place="体育館")
    event_of_a_group = await tables.add_event("aoba", "遠足", TODAY, group="2nen")
    await tables.add_notice("kita", "other")
    own = Notice(notice, "運動会", "雨天順延", NOW - AN_HOUR, NOW + A_DAY)
    day = CalendarEvent(event, TODAY, "入学式", TODAY + A_DAY, time(10), "", "体育館")
    assert (await read(units_only, "aoba")).board == Board("あおば小学校", (own,), (day,))
    board = (await read(store, "aoba")).board
    assert set(board.notices) == {own, Notice(of_a_group, "持ち物", "本文", NOW, group="1nen")}
    assert set(board.events) == {day, CalendarEvent(event_of_a_group, TODAY, "遠足", group="2nen")}


async def test_only_the_units_asked_for_are_read_and_only_active_ones(tables: OfficeTables, store: BoardStore) -> None:
    await tables.add_notice("aoba", "x")
    assert (await store.read(["kita"], BoardSelection(NOW))).keys() == {"kita"}
    await tables.execute("UPDATE office.units SET active = false WHERE code = 'aoba'")
    assert await store.read(["aoba", "unknown"], BoardSelection(NOW)) == {}
    assert (await store.revisions()).keys() == {"kita"}


async def test_expired_notices_and_days_outside_of_the_window_stay_away(
    tables: OfficeTables, store: BoardStore
) -> None:
    await tables.add_notice("aoba", "expired", at=NOW - A_DAY, expires=NOW)
    await tables.add_notice("aoba", "to come", at=NOW + 30 * A_DAY)
    last = TODAY + timedelta(days=DAYS_AHEAD)
    for title, starts, ends in (
        ("long ago", TODAY - 2 * A_DAY, None),
        ("yesterday", TODAY - A_DAY, None),
        ("since long", TODAY - 60 * A_DAY, TODAY - A_DAY),
        ("next year", last, None),
        ("too far", last + A_DAY, None),
    ):
        await tables.add_event("aoba", title, starts, ends=ends)
    board = (await read(store, "aoba")).board
    assert [notice.title for notice in board.notices] == ["to come"]
    assert {event.title for event in board.events} == {"yesterday", "since long", "next year"}


async def test_of_many_notices_the_nearest_stay_of_the_unit_and_of_each_group(
    tables: OfficeTables, store: BoardStore
) -> None:
    for group in (None, "1nen"):
        for hours in range(5):
            await tables.add_notice("aoba", f"{group} {hours} ago", group=group, at=NOW - hours * AN_HOUR)
        for days in range(1, 5):
            await tables.add_notice("aoba", f"{group} in {days}", group=group, at=NOW + days * A_DAY)
    await tables.add_notice("aoba", "2nen", group="2nen", at=NOW - 300 * A_DAY)
    stored = await read(store, "aoba", Bounds(notices=3, events=1))
    assert {notice.title for notice in stored.board.notices} == {
        *(f"{group} {hours} ago" for group in (None, "1nen") for hours in range(3)),
        *(f"{group} in {days}" for group in (None, "1nen") for days in (1, 2, 3)),
        "2nen",
    }
    assert stored.notices_left_out == 2 * (2 + 1)


async def test_of_many_events_the_nearest_days_stay_and_what_is_going_on_is_near(
    tables: OfficeTables, store: BoardStore
) -> None:
    for days in (9, 0, 3, 1):
        await tables.add_event("aoba", f"in {days}", TODAY + days * A_DAY, group="1nen" if days == 1 else None)
    await tables.add_event("aoba", "all year", TODAY - 100 * A_DAY, ends=TODAY + 200 * A_DAY)
    stored = await read(store, "aoba", Bounds(notices=1, events=3))
    assert {event.title for event in stored.board.events} == {"in 0", "all year", "in 1"}
    assert stored.events_left_out == 2
    assert (await read(store, "kita", Bounds(notices=1, events=3))).events_left_out == 0


@pytest.mark.parametrize("role", ["responder", "info_site"])
async def test_a_reader_cannot_write(migrated_databases: Databases, role: str) -> None:
    connection = await asyncpg.connect(migrated_databases.general_url(role))
    for statement in (
        "DELETE FROM office.board_changes",
        "INSERT INTO office.board_changes VALUES ('x', 1)",
        "SELECT office.board_changed('x')",
        "SELECT nextval('office.board_revisions')",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()
