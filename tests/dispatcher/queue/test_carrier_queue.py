"""Who may use a carrier's connections, in which order, and that every letter at a desk gets one outcome."""

import asyncio

import pytest

from contracts.base import LANES
from dispatcher.queue.lanes import BULK, may_work, most_for
from dispatcher.smtp.replies import ConnectionLost, HopUnavailable
from runtime.errors import Postponed
from tests.dispatcher.queue.queue_world import HOPS, World, a_bundle, a_desk, accepted, outcomes, policy, stop

# Lanes


def test_bulk_mail_never_takes_the_last_connection() -> None:
    for lane in BULK:
        assert not may_work(lane, bulk=3, connections=4)
        assert may_work(lane, bulk=0, connections=1)
    assert may_work("urgent", bulk=4, connections=4)
    assert most_for("ordinary", 4) == 3


async def test_who_waits_is_served_by_lane_and_in_order_of_arrival() -> None:
    world = World(gate=asyncio.Event())
    desk = a_desk(world, policy(1, messages_per_connection=100))
    bundles = []
    for lane in reversed(LANES):
        bundle, errands = await a_bundle(lane, 2)
        desk.post(HOPS[0], errands)
        bundles.append(bundle)
    await asyncio.sleep(0.01)
    assert world.gate is not None
    world.gate.set()
    await asyncio.gather(*(bundle.finished() for bundle in bundles))
    lanes = [recipient[: -len("1@docomo.ne.jp")] for recipient in world.begun]
    # Two were in a session's hands before the others came: one being sent, one announced.
    ranks = [LANES.index(lane) for lane in lanes[2:]]
    assert ranks == sorted(ranks)
    await stop(desk)


async def test_an_urgent_letter_finds_a_connection_while_a_backlog_is_served() -> None:
    world = World(gate=asyncio.Event())
    desk = a_desk(world, policy(3))
    backlog, many = await a_bundle("ordinary", 50)
    desk.post(HOPS[0], many)
    await asyncio.sleep(0.01)
    assert len(world.open) == 2, "bulk mail leaves one connection"
    urgent, one = await a_bundle("urgent", 1)
    desk.post(HOPS[0], one)
    await asyncio.sleep(0.01)
    assert len(world.open) == 3
    assert world.begun[-1] == one[0].letter.address
    assert world.gate is not None
    world.gate.set()
    await asyncio.gather(backlog.finished(), urgent.finished())
    assert world.most == 3
    await stop(desk)


async def test_connections_move_to_the_hop_that_has_work() -> None:
    world = World()
    desk = a_desk(world, policy(2, apart=True, idle_seconds=30.0))
    for hop in HOPS:
        bundle, errands = await a_bundle("urgent", 4)
        desk.post(hop, errands)
        await asyncio.wait_for(bundle.finished(), 5)
    assert {session.hop.key for session in world.sessions} == {"a", "b", "c"}
    assert world.most <= 2
    await stop(desk)
    assert not world.open


async def test_hops_that_found_no_room_get_their_turn() -> None:
    world = World()
    desk = a_desk(world, policy(2, apart=True))
    bundles = []
    for number, hop in enumerate(HOPS):
        bundle, errands = await a_bundle("ordinary", 20, first=1 + 100 * number)
        desk.post(hop, errands)
        bundles.append(bundle)
    await asyncio.wait_for(asyncio.gather(*(bundle.finished() for bundle in bundles)), 5)
    assert all(outcomes(bundle) == {"delivered": 20} for bundle in bundles)
    await stop(desk)


# Sessions


async def test_a_session_carries_no_more_than_its_limit() -> None:
    world = World()
    desk = a_desk(world, policy(1))
    bundle, errands = await a_bundle("ordinary", 12)
    desk.post(HOPS[0], errands)
    await bundle.finished()
    assert len(world.sessions) == 3
    await stop(desk)


async def test_a_session_without_work_is_closed_after_a_while() -> None:
    world = World()
    desk = a_desk(world, policy(2))
    bundle, errands = await a_bundle("ordinary", 2)
    desk.post(HOPS[0], errands)
    await bundle.finished()
    assert world.open
    await asyncio.sleep(0.2)
    assert not world.open
    assert desk.open == 0


# Trouble


async def test_a_hop_that_cannot_be_reached_has_all_its_letters_put_off() -> None:
    world = World(refuse=lambda: HopUnavailable("no connection", stage="connect"))
    desk = a_desk(world, policy(2))
    bundle, errands = await a_bundle("ordinary", 20)
    desk.post(HOPS[0], errands)
    await asyncio.wait_for(bundle.finished(), 5)
    assert outcomes(bundle) == {"deferred": 20}
    await stop(desk)


async def test_a_letter_that_surely_was_not_taken_goes_out_again_at_once() -> None:
    lost = [ConnectionLost("connection lost", stage="rcpt", uncertain=False)]
    world = World(script=lambda envelope: lost.pop() if lost else accepted(envelope))
    desk = a_desk(world, policy(1))
    bundle, errands = await a_bundle("ordinary", 3)
    desk.post(HOPS[0], errands)
    await asyncio.wait_for(bundle.finished(), 5)
    assert outcomes(bundle) == {"delivered": 3}
    assert world.begun.count(errands[0].letter.address) == 2
    await stop(desk)


async def test_a_letter_that_may_have_been_taken_waits_for_another_attempt() -> None:
    lost = [ConnectionLost("connection lost", stage="body", uncertain=True)]
    world = World(script=lambda envelope: lost.pop() if lost else accepted(envelope))
    desk = a_desk(world, policy(1))
    bundle, errands = await a_bundle("ordinary", 3)
    desk.post(HOPS[0], errands)
    await asyncio.wait_for(bundle.finished(), 5)
    assert outcomes(bundle) == {"deferred": 1, "delivered": 2}
    await stop(desk)


async def test_a_stop_ends_every_bundle_after_what_is_in_hand() -> None:
    world = World(gate=asyncio.Event())
    desk = a_desk(world, policy(3))
    bundle, errands = await a_bundle("ordinary", 30)
    desk.post(HOPS[0], errands)
    await asyncio.sleep(0.01)
    waiting = asyncio.create_task(bundle.finished())
    stopping = asyncio.create_task(desk.stop(Postponed("dispatcher_stopping", 0)))
    await asyncio.sleep(0.01)
    assert not waiting.done(), "two letters are still in hand"
    assert world.gate is not None
    world.gate.set()
    with pytest.raises(Postponed):
        await waiting
    await stopping
    assert outcomes(bundle)["delivered"] == len(world.begun)
