"""Leaving: by mail and reply, by one click on List-Unsubscribe, by a complaint, or taken off by an administrator.

    leave mail -> not_member -> leave.refused
               -> leave.opened -> reply -> leave.completed | leave.refused(expired, already_done)
    unsubscribe, complaint -> leaves the whole unit at once -> leave.completed
Whoever leaves a unit's last group leaves the unit, and his address is erased unless another unit writes to it.
"""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import (
    ConfirmationGiven,
    InboundLeave,
    LeaveCompleted,
    LeaveOpened,
    LeaveRefused,
)
from contracts.sealed import EntryMail
from mail.addresses import AddressError, normalise
from registry import model
from registry.context import MAILS, Context
from registry.handlers.refused import Refused
from registry.inverses import RestoreMember
from registry.store import addresses, copies, members, pending, persons, undo
from registry.store.addresses import Address
from registry.store.members import Departure, Member
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.logs import get_logger

log = get_logger(__name__)

_HOUR = timedelta(hours=1)
"""`issued_at` is the beginning of the hour in which a mail was written."""


async def leave(context: Context, event: InboundLeave) -> None:
    """Somebody wrote to a leave address."""
    if not event.automatic.reply_allowed:
        MAILS.labels("leave", "automatic").inc()
        log.info("leave_from_a_machine_ignored", event_id=event.id, why=event.automatic.why)
        return
    try:
        address = normalise(context.opener.open(event.mail, EntryMail).sender)
    except AddressError:
        MAILS.labels("leave", "unusable_sender").inc()
        return
    now = context.clock()
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, InboundLeave.name, event.id):
            return
        known = await addresses.lock(connection, context.crypto, address)
        member = await members.at_address(connection, event.unit, known.id) if known else None
        inside = member is not None and member.here and await members.in_group(connection, member.id, event.group)
        if known is None or member is None or not inside:
            number = new_id()
            refused = LeaveRefused(
                id=f"{event.id}/leave-refused",
                occurred_at=now,
                unit=event.unit,
                group=event.group,
                request=number,
                reason="not_member",
                to=context.addressee(address, number, proven=event.sender_proven),
            )
            await context.outbox.add(connection, refused)
            MAILS.labels("leave", "not_member").inc()
            return
        mailbox = context.crypto.mailbox_lookup(address)
        unanswered = await pending.unanswered_since(connection, known.id, mailbox)
        request = await pending.open_leave(
            connection,
            context.crypto,
            unit=event.unit,
            group=event.group,
            member=member.id,
            address=address,
            at=now,
        )
        if not model.may_guide(unanswered_since=unanswered.mailbox, proven=event.sender_proven, now=now):
            MAILS.labels("leave", "guide_withheld").inc()
            return
        await pending.leave_guided(connection, request, now)
        opened = LeaveOpened(
            id=f"{event.id}/leave-opened",
            occurred_at=now,
            unit=event.unit,
            group=event.group,
            request=request,
            to=context.addressee(address, member.id, proven=event.sender_proven),
        )
        await context.outbox.add(connection, opened)
    MAILS.labels("leave", "open").inc()


async def confirm(context: Context, event: ConfirmationGiven) -> None:
    """Somebody replied that he wants to leave. PermanentError for a request that is not known (any more)."""
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, ConfirmationGiven.name, event.id):
            return
        found = await pending.leave_request(connection, context.crypto, event.unit, event.message_ref)
        member, known = await persons.lock(connection, context.crypto, event.unit, found.member if found else 0)
        # Read again: now that the address is locked, nothing about it changes any more.
        found = await pending.leave_request(connection, context.crypto, event.unit, event.message_ref)
        if found is None or member is None:
            raise PermanentError("unknown_leave_request")
        now = context.clock()
        decision = model.decide_leave(
            state=found.state,
            opened_at=found.opened_at,
            replied_at=event.occurred_at,
            life=context.lives.confirmation,
            expired=event.expired,
            still_member=member.here and await members.in_group(connection, member.id, found.group),
        )
        if decision == "complete":
            await pending.close_leave(connection, found.id)
            await _depart(connection, member, known, found.group, now)
            completed = LeaveCompleted(
                id=f"{event.id}/leave-completed",
                occurred_at=now,
                unit=event.unit,
                group=found.group,
                request=found.id,
                member=member.id,
                to=context.addressee(found.address, member.id, proven=True),
            )
            await context.outbox.add(connection, completed)
        else:
            refused = LeaveRefused(
                id=f"{event.id}/leave-refused",
                occurred_at=now,
                unit=event.unit,
                group=found.group,
                request=found.id,
                reason=decision,
                to=context.addressee(found.address, member.id, proven=True),
            )
            await context.outbox.add(connection, refused)
    MAILS.labels("leave_confirmation", decision).inc()


async def unsubscribe(context: Context, event: ConfirmationGiven) -> None:
    """One click, a mail to the List-Unsubscribe address, or a complaint to his carrier about a mail of ours: leaves the
    unit at once, however old the mail was. Done twice, the second time has no effect and no mail.

    A complaint about a mail from before he came back is an old one: those who press the button by mistake often press
    it for several mails, and carriers report at their leisure."""
    complained = event.kind == "complaint"
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, ConfirmationGiven.name, event.id):
            return
        number = await copies.member(
            connection, unit=event.unit, message=event.message_ref, copy_ref=event.recipient_ref
        )
        if number is None:
            raise PermanentError("unknown_copy")
        member, known = await persons.lock(connection, context.crypto, event.unit, number)
        if member is None or known is None or not member.here:
            # He had been removed: whoever would undo that now did not know that he wants to leave.
            await undo.withdraw(connection, number)
            MAILS.labels(event.kind, "already_done").inc()
            return
        if complained and event.issued_at + _HOUR <= member.since:
            MAILS.labels(event.kind, "before_he_came_back").inc()
            return
        now = context.clock()
        await _depart(connection, member, known, None, now, reason="complaint" if complained else None)
        completed = LeaveCompleted(
            id=f"{event.id}/leave-completed",
            occurred_at=now,
            unit=event.unit,
            request=new_id(),
            member=member.id,
            to=context.addressee(known.address, member.id, proven=True),
            complained=complained,
        )
        await context.outbox.add(connection, completed)
    MAILS.labels(event.kind, "complete").inc()


async def remove_member(
    context: Context, connection: AsyncConnection, unit: str, member: int, group: str | None, at: datetime
) -> RestoreMember | None:
    """An administrator takes a member off a group (None: off the unit); what undoes that, None when he wasn't there any
    more. Refused for a number that the unit doesn't have."""
    found, known = await persons.lock(connection, context.crypto, unit, member)
    if found is None:
        raise Refused("unknown-member")
    if not found.here or known is None:
        return None
    left = await _depart(connection, found, known, group, at)
    if not (left.groups or left.poster_of or left.guardian_of):
        return None
    return RestoreMember(
        member=member,
        removed_at=at,
        unit_since=found.since if left.left_unit else None,
        address=known.address if left.left_unit else None,
        deliverable=known.deliverable,
        groups=left.groups,
        poster_of=left.poster_of,
        guardian_of=left.guardian_of,
    )


async def _depart(
    connection: AsyncConnection,
    member: Member,
    known: Address | None,
    group: str | None,
    at: datetime,
    reason: str | None = None,
) -> Departure:
    departure = await members.leave(connection, member.id, group, at, reason)
    if departure.left_unit and known is not None:
        await addresses.erase_unless_used(connection, known.id)
    return departure
