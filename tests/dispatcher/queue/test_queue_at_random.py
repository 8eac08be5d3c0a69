"""Whatever servers, carriers, other dispatchers and operators do, and whenever: the promises of a queue.

Each copy ends with one outcome, or its batch with an error; nothing is taken by a server twice; no carrier and no
server sees more connections than it bears; bulk mail leaves the last connection to others; nothing goes out of a batch
that was given back; and no scene hangs or spins (queue_world watches that).
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.base import LANES, Lane
from contracts.events.delivery import DeliveryProgress
from contracts.pace import PaceOrder
from dispatcher.pace.state import Pace
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.queue.carrier_queue import CarrierQueue
from dispatcher.queue.lanes import BULK, most_for
from dispatcher.queue.queued_delivery import BatchTracker
from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable, SmtpReply, Stage
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore
from tests.dispatcher.queue.queue_world import (
    HOPS,
    NOW,
    STOPPING,
    FakeConnection,
    World,
    a_carrier_queue,
    a_tracked_batch,
    accepted,
    clock,
    policy,
    real_pace,
    run,
)

A_DAY = 86_400.0
REPLIES: Sequence[tuple[Stage, int]] = (
    ("body", 250), ("body", 250), ("body", 250), ("rcpt", 550), ("rcpt", 450), ("body", 421), ("rcpt", 421),
    ("mail", 421), ("data", 451), ("body", 554),
)  # fmt: skip
STAGES: tuple[Stage, ...] = ("mail", "rcpt", "data", "body")
ANSWERS = st.one_of(
    st.sampled_from(REPLIES).map(lambda each: SmtpReply(each[0], each[1], "words")),
    st.tuples(st.sampled_from(STAGES), st.booleans()).map(
        lambda each: ConnectionLost("connection lost", stage=each[0], uncertain=each[1] and each[0] == "body")
    ),
)
MOMENTS = st.sampled_from((0.0, 0.05, 0.1, 0.35, 0.8, 1.0, 2.5, 7.0, 20.0, 65.0))
SECONDS = st.sampled_from((0.0, 0.05, 0.2))
POSTS = st.lists(
    st.tuples(MOMENTS, st.sampled_from(LANES), st.sampled_from(HOPS), st.integers(1, 12)), min_size=1, max_size=8
)
EVENTS = st.lists(st.tuples(MOMENTS, st.sampled_from(("pause", "resume", "one", "lost", "lost", "stop"))), max_size=4)
POLICIES = st.builds(
    policy,
    st.integers(1, 4),
    apart=st.booleans(),
    connections_per_hop=st.integers(1, 4),
    messages_per_connection=st.integers(1, 6),
    idle_seconds=st.sampled_from((0.0, 0.05, 5.0)),
    pause_after_421=st.sampled_from((0.001, 1.0, 60.0)),
    rate=st.sampled_from((None, None, 2.0, 50.0)),
)
THOROUGH = settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)


@dataclass
class Batch:
    """What was posted, where its progress is kept, and how it ended."""

    tracker: BatchTracker
    store: FakeStore
    size: int
    copies: set[str] = field(default_factory=set)
    ended: bool = False
    error: BaseException | None = None

    async def end(self) -> None:
        try:
            await self.tracker.finished()
        except Postponed as error:
            self.error = error
        self.ended = True

    def lose(self) -> None:
        """Another dispatcher takes the batch."""
        self.store.kept.append(
            DeliveryProgress(id="x", occurred_at=NOW, batch=self.tracker.attempt.batch.batch, attempt=1, owner="x")
        )


class Scene:
    """A queue, and somebody who looks at all that leaves it."""

    def __init__(self, limits: CarrierPolicy, world: World) -> None:
        self.limits = limits
        self.world = world
        self.taken: Counter[str] = Counter()
        self.begun_at: dict[str, float] = {}
        self.batches: list[Batch] = []
        self.paces: list[Pace] = []
        self.wrong: list[str] = []
        self.numbers = itertools.count(1, 100)
        script = world.script
        world.on_send = self.look
        world.on_open = self.count

        def answer(envelope: Envelope) -> SmtpReply | ConnectionLost:
            reply = script(envelope)
            if isinstance(reply, SmtpReply) and reply.accepted:
                self.taken[envelope.recipient] += 1
            return reply

        world.script = answer
        self.queue: CarrierQueue = a_carrier_queue(world, limits, self.pace)

    def pace(self, limits: CarrierPolicy) -> Pace:
        self.paces.append(real_pace(limits))
        return self.paces[-1]

    async def post(self, lane: Lane, hop: NextHop, size: int) -> Batch:
        store = FakeStore()
        tracker, deliveries = await a_tracked_batch(lane, size, first=next(self.numbers), store=store)
        batch = Batch(tracker, store, size, {delivery.envelope.recipient for delivery in deliveries})
        self.batches.append(batch)
        self.queue.enqueue(hop, deliveries)
        return batch

    def count(self) -> None:
        """At each new connection."""
        connections = Counter(
            connection.hop.key for connection in self.world.connections if id(connection) in self.world.open
        )
        connections.update(self.world.connecting)
        if connections.total() > self.limits.connections:
            self.wrong.append("too many connections with the carrier")
        if max(connections.values()) > self.limits.connections_per_hop:
            self.wrong.append("too many connections with a server")

    def look(self, connection: FakeConnection) -> None:
        """At each copy."""
        assert connection.in_flight is not None
        name = connection.in_flight.recipient
        self.begun_at.setdefault(name, clock())
        if any(batch.ended and name in batch.copies for batch in self.batches):
            self.wrong.append("sent when its batch had been given back")
        bulk = [each for each in self.world.connections if id(each) in self.world.open and self.is_bulk(each)]
        if len(bulk) > most_for("ordinary", self.limits.connections):
            self.wrong.append("bulk mail on the last connection")

    def is_bulk(self, connection: FakeConnection) -> bool:
        """Whether bulk mail has the connection, now and after this copy."""
        copies = [copy for copy in (connection.in_flight, connection.announced) if copy is not None]
        return bool(copies) and all(copy.recipient.startswith(tuple(BULK)) for copy in copies)

    async def happens(self, what: str) -> None:
        if what == "lost":
            for batch in self.batches[-2:]:
                batch.lose()
        elif what == "stop":
            await asyncio.wait_for(self.queue.stop(STOPPING), 10)
        else:
            order = {"pause": PaceOrder(paused=True), "one": PaceOrder(connections=1), "resume": None}[what]
            for pace in self.paces:
                pace.override(order)
            self.queue.pace_changed()


# Slow: each of many examples delivers a whole batch through every trouble.
@THOROUGH
@given(
    limits=POLICIES,
    posts=POSTS,
    events=EVENTS,
    replies=st.lists(ANSWERS, max_size=40),
    refusals=st.lists(st.sampled_from((None, None, "busy", "away")), max_size=10),
    greeting=SECONDS,
    answer=SECONDS,
    goodbye=SECONDS,
)
def test_every_copy_gets_one_outcome_whatever_happens_and_when(
    limits: CarrierPolicy,
    posts: list[tuple[float, Lane, NextHop, int]],
    events: list[tuple[float, str]],
    replies: list[SmtpReply | ConnectionLost],
    refusals: list[str | None],
    greeting: float,
    answer: float,
    goodbye: float,
) -> None:
    script, refused = list(replies), list(refusals)

    def refuse() -> NextHopUnavailable | None:
        kind = refused.pop(0) if refused else None
        if kind == "busy":
            return NextHopUnavailable("host refuses us", stage="connect", reply=SmtpReply("connect", 421, "busy"))
        return NextHopUnavailable("no connection", stage="connect") if kind == "away" else None

    async def play() -> None:
        world = World(
            script=lambda envelope: script.pop(0) if script else accepted(envelope),
            refuse=refuse,
            greeting=greeting,
            answer=answer,
            goodbye=goodbye,
        )
        scene = Scene(limits, world)

        async def post(after: float, lane: Lane, hop: NextHop, size: int) -> None:
            await asyncio.sleep(after)
            await (await scene.post(lane, hop, size)).end()

        async def happen(after: float, what: str) -> None:
            await asyncio.sleep(after)
            await scene.happens(what)

        async def resume() -> None:
            await asyncio.sleep(100)
            await scene.happens("resume")

        async with asyncio.timeout(A_DAY), asyncio.TaskGroup() as tasks:
            tasks.create_task(resume())
            for moment in posts:
                tasks.create_task(post(*moment))
            for event in events:
                tasks.create_task(happen(*event))
        for batch in scene.batches:
            outcomes = batch.tracker.attempt.progress.outcomes
            assert batch.error is not None or len(outcomes) == batch.size
            assert len(batch.store.recorded) == len(set(batch.store.recorded))
        assert max(scene.taken.values(), default=0) <= 1
        assert not scene.wrong
        await asyncio.wait_for(scene.queue.stop(STOPPING), 10)
        assert (len(world.open), world.connecting.total(), scene.queue.open) == (0, 0, 0)
        assert scene.queue._bulk == scene.queue._leaving == len(scene.queue._idle) == 0

    run(play())


# Slow: each of many examples delivers a whole backlog.
@THOROUGH
@given(
    limits=POLICIES.filter(lambda limits: limits.rate is None),
    backlog=st.lists(
        st.tuples(MOMENTS, st.sampled_from(tuple(BULK)), st.sampled_from(HOPS), st.integers(30, 60)),
        min_size=1,
        max_size=8,
    ),
    urgent=st.lists(st.tuples(MOMENTS, st.sampled_from(HOPS)), min_size=1, max_size=3, unique_by=lambda each: each[0]),
    greeting=SECONDS,
    goodbye=SECONDS,
)
def test_an_urgent_copy_goes_out_after_what_is_in_flight_however_long_the_backlog(
    limits: CarrierPolicy,
    backlog: list[tuple[float, Lane, NextHop, int]],
    urgent: list[tuple[float, NextHop]],
    greeting: float,
    goodbye: float,
) -> None:
    answer = 0.2

    async def play() -> None:
        scene = Scene(limits, World(greeting=greeting, answer=answer, goodbye=goodbye))

        async def post(after: float, lane: Lane, hop: NextHop, size: int) -> None:
            await asyncio.sleep(after)
            await (await scene.post(lane, hop, size)).end()

        async def hurry(after: float, hop: NextHop) -> None:
            await asyncio.sleep(after)
            batch = await scene.post("urgent", hop, 1)
            await batch.end()
            waited = scene.begun_at[next(iter(batch.copies))] - after
            # At worst a connection is just being exchanged for another, carries the copy it is for, and makes room; all
            # that for each of the urgent copies that came just before.
            assert waited <= len(urgent) * 2 * (answer + goodbye + greeting) + 0.001

        async with asyncio.timeout(A_DAY), asyncio.TaskGroup() as tasks:
            for moment in backlog:
                tasks.create_task(post(*moment))
            for each in urgent:
                tasks.create_task(hurry(*each))
        assert not scene.wrong
        await scene.queue.stop(STOPPING)

    run(play())
