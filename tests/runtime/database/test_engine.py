"""Connections are given out alive, and a transaction in the driver's own language is one like any other."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from runtime.database import engine as database
from runtime.faults import is_outage
from simulator import servers
from simulator.servers import Databases


async def test_what_is_written_in_the_drivers_language_is_there_after_the_block_and_only_then(
    fresh_databases: Databases,
) -> None:
    engine = database.create_engine(fresh_databases.personal_url(), service="registry")
    async with database.driver(engine) as driver:
        await driver.execute("CREATE TABLE things (number integer PRIMARY KEY)")
    async with database.transaction(engine) as driver:
        await driver.execute("INSERT INTO things VALUES (1)")
        async with engine.connect() as other:
            assert (await other.execute(text("SELECT count(*) FROM things"))).scalar_one() == 0

    async def one_too_many() -> None:
        async with database.transaction(engine) as driver:
            await driver.execute("INSERT INTO things VALUES (2)")
            await driver.execute("INSERT INTO things VALUES (1)")

    with pytest.raises(asyncpg.UniqueViolationError):
        await one_too_many()
    async with engine.connect() as other:
        assert (await other.execute(text("SELECT number FROM things"))).scalars().all() == [1]
    await engine.dispose()


# Slow: a PostgreSQL of its own is stopped and started.
async def test_a_server_that_was_restarted_in_between_costs_nobody_an_error(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    postgres = await asyncio.to_thread(servers.start_postgres, tmp_path_factory.mktemp("pg"))
    engine = database.create_engine(postgres.personal_url(), service="registry", pool_size=3)
    try:
        async with database.driver(engine) as one, database.driver(engine) as two:
            await asyncio.gather(one.execute("SELECT 1"), two.execute("SELECT 1"))
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(postgres.start)
        await database.check(engine)
        async with database.driver(engine) as one, database.transaction(engine) as two:
            assert await one.fetchval("SELECT 1") == await two.fetchval("SELECT 1") == 1
    finally:
        await engine.dispose()
        await asyncio.to_thread(postgres.stop)


async def test_a_connection_that_broke_in_somebodys_hands_is_given_to_nobody_else(fresh_databases: Databases) -> None:
    engine = database.create_engine(fresh_databases.personal_url(), service="registry", pool_size=1)
    with pytest.raises(Exception) as caught:
        async with database.transaction(engine) as driver:
            await driver.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_outage(caught.value)
    async with database.transaction(engine) as driver:
        assert await driver.fetchval("SELECT 1") == 1
    await database.check(engine)
    await engine.dispose()
