"""What is done with a sender, a recipient and a whole mail. Plain calls, no SMTP and no NATS types.

    sender, recipient   answered from memory
    accept              read once -> one event a recipient -> all published together -> 250 only when the bus has
                        acknowledged every one; else 451, and the sender's server tries again

The ids of the events are made from the mail and its envelope, so that trying again stores nothing twice.
"""

import asyncio
import hmac
from collections.abc import Sequence
from time import monotonic

from contracts import directory as contract
from contracts.events.inbound import Authentication, Inbound
from ingress_smtp import metrics, model
from ingress_smtp.context import Context
from ingress_smtp.event_builder import InboundEventBuilder
from ingress_smtp.model import EnvelopeSender, Recipient, SmtpReply
from mail.addresses import MailboxKind
from mail.sender.authentication import Origin
from runtime import tracing
from runtime.bus.client import Outgoing
from runtime.errors import BusFull, BusRefused
from runtime.logs import get_logger

_IN_A_THREAD = 100_000
"""Octets from which on a mail is read in a thread."""
log = get_logger(__name__)


def sender(context: Context, given: str) -> EnvelopeSender | SmtpReply:
    """Who writes? `given` is "" for the null sender. While the bus is away nobody needs to send a whole mail."""
    if not context.publisher.ready:
        return model.NOT_STORED
    return model.read_sender(given)


def sender_key(context: Context, sender: EnvelopeSender) -> str:
    """Recognises this sender again without naming him."""
    return context.sender_hash.hexdigest(sender.mailbox)


def recipient(context: Context, address: str, sender: EnvelopeSender) -> Recipient | SmtpReply:
    """For whom is it? From memory; while the directory has never been read nobody is refused for good."""

    def secret_fits(unit: str, group: str, secret: str, hashes: tuple[str, ...]) -> bool:
        return _secret_fits(context, unit, group, secret, hashes)

    found = model.resolve(address, sender, context.base_domain, context.directory.active_unit, secret_fits)
    return model.NOT_READY if found == model.UNKNOWN and not context.directory.loaded else found


async def accept(
    context: Context, sender: EnvelopeSender, recipients: Sequence[Recipient], raw: bytes, origin: Origin
) -> SmtpReply:
    """Store the mail for all its recipients, or, as far as its sender is told, for none."""
    started = monotonic()
    with tracing.accept(None):
        wanted = tuple(dict.fromkeys(recipients))
        shown = await context.authenticator.authenticate(origin, raw) if context.authenticator is not None else None
        if len(raw) > _IN_A_THREAD:
            events = await asyncio.to_thread(_build, context, sender, wanted, raw, shown)
        else:
            events = _build(context, sender, wanted, raw, shown)
        if isinstance(events, SmtpReply):
            return events
        reply = await _store(context, events, len(raw))
        metrics.STORING.observe(monotonic() - started)
        return reply


def _build(
    context: Context,
    sender: EnvelopeSender,
    recipients: Sequence[Recipient],
    raw: bytes,
    authentication: Authentication | None,
) -> list[tuple[Inbound, Outgoing]] | SmtpReply:
    builder = InboundEventBuilder(context, sender, raw, authentication)
    # Said now, while the sender's own server can still tell him; further in nobody could.
    if builder.text_length > model.LONGEST_POST and any(one.kind is MailboxKind.POST for one in recipients):
        return model.TEXT_TOO_LONG
    events = [builder.event(recipient) for recipient in recipients]
    return [(event, Outgoing(event.bus_subject(), event.model_dump_json().encode(), event.id)) for event in events]


async def _store(context: Context, events: Sequence[tuple[Inbound, Outgoing]], size: int) -> SmtpReply:
    """Publish the events of a mail of this size; what its sender is told."""
    messages = [message for _, message in events]
    results = await context.publisher.publish_many(messages, timeout=context.publish_timeout)
    failed = [problem for problem in results if problem is not None]
    if failed:
        refused = any(isinstance(problem, BusRefused) for problem in failed)
        full = any(isinstance(problem, BusFull) for problem in failed)
        log.warning("mail_not_stored", events=len(events), failed=len(failed), refused=refused, full=full, size=size)
        return model.TOO_LARGE if refused else model.NO_ROOM if full else model.NOT_STORED
    for event, _ in events:
        kind = event.name.removeprefix("inbound.")
        metrics.ACCEPTED.labels(kind).inc()
        log.info("mail_accepted", id=event.id, kind=kind, unit=event.unit, size=event.size)
    return model.STORED


def _secret_fits(context: Context, unit: str, group: str, secret: str, hashes: tuple[str, ...]) -> bool:
    given = context.secret_hash.hexdigest(contract.secret_text(unit, group, secret))
    fits = False
    for wanted in hashes:  # all of them, so that the time taken says nothing
        fits |= hmac.compare_digest(given, wanted)
    if not fits and hashes and contract.could_be_secret(secret):
        context.secret_probes.note(unit, group)
    return fits
