"""The office's database with two units, and the boards as each reader reads them."""

from collections.abc import AsyncIterator

import pytest

from board.store import BoardStore
from runtime.database.engine import create_engine
from simulator.servers import Databases
from tests.support import office
from tests.support.office import OfficeTables


@pytest.fixture
async def tables(migrated_databases: Databases) -> AsyncIterator[OfficeTables]:
    """The office, with the units aoba (groups 1nen, 2nen) and kita."""
    async with office.tables_of(migrated_databases) as tables:
        await tables.add_unit("aoba", "あおば小学校", groups=("1nen", "2nen"))
        await tables.add_unit("kita", "きた小学校")
        yield tables


@pytest.fixture
async def store(migrated_databases: Databases) -> AsyncIterator[BoardStore]:
    """Boards with what is their groups', as responder reads them."""
    engine = create_engine(migrated_databases.general_url("responder"), service="test")
    yield BoardStore(engine, with_groups=True)
    await engine.dispose()


@pytest.fixture
async def units_only(migrated_databases: Databases) -> AsyncIterator[BoardStore]:
    """Boards without what is their groups', as info-site reads them."""
    engine = create_engine(migrated_databases.general_url("info_site"), service="test")
    yield BoardStore(engine, with_groups=False)
    await engine.dispose()
