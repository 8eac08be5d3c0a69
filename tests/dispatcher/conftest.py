"""A bus with one dispatcher for the tests of a module, and the office on its bus."""

from collections.abc import AsyncIterator, Iterator

import pytest

from simulator import servers
from tests.dispatcher.harness import Harness, Office


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A bus of its own with a dispatcher at work."""
    nats = servers.start_nats(tmp_path_factory.mktemp("nats"))
    harness = Harness.build(nats, tmp_path_factory.mktemp("dispatcher"))
    process = harness.new_process()
    process.start_now()
    yield harness
    assert process.child.stop(within=30) == 0, process.child.log_tail()
    nats.stop()


@pytest.fixture
async def office(harness: Harness) -> AsyncIterator[Office]:
    """The other side of the bus."""
    async with harness.office() as office:
        yield office
