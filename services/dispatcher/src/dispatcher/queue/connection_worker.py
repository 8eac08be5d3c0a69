"""A connection worker: one connection with a next hop, and the copies that it carries, one after the other.

    pick a copy -> connect -> send it (and announce the next one) -> reply -> disposition -> recorded -> the next copy
A copy that surely was not taken (connection gone before its text, 421) goes back to the queue, a few times; one that
may have been taken is put off with the same Message-ID, since nobody can know. A hop that makes trouble too often in a
row, or cannot be reached at all, has all that waits for it put off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from contracts.base import Lane
from dispatcher.pace.state import Sign
from dispatcher.policy.dispositions import disposition_of, disposition_of_error
from dispatcher.policy.reply_rules import Disposition
from dispatcher.queue.next_hop_queue import NextHopQueue, Worker
from dispatcher.queue.queued_delivery import QueuedDelivery
from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import TOO_BUSY, ConnectionLost, NextHopUnavailable, SmtpError, SmtpReply
from runtime.errors import Postponed
from runtime.logs import get_logger

PATIENCE = 3
"""So often in an attempt a copy goes back to the queue; so many troubles in a row, beside one for each connection, and
the hop is left alone."""

OPENING_SECONDS = 120.0
"""A hop of many servers none of which answers holds a connection of its carrier for no longer."""

log = get_logger(__name__)


class HopConnection(Protocol):
    """A connection as a worker uses it (smtp.connection.SmtpConnection)."""

    hop: NextHop
    host: str
    in_clear: str

    @property
    def usable(self) -> bool: ...

    async def send(self, envelope: Envelope, following: Envelope | None = None) -> SmtpReply: ...

    async def close(self) -> None: ...

    def drop(self) -> None: ...


OpenConnection = Callable[[NextHop], Awaitable[HopConnection]]
"""Opens a connection (smtp.client.Connector.open); raises NextHopUnavailable."""


class WorkSource(Protocol):
    """All that a worker asks of the carrier's queue."""

    def may_stay(self, worker: Worker, *, used_up: bool) -> bool:
        """Whether the worker shall go on, because neither the pace nor another hop wants its connection. `used_up`: its
        connection has carried all that it may."""

    def pick(self, worker: Worker) -> QueuedDelivery | None:
        """The copy that the worker shall carry next; it is then in flight."""

    async def rest(self, worker: Worker, wait: float) -> bool:
        """Nothing is to be done for now, because of the pace for `wait` seconds. Returns True when there may be work,
        False when the worker shall go."""

    def put_back(self, queue: NextHopQueue, delivery: QueuedDelivery) -> None:
        """A copy that the server has not taken goes first again."""

    async def defer_all(self, queue: NextHopQueue, error: SmtpError) -> None:
        """All that waits for the hop is put off without being tried."""

    def leaves(self, worker: Worker) -> None:
        """The worker takes no further copy; its connection counts until it has ended."""


class ConnectionWorker:
    """Works for one next hop until there is nothing to do, or it is told to go. `lane`: of the copy in flight;
    `leaving`: it takes no further copy, and its connection is being closed, or will be."""

    def __init__(self, source: WorkSource, queue: NextHopQueue, open_connection: OpenConnection) -> None:
        self.queue = queue
        self.lane: Lane | None = None
        self.leaving = False
        self._source = source
        self._open_connection = open_connection
        self._connection: HopConnection | None = None
        self._opening: asyncio.Future[HopConnection] | None = None
        self._carried = 0
        self._announced: QueuedDelivery | None = None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    @property
    def opening(self) -> bool:
        return self._opening is not None

    def leave(self) -> None:
        """Go as soon as nothing is in flight."""
        if not self.leaving:
            self.leaving = True
            self._source.leaves(self)

    def stop(self) -> None:
        """Go as soon as nothing is in flight, and do not wait for a server that has not answered yet."""
        self.leave()
        if self._opening is not None:
            self._opening.cancel()

    async def run(self) -> None:
        """Carry copies until it leaves; returns when the connection is closed."""
        try:
            while (delivery := await self._next()) is not None:
                try:
                    await self._deliver(delivery)
                except Exception as error:
                    # Ours to mend: the batch comes again, and nothing hangs meanwhile.
                    log.exception("connection_worker_failed", carrier=self.queue.policy.name)
                    delivery.tracker.fail(error)
                    delivery.put_back()
                    self.leave()
        finally:
            self.leave()
            self._unannounce()
            await self._close()

    # -- what to do next

    async def _next(self) -> QueuedDelivery | None:
        if self._announced is not None:
            delivery, self._announced = self._announced, None
            if not delivery.tracker.failed:
                return delivery
            # Another dispatcher may have its batch by now; that its envelope is out forbids to go on with this
            # connection.
            delivery.put_back()
            await self._close()
        source, pace = self._source, self.queue.pace
        while not self.leaving and source.may_stay(self, used_up=self._used_up):
            wait = pace.wait()
            if wait <= 0 and (picked := source.pick(self)) is not None:
                pace.started()
                return picked
            if not await source.rest(self, wait):
                break
        return None

    @property
    def _used_up(self) -> bool:
        return self._carried >= self.queue.policy.copies_per_connection

    # -- one copy

    async def _deliver(self, delivery: QueuedDelivery) -> None:
        connection = await self._connection_for(delivery)
        if connection is None:
            return
        used_before = self._carried > 0
        following = self._announce()
        self._carried += 1
        try:
            reply = await connection.send(delivery.envelope, following)
        except ConnectionLost as error:
            await self._lost(delivery, error, used_before)
            return
        if not connection.usable:
            self._unannounce()
        if reply.code == TOO_BUSY:
            await self._busy(delivery, reply, used_before)
            return
        queue = self.queue
        queue.troubles = 0
        disposition = disposition_of(reply, queue.policy)
        if disposition.outcome == "delivered":
            queue.pace.accepted()
            if connection.in_clear:
                disposition = Disposition("delivered", connection.in_clear)
        elif disposition.asks_to_slow_down:
            queue.pace.slow_down(Sign.SLOWER)
        await self._done(delivery, disposition, reply)

    def _announce(self) -> Envelope | None:
        """Choose the copy after this one, so that its envelope can travel with this one's text."""
        queue, source = self.queue, self._source
        if self._carried + 2 > queue.policy.copies_per_connection or self.leaving:
            return None
        if not source.may_stay(self, used_up=False) or queue.pace.wait() > 0:
            return None
        if (delivery := source.pick(self)) is None:
            return None
        queue.pace.started()
        self._announced = delivery
        return delivery.envelope

    def _unannounce(self) -> None:
        """What was announced has not been taken: back with it."""
        if self._announced is not None:
            delivery, self._announced = self._announced, None
            self._source.put_back(self.queue, delivery)

    async def _connection_for(self, delivery: QueuedDelivery) -> HopConnection | None:
        """The open connection, or a new one; None when there is none, or the copy is not to go out any more: then it
        has been put back or has its outcome."""
        if self._connection is not None and self._connection.usable and not self._used_up:
            return self._connection
        await self._close()
        if self.queue.pace.opening_wait() > 0:
            self.leave()
            self._source.put_back(self.queue, delivery)
            return None
        trouble = await self._open()
        if trouble is not None and not self.leaving:
            await self._not_connected(delivery, trouble)
            return None
        return self._connection if await self._may_still_go(delivery) else None

    async def _open(self) -> NextHopUnavailable | None:
        """Open a new connection; returns why there is none."""
        opening = self._opening = asyncio.ensure_future(self._open_connection(self.queue.hop))
        try:
            await asyncio.wait({opening}, timeout=OPENING_SECONDS)
            if opening.cancel():
                await asyncio.wait({opening})
        finally:
            self._opening = None
            opening.cancel()
        if opening.cancelled():
            return NextHopUnavailable("no connection in time", stage="connect")
        error = opening.exception()
        if error is None:
            self._connection = opening.result()
        elif not isinstance(error, NextHopUnavailable):
            raise error
        return error

    async def _may_still_go(self, delivery: QueuedDelivery) -> bool:
        """Opening a connection can take long: whether nothing has come in between."""
        if self.leaving or delivery.tracker.failed or self.queue.pace.opening_wait() > 0:
            self._source.put_back(self.queue, delivery)
            return False
        reason = delivery.attempt.skip_reason()
        if reason is not None:
            await self._done(delivery, reason, None)
        return reason is None

    # -- trouble

    async def _not_connected(self, delivery: QueuedDelivery, error: NextHopUnavailable) -> None:
        queue = self.queue
        self.leave()
        others = sum(worker.connected for worker in queue.workers)
        if error.busy or others:
            queue.pace.slow_down(Sign.NO_ROOM, open_connections=others)
        if not others:
            queue.troubles += 1
            if not error.busy or queue.troubles >= PATIENCE:
                await self._done(delivery, disposition_of_error(error, queue.policy), error)
                await self._source.defer_all(queue, error)
                return
        self._source.put_back(queue, delivery)

    async def _lost(self, delivery: QueuedDelivery, error: ConnectionLost, used_before: bool) -> None:
        self._unannounce()
        await self._close()
        worn = error.stage == "mail" and used_before and not error.uncertain
        if not worn:
            self.queue.troubles += 1
            if self.queue.troubles > 1:  # one torn connection is an accident, two in a row are a sign
                self.queue.pace.slow_down(Sign.RESET)
        disposition = disposition_of_error(error, self.queue.policy)
        if error.uncertain:
            await self._done(delivery, disposition, error)
        else:
            await self._requeue_or_record(delivery, disposition, error)
        await self._too_much(error)

    async def _busy(self, delivery: QueuedDelivery, reply: SmtpReply, used_before: bool) -> None:
        self._unannounce()
        await self._close()
        if not (reply.stage == "mail" and used_before):  # else the connection had carried all that its server allows
            self.queue.troubles += 1
            self.queue.pace.slow_down(Sign.BUSY)
        await self._requeue_or_record(delivery, disposition_of(reply, self.queue.policy), reply)
        await self._too_much(ConnectionLost("host is busy", stage=reply.stage, host=reply.host, reply=reply))

    async def _requeue_or_record(
        self, delivery: QueuedDelivery, disposition: Disposition, told: SmtpReply | SmtpError
    ) -> None:
        delivery.setbacks += 1
        if delivery.setbacks < PATIENCE:
            self._source.put_back(self.queue, delivery)
        else:
            await self._done(delivery, disposition, told)

    async def _too_much(self, error: SmtpError) -> None:
        if self.queue.troubles >= PATIENCE + len(self.queue.workers):
            await self._source.defer_all(self.queue, error)

    async def _done(
        self, delivery: QueuedDelivery, disposition: Disposition, told: SmtpReply | SmtpError | None
    ) -> None:
        try:
            await delivery.attempt.record([delivery.recipient], disposition, self.queue.policy, told)
        except Postponed as lost:
            delivery.tracker.fail(lost)
            delivery.put_back()
        else:
            delivery.done()

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._carried = 0
        if connection is not None:
            await connection.close()
