"""What a desk promises when two things happen at once: nobody waits for ever, nobody is written to twice, no carrier
sees more of us than it bears."""

import asyncio
from collections.abc import Callable

import pytest

from contracts.pace import PaceOrder
from contracts.sealed import RecipientCard
from dispatcher.carriers import CarrierPolicy
from dispatcher.client import Envelope
from dispatcher.desks import Desks
from dispatcher.errands import Bundle, Errand
from dispatcher.job import Letter
from dispatcher.pacing import Pace, Sign
from dispatcher.replies import ConnectionLost, HopUnavailable, Reply
from dispatcher.router import Way
from runtime.errors import Postponed
from tests.dispatcher.desk_world import (
    HOPS,
    STOPPING,
    FakeSession,
    World,
    a_bundle,
    a_desk,
    clock,
    outcomes,
    policy,
    real_pace,
    run,
    stop,
)
from tests.dispatcher.test_progress import FakeStore

A, B, C = HOPS
LOST = Postponed("batch_worked_elsewhere", 30)


def paces(kept: list[Pace]) -> Callable[[CarrierPolicy], Pace]:
    """Real ones, kept to be looked at."""

    def make(limits: CarrierPolicy) -> Pace:
        kept.append(real_pace(limits))
        return kept[-1]

    return make


def unrecordable(bundle: Bundle) -> Errand:
    """A letter whose outcome cannot be written down: a mistake of ours."""
    card = RecipientCard.model_construct(copy_ref=0, address="odd@docomo.ne.jp", fields={}, tries=0, due=None)
    bundle.expect(1)
    return Errand(bundle, Letter(card, card.address), Envelope("", card.address, b""))


async def ended(*bundles: Bundle) -> list[BaseException | None]:
    return await asyncio.wait_for(
        asyncio.gather(*(bundle.finished() for bundle in bundles), return_exceptions=True), 3600
    )


# Nobody waits for ever


def test_a_mistake_of_ours_while_letters_are_put_off_leaves_no_other_batch_waiting() -> None:
    async def scene() -> None:
        world = World(refuse=lambda: HopUnavailable("no connection", stage="connect"))
        desk = a_desk(world, policy(1))
        sound, letters = await a_bundle("ordinary", 3)
        odd, more = await a_bundle("ordinary", 1, first=50)
        last, rest = await a_bundle("ordinary", 3, first=100)
        desk.post(A, [*letters, unrecordable(odd), *more, *rest])
        results = await ended(sound, odd, last)
        assert [type(result) for result in results] == [type(None), results[1].__class__, type(None)]
        assert isinstance(results[1], ValueError)
        assert outcomes(last) == {"deferred": 3}
        await stop(desk)

    run(scene())


def test_a_mistake_after_a_letter_was_put_back_is_counted_once() -> None:
    async def scene() -> None:
        world = World(script=lambda envelope: ConnectionLost("connection lost", stage="rcpt"))
        desk = a_desk(world, policy(1))
        odd, letters = await a_bundle("ordinary", 2)
        desk.post(A, [*letters, unrecordable(odd)])
        assert isinstance((await ended(odd))[0], ValueError)
        await stop(desk)

    run(scene())


def test_a_closed_door_does_not_slow_down_the_session_that_is_open() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World()
        desk = a_desk(world, policy(3, rate=10.0, pause_after_421=600.0, idle_seconds=30.0), paces(made))
        first, one = await a_bundle("ordinary", 1)
        desk.post(A, one)
        await ended(first)
        made[0].slow_down(Sign.NO_ROOM, open_sessions=2)
        bundle, errands = await a_bundle("ordinary", 4, first=100)
        began = clock()
        desk.post(A, errands)
        await ended(bundle)
        assert clock() - began < 2
        await stop(desk)

    run(scene())


def test_a_line_that_waited_for_nothing_is_forgotten() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        desk = a_desk(World(), policy(2, apart=True), paces(made))
        bundle, errands = await a_bundle("ordinary", 2)
        desk._pace_of(desk.policy, A).obey(PaceOrder(paused=True))
        desk.post(A, errands)
        bundle.fail(LOST)
        await asyncio.sleep(20)
        assert not desk._lines
        assert not sum(desk.waiting().values())

    run(scene())


# Nobody is written to twice


def test_a_letter_that_was_announced_is_not_sent_when_its_batch_is_lost() -> None:
    async def scene() -> None:
        world = World(gate=asyncio.Event())
        desk = a_desk(world, policy(1))
        bundle, errands = await a_bundle("ordinary", 3)
        desk.post(A, errands)
        await asyncio.sleep(0.01)
        bundle.fail(LOST)
        assert world.gate is not None
        world.gate.set()
        assert await ended(bundle) == [LOST]
        assert len(world.begun) == 1
        await stop(desk)

    run(scene())


@pytest.mark.parametrize("how", ["lost", "stopped"])
def test_a_letter_is_not_sent_when_its_batch_was_given_back_while_a_session_was_opened(how: str) -> None:
    async def scene() -> None:
        world = World(door=asyncio.Event())
        desk = a_desk(world, policy(2))
        bundle, errands = await a_bundle("urgent", 2)
        desk.post(A, errands)
        await asyncio.sleep(1)
        stopping = None
        if how == "lost":
            bundle.fail(LOST)
        else:
            stopping = asyncio.create_task(desk.stop(STOPPING))
        await asyncio.sleep(1)
        assert world.door is not None
        world.door.set()
        assert await ended(bundle) == [LOST if how == "lost" else STOPPING]
        assert not world.begun
        if stopping is not None:
            await stopping
        await stop(desk)
        assert not world.open

    run(scene())


def test_a_stop_does_not_wait_for_a_server_that_does_not_greet() -> None:
    async def scene() -> None:
        world = World(door=asyncio.Event())
        desk = a_desk(world, policy(2))
        bundle, errands = await a_bundle("urgent", 5)
        desk.post(A, errands)
        await asyncio.sleep(1)
        await stop(desk)
        assert await ended(bundle) == [STOPPING]
        assert (desk.open, world.connecting.total()) == (0, 0)

    run(scene())


def test_a_desk_that_nobody_needed_before_a_stop_sends_nothing_after_it() -> None:
    async def scene() -> None:
        world, stopping = World(), asyncio.Event()
        desks = Desks(lambda limits, hop: real_pace(limits), world.session)
        stopping.set()
        await desks.tend(stopping)
        bundle, errands = await a_bundle("urgent", 2)
        desks.post(Way(A, policy(2)), errands)
        (result,) = await ended(bundle)
        assert isinstance(result, Postponed)
        assert not world.sessions

    run(scene())


def test_a_pause_by_hand_holds_letters_whose_session_is_still_being_opened() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(door=asyncio.Event())
        desk = a_desk(world, policy(2), paces(made))
        bundle, errands = await a_bundle("urgent", 2)
        desk.post(A, errands)
        await asyncio.sleep(1)
        made[0].obey(PaceOrder(paused=True))
        assert world.door is not None
        world.door.set()
        await asyncio.sleep(60)
        assert not world.begun
        made[0].obey(None)
        desk.wake_all()
        assert await ended(bundle) == [None]
        assert outcomes(bundle) == {"delivered": 2}
        await stop(desk)

    run(scene())


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


# Records


async def test_what_the_bus_will_never_take_is_told_as_it_is() -> None:
    store = FakeStore()
    bundle, errands = await a_bundle("ordinary", 2, store=store)
    store.refuse = True
    world = World()
    desk = a_desk(world, policy(1))
    desk.post(A, errands)
    (result,) = await ended(bundle)
    assert str(result) == "message_too_large"
    await stop(desk)


def test_a_reply_is_not_lost_with_the_session_that_says_it() -> None:
    async def scene() -> None:
        world = World(script=lambda envelope: Reply("body", 421, "busy"))
        desk = a_desk(world, policy(2))
        bundle, errands = await a_bundle("ordinary", 10)
        desk.post(A, errands)
        assert await ended(bundle) == [None]
        assert outcomes(bundle) == {"deferred": 10}
        await stop(desk)

    run(scene())
