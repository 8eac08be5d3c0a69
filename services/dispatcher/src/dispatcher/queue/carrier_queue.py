"""The queue of a carrier: copies wait here, by next hop and lane, for an SMTP connection that is free.

    enqueue -> NextHopQueue -> pick (first lane first, some connections kept free of bulk mail) -> ConnectionWorker
A worker (one task, one connection) is started when copies wait and the carrier bears one more connection; it stays for
a while when it runs out of work, and makes room when another hop needs its connection. Hops for which there is no room
are served in turn, those with urgent copies first; a hop with a backlog gives way to them at the end of a connection.
How many connections there may be now, and when to wait, the pace of the carrier (or of the hop) says. Lanes are decided
copy by copy: an urgent one gets the next connection that comes free, and the one that bulk mail may not use.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Iterable, Mapping
from math import inf
from typing import Any

from contracts.base import LANES, Lane
from dispatcher import metrics
from dispatcher.pace.state import Pace
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.dispositions import disposition_of_error
from dispatcher.queue.connection_worker import ConnectionWorker, OpenConnection
from dispatcher.queue.lanes import BULK, may_carry, most_for
from dispatcher.queue.next_hop_queue import SWEEP_SECONDS, NextHopQueue, Worker
from dispatcher.queue.queued_delivery import QueuedDelivery, record_all
from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import NextHopUnavailable, SmtpError

LONG_PAUSE = 20.0
"""Where servers stand apart, one that is left alone for longer has its copies put off: those for other servers, which
came in the same batches, and the batches behind them are not to wait for it."""


class CarrierQueue:
    """The queues of all next hops of one carrier, and the workers that share its connections. To its workers it is
    their `WorkSource`."""

    def __init__(
        self,
        policy: CarrierPolicy,
        pace_of: Callable[[CarrierPolicy, NextHop], Pace],
        open_connection: OpenConnection,
    ) -> None:
        self.policy = policy
        self._pace_of = pace_of
        self._open_connection = open_connection
        self._hops: dict[str, NextHopQueue] = {}
        self._awaiting_connection: dict[str, NextHopQueue] = {}  # for which there was no room, the first come first
        self._urgent_awaiting: dict[str, NextHopQueue] = {}  # those of them that have more than bulk mail
        self._idle: dict[Worker, asyncio.Future[None]] = {}  # what wakes each, the longest idle first
        self._open = 0
        self._leaving = 0
        self._bulk = 0
        self._stopped: Exception | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    # -- for all queues together

    def enqueue(self, hop: NextHop, deliveries: Iterable[QueuedDelivery]) -> None:
        """Have these go out to `hop`; their trackers expect them already."""
        deliveries = list(deliveries)
        if self._stopped is not None:
            for delivery in deliveries:
                delivery.tracker.fail(self._stopped)
            return
        queue = self._hops.get(hop.key)
        if queue is None:
            queue = self._hops[hop.key] = NextHopQueue(hop, self.policy, self._pace_of(self.policy, hop))
        queue.hop = hop  # the same servers, perhaps another of them first
        for delivery in deliveries:
            queue.lanes[delivery.attempt.batch.lane].append(delivery)
        self._assign(queue)

    @property
    def open(self) -> int:
        """Connections, those that are being opened or closed included."""
        return self._open

    def waiting(self) -> Mapping[Lane, int]:
        """Copies that wait, by lane."""
        return {lane: sum(len(queue.lanes[lane]) for queue in self._hops.values()) for lane in LANES}

    async def stop(self, reason: Exception) -> None:
        """Offer nothing more; returns when all connections are closed, what was in flight being recorded."""
        self._stopped = reason
        for queue in self._hops.values():
            if queue.timer is not None:
                queue.timer.cancel()
            for waiting in queue.lanes.values():
                for delivery in waiting:
                    delivery.tracker.fail(reason)
                waiting.clear()
            for worker in queue.workers:
                worker.stop()
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    def pace_changed(self) -> None:
        """An override, or this dispatcher's share, changed what the carrier takes: look again."""
        for worker in tuple(self._idle):
            if self._too_many(worker.queue):
                worker.leave()
        for queue in tuple(self._hops.values()):
            self._assign(queue)

    # -- for the workers

    def may_stay(self, worker: Worker, *, used_up: bool) -> bool:
        """Whether the worker shall go on. Not if more connections are open than the pace allows; and another hop gets
        this one's connection: any that waits for one when the connection is `used_up` anyway, and before further bulk
        mail one with urgent copies."""
        queue = worker.queue
        if self._too_many(queue):
            return False
        if not used_up and (not self._urgent_awaiting or worker.lane not in BULK):
            return True
        urgent = queue.waiting > queue.bulk_waiting
        if urgent and not used_up:
            return True
        awaiting = self._awaiting_connection if used_up and not urgent else self._urgent_awaiting
        return not any(other is not queue and self._could_use(other) for other in awaiting.values())

    def pick(self, worker: Worker) -> QueuedDelivery | None:
        """The copy that the worker shall carry next; it is then in flight."""
        queue = worker.queue
        for lane in LANES:
            waiting = queue.lanes[lane]
            if not waiting or not self._may_carry(worker, lane):
                continue
            while waiting:
                delivery = waiting.popleft()
                if delivery.tracker.failed:
                    continue
                reason = delivery.attempt.skip_reason()
                if reason is not None:
                    self._spawn(record_all([delivery], reason, self.policy))
                    continue
                delivery.take()
                self._carries(worker, lane)
                return delivery
        return None

    async def rest(self, worker: Worker, wait: float) -> bool:
        """Nothing is to be done for now, because of the pace for `wait` seconds; meanwhile another hop may have the
        connection. Returns True when there may be work, False when the worker shall go."""
        queue = worker.queue
        if wait > 0:
            self._look_later(queue, wait)
        self._carries(worker, None)
        if not worker.connected:
            return False
        woken = self._idle[worker] = asyncio.get_running_loop().create_future()
        queue.idle.append(worker)
        self._serve_awaiting()
        try:
            async with asyncio.timeout(self.policy.idle_seconds):
                await woken
            return True
        except TimeoutError:
            return worker not in self._idle  # it was called for at this very moment
        finally:
            self._wake(worker)

    def put_back(self, queue: NextHopQueue, delivery: QueuedDelivery) -> None:
        """A copy that the server has not taken goes first again."""
        if self._stopped is not None:
            delivery.tracker.fail(self._stopped)
        elif not delivery.tracker.failed:
            queue.lanes[delivery.attempt.batch.lane].appendleft(delivery)
        delivery.put_back()
        self._assign(queue)

    async def defer_all(self, queue: NextHopQueue, error: SmtpError) -> None:
        """All that waits for the hop is put off without being tried."""
        queue.troubles = 0
        left = [delivery for waiting in queue.lanes.values() for delivery in waiting if not delivery.tracker.failed]
        for waiting in queue.lanes.values():
            waiting.clear()
        await record_all(left, disposition_of_error(error, self.policy), self.policy, error)

    def leaves(self, worker: Worker) -> None:
        """The worker takes no further copy; its connection counts until it has ended."""
        worker.queue.leaving += 1
        self._leaving += 1
        self._wake(worker)

    # -- workers come and go

    def _assign(self, queue: NextHopQueue) -> None:
        """See that somebody works on what waits, as far as lanes, limits and pace allow."""
        waiting = queue.waiting
        if self._stopped is not None or not waiting:
            return
        wait = queue.pace.wait()
        self._look_later(queue, wait or SWEEP_SECONDS)
        if wait > 0:
            if self.policy.each_hop_apart and LONG_PAUSE < min(wait, queue.pace.opening_wait()) < inf:
                self._spawn(self.defer_all(queue, NextHopUnavailable("host is busy", stage="connect")))
            return
        bulk = queue.bulk_waiting
        urgent = waiting - bulk
        wanted = urgent + min(bulk, self._room_for_bulk(queue))
        if wanted < waiting:
            self._awaiting_connection[queue.hop.key] = queue  # as soon as there is room for bulk mail again
        while wanted > 0 and queue.idle:
            self._wake(queue.idle[-1])
            wanted -= 1
            urgent -= 1
        if wanted <= 0:
            return
        # Who opens a connection has a copy already and soon comes for the next; urgent ones don't wait behind bulk.
        opening = [worker.lane in BULK for worker in queue.workers if worker.opening]
        wanted = max(wanted - len(opening), urgent - opening.count(False))
        while wanted > 0 and self._may_open(queue, wanted):
            self._start_worker(queue)
            wanted -= 1

    def _may_open(self, queue: NextHopQueue, wanted: int) -> bool:
        if len(queue.workers) >= queue.connections:
            return False
        wait = queue.pace.opening_wait()
        if wait > 0:
            self._look_later(queue, wait)
            return False
        if self._open >= self._connections(queue):
            self._awaiting_connection[queue.hop.key] = queue
            if queue.waiting > queue.bulk_waiting:
                self._urgent_awaiting[queue.hop.key] = queue
            self._make_room(wanted)
            return False
        return True

    def _make_room(self, wanted: int) -> None:
        """Send away the longest idle workers. Who is leaving makes room already, for somebody."""
        while self._idle and self._leaving < wanted + len(self._awaiting_connection):
            next(iter(self._idle)).leave()

    def _start_worker(self, queue: NextHopQueue) -> None:
        worker = ConnectionWorker(self, queue, self._open_connection)
        queue.workers.add(worker)
        self._count_open(+1)
        self._spawn(self._employ(worker))

    async def _employ(self, worker: ConnectionWorker) -> None:
        try:
            await worker.run()
        finally:
            self._ended(worker)

    def _ended(self, worker: Worker) -> None:
        """A worker, which was leaving, has closed its connection."""
        queue = worker.queue
        queue.workers.discard(worker)
        queue.leaving -= 1
        self._leaving -= 1
        self._count_open(-1)
        # The others first: this hop has had its turn.
        self._awaiting_connection.pop(queue.hop.key, None)
        if self._urgent_awaiting.pop(queue.hop.key, None) is not None:
            self._urgent_awaiting[queue.hop.key] = queue
        self._carries(worker, None)
        self._serve_awaiting()
        self._assign(queue)
        self._forget(queue)

    def _serve_awaiting(self) -> None:
        """Those that wait for room get what there is, in turn."""
        for awaiting in (self._urgent_awaiting, self._awaiting_connection):
            for _ in range(len(awaiting)):
                queue = next(iter(awaiting.values()))
                connections = self._connections(queue)
                if self._open >= connections and not self._idle:
                    break
                if awaiting is self._awaiting_connection and self._bulk >= most_for("ordinary", connections):
                    break
                del awaiting[queue.hop.key]
                self._assign(queue)

    def _carries(self, worker: Worker, lane: Lane | None) -> None:
        """What sort of copy a worker has in flight now."""
        change = (lane in BULK) - (worker.lane in BULK)
        worker.lane = lane
        if change:
            worker.queue.bulk += change
            self._bulk += change
            if change < 0:
                self._serve_awaiting()

    def _wake(self, worker: Worker) -> None:
        """If it rests, it does no longer: it has something to do, or is leaving."""
        if (woken := self._idle.pop(worker, None)) is not None:
            worker.queue.idle.remove(worker)
            if not woken.done():
                woken.set_result(None)

    # -- limits

    def _too_many(self, queue: NextHopQueue) -> bool:
        """Whether more connections stay than the hop, or the carrier, bears now."""
        return (
            self._stopped is not None
            or len(queue.workers) - queue.leaving > queue.connections
            or self._open - self._leaving > self._connections(queue)
        )

    def _connections(self, queue: NextHopQueue) -> int:
        """How many connections the carrier as a whole bears now."""
        return queue.pace.connections_in_all

    def _may_carry(self, worker: Worker, lane: Lane) -> bool:
        queue, mine = worker.queue, worker.lane in BULK
        return may_carry(lane, bulk=self._bulk - mine, connections=self._connections(queue)) and may_carry(
            lane, bulk=queue.bulk - mine, connections=queue.connections
        )

    def _room_for_bulk(self, queue: NextHopQueue) -> int:
        """How many workers more may carry bulk mail to this hop."""
        return max(
            0,
            min(
                most_for("ordinary", self._connections(queue)) - self._bulk,
                most_for("ordinary", queue.connections) - queue.bulk,
            ),
        )

    def _could_use(self, queue: NextHopQueue) -> bool:
        """Whether a hop would take a connection if it got one."""
        return (
            queue.waiting > 0
            and len(queue.workers) < queue.connections
            and (queue.waiting > queue.bulk_waiting or queue.bulk < most_for("ordinary", queue.connections))
            and queue.pace.wait() <= 0
            and queue.pace.opening_wait() <= 0
        )

    # -- looking later

    def _look_later(self, queue: NextHopQueue, seconds: float) -> None:
        """Look at this hop in a while."""
        if self._stopped is not None:
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + min(seconds, SWEEP_SECONDS)
        if queue.timer is not None:
            if queue.timer.when() <= when:
                return
            queue.timer.cancel()
        queue.timer = loop.call_at(when, self._sweep, queue)

    def _sweep(self, queue: NextHopQueue) -> None:
        queue.timer = None
        for disposition, deliveries in queue.swept(asyncio.get_running_loop().time()).items():
            self._spawn(record_all(deliveries, disposition, self.policy))
        self._assign(queue)
        self._forget(queue)

    def _forget(self, queue: NextHopQueue) -> None:
        """Nothing waits for this hop any more, and nobody works for it."""
        key = queue.hop.key
        if queue.workers or queue.waiting or self._hops.get(key) is not queue:
            return
        for queues in (self._hops, self._awaiting_connection, self._urgent_awaiting):
            queues.pop(key, None)
        if queue.timer is not None:
            queue.timer.cancel()

    def _count_open(self, change: int) -> None:
        self._open += change
        metrics.OPEN_CONNECTIONS.labels(self.policy.name).inc(change)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        # Works for many batches, so it belongs to the context of none.
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
