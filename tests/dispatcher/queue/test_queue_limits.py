"""No carrier sees more connections of us than it bears, and nobody starves while others have a backlog."""

import asyncio

from contracts.pace import PaceOrder
from dispatcher.pace.state import Pace, Sign
from dispatcher.smtp.next_hop import MailHost, NextHop
from dispatcher.smtp.smtp_replies import SmtpReply
from tests.dispatcher.queue.queue_world import (
    HOPS,
    FakeConnection,
    HastyPace,
    World,
    a_carrier_queue,
    a_tracked_batch,
    accepted,
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


# No carrier sees more of us than it bears


def test_a_connection_that_says_goodbye_is_still_a_connection() -> None:
    async def scene() -> None:
        world = World(goodbye=1.0)
        queue = a_carrier_queue(world, policy(2, apart=True, idle_seconds=30.0))
        for turn in range(3):
            for hop in HOPS:
                tracker, deliveries = await a_tracked_batch("urgent", 4, first=1 + 10 * turn)
                queue.enqueue(hop, deliveries)
                await ended(tracker)
        assert world.most == 2
        assert len({connection.hop.key for connection in world.connections}) == 3
        await stop(queue)

    run(scene())


def test_only_as_many_connections_leave_as_are_too_many() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(goodbye=1.0, answer=0.5)
        queue = a_carrier_queue(world, policy(4, messages_per_connection=1000), paces(made))
        tracker, deliveries = await a_tracked_batch("urgent", 400)
        queue.enqueue(A, deliveries)
        await asyncio.sleep(3)
        assert len(world.open) == 4
        made[0].override(PaceOrder(connections=2))
        await asyncio.sleep(10)
        assert len(world.open) == 2
        await ended(tracker)
        assert len(world.connections) == 4, "the two that stayed go on"
        await stop(queue)

    run(scene())


def test_connections_without_work_keep_to_a_limit_by_override_at_once() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        queue = a_carrier_queue(world, policy(4, idle_seconds=600.0), paces(made))
        tracker, deliveries = await a_tracked_batch("urgent", 4)
        queue.enqueue(A, deliveries)
        await ended(tracker)
        assert len(world.open) == 4
        made[0].override(PaceOrder(connections=1))
        queue.pace_changed()
        await asyncio.sleep(0.1)
        assert len(world.open) == 1
        await stop(queue)

    run(scene())


def test_a_used_up_connection_is_not_followed_by_another_while_new_ones_are_refused() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        queue = a_carrier_queue(world, policy(1, pause_after_421=60.0), paces(made))

        def refuse_new_ones(connection: FakeConnection) -> None:
            if len(world.begun) == 2:
                made[0].slow_down(Sign.NO_ROOM, open_connections=1)

        world.on_send = refuse_new_ones
        tracker, deliveries = await a_tracked_batch("ordinary", 8)
        began = clock()
        queue.enqueue(A, deliveries)
        await asyncio.sleep(30)
        assert (len(world.connections), len(world.begun)) == (1, 5)
        assert await ended(tracker) == [None]
        assert 60 <= clock() - began < 70
        await stop(queue)

    run(scene())


# Nobody starves


def test_an_urgent_copy_does_not_wait_for_the_greeting_of_connections_for_bulk_mail() -> None:
    async def scene() -> None:
        world = World(connect_gate=asyncio.Event())
        queue = a_carrier_queue(world, policy(3))
        backlog, many = await a_tracked_batch("ordinary", 50)
        queue.enqueue(A, many)
        await asyncio.sleep(1)
        assert world.connecting.total() == 2
        urgent, one = await a_tracked_batch("urgent", 1)
        queue.enqueue(A, one)
        await asyncio.sleep(1)
        assert world.connecting.total() == 3
        assert world.connect_gate is not None
        world.connect_gate.set()
        await ended(backlog, urgent)
        await stop(queue)

    run(scene())


def test_a_backlog_for_one_server_gives_way_to_the_copies_for_another() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        queue = a_carrier_queue(world, policy(1, apart=True, messages_per_connection=10))
        backlog, many = await a_tracked_batch("ordinary", 200)
        queue.enqueue(A, many)
        await asyncio.sleep(3.5)
        small, few = await a_tracked_batch("ordinary", 3, first=500)
        began = clock()
        queue.enqueue(B, few)
        assert await ended(small) == [None]
        assert clock() - began < 15, "after a connection's worth"
        assert world.most == 1
        await ended(backlog)
        await stop(queue)

    run(scene())


def test_urgent_copies_for_one_server_do_not_wait_for_the_backlog_of_another() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        queue = a_carrier_queue(world, policy(1, apart=True, messages_per_connection=1000))
        backlog, many = await a_tracked_batch("ordinary", 200)
        queue.enqueue(A, many)
        await asyncio.sleep(3.5)
        urgent, few = await a_tracked_batch("urgent", 3, first=500)
        began = clock()
        queue.enqueue(B, few)
        assert await ended(urgent) == [None]
        assert clock() - began < 8
        await ended(backlog)
        await stop(queue)

    run(scene())


def test_a_hop_with_urgent_copies_gives_way_to_no_bulk_mail() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        queue = a_carrier_queue(world, policy(1, apart=True, messages_per_connection=2))
        backlog, many = await a_tracked_batch("ordinary", 20)
        other, more = await a_tracked_batch("ordinary", 20, first=100)
        urgent, one = await a_tracked_batch("urgent", 1, first=500)
        queue.enqueue(A, many)
        queue.enqueue(B, more)
        await asyncio.sleep(0.5)
        queue.enqueue(A, one)
        assert await ended(urgent) == [None]
        assert world.begun[2] == one[0].envelope.recipient
        await ended(backlog, other)
        await stop(queue)

    run(scene())


def test_a_connection_that_is_needed_just_when_its_rest_is_over_stays() -> None:
    async def scene() -> None:
        world = World(goodbye=2.0)
        queue = a_carrier_queue(world, policy(1, idle_seconds=10.0, messages_per_connection=100))
        first, one = await a_tracked_batch("urgent", 1)
        queue.enqueue(A, one)
        await ended(first)
        second, another = await a_tracked_batch("urgent", 1, first=10)
        asyncio.get_running_loop().call_at(10.0, queue.enqueue, A, another)
        await ended(second)
        assert len(world.connections) == 1
        await stop(queue)

    run(scene())


def test_a_server_that_wants_to_be_left_alone_for_long_holds_up_no_batch_that_has_copies_for_others() -> None:
    async def scene() -> None:
        begun = clock()
        tired = {f"ordinary{number}@docomo.ne.jp" for number in range(1, 11)}
        world = World(
            script=lambda envelope: (
                SmtpReply("rcpt", 421, "busy") if envelope.recipient in tired else accepted(envelope)
            )
        )
        queue = a_carrier_queue(world, policy(4, apart=True, pause_after_421=60.0), real_pace)
        tracker, deliveries = await a_tracked_batch("ordinary", 20)
        queue.enqueue(A, deliveries[:10])
        queue.enqueue(B, deliveries[10:])
        assert await ended(tracker) == [None]
        assert outcomes(tracker) == {"delivered": 10, "deferred": 10}
        assert clock() - begun < 20
        await stop(queue)

    run(scene())


def test_the_work_for_a_copy_does_not_grow_with_the_number_of_servers_that_wait_for_room() -> None:
    class Counting(HastyPace):
        asked = 0

        def wait(self) -> float:
            Counting.asked += 1
            return 0.0

    async def scene() -> None:
        queue = a_carrier_queue(World(answer=0.1), policy(4, apart=True), Counting)
        tracker, deliveries = await a_tracked_batch("ordinary", 500)
        for number, delivery in enumerate(deliveries):
            queue.enqueue(NextHop(f"hop{number}", (MailHost("host"),)), [delivery])
        assert await ended(tracker) == [None]
        assert Counting.asked < 30 * len(deliveries)
        await stop(queue)

    run(scene())
