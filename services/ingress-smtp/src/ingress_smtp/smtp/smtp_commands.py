"""The commands of a connection, where they differ from aiosmtpd's.

    DATA   a mail in pieces as large as they come, watched for size, room in memory and pace; its line ends are made
           what they should be, or it is refused

aiosmtpd reads DATA line by line and trusts its peers; its MAIL, RCPT and STARTTLS, and their syntax, are kept.
"""

import ssl
from collections.abc import Sequence
from typing import cast

from aiosmtpd.smtp import Envelope

from ingress_smtp import metrics, model
from ingress_smtp.admission.bounds import MAX_LOGINS, AdmissionBounds
from ingress_smtp.admission.pressure import Pressure, Reservation
from ingress_smtp.model import EnvelopeSender, Recipient, SmtpReply
from ingress_smtp.smtp import receive_buffer
from ingress_smtp.smtp.aiosmtpd_internals import Parameters
from ingress_smtp.smtp.connection import InboundConnection
from ingress_smtp.smtp.gate import ConnectionGate
from ingress_smtp.smtp.refusals import because

NULL_PATH = "<>"
_LONGEST_NAME = 255
_DRAINED = 4
"""Times the largest mail: so much of one that is too large is taken before the connection is cut."""


class Transaction(Envelope):
    """A mail under way: beside what aiosmtpd keeps, what we understood of its envelope. `sender_key`: what the limits
    of a sender count, the peer and the sender together."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = EnvelopeSender("", "")
        self.sender_key = ("", "")
        self.recipients: list[Recipient] = []


class CommandConnection(InboundConnection):
    """A connection with its commands. `pressure`: where a mail finds room."""

    def __init__(
        self,
        hooks: object,
        bounds: AdmissionBounds,
        gate: ConnectionGate,
        pressure: Pressure,
        *,
        name: str,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(hooks, bounds, gate, name=name, tls=tls)
        self._pressure = pressure

    async def smtp_DATA(self, arg: str | None) -> None:
        transaction = cast(Transaction, self.envelope)
        if await self.check_helo_needed():
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not transaction.recipients:
            await self.push("503 5.5.1 No valid recipients")
            return
        await self.delay(self._pressure.level * self.bounds.smtp_tarpit, "pressure")
        if self._pressure.no_room:
            await self.push(because("memory", model.NO_ROOM))
            return
        self.receiving = True
        whole = sum(each.whole for each in transaction.recipients)
        reservation = self._pressure.reserve(self.peer, whole, len(transaction.recipients))
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            raw = await self._receive(reservation)
            self.expect_within(self.idle_timeout)
            if isinstance(raw, SmtpReply):
                self.forget_mail()
                await self.push(raw)
            else:
                transaction.original_content = raw
                status = await self.event_handler.handle_DATA(self, self.session, transaction)
                self.forget_mail()
                await self.push(status)
        finally:
            reservation.release()
            self.receiving = False
            self.say_farewell()

    async def _receive(self, reservation: Reservation) -> bytes | SmtpReply:
        bounds, largest = self.bounds, self.bounds.smtp_max_size
        received, fits, until = 0, True, self.loop.time() + bounds.smtp_patience

        def arrived(octets: int) -> bool:
            nonlocal received, fits, until
            received += octets
            now = self.loop.time()
            # What came fast buys no more than the timeout of silence: meanwhile others need the room.
            until = min(until + octets / bounds.smtp_min_rate, now + bounds.smtp_timeout)
            self.expect_within(max(0.001, until - now))
            if received > _DRAINED * largest:
                self.leave_now(model.TOO_LARGE)
            too_large = received > largest + receive_buffer.READ
            fits = fits and (too_large or reservation.extend(octets))
            if not fits or too_large:
                reservation.release()  # nothing of it is kept
            return fits

        self.expect_within(min(bounds.smtp_timeout, bounds.smtp_patience))
        raw = await self.buffer.message(largest, arrived)
        if raw is None:
            return because("size", model.TOO_LARGE) if fits else because("memory", model.NO_ROOM)
        if receive_buffer.longest_line(raw) > receive_buffer.LONGEST_LINE:
            return model.MAIL_LINE_TOO_LONG
        if not receive_buffer.has_bare_newlines(raw):
            return raw
        refusal = because("bare_newlines", model.BARE_NEWLINES)
        return refusal if bounds.smtp_bare_newlines == "refuse" else receive_buffer.with_proper_newlines(raw)

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if self.over_tls:
            await self.push("503 5.5.1 This connection is encrypted already")
            return
        self.at_once = True
        await super().smtp_STARTTLS(arg)
        self.at_once = False
        self.buffer.clear()

    async def smtp_HELO(self, hostname: str | None) -> None:
        if await self._is_name(hostname):
            await super().smtp_HELO(hostname)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        if await self._is_name(hostname):
            await super().smtp_EHLO(hostname)

    async def _is_name(self, hostname: str | None) -> bool:
        if hostname and len(hostname) <= _LONGEST_NAME and hostname.isascii():
            return True
        await self.push("501 5.5.4 That is no name of a host")
        return False

    async def smtp_QUIT(self, arg: str | None) -> None:
        await self.quit("221 2.0.0 Bye")

    async def smtp_AUTH(self, arg: str | None) -> None:
        metrics.REASONS.labels("login").inc()
        self.logins += 1
        if self.logins >= MAX_LOGINS:
            await self.end(model.TOO_MANY_ERRORS)
        else:
            await self.push("502 5.5.1 Nobody logs in here")

    async def smtp_VRFY(self, arg: str | None) -> None:
        await self.push("252 2.5.0 Send the mail and see")

    async def smtp_EXPN(self, arg: str | None) -> None:
        await self.push("502 5.5.1 There are no lists to expand")

    async def smtp_HELP(self, arg: str | None) -> None:
        await self.push("214 2.0.0 See RFC 5321")

    def split_path(self, argument: str) -> tuple[str | None, str | None]:
        """The path as it was spelled ("<>" for the null sender) and the parameters; (None, None) when it is no path."""
        found = model.split_path(argument)
        if found is None:
            return None, None
        path, parameters = found
        return path or NULL_PATH, parameters

    def split_parameters(self, parameters: Sequence[str]) -> Parameters | None:
        """Parameters by their keyword; None when they are none. Digits and letters are ASCII ones."""
        return super().split_parameters(parameters) if all(each.isascii() for each in parameters) else None

    def new_envelope(self) -> Envelope:
        return Transaction()
