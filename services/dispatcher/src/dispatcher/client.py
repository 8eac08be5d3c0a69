"""The SMTP client: opens a session with a next hop and sends copies through it, one after the other.

aiosmtplib makes the connection (greeting, EHLO, STARTTLS, AUTH); the envelope and the text are written here, step by
step, because its own `sendmail` rewrites some addresses and leaves a transaction open after a surprise. Every copy
ends in a `Reply` or in `ConnectionLost`; after either, `usable` says whether the session may carry another copy.
A refused copy is followed by RSET; a session that does not answer RSET with 250 is dropped.
"""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import aiosmtplib
from aiosmtplib import (
    SMTP,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPResponseException,
    SMTPTimeoutError,
)

from dispatcher.replies import TOO_BUSY, ConnectionLost, HopUnavailable, Reply, SmtpError, Stage, TlsFailed, read_reply
from dispatcher.routes import Hop, Host

GO_AHEAD = 354


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds. `text` is for the reply after the text, where servers run their filters (RFC 5321 4.5.3.2)."""

    connect: float = 30.0
    command: float = 60.0
    text: float = 300.0
    quit: float = 2.0


@dataclass(frozen=True, slots=True)
class Envelope:
    """One copy for one recipient: addresses in wire form without angle brackets, `sender` empty for `<>`; `text` with
    CRLF line ends, not dot-stuffed."""

    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    text: bytes = field(repr=False)


class Session:
    """An open SMTP session. Not for use by two at once."""

    def __init__(self, smtp: SMTP, hop: Hop, host: Host, timeouts: Timeouts) -> None:
        self._smtp = smtp
        self._timeouts = timeouts
        self._broken = False
        self.hop = hop
        self.host = host.name
        self.offered = 0
        self.idle_since = monotonic()

    @property
    def usable(self) -> bool:
        return not self._broken and self._smtp.is_connected

    async def send(self, envelope: Envelope) -> Reply:
        """Offer one copy; the reply that decided. Raises ConnectionLost with the stage it happened at. Whatever else
        ends it early (a stop in the middle) ends the session."""
        try:
            return await self._send(envelope)
        except BaseException:
            self.drop()
            raise

    async def _send(self, envelope: Envelope) -> Reply:
        sender, recipient = envelope.sender.encode("ascii"), envelope.recipient.encode("ascii")
        reply = await self._command("mail", b"MAIL", b"FROM:<" + sender + b">")
        if not reply.accepted:
            return await self._refused(reply)
        self.offered += 1
        reply = await self._command("rcpt", b"RCPT", b"TO:<" + recipient + b">")
        if not reply.accepted:
            return await self._refused(reply)
        reply = await self._command("data", b"DATA")
        if reply.code != GO_AHEAD:
            if reply.accepted:
                raise self._lost("reply out of step", "data")
            return await self._refused(reply)
        return await self._text(envelope.text)

    async def close(self) -> None:
        """Say QUIT if the session is in order, and close it."""
        if self.usable:
            with suppress(SMTPException, OSError):
                await self._smtp.execute_command(b"QUIT", timeout=self._timeouts.quit)
        self.drop()

    def drop(self) -> None:
        """Close without a word."""
        self._broken = True
        self._smtp.close()

    async def _text(self, text: bytes) -> Reply:
        protocol = self._smtp.protocol
        if protocol is None:
            raise self._lost("connection closed", "data")
        try:
            protocol.write(dot_stuffed(text))
            answer = await protocol.read_response(timeout=self._timeouts.text)
        except SMTPTimeoutError:
            raise self._lost("no reply in time", "body") from None
        except (SMTPException, OSError):
            raise self._lost("connection lost", "body") from None
        reply = read_reply("body", answer.code, answer.message, self.host)
        if not (reply.accepted or 400 <= reply.code < 600):
            raise self._lost("reply out of step", "body")
        return reply if reply.accepted else await self._refused(reply)

    async def _command(self, stage: Stage, *words: bytes) -> Reply:
        try:
            answer = await self._smtp.execute_command(*words, timeout=self._timeouts.command)
        except SMTPTimeoutError:
            raise self._lost("no reply in time", stage) from None
        except (SMTPException, OSError):
            # Without "from": a malformed reply may hold the address.
            raise self._lost("connection lost", stage) from None
        return read_reply(stage, answer.code, answer.message, self.host)

    async def _refused(self, reply: Reply) -> Reply:
        # aiosmtplib has closed after a 421 to a command, not after one to the text.
        if reply.code == TOO_BUSY:
            self.drop()
        elif self.usable:
            try:
                again = await self._smtp.execute_command(b"RSET", timeout=self._timeouts.command)
                if again.code != 250:
                    self.drop()
            except (SMTPException, OSError):
                self.drop()
        return reply

    def _lost(self, code: str, stage: Stage) -> ConnectionLost:
        self.drop()
        return ConnectionLost(code, stage=stage, host=self.host)


class Connector:
    """Opens sessions. `helo` is our name in EHLO; `required_tls` checks certificates, the opportunistic context does
    not: an unknown certificate is still better than no encryption."""

    def __init__(self, helo: str, *, timeouts: Timeouts | None = None, required_tls: ssl.SSLContext | None = None):
        self._helo = helo
        self._timeouts = timeouts or Timeouts()
        self._required = required_tls or ssl.create_default_context()
        self._opportunistic = ssl.create_default_context()
        self._opportunistic.check_hostname = False
        self._opportunistic.verify_mode = ssl.CERT_NONE

    async def open(self, hop: Hop) -> Session:
        """A session with the first of the hop's servers that gives one. Raises HopUnavailable."""
        trouble: SmtpError | None = None
        for host in hop.hosts:
            try:
                try:
                    return await self._open(hop, host, tls=True)
                except TlsFailed:
                    if hop.tls == "required":
                        raise
                    return await self._open(hop, host, tls=False)
            except SmtpError as error:
                # What a busy server said is worth more than that its substitute cannot be reached.
                if trouble is None or trouble.reply is None:
                    trouble = error
        if trouble is None:
            raise HopUnavailable("no server", stage="connect")
        raise HopUnavailable(str(trouble), stage=trouble.stage, host=trouble.host, reply=trouble.reply) from None

    async def _open(self, hop: Hop, host: Host, *, tls: bool) -> Session:
        smtp = SMTP(
            hostname=host.name,
            port=host.port,
            local_hostname=self._helo,
            timeout=self._timeouts.connect,
            start_tls=False,
        )
        session = Session(smtp, hop, host, self._timeouts)
        try:
            await self._begin(smtp, hop, host, tls)
        except BaseException:
            session.drop()
            raise
        return session

    async def _begin(self, smtp: SMTP, hop: Hop, host: Host, tls: bool) -> None:
        try:
            await smtp.connect()
        except SMTPConnectResponseError as error:
            reply = read_reply("connect", error.code, error.message, host.name)
            raise HopUnavailable("host refuses us", stage="connect", host=host.name, reply=reply) from None
        except SMTPTimeoutError:
            raise HopUnavailable("no connection in time", stage="connect", host=host.name) from None
        except (SMTPConnectError, SMTPException, OSError, UnicodeError):
            # UnicodeError: MX may name what cannot be a host, and whose domain it is decides that.
            raise HopUnavailable("no connection", stage="connect", host=host.name) from None
        await self._hello(smtp, host)
        if tls:
            await self._encrypt(smtp, hop, host)
        if hop.login is not None:
            await self._log_in(smtp, hop, host)

    async def _hello(self, smtp: SMTP, host: Host) -> None:
        try:
            try:
                await smtp.ehlo()
            except SMTPResponseException as error:
                if error.code < 500:
                    raise
                await smtp.helo()
        except SMTPResponseException as error:
            reply = read_reply("ehlo", error.code, error.message, host.name)
            raise HopUnavailable("host refuses us", stage="ehlo", host=host.name, reply=reply) from None
        except (SMTPException, OSError):
            raise HopUnavailable("connection lost", stage="ehlo", host=host.name) from None

    async def _encrypt(self, smtp: SMTP, hop: Hop, host: Host) -> None:
        if not smtp.supports_extension("starttls"):
            if hop.tls == "required":
                raise TlsFailed("no starttls offered", stage="starttls", host=host.name)
            return
        context = self._required if hop.tls == "required" else self._opportunistic
        try:
            await smtp.starttls(tls_context=context)
        except (SMTPException, OSError, ssl.SSLError, ValueError):
            raise TlsFailed("starttls failed", stage="starttls", host=host.name) from None
        await self._hello(smtp, host)

    async def _log_in(self, smtp: SMTP, hop: Hop, host: Host) -> None:
        assert hop.login is not None
        try:
            await smtp.login(hop.login.user, hop.login.password)
        except aiosmtplib.SMTPAuthenticationError:
            raise HopUnavailable("relay refuses our login", stage="ehlo", host=host.name) from None
        except (SMTPException, OSError):
            raise HopUnavailable("login failed", stage="ehlo", host=host.name) from None


def dot_stuffed(text: bytes) -> bytes:
    """The text as it goes over the wire, with its end (RFC 5321 4.5.2)."""
    if not text.endswith(b"\r\n"):
        text += b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"
