"""The SMTP client: opens connections with next hops.

aiosmtplib connects, from the greeting over EHLO, STARTTLS and its certificates to AUTH. Then it lets go of the socket,
and a `Wire` takes over, on which an `SmtpConnection` sends its copies. The servers of a hop, and the addresses of a
server, are tried in the order given until one of them answers.
"""

import ssl

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPConnectResponseError,
    SMTPException,
    SMTPResponseException,
    SMTPTimeoutError,
)

from dispatcher.smtp.connection import Extensions, SmtpConnection, Timeouts
from dispatcher.smtp.next_hop import Login, MailHost, NextHop
from dispatcher.smtp.smtp_replies import NextHopUnavailable, SmtpError, TlsFailed, read_reply
from dispatcher.smtp.wire import Wire


class Connector:
    """Opens connections. `helo` is our name in EHLO; `required_tls` checks certificates, the opportunistic context does
    not: an unknown certificate is still better than no encryption."""

    def __init__(self, helo: str, *, timeouts: Timeouts | None = None, required_tls: ssl.SSLContext | None = None):
        self._helo = helo
        self._timeouts = timeouts or Timeouts()
        self._required = required_tls or ssl.create_default_context()
        self._opportunistic = ssl.create_default_context()
        self._opportunistic.check_hostname = False
        self._opportunistic.verify_mode = ssl.CERT_NONE

    async def open(self, hop: NextHop) -> SmtpConnection:
        """A connection with the first of the hop's servers that gives one. Raises NextHopUnavailable."""
        trouble: SmtpError | None = None
        targets = [(host, address) for host in hop.hosts for address in host.addresses or (host.name,)]
        for host, address in targets:
            try:
                return await self._open(hop, host, address)
            except SmtpError as error:
                # What a busy server said is worth more than that its substitute cannot be reached.
                if trouble is None or trouble.reply is None:
                    trouble = error
        if trouble is None:
            raise NextHopUnavailable("no server", stage="connect")
        raise NextHopUnavailable(str(trouble), stage=trouble.stage, host=trouble.host, reply=trouble.reply) from None

    async def _open(self, hop: NextHop, host: MailHost, address: str) -> SmtpConnection:
        if hop.tls == "none":
            return await self._dial(hop, host, address, tls=False)
        try:
            return await self._dial(hop, host, address, tls=True)
        except TlsFailed as failed:
            if hop.tls == "required":
                raise
            return await self._dial(hop, host, address, tls=False, in_clear=str(failed))

    async def _dial(
        self, hop: NextHop, host: MailHost, address: str, *, tls: bool, in_clear: str = ""
    ) -> SmtpConnection:
        smtp = SMTP(
            hostname=address,
            port=host.port,
            local_hostname=self._helo,
            timeout=self._timeouts.connect,
            start_tls=False,
        )
        try:
            await self._connect(smtp, host)
            await self._hello(smtp, host)
            if tls:
                await self._encrypt(smtp, hop, host)
            if hop.login is not None:
                await self._log_in(smtp, hop.login, host)
            extensions = _extensions(smtp)
            wire = _taken_over(smtp, host)
        finally:
            smtp.close()
        return SmtpConnection(wire, hop, host.name, extensions, self._timeouts, in_clear=in_clear)

    async def _connect(self, smtp: SMTP, host: MailHost) -> None:
        try:
            await smtp.connect()
        except SMTPConnectResponseError as error:
            reply = read_reply("connect", error.code, error.message, host.name)
            raise NextHopUnavailable("host refuses us", stage="connect", host=host.name, reply=reply) from None
        except SMTPTimeoutError:
            raise NextHopUnavailable("no connection in time", stage="connect", host=host.name) from None
        except (SMTPConnectError, SMTPException, OSError, UnicodeError):
            # UnicodeError: MX may name what cannot be a host, and whose domain it is decides that.
            raise NextHopUnavailable("no connection", stage="connect", host=host.name) from None

    async def _hello(self, smtp: SMTP, host: MailHost) -> None:
        try:
            try:
                await smtp.ehlo()
            except SMTPResponseException as error:
                if error.code < 500:
                    raise
                await smtp.helo()
        except SMTPResponseException as error:
            reply = read_reply("ehlo", error.code, error.message, host.name)
            raise NextHopUnavailable("host refuses us", stage="ehlo", host=host.name, reply=reply) from None
        except (SMTPException, OSError):
            raise NextHopUnavailable("connection lost", stage="ehlo", host=host.name) from None

    async def _encrypt(self, smtp: SMTP, hop: NextHop, host: MailHost) -> None:
        if not smtp.supports_extension("starttls"):
            if hop.tls == "required":
                raise TlsFailed("no starttls offered", stage="starttls", host=host.name)
            return
        context = self._required if hop.tls == "required" else self._opportunistic
        try:
            await smtp.starttls(tls_context=context, server_hostname=host.name)
        except SMTPResponseException as error:
            reply = read_reply("starttls", error.code, error.message, host.name)
            raise TlsFailed("starttls refused", stage="starttls", host=host.name, reply=reply) from None
        except ssl.SSLCertVerificationError:
            raise TlsFailed("certificate not trusted", stage="starttls", host=host.name) from None
        except (SMTPException, OSError, ValueError):
            raise TlsFailed("starttls failed", stage="starttls", host=host.name) from None
        try:
            await self._hello(smtp, host)
        except NextHopUnavailable as error:
            if error.reply is not None:
                raise
            raise TlsFailed("starttls failed", stage="starttls", host=host.name) from None

    async def _log_in(self, smtp: SMTP, login: Login, host: MailHost) -> None:
        try:
            await smtp.login(login.user, login.password)
        except SMTPAuthenticationError:
            raise NextHopUnavailable("relay refuses our login", stage="ehlo", host=host.name) from None
        except (SMTPException, OSError):
            raise NextHopUnavailable("login failed", stage="ehlo", host=host.name) from None


def _extensions(smtp: SMTP) -> Extensions:
    size = smtp.esmtp_extensions.get("size", "")
    return Extensions(
        pipelining=smtp.supports_extension("pipelining"),
        size=int(size) if size.isdecimal() and size.isascii() and len(size) <= 20 else 0,
    )


def _taken_over(smtp: SMTP, host: MailHost) -> Wire:
    """The connection, which aiosmtplib no longer knows. What it had read without being asked goes along."""
    transport, protocol = smtp.transport, smtp.protocol
    if transport is None or protocol is None:
        raise NextHopUnavailable("connection lost", stage="ehlo", host=host.name)
    smtp.transport = None  # so its close() gives up its locks and callbacks, but not the socket
    wire = Wire.over(transport, bytes(protocol._buffer))
    if wire.trouble:
        reply = None
        if wire.closing_reply is not None:
            reply = read_reply(
                "ehlo", wire.closing_reply[0], wire.closing_reply[1].decode("utf-8", "replace"), host.name
            )
        raise NextHopUnavailable("connection lost", stage="ehlo", host=host.name, reply=reply)
    return wire
