"""Broadcast: an approved message becomes copies, divided into sealed batches for the postmen.

    message.approved -> freeze (one transaction: copies and batch numbers, once a message and wave)
                     -> again and again: the next batches, decrypted and sealed, planned and handed to the outbox,
                        and how far we are, in one transaction
A process that dies in between leaves a number; whoever gets the event again goes on from there, with the same batch
names. At no time is more than one round of batches in memory.
"""

import asyncio

from contracts.base import Event
from contracts.events import DeliveryBatch, DeliveryPlanned, MessageApproved, PlannedCopy
from contracts.sealed import RecipientCard, RecipientCards
from registry.handlers.context import Context
from registry.model import lane_of_copies
from registry.store import audiences, views
from registry.store.audiences import Progress, Recipient, Selection
from runtime.errors import CipherError, PermanentError, UnknownKey
from runtime.logs import get_logger

BATCHES_A_ROUND = 10

log = get_logger(__name__)


async def approve(context: Context, event: MessageApproved) -> None:
    """A message may go out. Harmless to repeat, also by two processes at once."""
    if event.lane == "prompt":
        raise PermanentError("lane_not_for_messages")
    async with context.engine.begin() as connection:
        now = context.clock()
        frozen = await audiences.freeze(
            connection,
            Selection(event.unit, event.groups, event.members, event.about_child),
            message=event.message,
            wave=event.wave,
            again=event.copies,
            at=now,
        )
        if frozen is not None:
            await views.log_access(
                connection,
                at=now,
                actor="registry",
                action="broadcast",
                unit=event.unit,
                subject=event.message,
                count=frozen.copies,
            )
    if frozen is not None:
        log.info(
            "audience_frozen",
            unit=event.unit,
            message=event.message,
            wave=event.wave,
            copies=frozen.copies,
            batches=frozen.batches,
        )
    while not await _hand_over(context, event):
        pass


async def _hand_over(context: Context, event: MessageApproved) -> bool:
    """Put the next batches into the outbox; True when there are none left."""
    async with context.engine.begin() as connection:
        progress = await audiences.progress(connection, event.message, event.wave)
        if progress.finished:
            return True
        upto = min(progress.published + BATCHES_A_ROUND, progress.batches)
        found = await audiences.batches(
            connection, message=event.message, wave=event.wave, after=progress.published, upto=upto
        )
        events = await asyncio.to_thread(_seal, context, event, progress, found)
        await context.outbox.add_many(connection, events)
        await audiences.published(connection, message=event.message, wave=event.wave, upto=upto)
    return upto >= progress.batches


def _seal(
    context: Context, event: MessageApproved, progress: Progress, found: dict[int, list[Recipient]]
) -> list[Event]:
    """The plan of each batch, and after it the batch."""
    events: list[Event] = []
    for number, recipients in sorted(found.items()):
        name = f"{event.message}-{event.wave}-{number}"
        carrier = recipients[0].carrier
        events.append(
            DeliveryPlanned(
                id=f"{name}/planned",
                occurred_at=progress.frozen_at,
                unit=event.unit,
                message=event.message,
                wave=event.wave,
                batch=name,
                lane=lane_of_copies(event),
                carrier=carrier,
                copies=tuple(
                    PlannedCopy(copy_ref=each.copy_ref, member=each.member, child=each.child) for each in recipients
                ),
            )
        )
        cards = RecipientCards(cards=tuple(_card(context, each) for each in recipients))
        events.append(
            DeliveryBatch(
                id=name,
                occurred_at=progress.frozen_at,
                batch=name,
                unit=event.unit,
                lane=lane_of_copies(event),
                carrier=carrier,
                message=event.message,
                wave=event.wave,
                reply_kind="answer",
                tracked=True,
                content_key=event.content_key,
                recipients=context.sealer.seal(cards, "dispatcher"),
                first_planned_at=progress.frozen_at,
                expires_at=event.expires_at,
            )
        )
    return events


def _card(context: Context, recipient: Recipient) -> RecipientCard:
    try:
        address, name, child = recipient.open(context.vault)
    except UnknownKey:
        raise  # nothing is wrong with the row: it can be sent as soon as the settings have the key again
    except CipherError:
        # One damaged row must not stop a mail to everybody: dispatcher settles what has no address as failed.
        log.error("recipient_does_not_open", copy_ref=recipient.copy_ref)
        address = name = child = ""
    # A member who named no child is asked about his child all the same, in words that fit.
    fields = {"name": name, "child": f"{child} さん" if child else "お子さん"}
    return RecipientCard(copy_ref=recipient.copy_ref, address=address, fields=fields)
