"""Nobody is skipped, whatever dies in the middle of a batch; only copies in flight at a kill may go twice."""

import asyncio
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from contracts.events.delivery import DeliveryBatch
from renrakumo_cli.local.nats import NatsServer
from simulator.behaviour import slow
from simulator.carriers import CarrierSimulator
from tests.dispatcher.harness import Harness, Office, Process, kinds, people

DOMAIN = "gmail.com"
BATCHES, EACH = 4, 40
ALL = BATCHES * EACH


@pytest.fixture
def harness(fresh_nats: NatsServer, tmp_path: Path) -> Harness:
    """A bus of its own, no dispatcher yet."""
    return Harness.build(fresh_nats, tmp_path)


async def stop_all(*processes: Process) -> None:
    for process in processes:
        assert await process.stop() == 0, process.child.log_tail()


class Scene:
    """A slow carrier, a dispatcher in the middle of its batches."""

    def __init__(self, office: Office, carrier: CarrierSimulator, batches: list[DeliveryBatch]) -> None:
        self.office = office
        self.carrier = carrier
        self.batches = batches

    async def until(self, copies: int) -> None:
        await self.carrier.wait_until(lambda: self.carrier.stats.messages >= copies, timeout=60)

    async def everybody_has_it(self) -> int:
        """All settled as delivered and in the mailbox; returns how many copies came twice."""
        for batch in self.batches:
            assert kinds(await self.office.ends(batch, timeout=90)) == {"delivered": EACH}
        for parent in people(ALL, DOMAIN):
            assert self.carrier.mailbox(parent), "somebody was skipped"
        return self.carrier.stats.messages - ALL


async def begin(stack: AsyncExitStack, harness: Harness) -> Scene:
    office = await stack.enter_async_context(harness.office())
    carrier = CarrierSimulator(DOMAIN, harness.carrier_ports[DOMAIN], slow(0.01))
    await stack.enter_async_context(carrier)
    batches = [await office.send(people(EACH, DOMAIN, number * EACH)) for number in range(BATCHES)]
    return Scene(office, carrier, batches)


# Slow: what the dead one held comes again when its time on the bus is over.
async def test_a_killed_dispatcher_is_followed_by_one_that_goes_on_where_it_stopped(harness: Harness) -> None:
    async with AsyncExitStack() as stack:
        scene = await begin(stack, harness)
        first, second = harness.new_process(), harness.new_process()
        await first.start()
        await scene.until(ALL // 2)
        in_flight = scene.carrier.stats.active
        await first.kill()
        sent = scene.carrier.stats.messages
        assert sent < ALL
        await second.start()
        twice = await scene.everybody_has_it()
        print(f"{sent} of {ALL} sent at the kill, {twice} twice, at most {in_flight} in flight")
        assert twice <= in_flight
        await stop_all(second)


# Slow: what the dead one held comes again when its time on the bus is over.
async def test_of_two_dispatchers_one_dies_and_the_other_does_its_work(harness: Harness) -> None:
    async with AsyncExitStack() as stack:
        first, second = harness.new_process(), harness.new_process()
        await first.start()
        await second.start()
        scene = await begin(stack, harness)
        await scene.until(ALL // 2)
        in_flight = scene.carrier.stats.active
        await first.kill()
        twice = await scene.everybody_has_it()
        print(f"{twice} twice, at most {in_flight} in flight")
        assert twice <= in_flight
        await stop_all(second)


# Slow: two dispatchers start one after the other.
async def test_a_dispatcher_that_is_asked_to_stop_hands_over_without_a_copy_sent_twice(harness: Harness) -> None:
    async with AsyncExitStack() as stack:
        scene = await begin(stack, harness)
        first, second = harness.new_process(), harness.new_process()
        await first.start()
        await scene.until(ALL // 4)
        await stop_all(first)
        assert scene.carrier.stats.messages < ALL
        await second.start()
        assert await scene.everybody_has_it() == 0
        await stop_all(second)


# Slow: the bus is killed and started, and that nothing is sent meanwhile is looked at for a while.
async def test_while_the_bus_is_away_nothing_is_sent_and_then_it_goes_on(harness: Harness) -> None:
    async with AsyncExitStack() as stack:
        scene = await begin(stack, harness)
        process = harness.new_process()
        await process.start()
        await scene.until(ALL // 4)
        in_flight = scene.carrier.stats.active
        harness.nats.kill(signal.SIGKILL)
        await asyncio.sleep(1)  # what was written to a carrier before comes to its end
        sent = scene.carrier.stats.messages
        assert sent < ALL
        await asyncio.sleep(0.5)  # that nothing happens has no event
        assert scene.carrier.stats.messages == sent, "sent without a record"
        await asyncio.to_thread(harness.nats.start)
        assert await scene.everybody_has_it() <= in_flight
        await stop_all(process)
