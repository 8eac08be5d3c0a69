"""One migrated database for all tests of registry, emptied before each."""

from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from registry import tables
from renrakumo_cli.local.postgres import PostgresServer
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from simulator import servers
from tests.registry.harness import Harness


@pytest.fixture(scope="session")
def database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of a personal database with all tables."""
    pair = servers.new_databases(postgres_server)
    upgrade(pair.personal_url(), "registry")
    yield pair.personal_url()
    postgres_server.drop(pair.personal, pair.general)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, service="registry-test", pool_size=10)
    names = ", ".join(table.name for table in tables.metadata.sorted_tables)
    async with engine.begin() as connection:
        await connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    yield engine
    await engine.dispose()


@pytest.fixture
def harness(engine: AsyncEngine) -> Harness:
    return Harness(engine)
