"""Between aiosmtpd and `Intake`: one is translated into the other, and limits are asked before anything is decided.

MAIL   the peer's rate, the backlog, TLS, the sender's own rate
RCPT   how many already, does it exist, is there room for one more of its kind and unit
DATA   stored; only what was stored counts against the sender and the unit
"""

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from aiosmtpd.smtp import Session as SmtpState

from ingress_smtp import metrics, model
from ingress_smtp.handlers import Intake
from ingress_smtp.model import Reply
from ingress_smtp.smtp.commands import NULL, Session, Transaction
from mail.sender.authentication import Origin

if TYPE_CHECKING:
    from ingress_smtp.smtp.server import Door

_SURPLUS = 40
_GUESS = 10.0
"""A guess at a post secret counts like so many unknown recipients."""


class Hooks:
    """What aiosmtpd calls."""

    def __init__(self, door: "Door", intake: Intake) -> None:
        self._door = door
        self._intake = intake

    async def handle_EHLO(
        self, server: Session, session: SmtpState, envelope: Transaction, hostname: str, responses: Sequence[str]
    ) -> list[str]:
        session.host_name = hostname
        kept = [line for line in responses if line[4:8] not in ("AUTH", "HELP")]
        kept.append("250-PIPELINING")
        return [*kept[:-1], kept[-1].replace("-", " ", 1)]

    async def handle_MAIL(
        self, server: Session, session: SmtpState, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        reply = self._judge_sender(server, envelope, "" if address == NULL else address)
        if reply.accepted:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        elif reply.code < 500:
            await server.count_junk()
        return str(reply)

    def _judge_sender(self, server: Session, envelope: Transaction, given: str) -> Reply:
        door = self._door
        if not door.limits.mails.allow(server.peer, monotonic()):
            return _because("peer_rate", model.TOO_FAST)
        sender = self._intake.sender(given)
        if isinstance(sender, Reply):
            return sender
        domain = (sender.address or given).rpartition("@")[2].lower()
        if domain in door.bounds.tls_required_from and not server.over_tls:
            return _because("no_tls", model.TLS_REQUIRED)
        # Together with the peer: a sender is easily forged, and nobody shall use up what another may send.
        who = (server.peer, self._intake.sender_key(sender))
        if given and not door.limits.mails_of_sender.may(who, monotonic()):
            return _because("sender_rate", model.SENDER_TOO_FAST)
        envelope.sender, envelope.who = sender, who
        return model.SENDER_OK

    async def handle_RCPT(
        self, server: Session, session: SmtpState, envelope: Transaction, address: str, options: list[str]
    ) -> str:
        if len(envelope.recipients) >= self._door.bounds.sizes.max_recipients:
            return str(self._surplus(server))
        found = self._intake.recipient("" if address == NULL else address, envelope.sender)
        if isinstance(found, Reply):
            return str(await self._unknown(server, found) if found in (model.UNKNOWN, model.MALFORMED) else found)
        whole = sum(known.whole for known in envelope.recipients)
        if found.whole and whole >= self._door.bounds.sizes.max_whole:
            return str(self._surplus(server))
        if self._door.pressure.full_for(f"inbound.{found.kind}"):
            return str(_because("backlog", model.BUSY))
        if not self._door.limits.units.may(found.kind, found.unit, server.peer, monotonic()):
            return str(_because("unit_rate", model.UNIT_TOO_FAST))
        envelope.rcpt_tos.append(address)
        envelope.recipients.append(found)
        return str(model.RECIPIENT_OK)

    def _surplus(self, server: Session) -> Reply:
        """One recipient more than a mail may have. It costs little, but not for ever."""
        server.surplus += 1
        if server.surplus > _SURPLUS * self._door.bounds.sizes.max_recipients:
            return _because("recipients", model.TOO_MANY_UNKNOWN)
        return model.TOO_MANY_RECIPIENTS

    async def _unknown(self, server: Session, refusal: Reply) -> Reply:
        server.unknown += 1
        cost = _GUESS if refusal.guess else 1.0
        may_go_on = self._door.limits.unknown.allow(server.peer, monotonic(), cost)
        if not may_go_on or server.unknown >= self._door.bounds.errors.unknown:
            return _because("unknown_recipients", model.TOO_MANY_UNKNOWN)
        if refusal.guess:
            await server.hold_back(self._door.bounds.times.tarpit, "guess")
        return refusal

    async def handle_DATA(self, server: Session, session: SmtpState, envelope: Transaction) -> str:
        raw = envelope.original_content or b""
        origin = Origin(server.address, session.host_name or "", envelope.sender.given)
        reply = await self._intake.accept(envelope.sender, envelope.recipients, raw, origin)
        if reply.accepted:
            self._count(server, envelope)
        return str(reply)

    def _count(self, server: Session, envelope: Transaction) -> None:
        """A mail was stored: against the limits of who sent it and for whom, and for the good of its session."""
        now = monotonic()
        server.errors = server.junk = 0
        metrics.MAILS.labels("tls" if server.over_tls else "clear").inc()
        if envelope.sender.given:
            self._door.limits.mails_of_sender.allow(envelope.who, now)
        for recipient in dict.fromkeys(envelope.recipients):
            self._door.limits.units.take(recipient.kind, recipient.unit, server.peer, now)


def _because(reason: str, reply: Reply) -> Reply:
    metrics.REASONS.labels(reason).inc()
    return reply
