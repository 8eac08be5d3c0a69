"""A service waits until the schema that it owns or reads is that of its release, and says what is missing."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.views import OFFICE_REVISION, OFFICE_VERSION
from runtime.database import migrations
from runtime.database.engine import create_engine
from runtime.database.schema import ForeignSchemaCheck, SchemaCheck, SchemaMismatch
from runtime.process.health import Health
from simulator.servers import Databases


@pytest.fixture
async def engine(fresh_databases: Databases) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(fresh_databases.personal_url(), service="test")
    yield engine
    await engine.dispose()


async def seen(check: SchemaCheck, words: str) -> None:
    """Wait until the health check says this."""
    health = Health()
    health.add("schema", check.check)
    async with asyncio.timeout(20):
        while words not in (await health.report())["schema"]:  # noqa: ASYNC110 (a task looks at the server)
            await asyncio.sleep(0.01)


async def test_a_start_waits_for_the_upgrade_and_says_so(engine: AsyncEngine, fresh_databases: Databases) -> None:
    check = SchemaCheck(engine, "registry")
    waiting = asyncio.create_task(check.wait(pause=0.01))
    await seen(check, "no tables, this release needs revision")
    assert not waiting.done()
    await asyncio.to_thread(migrations.upgrade, fresh_databases.personal_url(), "registry", to="0001")
    await seen(check, "revision 0001, this release needs revision")
    await asyncio.to_thread(migrations.upgrade, fresh_databases.personal_url(), "registry")
    await asyncio.wait_for(waiting, 20)
    await check.check()


async def test_a_schema_of_a_later_release_is_waited_for_as_well(
    engine: AsyncEngine, fresh_databases: Databases
) -> None:
    await asyncio.to_thread(migrations.upgrade, fresh_databases.personal_url(), "registry")
    connection = await asyncpg.connect(fresh_databases.personal_url())
    await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    check = SchemaCheck(engine, "registry")
    waiting = asyncio.create_task(check.wait(pause=0.01))
    await seen(check, "revision 9999 is newer than this release")
    with pytest.raises(SchemaMismatch):
        await check.check()
    assert not waiting.done()
    waiting.cancel()
    await connection.close()


async def test_a_database_that_is_away_is_waited_for() -> None:
    engine = create_engine("postgresql://nobody:nothing@127.0.0.1:1/nowhere", service="test")
    check = SchemaCheck(engine, "registry")
    waiting = asyncio.create_task(check.wait(pause=0.01))
    await seen(check, "refused")
    assert not waiting.done()
    waiting.cancel()
    await engine.dispose()


@pytest.fixture(params=["info_site", "responder"])
async def reader(request: pytest.FixtureRequest, fresh_databases: Databases) -> AsyncIterator[AsyncEngine]:
    """A database of the office without tables, as a role sees it that only reads it."""
    engine = create_engine(fresh_databases.general_url(request.param), service="test")
    yield engine
    await engine.dispose()


def office_check(engine: AsyncEngine) -> ForeignSchemaCheck:
    return ForeignSchemaCheck(engine, "admin_api", OFFICE_VERSION.schema, wanted=OFFICE_REVISION)


async def test_who_only_reads_a_schema_waits_for_its_owners_upgrade(
    reader: AsyncEngine, fresh_databases: Databases
) -> None:
    owner = fresh_databases.general_url("admin_api")
    check = office_check(reader)
    waiting = asyncio.create_task(check.wait(pause=0.01))
    await seen(check, f"this release needs revision {OFFICE_REVISION}: run `renrakumo database upgrade`")
    await asyncio.to_thread(migrations.upgrade, owner, "admin_api", "office", to="0011")
    await seen(check, "no tables, or those of an earlier release")
    await asyncio.to_thread(migrations.upgrade, owner, "admin_api", "office", to="0012")
    await seen(check, "revision 0012, this release needs revision")
    assert not waiting.done()
    await asyncio.to_thread(migrations.upgrade, owner, "admin_api", "office")
    await asyncio.wait_for(waiting, 20)
    await check.check()


async def test_who_only_reads_a_schema_waits_when_it_is_of_a_later_release(
    reader: AsyncEngine, fresh_databases: Databases
) -> None:
    owner = fresh_databases.general_url("admin_api")
    await asyncio.to_thread(migrations.upgrade, owner, "admin_api", "office")
    connection = await asyncpg.connect(owner)
    await connection.execute("UPDATE office.alembic_version SET version_num = '9999'")
    await connection.close()
    check = office_check(reader)
    waiting = asyncio.create_task(check.wait(pause=0.01))
    await seen(check, "revision 9999 is newer than this release")
    assert not waiting.done()
    waiting.cancel()


async def test_work_that_needs_the_schema_begins_with_it_and_a_stop_ends_the_waiting(
    engine: AsyncEngine, fresh_databases: Databases
) -> None:
    begun: list[str] = []

    async def work(stop: asyncio.Event) -> None:
        begun.append("work")

    check, stop = SchemaCheck(engine, "registry"), asyncio.Event()
    stop.set()
    await check.before(work)(stop)
    assert begun == []
    await asyncio.to_thread(migrations.upgrade, fresh_databases.personal_url(), "registry")
    await check.before(work)(asyncio.Event())
    assert begun == ["work"]
