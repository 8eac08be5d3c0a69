"""One SMTP connection but for its commands: how it begins, how replies and commands alternate, how it ends.

    identified   behind a load balancer: who is it really? (PROXY protocol)
    greeted      nobody may talk before
    commands     line by line: a command, its reply; replies leave together when nothing more is there to read
    farewell     421 and the end: too slow, too many mistakes, going down

What no mail server does ends the connection at once; a mistake makes the next reply come later.
"""

import asyncio
import re
import ssl
from time import monotonic
from typing import Any

from aiosmtpd.smtp import TLSSetupException

from ingress_smtp import metrics, model
from ingress_smtp.admission.bounds import FREE_ERRORS, MAX_JUNK, AdmissionBounds
from ingress_smtp.admission.limits import peer_of
from ingress_smtp.model import SmtpReply
from ingress_smtp.smtp import proxy_protocol
from ingress_smtp.smtp.aiosmtpd_internals import AiosmtpdConnection
from ingress_smtp.smtp.gate import ConnectionGate
from ingress_smtp.smtp.receive_buffer import READ, LineTooLong, PeerClosed, ReceiveBuffer
from ingress_smtp.smtp.refusals import because
from runtime.logs import get_logger

LONGEST_COMMAND = 2_048
_LINGER_SECONDS = 2.0
_STRAINED_TIMEOUT = 20.0
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_HTTP = frozenset({"GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "TRACE", "PATCH", "PRI", "HOST:"})
_LAST = frozenset({"EHLO", "HELO", "DATA", "STARTTLS", "AUTH", "VRFY", "EXPN", "HELP"})
"""Whoever pipelines must wait for the reply to these (RFC 2920 3.1; RFC 3207 4.2)."""
_JUNK = frozenset({"NOOP", "RSET", "VRFY", "EXPN", "HELP", "EHLO", "HELO"})
log = get_logger(__name__)


class InboundConnection(AiosmtpdConnection):
    """A connection from a sender's server. `address` is the peer's own, `peer` what limits count (limits.peer_of).
    Counted are mistakes (`errors`), commands that brought no mail nearer (`junk`), and what the commands count for
    themselves: recipients that don't exist (`unknown_recipients`) or are too many (`surplus_recipients`), tries to log
    in."""

    line_length_limit = READ

    def __init__(
        self, hooks: object, bounds: AdmissionBounds, gate: ConnectionGate, *, name: str, tls: ssl.SSLContext | None
    ) -> None:
        super().__init__(hooks, name=name, max_size=bounds.smtp_max_size, idle_timeout=bounds.smtp_timeout, tls=tls)
        self.address = self.peer = ""
        self.errors = self.junk = self.unknown_recipients = self.surplus_recipients = self.logins = 0
        self.bounds = bounds
        self.gate = gate
        self.at_once = False
        """Replies leave as they are said, also while there is more to read."""
        self.receiving = False
        """A mail is on its way: no farewell before it is answered."""
        self.buffer: ReceiveBuffer
        self._out: list[bytes] = []
        self._done = self._quit = self._lingering = self._entered = self._secured = False
        self._idle_since: float | None = None
        self._farewell: SmtpReply | None = None
        self._lifetime: asyncio.TimerHandle | None = None

    # The life of a connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._entered:
            self._entered = True
            self.address = str((transport.get_extra_info("peername") or ("",))[0])
            self.peer = peer_of(self.address)
            self.gate.enter(self, self.peer)
            life = self.bounds.smtp_session_seconds
            self._lifetime = self.loop.call_later(life, self.leave, model.CONNECTION_TOO_LONG)
        else:  # called once more after STARTTLS
            self._secured = True
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._entered:
            self._entered = False
            self.gate.leave(self)
            if self._lifetime is not None:
                self._lifetime.cancel()
        if self.established:
            super().connection_lost(error)

    def eof_received(self) -> bool:
        """The peer says no more; what it said before is still obeyed and answered."""
        self.reader.feed_eof()
        return not self.over_tls

    @property
    def idle_since(self) -> float | None:
        """Since when nothing was heard (monotonic); None while something is under way, and of one that has to go."""
        return self._idle_since if self._farewell is None else None

    def leave(self, farewell: SmtpReply) -> None:
        """End the connection: now with this reply when it is idle, else after the mail that is being received."""
        self._farewell = farewell
        if not self.receiving:
            self.say_farewell()

    def leave_now(self, farewell: SmtpReply) -> None:
        """End the connection with this reply, whatever is under way."""
        self._farewell = farewell
        self.say_farewell()

    def cut(self) -> None:
        """End the connection without a word."""
        for transport in self.transports:
            transport.abort()

    def deadline_passed(self) -> None:
        self.leave_now(because("slow", model.TOO_SLOW))

    def say_farewell(self) -> None:
        """Say what `leave` or `leave_now` was given, if any, and close."""
        if self._farewell is None or self.transport is None or self.transport.is_closing():
            return
        if not self._lingering:
            metrics.REFUSED.labels(str(self._farewell.code)).inc()
            self._out.append(f"{self._farewell}\r\n".encode())
            self.transports[0].write(b"".join(self._out))
            self._out.clear()
        self._hang_up()

    def _hang_up(self) -> None:
        """Close when all that was said has left; but who reads nothing keeps no connection by that."""
        if self.transport is not None and self._lifetime is not None:
            self._lifetime.cancel()
            self._lifetime = self.loop.call_later(_LINGER_SECONDS, self.cut)
            self.transport.close()

    # The dialogue

    async def converse(self) -> None:
        self.buffer = ReceiveBuffer(self.reader, self.flush)
        try:
            if await self._identified():
                await self._greet()
                while not self._done:
                    await self._next_command()
                await self._linger()
        except (PeerClosed, ConnectionError, TLSSetupException, ssl.SSLError):
            pass
        finally:
            self._hang_up()
            if self.over_tls and not self._secured:
                # A TLS that never came to be tells nobody that the connection is lost.
                self.cut()
                self.connection_lost(None)

    async def _identified(self) -> bool:
        """Is the true peer known, and may it stay?"""
        if not self.bounds.proxy_from:
            return True
        self.expect_within(proxy_protocol.HEADER_SECONDS)
        address = await proxy_protocol.true_peer(self.reader, self.address, self.bounds.proxy_from)
        if address is None:
            metrics.REASONS.labels("proxy").inc()
            return False
        self.address, self.peer = address, peer_of(address)
        refusal = self.gate.identify(self, self.peer)
        if refusal is not None:
            await self.push(refusal)
            await self.flush()
        return refusal is None

    async def _greet(self) -> None:
        if await self.buffer.early_talk(self.bounds.smtp_greeting_delay):
            await self.end(because("early_talker", model.EARLY_TALKER))
        else:
            await self.push(f"220 {self.hostname} ESMTP")

    async def _next_command(self) -> None:
        self._idle_since = monotonic()
        self.expect_within(self._patience())
        try:
            line = await self.buffer.line(LONGEST_COMMAND)
        except LineTooLong:
            await self.push(model.LINE_TOO_LONG)
            return
        self._idle_since = None
        self.expect_within(self.idle_timeout)  # what is left of the patience is no measure for our own work
        if not line.endswith(b"\r\n") or _CONTROL.search(line, 0, len(line) - 2):
            await self.push(model.BAD_LINE)
            return
        verb, _, argument = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
        verb = verb.upper()
        if verb in _HTTP:
            await self.end(because("http", model.NO_WEB_SERVER))
        elif self.buffer.pending and (verb in _LAST or (not self._extended and verb != "QUIT")):
            await self.end(because("early_pipelining", model.EARLY_PIPELINING))
        else:
            await self._obey(verb, argument.strip() or None)

    async def _obey(self, verb: str, argument: str | None) -> None:
        command = self.commands.get(verb)
        if command is None:
            await self.push(model.UNKNOWN_COMMAND)
            return
        if verb in _JUNK:
            await self.count_junk()
        try:
            if not self._done:
                await command(argument)
        except (ConnectionError, TLSSetupException, ssl.SSLError, PeerClosed):
            raise
        except Exception as error:
            log.error("smtp_command_failed", exc_info=error)
            self.forget_mail()
            await self.push(model.INTERNAL_ERROR)

    @property
    def _extended(self) -> bool:
        return self.session is not None and bool(self.session.extended_smtp)

    def _patience(self) -> float:
        """Seconds for the next command; fewer while most connections are in use."""
        return min(self.idle_timeout, _STRAINED_TIMEOUT) if self.gate.strained else self.idle_timeout

    def forget_mail(self) -> None:
        """The mail under way is answered: the next one begins anew."""
        self.envelope = self.new_envelope()

    async def count_junk(self) -> None:
        """One more command that brought no mail nearer; too many in a row end the connection."""
        self.junk += 1
        if self.junk > MAX_JUNK:
            await self.end(because("junk", model.TOO_MANY_ERRORS))

    # Replies

    async def push(self, status: Any) -> None:
        """A reply, for when there is nothing more to read. Mistakes (5xx) make it wait; too many end the connection, as
        does any 421 (RFC 5321 3.8)."""
        line = status if isinstance(status, bytes) else str(status).encode("ascii", "replace")
        code = line[:3].decode("ascii", "replace")
        if code >= "400" and code.isdigit():
            if code >= "500":
                self.errors += 1
                if self.errors > self.bounds.smtp_max_errors:
                    line, code = str(because("errors", model.TOO_MANY_ERRORS)).encode(), "421"
                else:
                    await self.delay(reply_delay(self.errors, FREE_ERRORS), "errors")
            metrics.REFUSED.labels(code).inc()
        self._out.append(line + b"\r\n")
        if self.at_once:
            await self.flush()
        if code == "421":
            self._done = True

    async def delay(self, seconds: float, reason: str) -> None:
        """Let the peer wait for its reply, at most for as long as the bounds allow."""
        seconds = min(seconds, self.bounds.smtp_tarpit)
        if seconds > 0:
            metrics.TARPITTED.labels(reason).inc(seconds)
            await self.flush()
            await asyncio.sleep(seconds)

    async def flush(self) -> None:
        """Send what was said. Raises PeerClosed."""
        if self.transport is None or self.transport.is_closing():
            raise PeerClosed
        if self._out:
            self.writer.write(b"".join(self._out))
            self._out.clear()
            await self.writer.drain()

    async def end(self, reply: SmtpReply) -> None:
        """Say this, obey no more, and close."""
        self.buffer.clear()
        await self.push(reply)
        self._done = True

    async def quit(self, reply: str) -> None:
        """The peer wants to go: say this and close."""
        await self.push(reply)
        self._done = self._quit = True

    async def _linger(self) -> None:
        """Let the last reply arrive: a close with octets unread would become a reset that may overtake it."""
        await self.flush()
        if self.over_tls or self._quit:
            return
        self.writer.write_eof()
        self._lingering = True
        self.expect_within(_LINGER_SECONDS + 1)
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self.reader.read(READ):
                    pass
        except TimeoutError:
            pass


def reply_delay(errors: int, free: int) -> float:
    """Seconds that a reply waits after so many mistakes: none for the first `free`, then ever longer."""
    return 0.25 * 2.0 ** min(errors - free - 1, 10) if errors > free else 0.0
