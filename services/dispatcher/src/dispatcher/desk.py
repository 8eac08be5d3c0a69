"""The desk of a carrier: letters wait here, in a line for each next hop and by lane, for a session that is free.

    post -> line -> pick (first lane first, some connections kept free of bulk mail) -> Sender -> outcome
A sender (one task, one session) is started when letters wait and the carrier bears one more connection; it stays for a
while when it runs out of work, and makes room when another line needs its connection. How many there may be now, and
when to wait, the pace of the carrier (or of the hop) says. Lanes are decided letter by letter: an urgent one gets the
next session that comes free, and the connection that bulk mail may not use.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.base import LANES, Lane
from dispatcher import metrics
from dispatcher.carriers import CarrierPolicy
from dispatcher.errands import Bundle, Errand
from dispatcher.job import Letter
from dispatcher.lanes import BULK, may_work, most_for
from dispatcher.pacing import Pace
from dispatcher.replies import SmtpError
from dispatcher.routes import Hop
from dispatcher.sender import OpenSession, Sender
from dispatcher.verdicts import Verdict, judge_error
from runtime.errors import Postponed

SWEEP_SECONDS = 5.0
"""While a hop is left alone, letters that are no longer of use are sorted out this often."""


@dataclass(slots=True, eq=False)
class Line:
    """Where the letters for one next hop wait. `senders` that work for it, those of them that are `idle` (the last used
    at the end) or still `opening` their session; `bulk` of them carry bulk mail. `troubles` in a row with the hop."""

    hop: Hop
    policy: CarrierPolicy
    pace: Pace
    queues: dict[Lane, deque[Errand]] = field(default_factory=lambda: {lane: deque() for lane in LANES})
    senders: set[Sender] = field(default_factory=set)
    idle: list[Sender] = field(default_factory=list)
    opening: int = 0
    bulk: int = 0
    troubles: int = 0
    timer: asyncio.TimerHandle | None = None

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    @property
    def connections(self) -> int:
        """How many sessions with this hop may be open now."""
        return self.pace.connections_per_hop


class Desk:
    """All lines of one carrier."""

    def __init__(
        self, policy: CarrierPolicy, pace_of: Callable[[CarrierPolicy, Hop], Pace], open_session: OpenSession
    ) -> None:
        self.policy = policy
        self._pace_of = pace_of
        self._open_session = open_session
        self._lines: dict[str, Line] = {}
        self._hungry: dict[str, Line] = {}
        self._open = 0
        self._bulk = 0
        self._stopped: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- for the postman

    def post(self, hop: Hop, errands: Iterable[Errand]) -> None:
        """Have these go out to `hop`; their bundles expect them already."""
        errands = list(errands)
        if self._stopped is not None:
            for errand in errands:
                errand.bundle.fail(self._stopped)
            return
        line = self._lines.get(hop.key)
        if line is None:
            line = self._lines[hop.key] = Line(hop, self.policy, self._pace_of(self.policy, hop))
        line.hop = hop  # the same servers, perhaps another of them first
        for errand in errands:
            line.queues[errand.job.batch.lane].append(errand)
        self.staff(line)

    @property
    def open(self) -> int:
        """Sessions, those that are being opened included."""
        return self._open

    def waiting(self) -> Mapping[Lane, int]:
        """Letters that wait, by lane."""
        return {lane: sum(len(line.queues[lane]) for line in self._lines.values()) for lane in LANES}

    async def stop(self, reason: Exception) -> None:
        """Offer nothing more; returns when all sessions are closed, what was in their hands being recorded."""
        self._stopped = reason
        for line in self._lines.values():
            if line.timer is not None:
                line.timer.cancel()
            for queue in line.queues.values():
                for errand in queue:
                    errand.bundle.fail(reason)
                queue.clear()
            for sender in tuple(line.idle):
                sender.wake()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def wake_all(self) -> None:
        """The pace was changed by hand: look again."""
        for line in tuple(self._lines.values()):
            self.staff(line)

    # -- for its senders

    def pick(self, line: Line, sender: Sender) -> Errand | None:
        """The letter that this sender shall carry next; it is then in its hands."""
        for lane in LANES:
            queue = line.queues[lane]
            if not queue or not self._may_carry(line, sender, lane):
                continue
            while queue:
                errand = queue.popleft()
                if errand.bundle.failed:
                    continue
                spared = errand.job.spared()
                if spared is not None:
                    self._spawn(self._settle([errand], spared, None))
                    continue
                errand.bundle.taken()
                self.carries(line, sender, lane)
                return errand
        return None

    def carries(self, line: Line, sender: Sender, lane: Lane | None) -> None:
        """What sort of letter a sender has in hand now."""
        change = (lane in BULK) - (sender.lane in BULK)
        sender.lane = lane
        if change:
            line.bulk += change
            self._bulk += change
            if change < 0:
                self._feed_hungry()

    def put_back(self, line: Line, errand: Errand) -> None:
        """A letter that was not taken by the server goes first again."""
        if self._stopped is None:
            line.queues[errand.job.batch.lane].appendleft(errand)
        else:
            errand.bundle.fail(self._stopped)
        errand.bundle.put_back()
        self.staff(line)

    def too_many(self, line: Line) -> bool:
        """Whether there are more sessions than the hop, or the carrier, bears now."""
        return self._stopped is not None or len(line.senders) > line.connections or self._open > self._connections(line)

    def staff(self, line: Line) -> None:
        """See that somebody works on what waits, as far as lanes, limits and pace allow."""
        if self._stopped is not None or not line.waiting:
            return
        wait = line.pace.wait()
        if wait > 0:
            self.later(line, wait)
            return
        wanted = self._eligible(line)
        if wanted < line.waiting:
            self._hungry[line.hop.key] = line  # as soon as there is room for bulk mail again
        while wanted > 0 and line.idle:
            line.idle.pop().wake()
            wanted -= 1
        wanted -= line.opening
        while wanted > 0 and self._may_open(line):
            self._start(line)
            wanted -= 1

    def later(self, line: Line, seconds: float) -> None:
        """Look at this line again in a while."""
        if line.timer is None and self._stopped is None:
            line.timer = asyncio.get_running_loop().call_later(min(seconds, SWEEP_SECONDS), self._again, line)

    async def defer_rest(self, line: Line, error: SmtpError) -> None:
        """All that waits for this hop is put off without being tried."""
        line.troubles = 0
        waiting = [errand for queue in line.queues.values() for errand in queue if not errand.bundle.failed]
        for queue in line.queues.values():
            queue.clear()
        await self._settle(waiting, judge_error(error, self.policy), error)

    def left(self, line: Line, sender: Sender) -> None:
        """A sender has ended."""
        self.carries(line, sender, None)
        line.senders.discard(sender)
        self._count(-1)
        if not line.senders and not line.waiting:
            self._lines.pop(line.hop.key, None)
            self._hungry.pop(line.hop.key, None)
        else:
            self.staff(line)
        self._feed_hungry()

    def rests(self) -> None:
        """A sender has nothing to do, so another line may have its connection."""
        self._feed_hungry()

    # -- within

    def _connections(self, line: Line) -> int:
        """How many sessions the carrier as a whole bears now."""
        return line.pace.connections_in_all

    def _may_carry(self, line: Line, sender: Sender, lane: Lane) -> bool:
        mine = sender.lane in BULK
        return may_work(lane, bulk=self._bulk - mine, connections=self._connections(line)) and may_work(
            lane, bulk=line.bulk - mine, connections=line.connections
        )

    def _eligible(self, line: Line) -> int:
        """How many of the letters that wait could be carried by one sender more each."""
        bulk = sum(len(line.queues[lane]) for lane in BULK)
        room = min(
            most_for("ordinary", self._connections(line)) - self._bulk,
            most_for("ordinary", line.connections) - line.bulk,
        )
        return line.waiting - bulk + min(bulk, max(0, room))

    def _may_open(self, line: Line) -> bool:
        if len(line.senders) >= line.connections:
            return False
        wait = line.pace.opening_wait()
        if wait > 0:
            self.later(line, wait)
            return False
        if self._open >= self._connections(line) and not self._make_room(line):
            self._hungry[line.hop.key] = line
            return False
        return True

    def _make_room(self, wanted_by: Line) -> bool:
        """Send away an idle sender of another line."""
        for line in self._lines.values():
            if line is not wanted_by and line.idle:
                sender = line.idle.pop(0)
                line.senders.discard(sender)
                self._count(-1)
                sender.dismiss()
                return True
        return False

    def _start(self, line: Line) -> None:
        sender = Sender(self, line, self._open_session)
        line.senders.add(sender)
        self._count(+1)
        self._spawn(sender.run())

    def _feed_hungry(self) -> None:
        hungry, self._hungry = self._hungry, {}
        for line in hungry.values():
            self.staff(line)

    def _again(self, line: Line) -> None:
        line.timer = None
        for lane, queue in line.queues.items():
            spared = [(errand, errand.job.spared()) for errand in queue]
            if any(verdict is not None or errand.bundle.failed for errand, verdict in spared):
                line.queues[lane] = deque(
                    errand for errand, verdict in spared if verdict is None and not errand.bundle.failed
                )
            for errand, verdict in spared:
                if verdict is not None and not errand.bundle.failed:
                    self._spawn(self._settle([errand], verdict, None))
        self.staff(line)

    async def _settle(self, errands: list[Errand], verdict: Verdict, told: SmtpError | None) -> None:
        """The same outcome for letters that are in nobody's hands."""
        by_bundle: dict[Bundle, list[Letter]] = {}
        for errand in errands:
            by_bundle.setdefault(errand.bundle, []).append(errand.letter)
        for bundle, letters in by_bundle.items():
            try:
                await bundle.job.record(letters, verdict, self.policy, told)
            except Postponed as lost:
                bundle.fail(lost)
            else:
                bundle.done(len(letters))

    def _count(self, change: int) -> None:
        self._open += change
        metrics.OPEN_SESSIONS.labels(self.policy.name).inc(change)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
