"""Open sessions, kept for the next batch.

`take` gives an idle session of the hop or opens one; at most `connections_per_hop` are out at once to one hop, who
comes later waits. `give_back` keeps a session that is in order and not worn out. When a carrier's sessions, idle ones
included, are as many as it bears, the longest idle one makes room. `tend` closes what was idle for too long.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from dispatcher import metrics
from dispatcher.carriers import CarrierPolicy
from dispatcher.client import Envelope
from dispatcher.replies import Reply
from dispatcher.routes import Hop
from runtime.errors import RenrakumoError

TEND_SECONDS = 1.0


class PoolClosed(RenrakumoError):
    """The pool gives no sessions any more."""


class PooledSession(Protocol):
    """A session as the pool and the delivery use it (client.Session)."""

    hop: Hop
    offered: int
    idle_since: float

    @property
    def usable(self) -> bool: ...

    async def send(self, envelope: Envelope) -> Reply: ...

    async def close(self) -> None: ...

    def drop(self) -> None: ...


@dataclass(slots=True)
class _HopState:
    """`users` counts who holds or waits for a permit, so that the entry can go when nobody needs it."""

    permits: asyncio.Semaphore
    users: int = 0


@dataclass(slots=True)
class _CarrierState:
    """`idle` in the order in which they became idle."""

    policy: CarrierPolicy
    open: int = 0
    idle: list[PooledSession] = field(default_factory=list)


class Pool:
    """All sessions of this process. `open_session` makes a new one (client.Connector.open)."""

    def __init__(
        self, open_session: Callable[[Hop], Awaitable[PooledSession]], now: Callable[[], float] = monotonic
    ) -> None:
        self._open_session = open_session
        self._now = now
        self._hops: dict[tuple[str, str], _HopState] = {}
        self._carriers: dict[str, _CarrierState] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self, hop: Hop, policy: CarrierPolicy) -> PooledSession:
        """A session with `hop`; give it back. Raises what opening raises (replies.HopUnavailable)."""
        carrier = self._carriers.setdefault(policy.name, _CarrierState(policy))
        key = (policy.name, hop.key)
        state = self._hops.setdefault(key, _HopState(asyncio.Semaphore(policy.connections_per_hop)))
        state.users += 1
        try:
            await state.permits.acquire()
        except BaseException:
            self._leave(key, state)
            raise
        try:
            return self._idle_session(carrier, hop) or await self._new_session(carrier, hop)
        except BaseException:
            state.permits.release()
            self._leave(key, state)
            raise

    def has_idle(self, hop: Hop, policy: CarrierPolicy) -> bool:
        """Whether `take` need not open a session."""
        carrier = self._carriers.get(policy.name)
        return carrier is not None and any(item.hop.key == hop.key and item.usable for item in carrier.idle)

    def give_back(self, session: PooledSession, policy: CarrierPolicy) -> None:
        """Every session that was taken comes back here, whatever state it is in."""
        key = (policy.name, session.hop.key)
        state = self._hops[key]
        state.permits.release()
        self._leave(key, state)
        carrier = self._carriers[policy.name]
        worn_out = session.offered >= policy.messages_per_connection
        if self._closed or worn_out or not session.usable:
            self._discard(carrier, session)
            return
        session.idle_since = self._now()
        carrier.idle.append(session)

    async def tend(self, stop: asyncio.Event) -> None:
        """Close what was idle for too long, until `stop`."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(TEND_SECONDS):
                    await stop.wait()
            except TimeoutError:
                pass
            self.close_idle()

    def close_idle(self) -> None:
        """Close sessions that their servers have closed, or that were idle for longer than their carrier's limit."""
        for carrier in self._carriers.values():
            oldest = self._now() - carrier.policy.idle_seconds
            for session in [item for item in carrier.idle if not item.usable or item.idle_since < oldest]:
                carrier.idle.remove(session)
                self._discard(carrier, session)

    async def close(self) -> None:
        """Say goodbye to all that is idle; what is still out is closed when it comes back."""
        self._closed = True
        for carrier in self._carriers.values():
            while carrier.idle:
                self._discard(carrier, carrier.idle.pop())
        if self._closing:
            await asyncio.wait(set(self._closing), timeout=5)

    def _idle_session(self, carrier: _CarrierState, hop: Hop) -> PooledSession | None:
        # The one used last is the least likely to have been closed by its server.
        for session in reversed([item for item in carrier.idle if item.hop.key == hop.key]):
            carrier.idle.remove(session)
            if session.usable:
                return session
            self._discard(carrier, session)
        return None

    async def _new_session(self, carrier: _CarrierState, hop: Hop) -> PooledSession:
        if self._closed:
            raise PoolClosed("pool_closed")
        while carrier.idle and carrier.open >= carrier.policy.connections:
            self._discard(carrier, carrier.idle.pop(0))
        self._count(carrier, +1)
        try:
            return await self._open_session(hop)
        except BaseException:
            self._count(carrier, -1)
            raise

    def _discard(self, carrier: _CarrierState, session: PooledSession) -> None:
        self._count(carrier, -1)
        if not session.usable:
            session.drop()
            return
        task = asyncio.create_task(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _count(self, carrier: _CarrierState, change: int) -> None:
        carrier.open += change
        metrics.OPEN_SESSIONS.labels(carrier.policy.name).inc(change)

    def _leave(self, key: tuple[str, str], state: _HopState) -> None:
        state.users -= 1
        if state.users == 0:
            self._hops.pop(key, None)
