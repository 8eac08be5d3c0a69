"""Registering: an entry mail (or an administrator) opens a registration, the reply to the guide mail completes it.

    entry -> already_member | closed -> registration.refused
          -> open (new, or the one that waits already) -> registration.opened, unless a guide mail is unanswered yet
    confirmation -> complete -> member, membership, names -> registration.completed
                                and the guides that waited for this answer -> registration.opened
                 -> expired | already_done | closed -> registration.refused
Each is one transaction with its inbox row and what it says on the bus. Who holds the address's row goes first.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import (
    Addressee,
    ConfirmationGiven,
    InboundEntry,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
)
from contracts.sealed import AddressCard, EntryMail, ReplyText, Sealed
from mail.addresses import AddressError, normalise, tidy
from registry import model, naming
from registry.context import MAILS, Context
from registry.handlers.refused import Refused
from registry.naming import Person
from registry.store import addresses, members, pending
from registry.store.addresses import Address
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.logs import get_logger

log = get_logger(__name__)


async def entry(context: Context, event: InboundEntry) -> None:
    """Somebody wrote to a group's entry address."""
    if not event.automatic.reply_allowed:
        MAILS.labels("entry", "automatic").inc()
        log.info("entry_from_a_machine_ignored", event_id=event.id, why=event.automatic.why)
        return
    content = context.opener.open(event.mail, EntryMail)
    try:
        address = normalise(content.sender)
    except AddressError:
        MAILS.labels("entry", "unusable_sender").inc()
        log.info("entry_from_an_unusable_address_ignored", event_id=event.id)
        return
    words = (content.text if content.text.strip() else content.subject)[: model.MAX_WORDS]
    named = await context.has_receipts(event.unit)
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, InboundEntry.name, event.id):
            return
        known = await addresses.lock_or_add(connection, context.crypto, address)
        person = naming.read(words) if named else Person()
        decision = await _decide(context, connection, event.unit, event.group, known, person)
        effect: str = decision
        if decision == "open":
            guided = await _open(
                context,
                connection,
                cause=event.id,
                unit=event.unit,
                group=event.group,
                known=known,
                words=words,
                named=named,
                proven=event.sender_proven,
            )
            effect = "open" if guided else "guide_withheld"
        else:
            to = context.addressee(known.address, new_id(), proven=event.sender_proven)
            await _refuse(context, connection, event.id, event.unit, event.group, to, decision)
            await addresses.erase_unless_used(connection, known.id)
    MAILS.labels("entry", effect).inc()


async def invite_member(
    context: Context,
    connection: AsyncConnection,
    *,
    cause: str,
    unit: str,
    group: str,
    card: Sealed,
    invited_by: str,
) -> None:
    """An administrator typed an address: its owner gets the guide mail. Nothing tells whether it was known before.
    Refused when it is no address, or there is no such group."""
    typed = context.opener.open(card, AddressCard)
    try:
        address = normalise(tidy(typed.address))
    except AddressError:
        raise Refused("bad-address") from None
    named = await context.has_receipts(unit)
    known = await addresses.lock_or_add(connection, context.crypto, address)
    words = typed.name[: model.MAX_WORDS]
    person = naming.read(words) if named else Person()
    decision = await _decide(context, connection, unit, group, known, person)
    if decision == "closed":
        raise Refused("unknown-group")
    if decision == "open":
        await _open(
            context,
            connection,
            cause=cause,
            unit=unit,
            group=group,
            known=known,
            words=words,
            named=named,
            invited_by=invited_by,
        )


async def confirm(context: Context, event: ConfirmationGiven) -> None:
    """Somebody replied to a guide mail. PermanentError for a registration that is not known (any more)."""
    reply = context.opener.open(event.reply, ReplyText).text if event.reply is not None else ""
    named = await context.has_receipts(event.unit)
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, ConfirmationGiven.name, event.id):
            return
        found = await pending.registration(connection, context.crypto, event.unit, event.message_ref)
        known = await addresses.lock_by_id(connection, context.crypto, found.address_id) if found else None
        # Read again: now that the address is locked, nothing about it changes any more.
        found = await pending.registration(connection, context.crypto, event.unit, event.message_ref)
        if found is None or known is None:
            raise PermanentError("unknown_registration")
        now = context.clock()
        member = await members.at_address(connection, event.unit, known.id)
        decision = model.decide_registration(
            state=found.state,
            opened_at=found.opened_at,
            replied_at=event.occurred_at,
            life=context.lives.confirmation,
            expired=event.expired,
            still_member=member is not None and await members.in_group(connection, member.id, found.group),
            group_exists=await context.takes_members(connection, event.unit, found.group),
        )
        if decision == "complete":
            await _complete(context, connection, event, found, known, reply[: model.MAX_WORDS], named=named, now=now)
        else:
            if decision == "expired" and found.state in ("open", "expired"):
                await pending.close_registration(connection, found.id, "expired")
            to = context.addressee(known.address, found.id, proven=True)
            await _refuse(context, connection, event.id, event.unit, found.group, to, decision, number=found.id)
    MAILS.labels("registration", decision).inc()


async def _decide(
    context: Context,
    connection: AsyncConnection,
    unit: str,
    group: str,
    known: Address,
    person: Person,
) -> model.EntryDecision:
    member = await members.at_address(connection, unit, known.id)
    inside = member is not None and member.here and await members.in_group(connection, member.id, group)
    new_child = (
        member is not None
        and inside
        and await members.names_new_child(
            connection, context.crypto, unit=unit, member=member.id, group=group, person=person
        )
    )
    exists = await context.takes_members(connection, unit, group)
    return model.decide_entry(group_exists=exists, in_group=inside, deliverable=known.deliverable, new_child=new_child)


async def _open(
    context: Context,
    connection: AsyncConnection,
    *,
    cause: str,
    unit: str,
    group: str,
    known: Address,
    words: str,
    named: bool,
    proven: bool = False,
    invited_by: str | None = None,
) -> bool:
    """Whether a guide mail is on its way; else the registration waits for the answer to an earlier one."""
    now = context.clock()
    unanswered = await pending.unanswered_since(connection, known.id, context.crypto.mailbox_lookup(known.address))
    may_guide = model.may_guide(unanswered_since=unanswered.mailbox, proven=proven, now=now)
    if not may_guide and unanswered.address is None:
        # Another name of the same mailbox has the guide. Of names there is no end, so this one is not kept.
        await addresses.erase_unless_used(connection, known.id)
        return False
    if not may_guide and await pending.guided_before(connection, unit=unit, group=group, address_id=known.id):
        # The reply to that guide confirms what stood in it, not what somebody wrote afterwards.
        return False
    registration, newest = await pending.open_registration(
        connection,
        context.crypto,
        unit=unit,
        group=group,
        address_id=known.id,
        words=words,
        sender_key=context.crypto.sender_key(known.address),
        at=now,
        invited_by=invited_by,
    )
    if may_guide:
        await _guide(
            context, connection, f"{cause}/registration-opened", unit, group, registration, known, newest, proven=proven
        )
    return may_guide


async def _guide(
    context: Context,
    connection: AsyncConnection,
    event_id: str,
    unit: str,
    group: str,
    registration: int,
    known: Address,
    words: str,
    *,
    proven: bool,
) -> None:
    now = context.clock()
    shown = naming.understood(naming.read(words)) if await context.has_receipts(unit) else ""
    opened = RegistrationOpened(
        id=event_id,
        occurred_at=now,
        unit=unit,
        group=group,
        registration=registration,
        named=bool(shown),
        to=context.addressee(known.address, registration, {"understood": shown}, proven=proven),
    )
    await pending.guided(connection, registration, now)
    await context.outbox.add(connection, opened)


async def _guide_next(context: Context, connection: AsyncConnection, cause: str, unit: str, known: Address) -> None:
    """The address has answered: its other registrations in this unit get their guides, the newest first and a few at a
    time, because somebody else may have asked for them."""
    since = context.clock() - context.lives.confirmation
    waiting = await pending.waiting(connection, unit=unit, address_id=known.id, since=since, limit=model.NEXT_GUIDES)
    for number, group in waiting:
        found = await pending.registration(connection, context.crypto, unit, number)
        if found is not None and await context.group_exists(unit, group):
            event_id = f"{cause}/registration-opened-{number}"
            await _guide(context, connection, event_id, unit, group, number, known, found.words, proven=True)


async def _complete(
    context: Context,
    connection: AsyncConnection,
    event: ConfirmationGiven,
    found: pending.Registration,
    known: Address,
    reply: str,
    *,
    named: bool,
    now: datetime,
) -> None:
    unit, group = event.unit, found.group
    member = await members.join(connection, unit=unit, address_id=known.id, group=group, at=now)
    await addresses.revive(connection, known.id, event.occurred_at)
    shown = ""
    if named:
        first = naming.read(found.words)
        person = naming.correct(first, reply)
        original = found.words if person == first else f"{found.words}\n\n{reply}".strip()
        shown_before = await members.name(
            connection, context.crypto, unit=unit, member=member, group=group, person=person, original=original
        )
        shown = naming.understood(person) or shown_before
    await pending.close_registration(connection, found.id, "done")
    completed = RegistrationCompleted(
        id=f"{event.id}/registration-completed",
        occurred_at=now,
        unit=unit,
        group=group,
        registration=found.id,
        member=member,
        named=bool(shown),
        to=context.addressee(known.address, found.id, {"understood": shown}, proven=True),
    )
    await context.outbox.add(connection, completed)
    await _guide_next(context, connection, event.id, unit, known)


async def _refuse(
    context: Context,
    connection: AsyncConnection,
    cause: str,
    unit: str,
    group: str,
    to: Addressee,
    reason: model.RegistrationRefusal,
    *,
    number: int | None = None,
) -> None:
    refused = RegistrationRefused(
        id=f"{cause}/registration-refused",
        occurred_at=context.clock(),
        unit=unit,
        group=group,
        registration=number or new_id(),
        reason=reason,
        to=to,
    )
    await context.outbox.add(connection, refused)
