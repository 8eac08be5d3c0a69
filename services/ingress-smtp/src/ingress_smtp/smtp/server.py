"""The front door's socket and all its sessions.

    arrives   a doorman looks whether there is room for one more connection, of this peer and at all; only then a
              Session is made. When the door is full, whoever has been idle for longest has to go.
    stops     in stages: nobody new, 421 to idle sessions, a mail whose data is on the way may finish (bounded), the
              rest is cut

aiosmtpd logs addresses, so its logger is silenced; what is worth knowing is in the metrics and in our own log.
"""

import asyncio
import logging
import ssl
from time import monotonic
from typing import cast

from ingress_smtp import metrics, model
from ingress_smtp.admission.bounds import Bounds, PeerBounds
from ingress_smtp.admission.limits import Allowance, ConnectionLimit, RateLimit, UnitLimits, peer_of
from ingress_smtp.admission.pressure import Pressure
from ingress_smtp.handlers import Intake
from ingress_smtp.model import Reply
from ingress_smtp.smtp.commands import Session
from ingress_smtp.smtp.connection import Talk
from ingress_smtp.smtp.hooks import Hooks
from runtime.logs import get_logger
from runtime.process import ports

_STRAINED = 0.75
_IDLE_ENOUGH = 1 / 60
"""Of the time that a command may take; who has been idle for less keeps his connection."""
_BALANCER = "balancer"
"""Stands for the peer while a load balancer has not told who it is."""
log = get_logger(__name__)


class Limits:
    """What was used up, by peer, sender and unit."""

    def __init__(self, bounds: PeerBounds) -> None:
        def bucket(allowance: Allowance) -> RateLimit:
            return RateLimit(rate=allowance.rate, burst=allowance.burst)

        self.connecting = bucket(bounds.connecting)
        self.mails = bucket(bounds.mails)
        self.mails_of_sender = bucket(bounds.mails_of_sender)
        # Of recipients that don't exist: whoever tries out post secrets or group codes must not get far.
        self.unknown = bucket(bounds.unknown)
        self.units = UnitLimits(bounds.of_unit)


class Door:
    """The front door."""

    def __init__(
        self, intake: Intake, bounds: Bounds, pressure: Pressure, *, name: str, tls: ssl.SSLContext | None = None
    ) -> None:
        self.bounds = bounds
        self.pressure = pressure
        self.limits = Limits(bounds.peers)
        self.connections = ConnectionLimit(total=bounds.peers.connections, per_peer=bounds.peers.connections_per_peer)
        self._hooks = Hooks(self, intake)
        self._name = name
        self._tls = tls
        self._sessions: dict[Talk, str] = {}
        self._emptied = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    async def open(self, host: str, port: int, *, share: bool = False) -> None:
        """Listen. `port` 0 takes a free one, see the attribute of that name; `share`: with other front doors. Raises
        PortTaken."""
        listener = ports.listen(host, port, "RENRAKUMO_SMTP_PORT", share=share)
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Doorman(self), sock=listener)
        log.info("smtp_listening", port=self.port, starttls=self._tls is not None)

    async def close(self, within: float = 10.0) -> None:
        """Stop as the module's text says; `within` seconds for mails whose data is on the way."""
        if self._server is not None:
            self._server.close()
        for session in tuple(self._sessions):
            session.leave(model.LEAVING)
        try:
            async with asyncio.timeout(within):
                while self._sessions:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            log.warning("smtp_sessions_cut", count=len(self._sessions))
            for session in tuple(self._sessions):
                session.cut()

    async def run(self, host: str, port: int, stop: asyncio.Event, *, share: bool = False) -> None:
        """Be open until `stop` is set."""
        await self.open(host, port, share=share)
        await stop.wait()
        await self.close()

    @property
    def strained(self) -> bool:
        """Most connections are in use."""
        return self.connections.count >= self.bounds.peers.connections * _STRAINED

    def admit(self, peer: str) -> "Session | Reply":
        """A new connection: its session, or what it is told instead."""
        if not self.bounds.proxy_from and not self.limits.connecting.allow(peer, monotonic()):
            metrics.REASONS.labels("connecting").inc()
            return model.TOO_MANY_CONNECTIONS
        if self.connections.full and not self._make_room():
            metrics.REASONS.labels("connections").inc()
            return model.TOO_MANY_CONNECTIONS
        if not self.bounds.proxy_from and not self.connections.room_for(peer):
            metrics.REASONS.labels("connections_of_peer").inc()
            return model.TOO_MANY_CONNECTIONS
        return Session(self, self._hooks, self._name, self._tls)

    def arrived(self, session: Talk) -> None:
        """An admitted connection has begun."""
        peer = _BALANCER if self.bounds.proxy_from else session.peer
        self._sessions[session] = peer
        self.connections.enter(peer)
        metrics.CONNECTIONS.set(len(self._sessions))

    def known_as(self, session: Talk, peer: str) -> bool:
        """A load balancer told whom a connection is from: may it stay?"""
        session.peer = peer
        if not self.limits.connecting.allow(peer, monotonic()) or not self.connections.room_for(peer):
            metrics.REASONS.labels("connections_of_peer").inc()
            return False
        self.connections.leave(self._sessions[session])
        self._sessions[session] = peer
        self.connections.enter(peer)
        return True

    def left(self, session: Talk) -> None:
        self.connections.leave(self._sessions.pop(session))
        metrics.CONNECTIONS.set(len(self._sessions))
        if not self._sessions:
            self._emptied.set()

    def _make_room(self) -> bool:
        """End the session that has been idle for longest, when that is long enough."""
        idle = [(since, session) for session in self._sessions if (since := session.idle_since) is not None]
        since, session = min(idle, key=lambda each: each[0], default=(monotonic(), None))
        if session is None or monotonic() - since < _IDLE_ENOUGH * self.bounds.times.timeout:
            return False
        metrics.REASONS.labels("idle").inc()
        session.leave_now(model.TOO_SLOW)
        return True


class _Doorman(asyncio.Protocol):
    """Takes a connection and hands it to a session, or ends it at little cost."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's own class is no asyncio.Transport
        admitted = self._door.admit(peer_of(str((transport.get_extra_info("peername") or ("",))[0])))
        if isinstance(admitted, Reply):
            metrics.REFUSED.labels(str(admitted.code)).inc()
            transport.write(f"{admitted}\r\n".encode())
            transport.close()
        else:
            transport.set_protocol(admitted)
            admitted.connection_made(transport)
