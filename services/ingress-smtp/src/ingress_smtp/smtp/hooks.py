"""Between aiosmtpd and the handlers: one is translated into the other, and limits are asked before anything is decided.

MAIL   the peer's rate, TLS, the sender's own rate
RCPT   how many already, does it exist, the backlog, is there room for one more of its kind and unit
DATA   stored; only what was stored counts against the sender and the unit
"""

from collections.abc import Sequence
from time import monotonic

from aiosmtpd.smtp import Session as ClientState

from ingress_smtp import handlers, metrics, model
from ingress_smtp.admission.bounds import MAX_WHOLE, AdmissionBounds
from ingress_smtp.admission.pressure import Pressure
from ingress_smtp.admission.rate_limits import RateLimits
from ingress_smtp.context import Context
from ingress_smtp.model import SmtpReply
from ingress_smtp.smtp.refusals import because
from ingress_smtp.smtp.smtp_commands import NULL_PATH, CommandConnection, Transaction
from mail.sender.authentication import Origin

_MAX_SURPLUS = 40
"""Times the recipients that a mail may have: after so many more the connection ends."""
_PROBE_COST = 10.0
"""A try at a post secret counts like so many unknown recipients."""


class Hooks:
    """What aiosmtpd calls."""

    def __init__(self, context: Context, bounds: AdmissionBounds, rates: RateLimits, pressure: Pressure) -> None:
        self._context = context
        self._bounds = bounds
        self._rates = rates
        self._pressure = pressure

    async def handle_EHLO(
        self,
        connection: CommandConnection,
        state: ClientState,
        transaction: Transaction,
        hostname: str,
        responses: Sequence[str],
    ) -> list[str]:
        state.host_name = hostname
        kept = [line for line in responses if line[4:8] not in ("AUTH", "HELP")]
        kept.append("250-PIPELINING")
        return [*kept[:-1], kept[-1].replace("-", " ", 1)]

    async def handle_MAIL(
        self,
        connection: CommandConnection,
        state: ClientState,
        transaction: Transaction,
        address: str,
        options: list[str],
    ) -> str:
        reply = self._admit_sender(connection, transaction, "" if address == NULL_PATH else address)
        if reply.accepted:
            transaction.mail_from = address
            transaction.mail_options.extend(options)
        elif reply.code < 500:
            await connection.count_junk()
        return str(reply)

    def _admit_sender(self, connection: CommandConnection, transaction: Transaction, given: str) -> SmtpReply:
        if not self._rates.mails.allow(connection.peer, monotonic()):
            return because("peer_rate", model.TOO_FAST)
        sender = handlers.sender(self._context, given)
        if isinstance(sender, SmtpReply):
            return sender
        domain = (sender.address or given).rpartition("@")[2].lower()
        if domain in self._bounds.smtp_tls_required_from and not connection.over_tls:
            return because("no_tls", model.TLS_REQUIRED)
        # Together with the peer: a sender is easily forged, and nobody shall use up what another may send.
        key = (connection.peer, handlers.sender_key(self._context, sender))
        if given and not self._rates.mails_of_sender.may(key, monotonic()):
            return because("sender_rate", model.SENDER_TOO_FAST)
        transaction.sender, transaction.sender_key = sender, key
        return model.SENDER_OK

    async def handle_RCPT(
        self,
        connection: CommandConnection,
        state: ClientState,
        transaction: Transaction,
        address: str,
        options: list[str],
    ) -> str:
        if len(transaction.recipients) >= self._bounds.smtp_max_recipients:
            return str(self._refuse_surplus(connection))
        found = handlers.recipient(self._context, "" if address == NULL_PATH else address, transaction.sender)
        if isinstance(found, SmtpReply):
            unknown = found in (model.UNKNOWN, model.MALFORMED)
            return str(await self._refuse_unknown(connection, found) if unknown else found)
        if found.whole and sum(known.whole for known in transaction.recipients) >= MAX_WHOLE:
            return str(self._refuse_surplus(connection))
        if self._pressure.full_for(f"inbound.{found.kind}"):
            return str(because("backlog", model.BUSY))
        if not self._rates.units.may(found.kind, found.unit, connection.peer, monotonic()):
            return str(because("unit_rate", model.UNIT_TOO_FAST))
        transaction.rcpt_tos.append(address)
        transaction.recipients.append(found)
        return str(model.RECIPIENT_OK)

    def _refuse_surplus(self, connection: CommandConnection) -> SmtpReply:
        """One recipient more than a mail may have. It costs little, but not for ever."""
        connection.surplus_recipients += 1
        if connection.surplus_recipients > _MAX_SURPLUS * self._bounds.smtp_max_recipients:
            return because("recipients", model.TOO_MANY_UNKNOWN)
        return model.TOO_MANY_RECIPIENTS

    async def _refuse_unknown(self, connection: CommandConnection, refusal: SmtpReply) -> SmtpReply:
        """One more recipient that doesn't exist."""
        connection.unknown_recipients += 1
        cost = _PROBE_COST if refusal.secret_probe else 1.0
        may_go_on = self._rates.unknown_recipients.allow(connection.peer, monotonic(), cost)
        if not may_go_on or connection.unknown_recipients >= self._bounds.smtp_max_unknown_recipients:
            return because("unknown_recipients", model.TOO_MANY_UNKNOWN)
        if refusal.secret_probe:
            await connection.delay(self._bounds.smtp_tarpit, "secret_probe")
        return refusal

    async def handle_DATA(self, connection: CommandConnection, state: ClientState, transaction: Transaction) -> str:
        raw = transaction.original_content or b""
        origin = Origin(connection.address, state.host_name or "", transaction.sender.given)
        reply = await handlers.accept(self._context, transaction.sender, transaction.recipients, raw, origin)
        if reply.accepted:
            self._count_stored(connection, transaction)
        return str(reply)

    def _count_stored(self, connection: CommandConnection, transaction: Transaction) -> None:
        """A mail was stored: against the limits of who sent it and for whom, and for the good of its connection."""
        now = monotonic()
        connection.errors = connection.junk = 0
        metrics.MAILS.labels("tls" if connection.over_tls else "clear").inc()
        if transaction.sender.given:
            self._rates.mails_of_sender.allow(transaction.sender_key, now)
        for recipient in dict.fromkeys(transaction.recipients):
            self._rates.units.take(recipient.kind, recipient.unit, connection.peer, now)
