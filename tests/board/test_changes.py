"""A revision differs exactly when something of the board has changed, whoever commits first."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import asyncpg
import pytest

from board.bounds import BoardSelection, StoredBoard
from board.memory import BoardMemory
from board.store import BoardStore
from runtime.database import migrations
from runtime.database.engine import create_engine
from simulator.servers import Databases
from tests.support import office
from tests.support.office import OfficeTables

NOW = datetime(2026, 4, 7, 16, 30, tzinfo=UTC)
DAY = date(2026, 4, 8)


class Recording:
    """A source that remembers which units were read."""

    def __init__(self, store: BoardStore) -> None:
        self._store = store
        self.reads: list[str] = []

    async def revisions(self) -> Mapping[str, int]:
        return await self._store.revisions()

    async def read(self, units: Iterable[str], selection: BoardSelection) -> Mapping[str, StoredBoard]:
        units = list(units)
        self.reads.extend(units)
        return await self._store.read(units, selection)


async def titles(boards: BoardMemory, unit: str = "aoba") -> set[str]:
    board = await boards.board(unit)
    assert board is not None
    return {notice.title for notice in board.notices} | {event.title for event in board.events}


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO office.notices VALUES (90, 'aoba', NULL, '', '', now(), NULL, NULL)",
        "UPDATE office.notices SET title = 'changed' WHERE unit = 'aoba'",
        "DELETE FROM office.notices WHERE unit = 'aoba'",
        "INSERT INTO office.events VALUES (91, 'aoba', NULL, '2026-04-08', NULL, NULL, '', '', '')",
        "UPDATE office.events SET place = 'changed' WHERE unit = 'aoba'",
        "DELETE FROM office.events WHERE unit = 'aoba'",
        "DELETE FROM office.groups WHERE unit = 'aoba' AND code = '1nen'",
        "UPDATE office.units SET name = 'changed' WHERE code = 'aoba'",
    ],
)
async def test_every_change_of_a_board_is_another_revision_of_this_board_alone(
    tables: OfficeTables, store: BoardStore, statement: str
) -> None:
    await tables.add_notice("aoba", "x", group="1nen")
    await tables.add_event("aoba", "x", DAY)
    before = await store.revisions()
    await tables.execute(statement)
    after = await store.revisions()
    assert after["aoba"] != before["aoba"]
    assert after["kita"] == before["kita"]


async def test_what_one_transaction_changes_is_one_revision_also_around_a_savepoint(
    tables: OfficeTables, store: BoardStore
) -> None:
    sequence = "SELECT last_value FROM office.board_revisions"
    drawn, before = await tables.connection.fetchval(sequence), await store.revisions()
    async with tables.connection.transaction():
        for number in range(20):
            await tables.add_event("aoba", f"x{number}", DAY)
        await tables.execute("SET CONSTRAINTS ALL IMMEDIATE")
        savepoint = tables.connection.transaction()
        await savepoint.start()
        await tables.add_notice("aoba", "undone")
        await savepoint.rollback()
        await tables.add_notice("aoba", "y")
    assert (await store.revisions())["aoba"] != before["aoba"]
    assert await tables.connection.fetchval(sequence) == drawn + 1


async def test_what_moves_to_another_unit_changes_both(tables: OfficeTables, store: BoardStore) -> None:
    await tables.add_event("aoba", "x", DAY)
    before = await store.revisions()
    await tables.execute("UPDATE office.events SET unit = 'kita'")
    after = await store.revisions()
    assert all(after[unit] != before[unit] for unit in ("aoba", "kita"))


async def test_a_unit_that_opens_again_has_another_revision(tables: OfficeTables, store: BoardStore) -> None:
    before = await store.revisions()
    await tables.execute("UPDATE office.units SET active = false WHERE code = 'aoba'")
    await tables.execute("UPDATE office.units SET active = true WHERE code = 'aoba'")
    assert (await store.revisions())["aoba"] != before["aoba"]


async def test_what_is_not_on_a_board_changes_nothing(tables: OfficeTables, store: BoardStore) -> None:
    before = await store.revisions()
    await tables.execute("UPDATE office.units SET receipts = true")
    await tables.execute("UPDATE office.groups SET name = 'changed'")
    await tables.execute("DELETE FROM office.notices")
    assert await store.revisions() == before


async def test_units_from_before_the_migration_have_a_revision(fresh_databases: Databases) -> None:
    migrations.upgrade(fresh_databases.general_url("admin_api"), "admin_api", schema="office", to="0007")
    engine = create_engine(fresh_databases.general_url("responder"), service="test")
    store = BoardStore(engine, with_groups=True)
    async with office.tables_of(fresh_databases) as tables:
        await tables.add_unit("aoba")
        office.migrate(fresh_databases)
        before = await store.revisions()
        await tables.add_notice("aoba", "x")
        assert before["aoba"] != (await store.revisions())["aoba"]
    await engine.dispose()


async def test_only_changed_boards_are_read(tables: OfficeTables, store: BoardStore) -> None:
    recording = Recording(store)
    boards = BoardMemory(recording, clock=lambda: NOW, every=60)
    await boards.refresh()
    assert recording.reads == ["aoba", "kita"]
    await boards.refresh()
    assert recording.reads == ["aoba", "kita"]
    await tables.add_notice("kita", "x")
    await boards.refresh()
    assert recording.reads == ["aoba", "kita", "kita"]
    assert await titles(boards, "kita") == {"x"}


async def test_boards_that_do_not_fit_into_memory_are_as_right_as_those_that_do(
    tables: OfficeTables, store: BoardStore
) -> None:
    boards = BoardMemory(store, clock=lambda: NOW, every=60, most_bytes=1)
    for turn in ("first", "second"):
        for unit in ("aoba", "kita"):
            await tables.add_notice(unit, f"{turn} of {unit}")
        await boards.refresh()
        for unit in ("aoba", "kita", "aoba"):
            assert f"{turn} of {unit}" in await titles(boards, unit)
    await tables.execute("UPDATE office.units SET active = false")
    await boards.refresh()
    assert [await boards.board(unit) for unit in ("aoba", "kita")] == [None, None]


async def test_whoever_commits_later_is_not_missed(
    migrated_databases: Databases, tables: OfficeTables, store: BoardStore
) -> None:
    boards = BoardMemory(store, clock=lambda: NOW, every=60)
    async with office.tables_of(migrated_databases) as other:
        slow = tables.connection.transaction()
        await slow.start()
        await tables.add_notice("aoba", "began first")
        async with other.connection.transaction():
            await other.add_notice("aoba", "committed first")
            await boards.refresh()
            assert await titles(boards) == set()
        await boards.refresh()
        assert await titles(boards) == {"committed first"}
        await boards.refresh()
        await slow.commit()
        await boards.refresh()
        assert await titles(boards) == {"committed first", "began first"}


async def test_what_is_rolled_back_is_not_read_again(tables: OfficeTables, store: BoardStore) -> None:
    before = await store.revisions()
    transaction = tables.connection.transaction()
    await transaction.start()
    await tables.add_notice("aoba", "x")
    await transaction.rollback()
    assert await store.revisions() == before


async def test_a_board_and_its_revision_are_of_one_moment(
    migrated_databases: Databases, tables: OfficeTables, store: BoardStore
) -> None:
    async with office.tables_of(migrated_databases) as eyes:
        writing = tables.connection.transaction()
        await writing.start()
        await tables.execute("LOCK TABLE office.notices")
        reading = asyncio.create_task(store.read(["aoba"], BoardSelection(NOW)))
        async with asyncio.timeout(30):  # until the reader has the revision and waits for the notices
            while not await eyes.connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not reading.done()
        await tables.add_notice("aoba", "x")
        await writing.commit()
        stored = (await reading)["aoba"]
    assert stored.board.notices == ()
    assert stored.revision != (await store.revisions())["aoba"]


async def test_two_who_write_the_same_board_do_not_wait_for_each_other_before_they_commit(
    migrated_databases: Databases, tables: OfficeTables
) -> None:
    async with office.tables_of(migrated_databases) as other:
        first, second = tables.connection.transaction(), other.connection.transaction()
        await first.start()
        await second.start()
        await tables.execute("SET LOCAL lock_timeout = '5s'")
        await other.execute("SET LOCAL lock_timeout = '5s'")
        await tables.add_notice("aoba", "a")
        await other.add_notice("aoba", "b")
        await other.add_event("kita", "b", DAY)
        await tables.add_event("kita", "a", DAY)
        await first.commit()
        await second.commit()
    for table, unit in (("notices", "aoba"), ("events", "kita")):
        written = await tables.connection.fetch(f"SELECT title FROM office.{table} WHERE unit = $1", unit)
        assert sorted(row["title"] for row in written) == ["a", "b"]


async def test_a_migration_that_changes_rows_and_their_table_lets_the_triggers_run_in_between(
    tables: OfficeTables,
) -> None:
    await tables.add_notice("aoba", "x")
    refused = tables.connection.transaction()
    await refused.start()
    await tables.execute("UPDATE office.notices SET title = 'y'")
    with pytest.raises(asyncpg.ObjectInUseError, match="pending trigger events"):
        await tables.execute("ALTER TABLE office.notices ADD COLUMN more text")
    await refused.rollback()
    async with tables.connection.transaction():
        await tables.execute("UPDATE office.notices SET title = 'y'")
        await tables.execute("SET CONSTRAINTS ALL IMMEDIATE")
        await tables.execute("ALTER TABLE office.notices ADD COLUMN more text")
