"""One SMTP connection: aiosmtpd knows the commands (see session), here is what the world makes necessary around them.

    introduced   behind a load balancer: who is it really? (PROXY protocol)
    greeted      nobody may talk before
    talk         line by line: a command, its reply; replies leave together when nothing more is there to read
    farewell     421 and the end: too slow, too many mistakes, going down

What no mail server does ends the session at once; a mistake makes the next reply come later.
"""

import asyncio
import re
import ssl
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from aiosmtpd.smtp import SMTP, TLSSetupException

from ingress_smtp import metrics, model
from ingress_smtp.admission.limits import peer_of
from ingress_smtp.model import Reply
from ingress_smtp.smtp import proxy_protocol as proxy
from ingress_smtp.smtp import receive_buffer as inbox
from ingress_smtp.smtp.receive_buffer import Hung, Inbox, LineTooLong
from runtime.logs import get_logger

if TYPE_CHECKING:
    from ingress_smtp.smtp.hooks import Hooks
    from ingress_smtp.smtp.server import Door

LONGEST_COMMAND = 2_048
_LINGER_SECONDS = 2.0
_STRAINED_TIMEOUT = 20.0
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_WEB = frozenset({"GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "CONNECT", "TRACE", "PATCH", "PRI", "HOST:"})
_LAST = frozenset({"EHLO", "HELO", "DATA", "STARTTLS", "AUTH", "VRFY", "EXPN", "HELP"})
"""Whoever pipelines must wait for the reply to these (RFC 2920 3.1; RFC 3207 4.2)."""
_JUNK = frozenset({"NOOP", "RSET", "VRFY", "EXPN", "HELP", "EHLO", "HELO"})
log = get_logger(__name__)


class Talk(SMTP):
    """One connection but for its commands. `address` is the peer's own, `peer` what limits count (limits.peer_of)."""

    line_length_limit = inbox.READ

    def __init__(self, door: "Door", hooks: "Hooks", name: str, tls: ssl.SSLContext | None) -> None:
        super().__init__(
            hooks,
            data_size_limit=door.bounds.sizes.max_size,
            enable_SMTPUTF8=True,
            hostname=name,
            ident="ESMTP",
            tls_context=tls,
            timeout=door.bounds.times.timeout,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )
        self.address = self.peer = ""
        self.unknown = self.errors = self.junk = self.surplus = self.logins = 0
        self._door = door
        self._bounds = door.bounds
        self._out: list[bytes] = []
        self._over = self._quit = self._lingering = self._receiving = self._counted = self._at_once = False
        self._secured = False
        self._deadline = 0.0
        self._idle_since: float | None = None
        self._farewell: Reply | None = None
        self._lifetime: asyncio.TimerHandle | None = None

    # The life of a connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._counted:  # called once more after STARTTLS
            self._counted = True
            self.address = str((transport.get_extra_info("peername") or ("",))[0])
            self.peer = peer_of(self.address)
            self._door.arrived(self)
            self._lifetime = self.loop.call_later(self._bounds.times.session, self.leave, model.SESSION_TOO_LONG)
        else:
            self._secured = True
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._counted:
            self._counted = False
            self._door.left(self)
            if self._lifetime is not None:
                self._lifetime.cancel()
        if self.session is not None and self._handler_coroutine is not None:
            super().connection_lost(error)

    def eof_received(self) -> bool:
        """The peer says no more; what it said before is still obeyed and answered."""
        self._reader.feed_eof()
        return self._tls_protocol is None

    @property
    def over_tls(self) -> bool:
        return self._tls_protocol is not None

    @property
    def idle_since(self) -> float | None:
        """Since when nothing was heard (monotonic); None while something is under way, and of one who has to go."""
        return self._idle_since if self._farewell is None else None

    def leave(self, farewell: Reply) -> None:
        """End the session: now with this reply when it is idle, else after the mail that is being received."""
        self._farewell = farewell
        if not self._receiving:
            self._say_farewell()

    def cut(self) -> None:
        """End it at once."""
        for transport in (self.transport, self._original_transport):
            if transport is not None:
                cast(asyncio.Transport, transport).abort()

    def _close(self) -> None:
        """End it when all that was said has left; but who reads nothing keeps no connection by that."""
        if self.transport is not None and self._lifetime is not None:
            self._lifetime.cancel()
            self._lifetime = self.loop.call_later(_LINGER_SECONDS, self.cut)
            self.transport.close()

    def _reset_timeout(self, duration: float | None = None) -> None:
        """The next word must have come in so many seconds. A timer that rings too early is wound up again, which is
        cheaper than a new one for each command."""
        self._deadline = self.loop.time() + (duration or self._bounds.times.timeout)
        if self._timeout_handle is not None:
            if self._timeout_handle.when() <= self._deadline:
                return
            self._timeout_handle.cancel()
        self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() < self._deadline - 0.001:
            self._timeout_handle = self.loop.call_at(self._deadline, self._timeout_cb)
            return
        metrics.REASONS.labels("slow").inc()
        self._farewell = model.TOO_SLOW
        self._say_farewell()

    def _say_farewell(self) -> None:
        if self._farewell is None or self.transport is None or self.transport.is_closing():
            return
        if not self._lingering:
            metrics.REFUSED.labels(str(self._farewell.code)).inc()
            self._out.append(f"{self._farewell}\r\n".encode())
            cast(asyncio.Transport, self.transport).write(b"".join(self._out))
            self._out.clear()
        self._close()

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(reader, writer)
        self._inbox = Inbox(reader, self._flush)

    # The talk

    async def _handle_client(self) -> None:
        try:
            if await self._introduced():
                await self._greet()
                while not self._over:
                    await self._next_command()
                await self._linger()
        except (Hung, ConnectionError, TLSSetupException, ssl.SSLError):
            pass
        finally:
            self._close()
            if self.over_tls and not self._secured:
                # A TLS that never came to be tells nobody that the connection is lost.
                self.cut()
                self.connection_lost(None)

    async def _introduced(self) -> bool:
        if not self._bounds.proxy_from:
            return True
        self._reset_timeout(proxy.SECONDS)
        told = await proxy.introduced(self._reader, self.address, self._bounds.proxy_from)
        if told is None:
            metrics.REASONS.labels("proxy").inc()
            return False
        self.address = told
        if not self._door.known_as(self, peer_of(told)):
            await self.push(model.TOO_MANY_CONNECTIONS)
            await self._flush()
            return False
        return True

    async def _greet(self) -> None:
        if await self._inbox.early(self._bounds.times.greeting):
            metrics.REASONS.labels("talked_first").inc()
            await self._end(model.TALKED_FIRST)
            return
        await self.push(f"220 {self.hostname} {self.__ident__}")

    async def _next_command(self) -> None:
        self._idle_since = monotonic()
        self._reset_timeout(self._patience())
        try:
            line = await self._inbox.line(LONGEST_COMMAND)
        except LineTooLong:
            await self.push(model.LINE_TOO_LONG)
            return
        self._idle_since = None
        self._reset_timeout()  # what is left of the patience is no measure for our own work
        if not line.endswith(b"\r\n") or _CONTROL.search(line, 0, len(line) - 2):
            await self.push(model.BAD_LINE)
            return
        verb, _, argument = line[:-2].decode("utf-8", "surrogateescape").partition(" ")
        verb = verb.upper()
        if verb in _WEB:
            metrics.REASONS.labels("web").inc()
            await self._end(model.NO_WEB_SERVER)
        elif self._inbox.pending and (verb in _LAST or (not self._extended and verb != "QUIT")):
            metrics.REASONS.labels("out_of_step").inc()
            await self._end(model.OUT_OF_STEP)
        else:
            await self._obey(verb, argument.strip() or None)

    async def _obey(self, verb: str, argument: str | None) -> None:
        method = self._smtp_methods.get(verb)
        if method is None:
            await self.push(model.UNKNOWN_COMMAND)
            return
        if verb in _JUNK:
            await self.count_junk()
        try:
            if not self._over:
                await method(argument)
        except (ConnectionError, TLSSetupException, ssl.SSLError, Hung):
            raise
        except Exception as error:
            log.error("session_failed", exc_info=error)
            self._forget_mail()
            await self.push(model.BROKEN)

    @property
    def _extended(self) -> bool:
        return self.session is not None and bool(self.session.extended_smtp)

    def _patience(self) -> float:
        """Seconds for the next command; fewer while most connections are in use."""
        timeout = self._bounds.times.timeout
        return min(timeout, _STRAINED_TIMEOUT) if self._door.strained else timeout

    # Replies

    async def push(self, status: Any) -> None:
        """A reply, for when there is nothing more to read. Mistakes (5xx) make it wait; too many end the session, as
        does any 421 (RFC 5321 3.8)."""
        line = status if isinstance(status, bytes) else str(status).encode("ascii", "replace")
        code = line[:3].decode("ascii", "replace")
        if code >= "400" and code.isdigit():
            if code >= "500":
                self.errors += 1
                if self.errors > self._bounds.errors.hard:
                    metrics.REASONS.labels("errors").inc()
                    line, code = str(model.TOO_MANY_ERRORS).encode(), "421"
                else:
                    await self.hold_back(held_back(self.errors, self._bounds.errors.soft), "errors")
            metrics.REFUSED.labels(code).inc()
        self._out.append(line + b"\r\n")
        if self._at_once:
            await self._flush()
        if code == "421":
            self._over = True

    async def hold_back(self, seconds: float, reason: str) -> None:
        """Let the peer wait for its reply."""
        seconds = min(seconds, self._bounds.times.tarpit)
        if seconds > 0:
            metrics.TARPITTED.labels(reason).inc(seconds)
            await self._flush()
            await asyncio.sleep(seconds)

    async def _flush(self) -> None:
        if self.transport is None or self.transport.is_closing():
            raise Hung
        if self._out:
            self._writer.write(b"".join(self._out))
            self._out.clear()
            await self._writer.drain()

    async def _end(self, reply: Reply) -> None:
        """Say this, and no more."""
        self._inbox.clear()
        await self.push(reply)
        self._over = True

    async def _linger(self) -> None:
        """Let the last reply arrive: a close with octets unread would become a reset that may overtake it."""
        await self._flush()
        if self.over_tls or self._quit:
            return
        self._writer.write_eof()
        self._lingering = True
        self._reset_timeout(_LINGER_SECONDS + 1)
        try:
            async with asyncio.timeout(_LINGER_SECONDS):
                while await self._reader.read(inbox.READ):
                    pass
        except TimeoutError:
            pass

    async def count_junk(self) -> None:
        """One more command that brought no mail nearer; too many in a row end the session."""
        self.junk += 1
        if self.junk > self._bounds.errors.junk:
            metrics.REASONS.labels("junk").inc()
            await self._end(model.TOO_MANY_ERRORS)

    def leave_now(self, farewell: Reply) -> None:
        """End the session with this reply, whatever is under way."""
        self._farewell = farewell
        self._say_farewell()

    def _forget_mail(self) -> None:
        self.envelope = self._create_envelope()


def held_back(errors: int, soft: int) -> float:
    """Seconds that a reply waits after so many mistakes: none for the first `soft`, then ever longer."""
    return 0.25 * 2.0 ** min(errors - soft - 1, 10) if errors > soft else 0.0
