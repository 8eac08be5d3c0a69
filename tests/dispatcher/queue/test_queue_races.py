"""What a queue promises when two things happen at once: nobody waits for ever, and nobody is written to twice."""

import asyncio

import pytest

from contracts.pace import PaceOrder
from contracts.sealed import RecipientCard
from contracts.stopped import StoppedMessage
from dispatcher.attempt.attempt import CopyRecipient
from dispatcher.pace.state import Pace, Sign
from dispatcher.queue.delivery_queues import DeliveryQueues
from dispatcher.queue.queued_delivery import BatchTracker, QueuedDelivery
from dispatcher.routing.router import Route
from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable, SmtpReply
from runtime.bus.client import KvChange
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore
from tests.dispatcher.queue.queue_world import (
    HOPS,
    NOW,
    STOPPING,
    World,
    a_carrier_queue,
    a_tracked_batch,
    clock,
    ended,
    outcomes,
    paces,
    policy,
    real_pace,
    run,
    stop,
)

A, B, C = HOPS
LOST = Postponed("batch_worked_elsewhere", 30)


def unrecordable(tracker: BatchTracker) -> QueuedDelivery:
    """A copy whose outcome cannot be written down: a mistake of ours."""
    card = RecipientCard.model_construct(copy_ref=0, address="odd@docomo.ne.jp", fields={}, tries=0, due=None)
    tracker.expect(1)
    return QueuedDelivery(tracker, CopyRecipient(card, card.address), Envelope("", card.address, b""))


# Nobody waits for ever


def test_a_mistake_of_ours_while_copies_are_put_off_leaves_no_other_batch_waiting() -> None:
    async def scene() -> None:
        world = World(refuse=lambda: NextHopUnavailable("no connection", stage="connect"))
        queue = a_carrier_queue(world, policy(1))
        sound, copies = await a_tracked_batch("ordinary", 3)
        odd, more = await a_tracked_batch("ordinary", 1, first=50)
        last, rest = await a_tracked_batch("ordinary", 3, first=100)
        queue.enqueue(A, [*copies, unrecordable(odd), *more, *rest])
        results = await ended(sound, odd, last)
        assert [type(result) for result in results] == [type(None), results[1].__class__, type(None)]
        assert isinstance(results[1], ValueError)
        assert outcomes(last) == {"deferred": 3}
        await stop(queue)

    run(scene())


def test_a_mistake_after_a_copy_was_put_back_is_counted_once() -> None:
    async def scene() -> None:
        world = World(script=lambda envelope: ConnectionLost("connection lost", stage="rcpt"))
        queue = a_carrier_queue(world, policy(1))
        odd, copies = await a_tracked_batch("ordinary", 2)
        queue.enqueue(A, [*copies, unrecordable(odd)])
        assert isinstance((await ended(odd))[0], ValueError)
        await stop(queue)

    run(scene())


def test_a_refused_connection_does_not_slow_down_the_connection_that_is_open() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        queue = a_carrier_queue(world, policy(3, rate=10.0, pause_after_421=600.0, idle_seconds=30.0), paces(made))
        first, one = await a_tracked_batch("ordinary", 1)
        queue.enqueue(A, one)
        await ended(first)
        made[0].slow_down(Sign.NO_ROOM, open_connections=2)
        tracker, deliveries = await a_tracked_batch("ordinary", 4, first=100)
        began = clock()
        queue.enqueue(A, deliveries)
        await ended(tracker)
        assert clock() - began < 2
        await stop(queue)

    run(scene())


def test_servers_of_which_none_answers_do_not_hold_a_connection_for_ever() -> None:
    async def scene() -> None:
        world = World(connect_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(1, apart=True))
        tracker, deliveries = await a_tracked_batch("ordinary", 3)
        queue.enqueue(A, deliveries)
        began = clock()
        assert await ended(tracker) == [None]
        assert outcomes(tracker) == {"deferred": 3}
        assert clock() - began < 300
        assert world.connecting.total() == 0
        await stop(queue)

    run(scene())


def test_a_copy_that_waits_behind_a_silent_server_learns_that_its_message_was_stopped() -> None:
    async def scene() -> None:
        world = World(copy_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(1))
        tracker, deliveries = await a_tracked_batch("ordinary", 5)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(1)
        change = KvChange("1", StoppedMessage(message=1, at=NOW).model_dump_json().encode())
        tracker.attempt.stopped._apply(change)
        await asyncio.sleep(30)
        assert outcomes(tracker) == {"superseded": 3}
        assert world.copy_gate is not None
        world.copy_gate.set()
        assert await ended(tracker) == [None]
        assert outcomes(tracker) == {"superseded": 3, "delivered": 2}
        await stop(queue)

    run(scene())


def test_more_connections_are_opened_when_the_carrier_bears_more_again() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(answer=1.0)
        queue = a_carrier_queue(world, policy(4, messages_per_connection=1000), paces(made))
        pace = queue._pace_of(queue.policy, A)
        pace.override(PaceOrder(connections=1))
        tracker, deliveries = await a_tracked_batch("urgent", 200)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(3)
        assert len(world.open) == 1
        pace.override(None)
        pace._connections = 4  # as after enough steps up
        await asyncio.sleep(10)
        assert len(world.open) == 4
        await ended(tracker)
        await stop(queue)

    run(scene())


def test_a_hop_that_waited_for_nothing_is_forgotten() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        queue = a_carrier_queue(World(), policy(2, apart=True), paces(made))
        tracker, deliveries = await a_tracked_batch("ordinary", 2)
        queue._pace_of(queue.policy, A).override(PaceOrder(paused=True))
        queue.enqueue(A, deliveries)
        tracker.fail(LOST)
        await asyncio.sleep(20)
        assert not queue._hops
        assert not sum(queue.waiting().values())

    run(scene())


# Nobody is written to twice


def test_a_copy_that_was_announced_is_not_sent_when_its_batch_is_lost() -> None:
    async def scene() -> None:
        world = World(copy_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(1))
        tracker, deliveries = await a_tracked_batch("ordinary", 3)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(0.01)
        tracker.fail(LOST)
        assert world.copy_gate is not None
        world.copy_gate.set()
        assert await ended(tracker) == [LOST]
        assert len(world.begun) == 1
        await stop(queue)

    run(scene())


@pytest.mark.parametrize("how", ["lost", "stopped"])
def test_a_copy_is_not_sent_when_its_batch_was_given_back_while_a_connection_was_opened(how: str) -> None:
    async def scene() -> None:
        world = World(connect_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(2))
        tracker, deliveries = await a_tracked_batch("urgent", 2)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(1)
        stopping = None
        if how == "lost":
            tracker.fail(LOST)
        else:
            stopping = asyncio.create_task(queue.stop(STOPPING))
        await asyncio.sleep(1)
        assert world.connect_gate is not None
        world.connect_gate.set()
        assert await ended(tracker) == [LOST if how == "lost" else STOPPING]
        assert not world.begun
        if stopping is not None:
            await stopping
        await stop(queue)
        assert not world.open

    run(scene())


def test_a_stop_does_not_wait_for_a_server_that_does_not_greet() -> None:
    async def scene() -> None:
        world = World(connect_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(2))
        tracker, deliveries = await a_tracked_batch("urgent", 5)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(1)
        await stop(queue)
        assert await ended(tracker) == [STOPPING]
        assert (queue.open, world.connecting.total()) == (0, 0)

    run(scene())


def test_a_queue_that_nobody_needed_before_a_stop_sends_nothing_after_it() -> None:
    async def scene() -> None:
        world, stopping = World(), asyncio.Event()
        queues = DeliveryQueues(lambda limits, hop: real_pace(limits), world.connection)
        stopping.set()
        await queues.run(stopping)
        tracker, deliveries = await a_tracked_batch("urgent", 2)
        queues.enqueue(Route(A, policy(2)), deliveries)
        (result,) = await ended(tracker)
        assert isinstance(result, Postponed)
        assert not world.connections

    run(scene())


def test_a_pause_by_override_holds_copies_whose_connection_is_still_being_opened() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(connect_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(2), paces(made))
        tracker, deliveries = await a_tracked_batch("urgent", 2)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(1)
        made[0].override(PaceOrder(paused=True))
        assert world.connect_gate is not None
        world.connect_gate.set()
        await asyncio.sleep(60)
        assert not world.begun
        made[0].override(None)
        queue.pace_changed()
        assert await ended(tracker) == [None]
        assert outcomes(tracker) == {"delivered": 2}
        await stop(queue)

    run(scene())


# Records


async def test_what_the_bus_will_never_take_is_told_as_it_is() -> None:
    store = FakeStore()
    tracker, deliveries = await a_tracked_batch("ordinary", 2, store=store)
    store.refuse = True
    world = World()
    queue = a_carrier_queue(world, policy(1))
    queue.enqueue(A, deliveries)
    (result,) = await ended(tracker)
    assert str(result) == "message_too_large"
    await stop(queue)


def test_a_reply_is_not_lost_with_the_connection_that_says_it() -> None:
    async def scene() -> None:
        world = World(script=lambda envelope: SmtpReply("body", 421, "busy"))
        queue = a_carrier_queue(world, policy(2))
        tracker, deliveries = await a_tracked_batch("ordinary", 10)
        queue.enqueue(A, deliveries)
        assert await ended(tracker) == [None]
        assert outcomes(tracker) == {"deferred": 10}
        await stop(queue)

    run(scene())
