"""Whatever servers, carriers, other dispatchers and operators do, and whenever: the promises of a desk.

Each letter ends with one outcome, or its batch with an error; nothing is taken by a server twice; no carrier and no
server sees more sessions than it bears; bulk mail leaves the last connection to others; nothing goes out of a batch
that was given back; and no scene hangs or spins (desk_world watches that).
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
from dispatcher.policy.carriers_file import CarrierPolicy
from dispatcher.queue.carrier_queue import Desk
from dispatcher.queue.lanes import BULK, most_for
from dispatcher.queue.queued_delivery import Bundle
from dispatcher.smtp.client import Envelope
from dispatcher.smtp.next_hop import Hop
from dispatcher.smtp.replies import ConnectionLost, HopUnavailable, Reply, Stage
from runtime.errors import Postponed
from tests.dispatcher.attempt.test_progress import FakeStore
from tests.dispatcher.queue.queue_world import (
    HOPS,
    NOW,
    STOPPING,
    FakeSession,
    World,
    a_bundle,
    a_desk,
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
    st.sampled_from(REPLIES).map(lambda each: Reply(each[0], each[1], "words")),
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
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.too_slow],
    phases=(Phase.explicit, Phase.generate),
)


@dataclass
class Batch:
    """What was posted, where its progress is kept, and how it ended."""

    bundle: Bundle
    store: FakeStore
    size: int
    letters: set[str] = field(default_factory=set)
    ended: bool = False
    error: BaseException | None = None

    async def end(self) -> None:
        try:
            await self.bundle.finished()
        except Postponed as error:
            self.error = error
        self.ended = True

    def lose(self) -> None:
        """Another dispatcher takes the batch."""
        self.store.kept.append(
            DeliveryProgress(id="x", occurred_at=NOW, batch=self.bundle.job.batch.batch, attempt=1, owner="x")
        )


class Scene:
    """A desk, and somebody who looks at all that leaves it."""

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

        def answer(envelope: Envelope) -> Reply | ConnectionLost:
            reply = script(envelope)
            if isinstance(reply, Reply) and reply.accepted:
                self.taken[envelope.recipient] += 1
            return reply

        world.script = answer
        self.desk: Desk = a_desk(world, limits, self.pace)

    def pace(self, limits: CarrierPolicy) -> Pace:
        self.paces.append(real_pace(limits))
        return self.paces[-1]

    async def post(self, lane: Lane, hop: Hop, size: int) -> Batch:
        store = FakeStore()
        bundle, errands = await a_bundle(lane, size, first=next(self.numbers), store=store)
        batch = Batch(bundle, store, size, {errand.envelope.recipient for errand in errands})
        self.batches.append(batch)
        self.desk.post(hop, errands)
        return batch

    def count(self) -> None:
        """At each new connection."""
        sessions = Counter(session.hop.key for session in self.world.sessions if id(session) in self.world.open)
        sessions.update(self.world.connecting)
        if sessions.total() > self.limits.connections:
            self.wrong.append("too many sessions with the carrier")
        if max(sessions.values()) > self.limits.connections_per_hop:
            self.wrong.append("too many sessions with a server")

    def look(self, session: FakeSession) -> None:
        """At each letter."""
        assert session.in_flight is not None
        name = session.in_flight.recipient
        self.begun_at.setdefault(name, clock())
        if any(batch.ended and name in batch.letters for batch in self.batches):
            self.wrong.append("sent when its batch had been given back")
        bulk = [each for each in self.world.sessions if id(each) in self.world.open and self.is_bulk(each)]
        if len(bulk) > most_for("ordinary", self.limits.connections):
            self.wrong.append("bulk mail on the last connection")

    def is_bulk(self, session: FakeSession) -> bool:
        """Whether bulk mail has the session, now and after this letter."""
        letters = [letter for letter in (session.in_flight, session.announced) if letter is not None]
        return bool(letters) and all(letter.recipient.startswith(tuple(BULK)) for letter in letters)

    async def happens(self, what: str) -> None:
        if what == "lost":
            for batch in self.batches[-2:]:
                batch.lose()
        elif what == "stop":
            await asyncio.wait_for(self.desk.stop(STOPPING), 10)
        else:
            order = {"pause": PaceOrder(paused=True), "one": PaceOrder(connections=1), "resume": None}[what]
            for pace in self.paces:
                pace.obey(order)
            self.desk.wake_all()


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
def test_every_letter_gets_one_outcome_whatever_happens_and_when(
    limits: CarrierPolicy,
    posts: list[tuple[float, Lane, Hop, int]],
    events: list[tuple[float, str]],
    replies: list[Reply | ConnectionLost],
    refusals: list[str | None],
    greeting: float,
    answer: float,
    goodbye: float,
) -> None:
    script, refused = list(replies), list(refusals)

    def refuse() -> HopUnavailable | None:
        kind = refused.pop(0) if refused else None
        if kind == "busy":
            return HopUnavailable("host refuses us", stage="connect", reply=Reply("connect", 421, "busy"))
        return HopUnavailable("no connection", stage="connect") if kind == "away" else None

    async def play() -> None:
        world = World(
            script=lambda envelope: script.pop(0) if script else accepted(envelope),
            refuse=refuse,
            greeting=greeting,
            answer=answer,
            goodbye=goodbye,
        )
        scene = Scene(limits, world)

        async def post(after: float, lane: Lane, hop: Hop, size: int) -> None:
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
            outcomes = batch.bundle.job.progress.outcomes
            assert batch.error is not None or len(outcomes) == batch.size
            assert len(batch.store.recorded) == len(set(batch.store.recorded))
        assert max(scene.taken.values(), default=0) <= 1
        assert not scene.wrong
        await asyncio.wait_for(scene.desk.stop(STOPPING), 10)
        assert (len(world.open), world.connecting.total(), scene.desk.open) == (0, 0, 0)
        assert scene.desk._bulk == scene.desk._leaving == len(scene.desk._idle) == 0

    run(play())


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
def test_an_urgent_letter_goes_out_after_what_is_in_hand_however_long_the_backlog(
    limits: CarrierPolicy,
    backlog: list[tuple[float, Lane, Hop, int]],
    urgent: list[tuple[float, Hop]],
    greeting: float,
    goodbye: float,
) -> None:
    answer = 0.2

    async def play() -> None:
        scene = Scene(limits, World(greeting=greeting, answer=answer, goodbye=goodbye))

        async def post(after: float, lane: Lane, hop: Hop, size: int) -> None:
            await asyncio.sleep(after)
            await (await scene.post(lane, hop, size)).end()

        async def hurry(after: float, hop: Hop) -> None:
            await asyncio.sleep(after)
            batch = await scene.post("urgent", hop, 1)
            await batch.end()
            waited = scene.begun_at[next(iter(batch.letters))] - after
            # At worst a session is just being exchanged for another, carries the letter it is for, and makes room; all
            # that for each of the urgent letters that came just before.
            assert waited <= len(urgent) * 2 * (answer + goodbye + greeting) + 0.001

        async with asyncio.timeout(A_DAY), asyncio.TaskGroup() as tasks:
            for moment in backlog:
                tasks.create_task(post(*moment))
            for each in urgent:
                tasks.create_task(hurry(*each))
        assert not scene.wrong
        await scene.desk.stop(STOPPING)

    run(play())
