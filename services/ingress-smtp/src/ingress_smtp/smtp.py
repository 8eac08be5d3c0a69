"""The SMTP edge: aiosmtpd speaks the protocol, `Intake` decides; here one is translated into the other.

    Door       the listening socket and all open sessions; stops in stages: nobody new, 421 to idle sessions, a mail
               whose data is on the way may finish (bounded), the rest is cut
    Session    one connection: limits, time limits, a path reader that takes the carriers' odd addresses
    _Hooks     the callbacks of aiosmtpd

aiosmtpd logs addresses, so its logger is silenced; what is worth knowing is in the metrics and in our own log.
"""

import asyncio
import collections
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope
from aiosmtpd.smtp import Session as SmtpState

from ingress_smtp import metrics, model
from ingress_smtp.handlers import Intake
from ingress_smtp.limits import ConnectionLimit, RateLimit, peer_of
from ingress_smtp.model import Recipient, Reply, Sender
from runtime import ports
from runtime.logs import get_logger

_NULL = "<>"
_CALLS = {"MAIL": 100_000, "RCPT": 1_000_000, "DATA": 100_000, "RSET": 100_000, "EHLO": 20, "HELO": 20, "*": 50}
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one session, one peer and everybody together may take. Sizes in octets, times in seconds.

    `max_whole`: recipients of one mail that each get all of it. Anybody can make up tokens, and a copy is sealed for
    each; a sender's server hands the mail in again for those that come after."""

    max_size: int = 4_000_000
    max_recipients: int = 50
    max_whole: int = 5
    max_unknown: int = 30
    timeout: float = 300.0
    session_seconds: float = 3600.0
    connections: int = 1000
    connections_per_peer: int = 100
    rate_per_peer: float = 50.0
    burst_per_peer: int = 2000
    unknown_rate_per_peer: float = 1.0
    unknown_burst_per_peer: int = 200


class _Transaction(Envelope):
    """A mail under way: beside what aiosmtpd keeps, what we understood of its envelope."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = Sender("", "")
        self.recipients: list[Recipient] = []


class Door:
    """The front door's socket and sessions."""

    def __init__(self, intake: Intake, bounds: Bounds, *, name: str, tls: ssl.SSLContext | None = None) -> None:
        self.bounds = bounds
        self.connections = ConnectionLimit(total=bounds.connections, per_peer=bounds.connections_per_peer)
        self.rates = RateLimit(rate=bounds.rate_per_peer, burst=bounds.burst_per_peer)
        # Of recipients that don't exist: whoever tries out post secrets or group codes must not get far.
        self.unknown_rates = RateLimit(rate=bounds.unknown_rate_per_peer, burst=bounds.unknown_burst_per_peer)
        self._hooks = _Hooks(self, intake)
        self._name = name
        self._tls = tls
        self._sessions: set[Session] = set()
        self._emptied = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.port = 0
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)

    async def open(self, host: str, port: int) -> None:
        """Listen. `port` 0 takes a free one, see the attribute of that name. Raises PortTaken."""
        listener = ports.listen(host, port, "RENRAKUMO_SMTP_PORT")
        self.port = listener.getsockname()[1]
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._answer, sock=listener)
        log.info("smtp_listening", port=self.port, starttls=self._tls is not None)

    def _answer(self) -> "Session":
        return Session(self, self._hooks, self._name, self._tls)

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

    async def run(self, host: str, port: int, stop: asyncio.Event) -> None:
        """Be open until `stop` is set."""
        await self.open(host, port)
        await stop.wait()
        await self.close()

    def arrived(self, session: "Session", peer: str) -> bool:
        """A new connection: may it stay?"""
        self._sessions.add(session)
        metrics.CONNECTIONS.set(len(self._sessions))
        return self.connections.enter(peer)

    def left(self, session: "Session", peer: str) -> None:
        self.connections.leave(peer)
        self._sessions.discard(session)
        metrics.CONNECTIONS.set(len(self._sessions))
        if not self._sessions:
            self._emptied.set()


class Session(SMTP):
    """One connection."""

    line_length_limit = 100_000  # real bounces hold lines of many thousand octets (RFC 5321 allows 1,000)
    command_size_limit = 1024

    def __init__(self, door: Door, hooks: "_Hooks", name: str, tls: ssl.SSLContext | None) -> None:
        # Own, because the one of the class is shared and cleared by every new connection.
        self.command_size_limits = collections.defaultdict(lambda: 1024)
        super().__init__(
            hooks,
            data_size_limit=door.bounds.max_size,
            enable_SMTPUTF8=True,
            hostname=name,
            ident="ESMTP",
            tls_context=tls,
            timeout=door.bounds.timeout,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=_CALLS,
            loop=asyncio.get_running_loop(),
        )
        self.peer = ""
        self.unknown = 0
        self._door = door
        self._counted = False
        self._may_stay = True
        self._receiving = False
        self._farewell: Reply | None = None
        self._lifetime: asyncio.TimerHandle | None = None

    # The life of a connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._counted:  # called once more after STARTTLS
            self._counted = True
            self.peer = peer_of(str((transport.get_extra_info("peername") or ("",))[0]))
            self._may_stay = self._door.arrived(self, self.peer)
            self._lifetime = self.loop.call_later(self._door.bounds.session_seconds, self.leave, model.SESSION_TOO_LONG)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted:
            self._counted = False
            self._door.left(self, self.peer)
            if self._lifetime is not None:
                self._lifetime.cancel()
        if self.session is not None and self._handler_coroutine is not None:
            super().connection_lost(error)

    async def _handle_client(self) -> None:
        if not self._may_stay:
            await self.push(str(model.TOO_MANY_CONNECTIONS))
            return
        await super()._handle_client()

    def leave(self, farewell: Reply) -> None:
        """End the session: now with this reply when it is idle, else after the mail that is being received."""
        self._farewell = farewell
        if not self._receiving:
            self._say_farewell()

    def cut(self) -> None:
        """End it at once."""
        if self.transport is not None:
            cast(asyncio.Transport, self.transport).abort()

    def _timeout_cb(self) -> None:
        self._farewell = model.TOO_SLOW
        self._say_farewell()

    def _say_farewell(self) -> None:
        if self._farewell is not None and self.transport is not None and not self.transport.is_closing():
            metrics.REFUSED.labels(str(self._farewell.code)).inc()
            cast(asyncio.Transport, self.transport).write(f"{self._farewell}\r\n".encode())
            self.transport.close()

    # Commands that differ from aiosmtpd's

    async def smtp_DATA(self, arg: str) -> None:
        self._receiving = True
        try:
            await super().smtp_DATA(arg)
        finally:
            self._receiving = False
            self._say_farewell()

    async def smtp_AUTH(self, arg: str) -> None:
        await self.push("502 5.5.1 Nobody logs in here")

    async def smtp_VRFY(self, arg: str) -> None:
        await self.push("252 2.5.0 Send the mail and see")

    async def push(self, status: Any) -> None:
        """Send a reply; refusals are counted by code, and after a 421 the connection ends (RFC 5321 3.8)."""
        line = status if isinstance(status, bytes) else str(status).encode("ascii", "replace")
        code = line[:3].decode("ascii", "replace")
        if code >= "400" and code.isdigit():
            metrics.REFUSED.labels(code).inc()
        await super().push(line)
        if code == "421" and self.transport is not None:
            self.transport.close()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The path as it was spelled ("<>" for the null sender) and the parameters; (None, None) when it is no path."""
        found = model.split_path(arg)
        if found is None:
            return None, None
        path, parameters = found
        return path or _NULL, parameters

    def _create_envelope(self) -> Envelope:
        return _Transaction()


class _Hooks:
    """What aiosmtpd calls."""

    def __init__(self, door: Door, intake: Intake) -> None:
        self._door = door
        self._intake = intake

    async def handle_EHLO(
        self, server: Session, session: SmtpState, envelope: _Transaction, hostname: str, responses: Sequence[str]
    ) -> list[str]:
        session.host_name = hostname
        return [line for line in responses if not line.startswith("250-AUTH")]

    async def handle_MAIL(
        self, server: Session, session: SmtpState, envelope: _Transaction, address: str, options: list[str]
    ) -> str:
        if not self._door.rates.allow(server.peer, monotonic()):
            return str(model.TOO_FAST)
        sender = self._intake.sender("" if address == _NULL else address)
        if isinstance(sender, Reply):
            return str(sender)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        envelope.sender = sender
        return str(model.SENDER_OK)

    async def handle_RCPT(
        self, server: Session, session: SmtpState, envelope: _Transaction, address: str, options: list[str]
    ) -> str:
        if len(envelope.recipients) >= self._door.bounds.max_recipients:
            return str(model.TOO_MANY_RECIPIENTS)
        found = self._intake.recipient("" if address == _NULL else address, envelope.sender)
        if isinstance(found, Reply):
            if found in (model.UNKNOWN, model.MALFORMED):
                server.unknown += 1
                may_go_on = self._door.unknown_rates.allow(server.peer, monotonic())
                if not may_go_on or server.unknown >= self._door.bounds.max_unknown:
                    return str(model.TOO_MANY_UNKNOWN)
            return str(found)
        if found.whole and sum(known.whole for known in envelope.recipients) >= self._door.bounds.max_whole:
            return str(model.TOO_MANY_RECIPIENTS)
        envelope.rcpt_tos.append(address)
        envelope.recipients.append(found)
        return str(model.RECIPIENT_OK)

    async def handle_DATA(self, server: Session, session: SmtpState, envelope: _Transaction) -> str:
        raw = envelope.original_content or b""
        return str(await self._intake.accept(envelope.sender, envelope.recipients, bytes(raw)))

    async def handle_exception(self, error: Exception) -> str:
        log.error("session_failed", exc_info=error)
        return str(model.BROKEN)
