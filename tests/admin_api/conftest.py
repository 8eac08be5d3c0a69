"""A furnished office for each test."""

from collections.abc import AsyncIterator

import pytest

from simulator.servers import Databases
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import Desk, migrate, open_desk


@pytest.fixture
async def bare(fresh_databases: Databases) -> AsyncIterator[Desk]:
    """An office without units."""
    migrate(fresh_databases)
    desk, close = await open_desk(fresh_databases)
    yield desk
    await close()


@pytest.fixture
async def desk(bare: Desk) -> Desk:
    """An office with two units; sakura has names, answers and the groups xx1 and xx2."""
    await bare.furnish()
    return bare


@pytest.fixture
def ledger(desk: Desk) -> Ledger:
    """Receipts' side of the database."""
    return Ledger(desk)
