"""The connections that are open, and whether there is room for one more.

arrives      room for this peer, and at all? When all places are taken, whoever has been idle for longest has to go
identified   a load balancer told whom a connection is from: from now on it counts for that peer
leaves       its place is free
closing      421 to idle connections, a mail whose data is on the way may finish (bounded), the rest is cut
"""

import asyncio
from time import monotonic
from typing import Protocol

from ingress_smtp import metrics, model
from ingress_smtp.admission.bounds import AdmissionBounds
from ingress_smtp.admission.limits import ConnectionLimit
from ingress_smtp.admission.rate_limits import RateLimits
from ingress_smtp.model import SmtpReply
from ingress_smtp.smtp.refusals import because
from runtime.logs import get_logger

_STRAINED = 0.75
_IDLE_ENOUGH = 1 / 60
"""Of the time that a command may take; who has been idle for less keeps his connection."""
_BALANCER = "balancer"
"""Stands for the peer while a load balancer has not told who it is."""
log = get_logger(__name__)


class GatedConnection(Protocol):
    """What the gate must know of a connection."""

    @property
    def idle_since(self) -> float | None:
        """Since when nothing was heard (monotonic); None while something is under way, and of one that has to go."""
        ...

    def leave(self, farewell: SmtpReply) -> None:
        """End it with this reply, after the mail that is being received."""
        ...

    def leave_now(self, farewell: SmtpReply) -> None:
        """End it with this reply, whatever is under way."""
        ...

    def cut(self) -> None:
        """End it without a word."""
        ...


class ConnectionGate:
    """Knows every open connection of one server."""

    def __init__(self, bounds: AdmissionBounds, rates: RateLimits) -> None:
        self._bounds = bounds
        self._rates = rates
        self._limit = ConnectionLimit(total=bounds.smtp_max_connections, per_peer=bounds.smtp_max_connections_per_peer)
        self._peers: dict[GatedConnection, str] = {}
        self._emptied = asyncio.Event()

    @property
    def count(self) -> int:
        """Open connections."""
        return self._limit.count

    @property
    def strained(self) -> bool:
        """Most connections are in use."""
        return self._limit.count >= self._bounds.smtp_max_connections * _STRAINED

    def refusal(self, peer: str) -> SmtpReply | None:
        """What a new connection of this peer is told instead of being served; None when there is room for it."""
        balanced = bool(self._bounds.proxy_from)  # then `peer` is a balancer, who brings everybody
        if not balanced and not self._rates.connecting.allow(peer, monotonic()):
            return because("connection_rate", model.TOO_MANY_CONNECTIONS)
        if self._limit.full and not self._make_room():
            return because("connections", model.TOO_MANY_CONNECTIONS)
        if not balanced and not self._limit.room_for(peer):
            return because("connections_of_peer", model.TOO_MANY_CONNECTIONS)
        return None

    def enter(self, connection: GatedConnection, peer: str) -> None:
        """A connection for which there was room has begun."""
        counted = _BALANCER if self._bounds.proxy_from else peer
        self._peers[connection] = counted
        self._limit.enter(counted)
        metrics.CONNECTIONS.set(len(self._peers))

    def identify(self, connection: GatedConnection, peer: str) -> SmtpReply | None:
        """A load balancer told whom a connection is from. What that peer is told instead of being served; None when the
        connection may stay."""
        if not self._rates.connecting.allow(peer, monotonic()) or not self._limit.room_for(peer):
            return because("connections_of_peer", model.TOO_MANY_CONNECTIONS)
        self._limit.leave(self._peers[connection])
        self._peers[connection] = peer
        self._limit.enter(peer)
        return None

    def leave(self, connection: GatedConnection) -> None:
        """A connection has ended."""
        self._limit.leave(self._peers.pop(connection))
        metrics.CONNECTIONS.set(len(self._peers))
        if not self._peers:
            self._emptied.set()

    async def close(self, farewell: SmtpReply, within: float) -> None:
        """End all connections with this reply; `within` seconds for mails whose data is on the way."""
        for connection in tuple(self._peers):
            connection.leave(farewell)
        try:
            async with asyncio.timeout(within):
                while self._peers:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            log.warning("smtp_connections_cut", count=len(self._peers))
            for connection in tuple(self._peers):
                connection.cut()

    def _make_room(self) -> bool:
        """End the connection that has been idle for longest, when that is long enough."""
        idle = [(since, each) for each in self._peers if (since := each.idle_since) is not None]
        since, longest = min(idle, key=lambda each: each[0], default=(monotonic(), None))
        if longest is None or monotonic() - since < _IDLE_ENOUGH * self._bounds.smtp_timeout:
            return False
        metrics.REASONS.labels("idle").inc()
        longest.leave_now(model.TOO_SLOW)
        return True
