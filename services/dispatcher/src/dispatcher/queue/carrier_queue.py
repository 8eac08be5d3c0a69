"""The desk of a carrier: letters wait here, in a line for each next hop and by lane, for a session that is free.

    post -> line -> pick (first lane first, some connections kept free of bulk mail) -> Sender -> outcome
A sender (one task, one session) is started when letters wait and the carrier bears one more connection; it stays for a
while when it runs out of work, and makes room when another line needs its connection. Lines for which there is no room
are fed in turn, those with urgent letters first; a line with a backlog gives way to them at the end of a session. How
many sessions there may be now, and when to wait, the pace of the carrier (or of the hop) says. Lanes are decided letter
by letter: an urgent one gets the next session that comes free, and the connection that bulk mail may not use.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextvars import Context
from math import inf
from typing import Any

from contracts.base import LANES, Lane
from dispatcher import metrics
from dispatcher.attempt.attempt import Letter
from dispatcher.pace.state import Pace
from dispatcher.policy.carriers_file import CarrierPolicy
from dispatcher.policy.dispositions import Verdict, judge_error
from dispatcher.queue.connection_worker import OpenSession, Sender
from dispatcher.queue.lanes import BULK, may_work, most_for
from dispatcher.queue.next_hop_queue import SWEEP_SECONDS, Line
from dispatcher.queue.queued_delivery import Bundle, Errand
from dispatcher.smtp.next_hop import Hop
from dispatcher.smtp.replies import HopUnavailable, SmtpError
from runtime.errors import Postponed
from runtime.logs import get_logger

LONG_PAUSE = 20.0
"""Where servers stand apart, one that is left alone for longer has its letters put off: those for other servers, which
came in the same batches, and the batches behind them are not to wait for it."""

log = get_logger(__name__)


class Desk:
    """All lines of one carrier."""

    def __init__(
        self, policy: CarrierPolicy, pace_of: Callable[[CarrierPolicy, Hop], Pace], open_session: OpenSession
    ) -> None:
        self.policy = policy
        self._pace_of = pace_of
        self._open_session = open_session
        self._lines: dict[str, Line] = {}
        self._hungry: dict[str, Line] = {}  # for which there was no room, the first come first
        self._pressing: dict[str, Line] = {}  # those that have more than bulk mail
        self._idle: dict[Sender, Line] = {}  # the longest idle first
        self._open = 0
        self._leaving = 0
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
        """Sessions, those that are being opened or closed included."""
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
            for sender in line.senders:
                sender.stop()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def wake_all(self) -> None:
        """The pace was changed by hand: look again."""
        for sender, line in tuple(self._idle.items()):
            if self.too_many(line):
                sender.leave()
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
                errand.take()
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
        if self._stopped is not None:
            errand.bundle.fail(self._stopped)
        elif not errand.bundle.failed:
            line.queues[errand.job.batch.lane].appendleft(errand)
        errand.put_back()
        self.staff(line)

    def too_many(self, line: Line) -> bool:
        """Whether more sessions stay than the hop, or the carrier, bears now."""
        return (
            self._stopped is not None
            or len(line.senders) - line.leaving > line.connections
            or self._open - self._leaving > self._connections(line)
        )

    def gives_way(self, line: Line, sender: Sender, used_up: bool) -> bool:
        """Whether another line shall have this sender's connection: any that waits for one when the session is used up
        anyway, and before further bulk mail one with urgent letters."""
        if not used_up and (not self._pressing or sender.lane not in BULK):
            return False
        urgent = line.waiting > line.bulk_waiting
        if urgent and not used_up:
            return False
        waiting = self._hungry if used_up and not urgent else self._pressing
        return any(other is not line and self._could_use(other) for other in waiting.values())

    def staff(self, line: Line) -> None:
        """See that somebody works on what waits, as far as lanes, limits and pace allow."""
        waiting = line.waiting
        if self._stopped is not None or not waiting:
            return
        wait = line.pace.wait()
        self.later(line, wait or SWEEP_SECONDS)
        if wait > 0:
            if self.policy.each_hop_apart and LONG_PAUSE < min(wait, line.pace.opening_wait()) < inf:
                self._spawn(self.defer_rest(line, HopUnavailable("host is busy", stage="connect")))
            return
        bulk = line.bulk_waiting
        pressing = waiting - bulk
        wanted = pressing + min(bulk, self._room_for_bulk(line))
        if wanted < waiting:
            self._hungry[line.hop.key] = line  # as soon as there is room for bulk mail again
        while wanted > 0 and line.idle:
            sender = line.idle[-1]
            self.rests_no_more(line, sender)
            sender.wake()
            wanted -= 1
            pressing -= 1
        if wanted <= 0:
            return
        # Who opens a session has a letter already and soon comes for the next; urgent ones don't wait behind bulk mail.
        opening = [sender.lane in BULK for sender in line.senders if sender.opening]
        wanted = max(wanted - len(opening), pressing - opening.count(False))
        while wanted > 0 and self._may_open(line, wanted):
            self._start(line)
            wanted -= 1

    def later(self, line: Line, seconds: float) -> None:
        """Look at this line again in a while."""
        if self._stopped is not None:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + min(seconds, SWEEP_SECONDS)
        if line.timer is not None:
            if line.timer.when() <= when:
                return
            line.timer.cancel()
        line.timer = loop.call_at(when, self._again, line)

    async def defer_rest(self, line: Line, error: SmtpError) -> None:
        """All that waits for this hop is put off without being tried."""
        line.troubles = 0
        waiting = [errand for queue in line.queues.values() for errand in queue if not errand.bundle.failed]
        for queue in line.queues.values():
            queue.clear()
        await self._settle(waiting, judge_error(error, self.policy), error)

    def leaves(self, line: Line, sender: Sender) -> None:
        """A sender is on its way out; its session counts until it is closed."""
        line.leaving += 1
        self._leaving += 1
        self.rests_no_more(line, sender)

    def left(self, line: Line, sender: Sender) -> None:
        """A sender that was leaving has ended."""
        line.senders.discard(sender)
        line.leaving -= 1
        self._leaving -= 1
        self._count(-1)
        # The others first: this line has had its turn.
        self._hungry.pop(line.hop.key, None)
        if self._pressing.pop(line.hop.key, None) is not None:
            self._pressing[line.hop.key] = line
        self.carries(line, sender, None)
        self._feed_hungry()
        self.staff(line)
        self._forget(line)

    def rests(self, line: Line, sender: Sender) -> None:
        """A sender has nothing to do, so another line may have its connection."""
        line.idle.append(sender)
        self._idle[sender] = line
        self._feed_hungry()

    def rests_no_more(self, line: Line, sender: Sender) -> None:
        """It has something to do, or is leaving."""
        if self._idle.pop(sender, None) is not None:
            line.idle.remove(sender)

    # -- within

    def _connections(self, line: Line) -> int:
        """How many sessions the carrier as a whole bears now."""
        return line.pace.connections_in_all

    def _may_carry(self, line: Line, sender: Sender, lane: Lane) -> bool:
        mine = sender.lane in BULK
        return may_work(lane, bulk=self._bulk - mine, connections=self._connections(line)) and may_work(
            lane, bulk=line.bulk - mine, connections=line.connections
        )

    def _room_for_bulk(self, line: Line) -> int:
        """How many senders more may carry bulk mail in this line."""
        return max(
            0,
            min(
                most_for("ordinary", self._connections(line)) - self._bulk,
                most_for("ordinary", line.connections) - line.bulk,
            ),
        )

    def _could_use(self, line: Line) -> bool:
        """Whether a line would take a connection if it got one."""
        return (
            line.waiting > 0
            and len(line.senders) < line.connections
            and (line.waiting > line.bulk_waiting or line.bulk < most_for("ordinary", line.connections))
            and line.pace.wait() <= 0
            and line.pace.opening_wait() <= 0
        )

    def _may_open(self, line: Line, wanted: int) -> bool:
        if len(line.senders) >= line.connections:
            return False
        wait = line.pace.opening_wait()
        if wait > 0:
            self.later(line, wait)
            return False
        if self._open >= self._connections(line):
            self._hungry[line.hop.key] = line
            if line.waiting > line.bulk_waiting:
                self._pressing[line.hop.key] = line
            self._make_room(wanted)
            return False
        return True

    def _make_room(self, wanted: int) -> None:
        """Send away the longest idle senders. Who is leaving makes room already, for somebody."""
        while self._idle and self._leaving < wanted + len(self._hungry):
            next(iter(self._idle)).leave()

    def _start(self, line: Line) -> None:
        sender = Sender(self, line, self._open_session)
        line.senders.add(sender)
        self._count(+1)
        self._spawn(sender.run())

    def _feed_hungry(self) -> None:
        """Those that wait for room get what there is, in turn."""
        for hungry in (self._pressing, self._hungry):
            for _ in range(len(hungry)):
                line = next(iter(hungry.values()))
                full = self._open >= self._connections(line) and not self._idle
                if full or (hungry is self._hungry and self._bulk >= most_for("ordinary", self._connections(line))):
                    break
                del hungry[line.hop.key]
                self.staff(line)

    def _forget(self, line: Line) -> None:
        """Nobody waits here any more, and nobody works."""
        key = line.hop.key
        if line.senders or line.waiting or self._lines.get(key) is not line:
            return
        for lines in (self._lines, self._hungry, self._pressing):
            lines.pop(key, None)
        if line.timer is not None:
            line.timer.cancel()

    def _again(self, line: Line) -> None:
        line.timer = None
        for verdict, errands in line.swept(asyncio.get_running_loop().time()).items():
            self._spawn(self._settle(errands, verdict, None))
        self.staff(line)
        self._forget(line)

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
            except Exception as error:
                # Ours to mend; the other bundles are none of its concern.
                log.exception("letters_not_recorded", carrier=self.policy.name)
                bundle.fail(error)
            else:
                bundle.done(len(letters))

    def _count(self, change: int) -> None:
        self._open += change
        metrics.OPEN_SESSIONS.labels(self.policy.name).inc(change)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # Works for many batches, so it belongs to the context of none.
        task = asyncio.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
