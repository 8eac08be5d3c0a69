"""No carrier sees more sessions of us than it bears, and nobody starves while others have a backlog."""

import asyncio

from contracts.pace import PaceOrder
from dispatcher.pace.state import Pace, Sign
from dispatcher.smtp.next_hop import Hop, Host
from dispatcher.smtp.replies import Reply
from tests.dispatcher.queue.queue_world import (
    HOPS,
    FakeSession,
    HastyPace,
    World,
    a_bundle,
    a_desk,
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


def test_a_session_that_says_goodbye_is_still_a_session() -> None:
    async def scene() -> None:
        world = World(goodbye=1.0)
        desk = a_desk(world, policy(2, apart=True, idle_seconds=30.0))
        for turn in range(3):
            for hop in HOPS:
                bundle, errands = await a_bundle("urgent", 4, first=1 + 10 * turn)
                desk.post(hop, errands)
                await ended(bundle)
        assert world.most == 2
        assert len({session.hop.key for session in world.sessions}) == 3
        await stop(desk)

    run(scene())


def test_only_as_many_sessions_leave_as_are_too_many() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(goodbye=1.0, answer=0.5)
        desk = a_desk(world, policy(4, messages_per_connection=1000), paces(made))
        bundle, errands = await a_bundle("urgent", 400)
        desk.post(A, errands)
        await asyncio.sleep(3)
        assert len(world.open) == 4
        made[0].obey(PaceOrder(connections=2))
        await asyncio.sleep(10)
        assert len(world.open) == 2
        await ended(bundle)
        assert len(world.sessions) == 4, "the two that stayed go on"
        await stop(desk)

    run(scene())


def test_sessions_without_work_obey_a_limit_by_hand_at_once() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        desk = a_desk(world, policy(4, idle_seconds=600.0), paces(made))
        bundle, errands = await a_bundle("urgent", 4)
        desk.post(A, errands)
        await ended(bundle)
        assert len(world.open) == 4
        made[0].obey(PaceOrder(connections=1))
        desk.wake_all()
        await asyncio.sleep(0.1)
        assert len(world.open) == 1
        await stop(desk)

    run(scene())


def test_a_used_up_session_is_not_followed_by_another_while_the_door_is_closed() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        desk = a_desk(world, policy(1, pause_after_421=60.0), paces(made))

        def close_the_door(session: FakeSession) -> None:
            if len(world.begun) == 2:
                made[0].slow_down(Sign.NO_ROOM, open_sessions=1)

        world.on_send = close_the_door
        bundle, errands = await a_bundle("ordinary", 8)
        began = clock()
        desk.post(A, errands)
        await asyncio.sleep(30)
        assert (len(world.sessions), len(world.begun)) == (1, 5)
        assert await ended(bundle) == [None]
        assert 60 <= clock() - began < 70
        await stop(desk)

    run(scene())


# Nobody starves


def test_an_urgent_letter_does_not_wait_for_the_greeting_of_bulk_sessions() -> None:
    async def scene() -> None:
        world = World(door=asyncio.Event())
        desk = a_desk(world, policy(3))
        backlog, many = await a_bundle("ordinary", 50)
        desk.post(A, many)
        await asyncio.sleep(1)
        assert world.connecting.total() == 2
        urgent, one = await a_bundle("urgent", 1)
        desk.post(A, one)
        await asyncio.sleep(1)
        assert world.connecting.total() == 3
        assert world.door is not None
        world.door.set()
        await ended(backlog, urgent)
        await stop(desk)

    run(scene())


def test_a_backlog_for_one_server_gives_way_to_the_letters_for_another() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        desk = a_desk(world, policy(1, apart=True, messages_per_connection=10))
        backlog, many = await a_bundle("ordinary", 200)
        desk.post(A, many)
        await asyncio.sleep(3.5)
        small, few = await a_bundle("ordinary", 3, first=500)
        began = clock()
        desk.post(B, few)
        assert await ended(small) == [None]
        assert clock() - began < 15, "after a session's worth"
        assert world.most == 1
        await ended(backlog)
        await stop(desk)

    run(scene())


def test_urgent_letters_for_one_server_do_not_wait_for_the_backlog_of_another() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        desk = a_desk(world, policy(1, apart=True, messages_per_connection=1000))
        backlog, many = await a_bundle("ordinary", 200)
        desk.post(A, many)
        await asyncio.sleep(3.5)
        urgent, few = await a_bundle("urgent", 3, first=500)
        began = clock()
        desk.post(B, few)
        assert await ended(urgent) == [None]
        assert clock() - began < 8
        await ended(backlog)
        await stop(desk)

    run(scene())


def test_a_line_with_urgent_letters_gives_way_to_no_bulk_mail() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        desk = a_desk(world, policy(1, apart=True, messages_per_connection=2))
        backlog, many = await a_bundle("ordinary", 20)
        other, more = await a_bundle("ordinary", 20, first=100)
        urgent, one = await a_bundle("urgent", 1, first=500)
        desk.post(A, many)
        desk.post(B, more)
        await asyncio.sleep(0.5)
        desk.post(A, one)
        assert await ended(urgent) == [None]
        assert world.begun[2] == one[0].envelope.recipient
        await ended(backlog, other)
        await stop(desk)

    run(scene())


def test_a_session_that_is_needed_just_when_its_rest_is_over_stays() -> None:
    async def scene() -> None:
        world = World(goodbye=2.0)
        desk = a_desk(world, policy(1, idle_seconds=10.0, messages_per_connection=100))
        first, one = await a_bundle("urgent", 1)
        desk.post(A, one)
        await ended(first)
        second, another = await a_bundle("urgent", 1, first=10)
        asyncio.get_running_loop().call_at(10.0, desk.post, A, another)
        await ended(second)
        assert len(world.sessions) == 1
        await stop(desk)

    run(scene())


def test_a_server_that_wants_to_be_left_alone_for_long_holds_up_no_batch_that_has_letters_for_others() -> None:
    async def scene() -> None:
        begun = clock()
        tired = {f"ordinary{number}@docomo.ne.jp" for number in range(1, 11)}
        world = World(
            script=lambda envelope: Reply("rcpt", 421, "busy") if envelope.recipient in tired else accepted(envelope)
        )
        desk = a_desk(world, policy(4, apart=True, pause_after_421=60.0), real_pace)
        bundle, errands = await a_bundle("ordinary", 20)
        desk.post(A, errands[:10])
        desk.post(B, errands[10:])
        assert await ended(bundle) == [None]
        assert outcomes(bundle) == {"delivered": 10, "deferred": 10}
        assert clock() - begun < 20
        await stop(desk)

    run(scene())


def test_the_work_for_a_letter_does_not_grow_with_the_number_of_servers_that_wait_for_room() -> None:
    class Counting(HastyPace):
        asked = 0

        def wait(self) -> float:
            Counting.asked += 1
            return 0.0

    async def scene() -> None:
        desk = a_desk(World(answer=0.1), policy(4, apart=True), Counting)
        bundle, errands = await a_bundle("ordinary", 500)
        for number, errand in enumerate(errands):
            desk.post(Hop(f"hop{number}", (Host("host"),)), [errand])
        assert await ended(bundle) == [None]
        assert Counting.asked < 30 * len(errands)
        await stop(desk)

    run(scene())
