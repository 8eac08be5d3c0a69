"""The commands of a connection, where they differ from aiosmtpd's.

    DATA   a mail in pieces as large as they come, watched for size, room in memory and pace; its line ends are made
           what they should be, or it is refused

aiosmtpd reads DATA line by line and trusts its peers; its MAIL, RCPT and STARTTLS, and their syntax, are kept.
"""

from typing import Any, cast

from aiosmtpd.smtp import Envelope

from ingress_smtp import metrics, model
from ingress_smtp.admission.pressure import Share
from ingress_smtp.model import Recipient, Reply, Sender
from ingress_smtp.smtp import receive_buffer as inbox
from ingress_smtp.smtp.connection import Talk

NULL = "<>"
_LONGEST_NAME = 255
_DRAINED = 4
"""Times the largest mail: so much of one that is too large is taken before the connection is cut."""


class Transaction(Envelope):
    """A mail under way: beside what aiosmtpd keeps, what we understood of its envelope. `who`: what the limits of a
    sender count."""

    def __init__(self) -> None:
        super().__init__()
        self.sender = Sender("", "")
        self.who = ("", "")
        self.recipients: list[Recipient] = []


class Session(Talk):
    """One connection."""

    async def smtp_DATA(self, arg: str | None) -> None:
        envelope = cast(Transaction, self.envelope)
        if await self.check_helo_needed():
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if not envelope.recipients:
            await self.push("503 5.5.1 No valid recipients")
            return
        await self.hold_back(self._door.pressure.level * self._bounds.times.tarpit, "pressure")
        if self._door.pressure.no_room:
            metrics.REASONS.labels("memory").inc()
            await self.push(model.NO_ROOM)
            return
        self._receiving = True
        whole = sum(each.whole for each in envelope.recipients)
        share = self._door.pressure.share(self.peer, whole, len(envelope.recipients))
        try:
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            raw = await self._receive(share)
            self._reset_timeout()
            if isinstance(raw, Reply):
                self._forget_mail()
                await self.push(raw)
            else:
                envelope.original_content = raw
                status = await self._call_handler_hook("DATA")
                self._forget_mail()
                await self.push(status)
        finally:
            share.give_back()
            self._receiving = False
            self._say_farewell()

    async def _receive(self, share: Share) -> bytes | Reply:
        sizes, times = self._bounds.sizes, self._bounds.times
        received, fits, until = 0, True, self.loop.time() + times.patience

        def arrived(octets: int) -> bool:
            nonlocal received, fits, until
            received += octets
            now = self.loop.time()
            # What came fast buys no more than `timeout` of silence: meanwhile others need the room.
            until = min(until + octets / times.slowest, now + times.timeout)
            self._reset_timeout(max(0.001, until - now))
            if received > _DRAINED * sizes.max_size:
                self.leave_now(model.TOO_LARGE)
            fits = fits and (received > sizes.max_size + inbox.READ or share.more(octets))
            if not fits or received > sizes.max_size + inbox.READ:
                share.give_back()  # nothing of it is kept
            return fits

        self._reset_timeout(min(times.timeout, times.patience))
        raw = await self._inbox.message(sizes.max_size, arrived)
        if raw is None:
            metrics.REASONS.labels("size" if fits else "memory").inc()
            return model.TOO_LARGE if fits else model.NO_ROOM
        if inbox.longest_line(raw) > inbox.LONGEST_LINE:
            return model.MAIL_LINE_TOO_LONG
        if inbox.has_bare_ends(raw):
            metrics.REASONS.labels("bare_ends").inc()
            return model.BARE_ENDS if sizes.refuse_bare_ends else inbox.with_proper_ends(raw)
        return raw

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if self.over_tls:
            await self.push("503 5.5.1 This connection is encrypted already")
            return
        self._at_once = True
        await super().smtp_STARTTLS(arg)
        self._at_once = False
        self._inbox.clear()

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
        await self.push("221 2.0.0 Bye")
        self._over = self._quit = True

    async def smtp_AUTH(self, arg: str | None) -> None:
        metrics.REASONS.labels("login").inc()
        self.logins += 1
        if self.logins >= self._bounds.errors.logins:
            await self._end(model.TOO_MANY_ERRORS)
        else:
            await self.push("502 5.5.1 Nobody logs in here")

    async def smtp_VRFY(self, arg: str | None) -> None:
        await self.push("252 2.5.0 Send the mail and see")

    async def smtp_EXPN(self, arg: str | None) -> None:
        await self.push("502 5.5.1 There are no lists to expand")

    async def smtp_HELP(self, arg: str | None) -> None:
        await self.push("214 2.0.0 See RFC 5321")

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The path as it was spelled ("<>" for the null sender) and the parameters; (None, None) when it is no path."""
        found = model.split_path(arg)
        if found is None:
            return None, None
        path, parameters = found
        return path or NULL, parameters

    def _getparams(self, params: Any) -> Any:
        """As aiosmtpd's, but its digits and letters are ASCII ones. None when it is no list of parameters."""
        return super()._getparams(params) if all(each.isascii() for each in params) else None

    def _create_envelope(self) -> Envelope:
        return Transaction()
