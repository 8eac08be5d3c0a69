"""A house with one dispatcher for the tests of a module, and the office on its bus."""

from collections.abc import AsyncIterator, Iterator

import pytest

from simulator import servers
from tests.dispatcher.house import House, Office


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A bus of its own with a dispatcher at work."""
    nats = servers.start_nats(tmp_path_factory.mktemp("nats"))
    house = House.build(nats, tmp_path_factory.mktemp("dispatcher"))
    process = house.new_process()
    process.start_now()
    yield house
    assert process.child.stop(within=30) == 0, process.child.log_tail()
    nats.stop()


@pytest.fixture
async def office(house: House) -> AsyncIterator[Office]:
    """The other side of the bus."""
    async with house.office() as office:
        yield office
