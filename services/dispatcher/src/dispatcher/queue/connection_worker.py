"""A sender: one session with a next hop, and the letters it carries, one after the other.

    pick a letter -> session -> send it (and announce the next one) -> reply -> verdict -> recorded -> the next letter
A letter that surely was not taken (session gone before its text, 421) goes back to the line, a few times; one that
may have been taken is put off with the same Message-ID, since nobody can know. A hop that makes trouble too often in a
row, or cannot be reached at all, has all that waits for it put off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from contracts.base import Lane
from dispatcher.pace.state import Sign
from dispatcher.policy.dispositions import Verdict, judge, judge_error
from dispatcher.queue.queued_delivery import Errand
from dispatcher.smtp.client import Envelope
from dispatcher.smtp.next_hop import Hop
from dispatcher.smtp.replies import TOO_BUSY, ConnectionLost, HopUnavailable, Reply, SmtpError
from runtime.errors import Postponed
from runtime.logs import get_logger

if TYPE_CHECKING:
    from dispatcher.queue.carrier_queue import Desk
    from dispatcher.queue.next_hop_queue import Line

PATIENCE = 3
"""So often in an attempt a letter goes back to the line; so many troubles in a row, beside one for each session, and
the hop is left alone."""

OPENING_SECONDS = 120.0
"""A hop of many servers none of which answers holds a connection of its carrier for no longer."""

log = get_logger(__name__)


class CarrierSession(Protocol):
    """A session as a sender uses it (client.Session)."""

    hop: Hop
    host: str
    in_clear: str

    @property
    def usable(self) -> bool: ...

    async def send(self, envelope: Envelope, following: Envelope | None = None) -> Reply: ...

    async def close(self) -> None: ...

    def drop(self) -> None: ...


OpenSession = Callable[[Hop], Awaitable[CarrierSession]]
"""Opens a session (client.Connector.open); raises HopUnavailable."""


class Sender:
    """Works for one line of a desk until there is nothing to do, or it is told to go. `lane`: of the letter in hand;
    `leaving`: it takes no further letter, and its session is being closed, or will be."""

    def __init__(self, desk: "Desk", line: "Line", open_session: OpenSession) -> None:
        self.lane: Lane | None = None
        self.leaving = False
        self._desk = desk
        self._line = line
        self._open_session = open_session
        self._session: CarrierSession | None = None
        self._opening: asyncio.Future[CarrierSession] | None = None
        self._carried = 0
        self._announced: Errand | None = None
        self._rest: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        return self._session is not None

    @property
    def opening(self) -> bool:
        """Its session is not there yet."""
        return self._opening is not None

    def wake(self) -> None:
        """There may be work."""
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)

    def leave(self) -> None:
        """Go as soon as nothing is in its hands."""
        if not self.leaving:
            self.leaving = True
            self._desk.leaves(self._line, self)
        self.wake()

    def stop(self) -> None:
        """The same, without waiting for a server that has not answered yet."""
        self.leave()
        if self._opening is not None:
            self._opening.cancel()

    async def run(self) -> None:
        try:
            while (errand := await self._next()) is not None:
                try:
                    await self._deliver(errand)
                except Exception as error:
                    # Ours to mend: the batch comes again, and nothing hangs meanwhile.
                    log.exception("sender_failed", carrier=self._line.policy.name)
                    errand.bundle.fail(error)
                    errand.put_back()
                    self.leave()
        finally:
            self.leave()
            self._unannounce()
            try:
                await self._close()
            finally:
                self._desk.left(self._line, self)

    # -- what to do next

    async def _next(self) -> Errand | None:
        if self._announced is not None:
            errand, self._announced = self._announced, None
            if not errand.bundle.failed:
                return errand
            # Its batch may be in other hands by now; that its envelope is out forbids to go on with this session.
            errand.put_back()
            await self._close()
        line, desk = self._line, self._desk
        while not self.leaving and not desk.too_many(line) and not desk.gives_way(line, self, self._used_up):
            wait = line.pace.wait()
            if wait > 0:
                desk.later(line, wait)
            elif (picked := desk.pick(line, self)) is not None:
                line.pace.started()
                return picked
            desk.carries(line, self, None)
            if self._session is None or not await self._idle():
                break
        return None

    @property
    def _used_up(self) -> bool:
        return self._carried >= self._line.policy.session_limit

    async def _idle(self) -> bool:
        """Wait for work; False when none came in time."""
        line, desk = self._line, self._desk
        self._rest = asyncio.get_running_loop().create_future()
        desk.rests(line, self)
        try:
            async with asyncio.timeout(line.policy.idle_seconds):
                await self._rest
            return True
        except TimeoutError:
            return self not in line.idle  # it was called for in this very moment
        finally:
            self._rest = None
            desk.rests_no_more(line, self)

    # -- one letter

    async def _deliver(self, errand: Errand) -> None:
        session = await self._session_for(errand)
        if session is None:
            return
        used_before = self._carried > 0
        following = self._announce()
        self._carried += 1
        try:
            reply = await session.send(errand.envelope, following)
        except ConnectionLost as error:
            await self._lost(errand, error, used_before)
            return
        if not session.usable:
            self._unannounce()
        if reply.code == TOO_BUSY:
            await self._busy(errand, reply, used_before)
            return
        line = self._line
        line.troubles = 0
        verdict = judge(reply, line.policy)
        if verdict.outcome == "delivered":
            line.pace.accepted()
            if session.in_clear:
                verdict = Verdict("delivered", session.in_clear)
        elif verdict.asks_to_slow_down:
            line.pace.slow_down(Sign.SLOWER)
        await self._done(errand, verdict, reply)

    def _announce(self) -> Envelope | None:
        """Choose the letter after this one, so that its envelope can travel with this one's text."""
        line = self._line
        desk = self._desk
        if self._carried + 2 > line.policy.session_limit or self.leaving or desk.too_many(line):
            return None
        if desk.gives_way(line, self, False) or line.pace.wait() > 0 or (errand := desk.pick(line, self)) is None:
            return None
        line.pace.started()
        self._announced = errand
        return errand.envelope

    def _unannounce(self) -> None:
        """What was announced has not been taken: back with it."""
        if self._announced is not None:
            errand, self._announced = self._announced, None
            self._desk.put_back(self._line, errand)

    async def _session_for(self, errand: Errand) -> CarrierSession | None:
        """The open session, or a new one; None when there is none, or the errand is not to go out any more: then it
        has been put back or has its outcome."""
        if self._session is not None and self._session.usable and not self._used_up:
            return self._session
        await self._close()
        line = self._line
        if line.pace.opening_wait() > 0:
            self.leave()
            self._desk.put_back(line, errand)
            return None
        trouble = await self._open()
        if trouble is not None and not self.leaving:
            await self._no_session(errand, trouble)
            return None
        return self._session if await self._may_still_go(errand) else None

    async def _open(self) -> HopUnavailable | None:
        """A new session, or why there is none."""
        opening = self._opening = asyncio.ensure_future(self._open_session(self._line.hop))
        try:
            await asyncio.wait({opening}, timeout=OPENING_SECONDS)
            if opening.cancel():
                await asyncio.wait({opening})
        finally:
            self._opening = None
            opening.cancel()
        if opening.cancelled():
            return HopUnavailable("no connection in time", stage="connect")
        error = opening.exception()
        if error is None:
            self._session = opening.result()
        elif not isinstance(error, HopUnavailable):
            raise error
        return error

    async def _may_still_go(self, errand: Errand) -> bool:
        """Opening a session can take long: whether nothing has come in between."""
        line = self._line
        if self.leaving or errand.bundle.failed or line.pace.opening_wait() > 0:
            self._desk.put_back(line, errand)
            return False
        spared = errand.job.spared()
        if spared is not None:
            await self._done(errand, spared, None)
        return spared is None

    # -- trouble

    async def _no_session(self, errand: Errand, error: HopUnavailable) -> None:
        line = self._line
        self.leave()
        others = sum(sender.connected for sender in line.senders)
        if error.busy or others:
            line.pace.slow_down(Sign.NO_ROOM, open_sessions=others)
        if not others:
            line.troubles += 1
            if not error.busy or line.troubles >= PATIENCE:
                await self._done(errand, judge_error(error, line.policy), error)
                await self._desk.defer_rest(line, error)
                return
        self._desk.put_back(line, errand)

    async def _lost(self, errand: Errand, error: ConnectionLost, used_before: bool) -> None:
        self._unannounce()
        await self._close()
        worn = error.stage == "mail" and used_before and not error.uncertain
        if not worn:
            self._line.troubles += 1
            if self._line.troubles > 1:  # one torn connection is an accident, two in a row are a sign
                self._line.pace.slow_down(Sign.RESET)
        verdict = judge_error(error, self._line.policy)
        if error.uncertain:
            await self._done(errand, verdict, error)
        else:
            await self._again_or_later(errand, verdict, error)
        await self._too_much(error)

    async def _busy(self, errand: Errand, reply: Reply, used_before: bool) -> None:
        self._unannounce()
        await self._close()
        if not (reply.stage == "mail" and used_before):  # else this session had carried all that its server allows
            self._line.troubles += 1
            self._line.pace.slow_down(Sign.BUSY)
        await self._again_or_later(errand, judge(reply, self._line.policy), reply)
        await self._too_much(ConnectionLost("host is busy", stage=reply.stage, host=reply.host, reply=reply))

    async def _again_or_later(self, errand: Errand, verdict: Verdict, told: Reply | SmtpError) -> None:
        errand.setbacks += 1
        if errand.setbacks < PATIENCE:
            self._desk.put_back(self._line, errand)
        else:
            await self._done(errand, verdict, told)

    async def _too_much(self, error: SmtpError) -> None:
        if self._line.troubles >= PATIENCE + len(self._line.senders):
            await self._desk.defer_rest(self._line, error)

    async def _done(self, errand: Errand, verdict: Verdict, told: Reply | SmtpError | None) -> None:
        try:
            await errand.job.record([errand.letter], verdict, self._line.policy, told)
        except Postponed as lost:
            errand.bundle.fail(lost)
            errand.put_back()
        else:
            errand.done()

    async def _close(self) -> None:
        session, self._session = self._session, None
        self._carried = 0
        if session is not None:
            await session.close()
