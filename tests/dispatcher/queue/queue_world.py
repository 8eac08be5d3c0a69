"""All that is around a desk, hand-written: sessions whose servers answer by a script, bundles, a clock that jumps.

`run` plays a scene on an event loop whose time passes only when everybody waits for it, so that pauses of minutes take
none; a scene in which everybody waits for something that will never happen fails at once.
"""

import asyncio
import selectors
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from contracts.base import Lane
from contracts.events.delivery import DeliveryBatch
from contracts.sealed import RecipientCard, Sealed
from dispatcher.attempt.attempt import Job, Letter, Moment
from dispatcher.attempt.progress import Progress
from dispatcher.attempt.stopped import Halted
from dispatcher.pace.state import Pace
from dispatcher.policy.carriers_file import CarrierPolicy, load_carriers
from dispatcher.queue.carrier_queue import Desk
from dispatcher.queue.queued_delivery import Bundle, Errand
from dispatcher.smtp.client import Envelope
from dispatcher.smtp.next_hop import Hop, Host
from dispatcher.smtp.replies import ConnectionLost, HopUnavailable, Reply
from runtime.bus.client import KvChange
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore

NOW = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
HOPS = tuple(Hop(name, (Host(name),)) for name in ("a", "b", "c"))
MOST_ROUNDS = 20_000
STOPPING = Postponed("dispatcher_stopping", 0)
CARRIERS = load_carriers(None)

T = TypeVar("T")
Script = Callable[[Envelope], Reply | ConnectionLost]


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


def accepted(envelope: Envelope) -> Reply:
    return Reply("body", 250, "ok")


@dataclass
class FakeSession:
    """A session whose server answers by a script."""

    hop: Hop
    world: "World"
    host: str = "host"
    in_clear: str = ""
    usable: bool = True
    announced: Envelope | None = None
    in_flight: Envelope | None = None

    async def send(self, envelope: Envelope, following: Envelope | None = None) -> Reply:
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
    """All that is outside the desk. `goodbye`: seconds that a QUIT takes; `greeting`: a connection; `answer`: a copy.
    While `gate` or `door` is shut, copies or connections get no answer."""

    script: Script = accepted
    begun: list[str] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    most: int = 0
    sessions: list[FakeSession] = field(default_factory=list)
    refuse: Callable[[], HopUnavailable | None] = lambda: None
    on_send: Callable[[FakeSession], None] = lambda session: None
    on_open: Callable[[], None] = lambda: None
    gate: asyncio.Event | None = None
    door: asyncio.Event | None = None
    goodbye: float = 0.0
    greeting: float = 0.0
    answer: float = 0.0
    connecting: Counter[str] = field(default_factory=Counter)

    async def session(self, hop: Hop) -> FakeSession:
        self.connecting[hop.key] += 1
        self.most = max(self.most, len(self.open) + self.connecting.total())
        self.on_open()
        try:
            if self.door is not None:
                await self.door.wait()
            await asyncio.sleep(self.greeting)
            if (trouble := self.refuse()) is not None:
                raise trouble
            session = FakeSession(hop, self)
            self.sessions.append(session)
            self.open.add(id(session))
        finally:
            self.connecting[hop.key] -= 1
        return session

    async def pass_by(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.answer)


class Quiet:
    """A bucket in which nothing is ever stopped."""

    def kv_watch(self, bucket: str, *, stop: asyncio.Event | None = None) -> AsyncIterator[KvChange]:
        raise AssertionError("nobody follows it here")

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class HastyPace(Pace):
    """Forgets at once why it should wait."""

    def wait(self) -> float:
        return 0.0

    def opening_wait(self) -> float:
        return 0.0


# Desks and what lies on them


def a_desk(world: World, limits: CarrierPolicy, make_pace: Callable[[CarrierPolicy], Pace] = HastyPace) -> Desk:
    paces: dict[str, Pace] = {}

    def pace_of(which: CarrierPolicy, hop: Hop) -> Pace:
        key = hop.key if which.each_hop_apart else which.name
        if key not in paces:
            paces[key] = make_pace(which)
        return paces[key]

    return Desk(limits, pace_of, world.session)


def real_pace(limits: CarrierPolicy) -> Pace:
    """By the clock of the scene."""
    return Pace(limits, clock)


def paces(kept: list[Pace]) -> Callable[[CarrierPolicy], Pace]:
    """The same, kept to be looked at."""

    def make(limits: CarrierPolicy) -> Pace:
        kept.append(real_pace(limits))
        return kept[-1]

    return make


async def a_bundle(
    lane: Lane, number: int, *, first: int = 1, store: FakeStore | None = None
) -> tuple[Bundle, list[Errand]]:
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
    bundle = Bundle(Job.of(batch, progress, Halted(Quiet()), Moment(lambda: NOW, 0.5)))
    errands = []
    for copy_ref in range(first, first + number):
        card = RecipientCard(copy_ref=copy_ref, address=f"{lane}{copy_ref}@docomo.ne.jp")
        errands.append(Errand(bundle, Letter(card, card.address), Envelope("", card.address, b"")))
    bundle.expect(number)
    return bundle, errands


def outcomes(bundle: Bundle) -> Counter[str]:
    return Counter(outcome.outcome for outcome in bundle.job.progress.outcomes.values())


async def ended(*bundles: Bundle) -> list[BaseException | None]:
    """How each of them ended."""
    results = asyncio.gather(*(bundle.finished() for bundle in bundles), return_exceptions=True)
    return await asyncio.wait_for(results, 3600)


async def stop(desk: Desk) -> None:
    await asyncio.wait_for(desk.stop(STOPPING), 5)
