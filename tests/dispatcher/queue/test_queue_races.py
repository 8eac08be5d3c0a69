"""What a desk promises when two things happen at once: nobody waits for ever, and nobody is written to twice."""

import asyncio

import pytest

from contracts.pace import PaceOrder
from contracts.sealed import RecipientCard
from contracts.stopped import StoppedMessage
from dispatcher.attempt.attempt import Letter
from dispatcher.pace.state import Pace, Sign
from dispatcher.queue.delivery_queues import Desks
from dispatcher.queue.queued_delivery import Bundle, Errand
from dispatcher.routing.router import Way
from dispatcher.smtp.client import Envelope
from dispatcher.smtp.replies import ConnectionLost, HopUnavailable, Reply
from runtime.bus.client import KvChange
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore
from tests.dispatcher.queue.queue_world import (
    HOPS,
    NOW,
    STOPPING,
    World,
    a_bundle,
    a_desk,
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


def unrecordable(bundle: Bundle) -> Errand:
    """A letter whose outcome cannot be written down: a mistake of ours."""
    card = RecipientCard.model_construct(copy_ref=0, address="odd@docomo.ne.jp", fields={}, tries=0, due=None)
    bundle.expect(1)
    return Errand(bundle, Letter(card, card.address), Envelope("", card.address, b""))


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


def test_servers_of_which_none_answers_do_not_hold_a_connection_for_ever() -> None:
    async def scene() -> None:
        world = World(door=asyncio.Event())
        desk = a_desk(world, policy(1, apart=True))
        bundle, errands = await a_bundle("ordinary", 3)
        desk.post(A, errands)
        began = clock()
        assert await ended(bundle) == [None]
        assert outcomes(bundle) == {"deferred": 3}
        assert clock() - began < 300
        assert world.connecting.total() == 0
        await stop(desk)

    run(scene())


def test_a_letter_that_waits_behind_a_silent_server_learns_that_its_message_was_stopped() -> None:
    async def scene() -> None:
        world = World(gate=asyncio.Event())
        desk = a_desk(world, policy(1))
        bundle, errands = await a_bundle("ordinary", 5)
        desk.post(A, errands)
        await asyncio.sleep(1)
        change = KvChange("1", StoppedMessage(message=1, at=NOW).model_dump_json().encode())
        bundle.job.halted._apply(change)
        await asyncio.sleep(30)
        assert outcomes(bundle) == {"superseded": 3}
        assert world.gate is not None
        world.gate.set()
        assert await ended(bundle) == [None]
        assert outcomes(bundle) == {"superseded": 3, "delivered": 2}
        await stop(desk)

    run(scene())


def test_more_sessions_are_opened_when_the_carrier_bears_more_again() -> None:
    async def scene() -> None:
        made: list[Pace] = []
        world = World(answer=1.0)
        desk = a_desk(world, policy(4, messages_per_connection=1000), paces(made))
        pace = desk._pace_of(desk.policy, A)
        pace.obey(PaceOrder(connections=1))
        bundle, errands = await a_bundle("urgent", 200)
        desk.post(A, errands)
        await asyncio.sleep(3)
        assert len(world.open) == 1
        pace.obey(None)
        pace._connections = 4  # as after enough steps up
        await asyncio.sleep(10)
        assert len(world.open) == 4
        await ended(bundle)
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
