"""The application, with units or without, for each test."""

from collections.abc import AsyncIterator, Iterator

import pytest

from renrakumo_cli.local.postgres import PostgresServer
from simulator import servers
from simulator.servers import Databases
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi, migrate, open_admin_api


@pytest.fixture(scope="session")
def template(postgres_server: PostgresServer) -> Iterator[Databases]:
    """Databases with all tables, to be copied and never written to."""
    pair = servers.new_databases(postgres_server)
    migrate(pair)
    yield pair
    postgres_server.drop(pair.personal, pair.general)


# Slow: each test has databases of its own.
@pytest.fixture
async def bare(postgres_server: PostgresServer, template: Databases) -> AsyncIterator[AdminApi]:
    """The application without units."""
    pair = servers.new_databases(postgres_server, like=template)
    api, close = await open_admin_api(pair)
    yield api
    await close()
    postgres_server.drop(pair.personal, pair.general)


@pytest.fixture
async def api(bare: AdminApi) -> AdminApi:
    """The application with two units; sakura has names, answers and the groups xx1 and xx2."""
    await bare.furnish()
    return bare


@pytest.fixture
def ledger(api: AdminApi) -> Ledger:
    """Receipts' side of the database."""
    return Ledger(api)
