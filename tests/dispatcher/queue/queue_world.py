"""All that is around a queue, hand-written: connections whose servers answer by a script, trackers, a clock that jumps.

`run` plays a scene on an event loop whose time passes only when everybody waits for it, so that pauses of minutes take
none; a scene in which everybody waits for something that will never happen fails at once.
"""

import asyncio
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from contracts.base import Lane
from contracts.events.delivery import DeliveryBatch
from contracts.sealed import RecipientCard, Sealed
from dispatcher.attempt.attempt import BatchAttempt, CopyRecipient, RetryClock
from dispatcher.attempt.progress import Progress
from dispatcher.attempt.stopped import StoppedMessages
from dispatcher.pace.state import Pace
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.carriers_file import load_carriers
from dispatcher.queue.carrier_queue import CarrierQueue
from dispatcher.queue.queued_delivery import BatchTracker, QueuedDelivery
from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.next_hop import MailHost, NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable, SmtpReply
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore
from tests.support.fake_bus import FakeBus

NOW = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
HOPS = tuple(NextHop(name, (MailHost(name),)) for name in ("a", "b", "c"))
MOST_ROUNDS = 20_000
STOPPING = Postponed("dispatcher_stopping", 0)
CARRIERS = load_carriers(None)

T = TypeVar("T")
Script = Callable[[Envelope], SmtpReply | ConnectionLost]


# A clock that jumps


class _Jumping(selectors.SelectSelector):
    """Never waits: the time that it should have waited has passed."""

    now = 0.0
    busy = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everybody waits, and nothing will happen")
            self.busy = 0 if timeout > 0 else self.busy + 1
            self.now += max(timeout, 0.0)
            if self.busy > MOST_ROUNDS:
                raise AssertionError("everybody is busy, and no time passes")
        return ready


class _JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Jumping()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def run(scene: Coroutine[Any, Any, T]) -> T:
    """Play a scene on a clock that jumps."""
    with asyncio.Runner(loop_factory=_JumpingLoop) as runner:
        return runner.run(scene)


def clock() -> float:
    """The time of the scene."""
    return asyncio.get_running_loop().time()


# Carriers


def policy(connections: int = 3, *, apart: bool = False, **more: object) -> CarrierPolicy:
    base = CARRIERS.named("other" if apart else "docomo")
    usual: dict[str, object] = {
        "connections": connections,
        "connections_per_hop": connections,
        "messages_per_connection": 5,
        "recipients_per_session": None,
        "idle_seconds": 0.05,
        "pause_after_421": 0.001,
        "rate": None,
    }
    return replace(base, **{**usual, **more})  # type: ignore[arg-type]  # any field


def accepted(envelope: Envelope) -> SmtpReply:
    return SmtpReply("body", 250, "ok")


@dataclass
class FakeConnection:
    """A connection whose server answers by a script."""

    hop: NextHop
    world: "World"
    host: str = "host"
    in_clear: str = ""
    usable: bool = True
    announced: Envelope | None = None
    in_flight: Envelope | None = None

    async def send(self, envelope: Envelope, following: Envelope | None = None) -> SmtpReply:
        assert self.usable
        assert self.announced in (None, envelope), "what was announced must come next"
        self.in_flight, self.announced = envelope, following
        self.world.begun.append(envelope.recipient)
        self.world.on_send(self)
        await self.world.pass_by()
        self.in_flight = None
        answer = self.world.script(envelope)
        if isinstance(answer, ConnectionLost) or answer.code == 421:
            self.usable = False
        if isinstance(answer, ConnectionLost):
            raise answer
        return answer

    async def close(self) -> None:
        if self.usable:
            await asyncio.sleep(self.world.goodbye)
        self.drop()

    def drop(self) -> None:
        self.usable = False
        self.world.open.discard(id(self))


@dataclass
class World:
    """All that is outside the queue. `goodbye`: seconds that a QUIT takes; `greeting`: a connection; `answer`: a copy.
    While `copy_gate` or `connect_gate` is shut, copies or connections get no answer."""

    script: Script = accepted
    begun: list[str] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    most: int = 0
    connections: list[FakeConnection] = field(default_factory=list)
    refuse: Callable[[], NextHopUnavailable | None] = lambda: None
    on_send: Callable[[FakeConnection], None] = lambda connection: None
    on_open: Callable[[], None] = lambda: None
    copy_gate: asyncio.Event | None = None
    connect_gate: asyncio.Event | None = None
    goodbye: float = 0.0
    greeting: float = 0.0
    answer: float = 0.0
    connecting: Counter[str] = field(default_factory=Counter)

    async def connection(self, hop: NextHop) -> FakeConnection:
        self.connecting[hop.key] += 1
        self.most = max(self.most, len(self.open) + self.connecting.total())
        self.on_open()
        try:
            if self.connect_gate is not None:
                await self.connect_gate.wait()
            await asyncio.sleep(self.greeting)
            if (trouble := self.refuse()) is not None:
                raise trouble
            connection = FakeConnection(hop, self)
            self.connections.append(connection)
            self.open.add(id(connection))
        finally:
            self.connecting[hop.key] -= 1
        return connection

    async def pass_by(self) -> None:
        if self.copy_gate is not None:
            await self.copy_gate.wait()
        await asyncio.sleep(self.answer)


class HastyPace(Pace):
    """Forgets at once why it should wait."""

    def wait(self) -> float:
        return 0.0

    def opening_wait(self) -> float:
        return 0.0


# DeliveryQueues and what lies on them


def a_carrier_queue(
    world: World, limits: CarrierPolicy, make_pace: Callable[[CarrierPolicy], Pace] = HastyPace
) -> CarrierQueue:
    paces: dict[str, Pace] = {}

    def pace_of(which: CarrierPolicy, hop: NextHop) -> Pace:
        key = hop.key if which.each_hop_apart else which.name
        if key not in paces:
            paces[key] = make_pace(which)
        return paces[key]

    return CarrierQueue(limits, pace_of, world.connection)


def real_pace(limits: CarrierPolicy) -> Pace:
    """By the clock of the scene."""
    return Pace(limits, clock)


def paces(kept: list[Pace]) -> Callable[[CarrierPolicy], Pace]:
    """Makes paces by the clock of the scene, and keeps them to be looked at."""

    def make(limits: CarrierPolicy) -> Pace:
        kept.append(real_pace(limits))
        return kept[-1]

    return make


async def a_tracked_batch(
    lane: Lane, number: int, *, first: int = 1, store: FakeStore | None = None
) -> tuple[BatchTracker, list[QueuedDelivery]]:
    batch = DeliveryBatch(
        id=f"{lane}{first}",
        occurred_at=NOW,
        batch=f"{lane}{first}",
        unit="sakura",
        lane=lane,
        carrier="docomo",
        message=1,
        recipients=Sealed(recipient="dispatcher", key_id="k", box=""),
        first_planned_at=NOW,
    )
    progress = await Progress.claim(store or FakeStore(), batch, lambda: NOW)
    tracker = BatchTracker(BatchAttempt.of(batch, progress, StoppedMessages(FakeBus()), RetryClock(lambda: NOW, 0.5)))
    deliveries = []
    for copy_ref in range(first, first + number):
        card = RecipientCard(copy_ref=copy_ref, address=f"{lane}{copy_ref}@docomo.ne.jp")
        deliveries.append(QueuedDelivery(tracker, CopyRecipient(card, card.address), Envelope("", card.address, b"")))
    tracker.expect(number)
    return tracker, deliveries


def outcomes(tracker: BatchTracker) -> Counter[str]:
    return Counter(outcome.outcome for outcome in tracker.attempt.progress.outcomes.values())


async def ended(*trackers: BatchTracker) -> list[BaseException | None]:
    """How each of them ended."""
    results = asyncio.gather(*(tracker.finished() for tracker in trackers), return_exceptions=True)
    return await asyncio.wait_for(results, 3600)


async def stop(queue: CarrierQueue) -> None:
    await asyncio.wait_for(queue.stop(STOPPING), 5)
