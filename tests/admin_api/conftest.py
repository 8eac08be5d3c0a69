"""The application, with units or without, for each test."""

from collections.abc import AsyncIterator

import pytest

from simulator.servers import Databases
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi, open_admin_api


# Slow: each test has databases of its own.
@pytest.fixture
async def bare(migrated_databases: Databases) -> AsyncIterator[AdminApi]:
    """The application without units."""
    api, close = await open_admin_api(migrated_databases)
    yield api
    await close()


@pytest.fixture
async def api(bare: AdminApi) -> AdminApi:
    """The application with two units; sakura has names, answers and the groups xx1 and xx2."""
    await bare.furnish()
    return bare


@pytest.fixture
def ledger(api: AdminApi) -> Ledger:
    """Receipts' side of the database."""
    return Ledger(api)
