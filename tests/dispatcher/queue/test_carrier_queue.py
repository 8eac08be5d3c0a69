"""Who may use a carrier's connections, in which order, and that every copy in a queue gets one outcome."""

import asyncio

import pytest

from contracts.base import LANES
from dispatcher.queue.lanes import BULK, may_carry, most_for
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable
from runtime.errors import Postponed
from tests.dispatcher.queue.queue_world import (
    HOPS,
    World,
    a_carrier_queue,
    a_tracked_batch,
    accepted,
    outcomes,
    policy,
    stop,
)

# Lanes


def test_bulk_mail_never_takes_the_last_connection() -> None:
    for lane in BULK:
        assert not may_carry(lane, bulk=3, connections=4)
        assert may_carry(lane, bulk=0, connections=1)
    assert may_carry("urgent", bulk=4, connections=4)
    assert most_for("ordinary", 4) == 3


async def test_who_waits_is_served_by_lane_and_in_order_of_arrival() -> None:
    world = World(copy_gate=asyncio.Event())
    queue = a_carrier_queue(world, policy(1, messages_per_connection=100))
    trackers = []
    for lane in reversed(LANES):
        tracker, deliveries = await a_tracked_batch(lane, 2)
        queue.enqueue(HOPS[0], deliveries)
        trackers.append(tracker)
    await asyncio.sleep(0.01)
    assert world.copy_gate is not None
    world.copy_gate.set()
    await asyncio.gather(*(tracker.finished() for tracker in trackers))
    lanes = [recipient[: -len("1@docomo.ne.jp")] for recipient in world.begun]
    # Two were in a connection before the others came: one being sent, one announced.
    ranks = [LANES.index(lane) for lane in lanes[2:]]
    assert ranks == sorted(ranks)
    await stop(queue)


async def test_an_urgent_copy_finds_a_connection_while_a_backlog_is_served() -> None:
    world = World(copy_gate=asyncio.Event())
    queue = a_carrier_queue(world, policy(3))
    backlog, many = await a_tracked_batch("ordinary", 50)
    queue.enqueue(HOPS[0], many)
    await asyncio.sleep(0.01)
    assert len(world.open) == 2, "bulk mail leaves one connection"
    urgent, one = await a_tracked_batch("urgent", 1)
    queue.enqueue(HOPS[0], one)
    async with asyncio.timeout(20):
        while world.begun[-1] != one[0].recipient.address:  # noqa: ASYNC110 (a list, without an event)
            await asyncio.sleep(0)
    assert len(world.open) == 3
    assert world.copy_gate is not None
    world.copy_gate.set()
    await asyncio.gather(backlog.finished(), urgent.finished())
    assert world.most == 3
    await stop(queue)


async def test_connections_move_to_the_hop_that_has_work() -> None:
    world = World()
    queue = a_carrier_queue(world, policy(2, apart=True, idle_seconds=30.0))
    for hop in HOPS:
        tracker, deliveries = await a_tracked_batch("urgent", 4)
        queue.enqueue(hop, deliveries)
        await asyncio.wait_for(tracker.finished(), 5)
    assert {connection.hop.key for connection in world.connections} == {"a", "b", "c"}
    assert world.most <= 2
    await stop(queue)
    assert not world.open


async def test_hops_that_found_no_room_get_their_turn() -> None:
    world = World()
    queue = a_carrier_queue(world, policy(2, apart=True))
    trackers = []
    for number, hop in enumerate(HOPS):
        tracker, deliveries = await a_tracked_batch("ordinary", 20, first=1 + 100 * number)
        queue.enqueue(hop, deliveries)
        trackers.append(tracker)
    await asyncio.wait_for(asyncio.gather(*(tracker.finished() for tracker in trackers)), 5)
    assert all(outcomes(tracker) == {"delivered": 20} for tracker in trackers)
    await stop(queue)


# Connections


async def test_a_connection_carries_no_more_than_its_limit() -> None:
    world = World()
    queue = a_carrier_queue(world, policy(1))
    tracker, deliveries = await a_tracked_batch("ordinary", 12)
    queue.enqueue(HOPS[0], deliveries)
    await tracker.finished()
    assert len(world.connections) == 3
    await stop(queue)


async def test_a_connection_without_work_is_closed_after_a_while() -> None:
    world = World()
    queue = a_carrier_queue(world, policy(2))
    tracker, deliveries = await a_tracked_batch("ordinary", 2)
    queue.enqueue(HOPS[0], deliveries)
    await tracker.finished()
    assert world.open
    await asyncio.sleep(0.2)
    assert not world.open
    assert queue.open == 0


# Trouble


async def test_a_hop_that_cannot_be_reached_has_all_its_copies_put_off() -> None:
    world = World(refuse=lambda: NextHopUnavailable("no connection", stage="connect"))
    queue = a_carrier_queue(world, policy(2))
    tracker, deliveries = await a_tracked_batch("ordinary", 20)
    queue.enqueue(HOPS[0], deliveries)
    await asyncio.wait_for(tracker.finished(), 5)
    assert outcomes(tracker) == {"deferred": 20}
    await stop(queue)


async def test_a_copy_that_surely_was_not_taken_goes_out_again_at_once() -> None:
    lost = [ConnectionLost("connection lost", stage="rcpt", uncertain=False)]
    world = World(script=lambda envelope: lost.pop() if lost else accepted(envelope))
    queue = a_carrier_queue(world, policy(1))
    tracker, deliveries = await a_tracked_batch("ordinary", 3)
    queue.enqueue(HOPS[0], deliveries)
    await asyncio.wait_for(tracker.finished(), 5)
    assert outcomes(tracker) == {"delivered": 3}
    assert world.begun.count(deliveries[0].recipient.address) == 2
    await stop(queue)


async def test_a_copy_that_may_have_been_taken_waits_for_another_attempt() -> None:
    lost = [ConnectionLost("connection lost", stage="body", uncertain=True)]
    world = World(script=lambda envelope: lost.pop() if lost else accepted(envelope))
    queue = a_carrier_queue(world, policy(1))
    tracker, deliveries = await a_tracked_batch("ordinary", 3)
    queue.enqueue(HOPS[0], deliveries)
    await asyncio.wait_for(tracker.finished(), 5)
    assert outcomes(tracker) == {"deferred": 1, "delivered": 2}
    await stop(queue)


async def test_a_stop_ends_every_batch_after_what_is_in_flight() -> None:
    world = World(copy_gate=asyncio.Event())
    queue = a_carrier_queue(world, policy(3))
    tracker, deliveries = await a_tracked_batch("ordinary", 30)
    queue.enqueue(HOPS[0], deliveries)
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(tracker.finished())
    stopping = asyncio.create_task(queue.stop(Postponed("dispatcher_stopping", 0)))
    await asyncio.sleep(0.01)
    assert not waiting.done(), "two copies are still in flight"
    assert world.copy_gate is not None
    world.copy_gate.set()
    with pytest.raises(Postponed):
        await waiting
    await stopping
    assert outcomes(tracker)["delivered"] == len(world.begun)
