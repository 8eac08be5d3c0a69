"""What becomes of a batch whose copies have different routes, whose clock is wrong, or whose owner died."""

import asyncio
import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from nacl.public import PrivateKey

from contracts.events.delivery import DeliveryBatch, DeliveryProgress, DeliverySettled
from contracts.sealed import MessageContent, RecipientCard, RecipientCards, Sealed
from contracts.stopped import StoppedMessage
from dispatcher import handlers
from dispatcher.attempt.batches_at_work import BatchesAtWork
from dispatcher.attempt.copies import CopyHeaders
from dispatcher.attempt.rendering_cache import RenderingCache
from dispatcher.attempt.stopped import StoppedMessages
from dispatcher.context import Context
from dispatcher.queue.delivery_queues import DeliveryQueues
from dispatcher.routing.mx import DnsTrouble
from dispatcher.routing.router import Route
from dispatcher.smtp.next_hop import MailHost, NextHop
from runtime.bus.client import KV_READY, KvChange
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.errors import BusUnavailable, Postponed, WrongRevision
from tests.dispatcher.queue.queue_world import CARRIERS, NOW, HastyPace, World, policy, run

PRIVATE = PrivateKey.generate()
SEALER = Sealer({"dispatcher": ("k", bytes(PRIVATE.public_key))})
CONTENT = MessageContent(from_name="学校", subject="お知らせ", text="{{name}} 様\n", list_name="学校")


@dataclass
class Store:
    """The bus of one batch. `dies`: the name of the verb at which the dispatcher dies."""

    kept: dict[int, list[DeliveryProgress]] = field(default_factory=dict)
    settled: list[DeliverySettled] = field(default_factory=list)
    scheduled: list[tuple[DeliveryBatch, datetime]] = field(default_factory=list)
    dies: str = ""

    async def content(self, key: str) -> Sealed | None:
        return None

    async def steps(self, batch: str, attempt: int) -> tuple[list[DeliveryProgress], int]:
        steps = self.kept.get(attempt, [])
        return list(steps), len(steps)

    async def last_step(self, batch: str, attempt: int) -> tuple[DeliveryProgress | None, int]:
        steps = self.kept.get(attempt, [])
        return (steps[-1] if steps else None), len(steps)

    async def write_step(self, step: DeliveryProgress, follows: int) -> int:
        await asyncio.sleep(0)
        steps = self.kept.setdefault(step.attempt, [])
        if follows != len(steps):
            raise WrongRevision("wrong_revision")
        steps.append(step)
        return len(steps)

    async def settle(self, settled: DeliverySettled) -> None:
        self._die("settle")
        if settled.id not in {each.id for each in self.settled}:
            self.settled.append(settled)

    async def send_later(self, batch: DeliveryBatch, at: datetime) -> None:
        self._die("send_later")
        self.scheduled.append((batch, at))

    def _die(self, verb: str) -> None:
        if self.dies == verb:
            self.dies = ""
            raise BusUnavailable("bus_disconnected")


@dataclass
class Routing:
    """A hop for each domain; those in `silent` are not answered until `heard`."""

    silent: frozenset[str] = frozenset()
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    broken: frozenset[str] = frozenset()

    async def route_for(self, domain: str) -> Route:
        await asyncio.sleep(0)
        if domain in self.broken:
            raise ZeroDivisionError
        if domain in self.silent:
            await self.heard.wait()
            raise DnsTrouble("dns does not answer")
        return Route(NextHop(domain, (MailHost(domain),)), policy(3))


class Bucket:
    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class Harness:
    """What the handlers are given, and everything around it."""

    def __init__(self, world: World, routing: Routing | None = None) -> None:
        self.world = world
        self.store = Store()
        self.time = NOW
        self.routing = routing or Routing()
        self.stopped = StoppedMessages(Bucket())  # type: ignore[arg-type]  # a bucket that says nothing
        self.stopped._apply(KV_READY)
        self.queues = DeliveryQueues(lambda limits, hop: HastyPace(limits), world.connection)
        self.opener = Opener("dispatcher", KeyRing.parse(_encoded(bytes(PRIVATE))))
        self.context = self.new_context()

    def new_context(self) -> Context:
        """As after a restart."""
        return Context(
            store=self.store,
            opener=self.opener,
            sealer=SEALER,
            renderings=RenderingCache(self.store, self.opener, CopyHeaders("renraku.example", b"k" * 32)),
            routing=self.routing,
            queues=self.queues,
            carriers=CARRIERS,
            stopped=self.stopped,
            at_work=BatchesAtWork(),
            signers=ThreadPoolExecutor(1),
            stopping=asyncio.Event(),
            now=lambda: self.time,
            chance=lambda: 0.5,
            retry_plan=(60.0,),
        )

    async def deliver(self, batch: DeliveryBatch) -> None:
        await handlers.deliver(self.context, batch)

    def stop(self, message: int) -> None:
        told = StoppedMessage(message=message, at=self.time).model_dump_json()
        self.stopped._apply(KvChange(str(message), told.encode()))

    def cards(self, batch: DeliveryBatch) -> dict[int, RecipientCard]:
        cards = self.opener.open(batch.recipients, RecipientCards).cards
        return {card.copy_ref: card for card in cards}


def _encoded(key: bytes) -> str:
    return f"k:{base64.b64encode(key).decode()}"


def a_batch(*cards: RecipientCard, attempt: int = 1) -> DeliveryBatch:
    return DeliveryBatch(
        id="b",
        occurred_at=NOW,
        batch="b",
        unit="sakura",
        lane="urgent",
        carrier="other",
        message=4711,
        attempt=attempt,
        content=SEALER.seal(CONTENT, "dispatcher"),
        recipients=SEALER.seal(RecipientCards(cards=cards), "dispatcher"),
        first_planned_at=NOW,
    )


def card(ref: int, domain: str = "a.example", **more: object) -> RecipientCard:
    return RecipientCard(copy_ref=ref, address=f"parent{ref}@{domain}", **more)  # type: ignore[arg-type]


# Routes


def test_a_domain_whose_dns_is_slow_keeps_nobody_else_waiting() -> None:
    async def scene() -> None:
        world = World()
        harness = Harness(world, Routing(silent=frozenset({"slow.example"})))
        work = asyncio.create_task(
            harness.deliver(a_batch(card(1), card(2, "slow.example"), card(3, "b.example"), card(4)))
        )
        await asyncio.sleep(1)
        assert sorted(world.begun) == ["parent1@a.example", "parent3@b.example", "parent4@a.example"]
        assert not work.done()
        harness.routing.heard.set()
        await work
        (settled,) = harness.store.settled
        assert [each.outcome for each in settled.outcomes] == ["delivered", "deferred", "delivered", "delivered"]

    run(scene())


def test_a_mistake_in_the_middle_gives_the_batch_back_only_when_nothing_of_it_can_go_out_any_more() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        harness = Harness(world, Routing(broken=frozenset({"b.example"})))
        batch = a_batch(*[card(ref) for ref in range(1, 30)], card(99, "b.example"))
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await harness.deliver(batch)
            before = len(world.begun)
            await asyncio.sleep(60)
            assert len(world.begun) == before
        assert len(world.begun) == len(set(world.begun))

    run(scene())


def test_a_batch_that_is_interrupted_sends_nothing_afterwards() -> None:
    async def scene() -> None:
        world = World(answer=1.0)
        harness = Harness(world)
        work = asyncio.create_task(harness.deliver(a_batch(*[card(ref) for ref in range(1, 30)])))
        await asyncio.sleep(0.5)
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work
        begun = len(world.begun)
        await asyncio.sleep(60)
        assert len(world.begun) == begun

    run(scene())


def test_a_stop_does_not_wait_for_dns() -> None:
    async def scene() -> None:
        harness = Harness(World(), Routing(silent=frozenset({"slow.example"})))
        work = asyncio.create_task(harness.deliver(a_batch(card(1), card(2, "slow.example"))))
        await asyncio.sleep(0)
        stopping = asyncio.Event()
        stopping.set()
        await harness.queues.run(stopping)
        with pytest.raises(Postponed):
            await asyncio.wait_for(work, 5)

    run(scene())


# Due


def test_who_is_due_later_waits_and_is_tried_then() -> None:
    async def scene() -> None:
        world = World()
        harness = Harness(world)
        soon, late = NOW + timedelta(minutes=1), NOW + timedelta(minutes=10)
        harness.time = soon
        await harness.deliver(a_batch(card(1, due=soon, tries=1), card(2, due=late, tries=1), attempt=2))
        assert world.begun == ["parent1@a.example"]
        ((again, at),) = harness.store.scheduled
        assert (at, again.attempt) == (late, 3)
        assert harness.cards(again)[2].tries == 1
        harness.time = late
        await harness.deliver(again)
        assert [len(each.outcomes) for each in harness.store.settled] == [1, 1]

    run(scene())


def test_a_batch_that_comes_early_by_our_clock_does_not_come_back_at_once_for_ever() -> None:
    async def scene() -> None:
        harness = Harness(World())
        due = NOW + timedelta(minutes=1)
        harness.time = due - timedelta(seconds=30)
        await harness.deliver(a_batch(card(1, due=due, tries=1), attempt=2))
        assert not harness.store.scheduled
        assert [len(each.outcomes) for each in harness.store.settled] == [1]

    run(scene())


@pytest.mark.parametrize("at", ["settle", "send_later"])
@pytest.mark.parametrize("stopped", [False, True])
def test_who_takes_over_settles_the_same_and_forgets_nobody(at: str, stopped: bool) -> None:
    async def scene() -> None:
        world = World()
        harness = Harness(world)
        soon, late = NOW + timedelta(minutes=1), NOW + timedelta(minutes=1, seconds=20)
        harness.time = soon
        harness.store.dies = at
        batch = a_batch(card(1, due=soon, tries=1), card(2, due=late, tries=1), attempt=2)
        with pytest.raises(BusUnavailable):
            await harness.deliver(batch)
        harness.time = late + timedelta(seconds=10)  # by now the second is due as well
        if stopped:
            harness.stop(4711)
        await handlers.deliver(harness.new_context(), batch)
        told = [outcome.copy_ref for each in harness.store.settled for outcome in each.outcomes]
        waits = [ref for again, _ in harness.store.scheduled for ref in harness.cards(again)]
        assert sorted(told + waits) == [1, 2]
        for again, _ in harness.store.scheduled:
            await harness.deliver(again)
        assert sorted(outcome.copy_ref for each in harness.store.settled for outcome in each.outcomes) == [1, 2]
        assert len(world.begun) == len(set(world.begun))

    run(scene())


def test_what_was_stopped_is_told_at_once_even_of_those_who_are_due_later() -> None:
    async def scene() -> None:
        harness = Harness(World())
        harness.stop(4711)
        later = NOW + timedelta(minutes=9)
        await harness.deliver(a_batch(card(1, due=NOW, tries=1), card(2, due=later, tries=1), attempt=2))
        assert [each.outcome for each in harness.store.settled[0].outcomes] == ["superseded"] * 2
        assert not harness.store.scheduled

    run(scene())
