"""Broadcast: an approved message becomes copies, divided into sealed batches for the dispatchers.

    message.approved -> freeze (one transaction: who gets it, in which batches; once a message and wave)
                     -> again and again: the next batches, decrypted, sealed and put on the bus with their plans,
                        then how far we are
The first round is small, so that all carriers begin at once; the rest follows in larger ones, of which one is in memory
at a time. A process that dies in between leaves a number; whoever gets the event again goes on from there, with the
same names of batches, by which the bus knows what it has already. So the frozen audience is its own outbox: sealed
boxes go straight to the bus and never lie in the database.
"""

import asyncio
from collections.abc import Sequence

from contracts.events import DeliveryBatch, DeliveryPlanned, MessageApproved, PlannedCopy
from contracts.sealed import RecipientCard, RecipientCards
from registry.context import Context
from registry.model import lane_of_copies
from registry.store import audiences, freezing, views
from registry.store.audiences import FrozenCopy, HandoverProgress
from registry.store.freezing import AudienceSelection
from runtime.bus.client import Outgoing
from runtime.database.engine import transaction
from runtime.errors import BusRefused, BusUnavailable, CipherError, PermanentError, UnknownKey
from runtime.logs import get_logger

FIRST_ROUND = 10
ROUND = 50
"""Batches a round: the first is on the bus within milliseconds; in a later one what a round itself costs hardly counts,
and its boxes need a few megabytes."""

HEAD_START = 0.05
"""Seconds between the first round and the second. The first keeps dispatchers busy for longer than that, and where all
share a processor or two, its copies are on their way sooner."""

PLANNED_TOGETHER = 10
"""Batches of a carrier that the ledger hears of in one event: its cost is by the event more than by the copy."""

log = get_logger(__name__)


async def approve(context: Context, event: MessageApproved) -> None:
    """A message may go out. Harmless to repeat, also by two processes at once."""
    if event.lane == "prompt":
        raise PermanentError("lane_not_for_messages")
    async with context.engine.begin() as connection:
        now = context.clock()
        frozen = await freezing.freeze(
            connection,
            AudienceSelection(event.unit, event.groups, event.members, event.about_child),
            message=event.message,
            wave=event.wave,
            resend_to=event.copies,
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
    if await _hand_over(context, event, FIRST_ROUND):
        return
    await asyncio.sleep(HEAD_START)
    while not await _hand_over(context, event, ROUND):
        pass


async def _hand_over(context: Context, event: MessageApproved, most: int) -> bool:
    """Put the next batches on the bus, at most so many; True when there are none left. TransientError when the bus did
    not take all of them: those that it took count."""
    async with transaction(context.engine) as driver:
        progress = await audiences.progress(driver, event.message, event.wave)
        if progress.finished:
            return True
        upto = min(progress.published + most, progress.batches)
        found = await audiences.batches(
            driver, message=event.message, wave=event.wave, after=progress.published, upto=upto
        )
        numbers, messages = await asyncio.to_thread(_seal, context, event, progress, found)
        results = await context.bus.publish_many(messages)
        problem = next((each for each in results if each is not None), None)
        if problem is not None:
            upto = numbers[results.index(problem)] - 1
        await audiences.published(driver, message=event.message, wave=event.wave, upto=upto)
    if isinstance(problem, BusRefused):
        # Tried again for ever: a batch that the bus will not take needs the operator, not a bin.
        log.error("batch_refused", unit=event.unit, message=event.message, wave=event.wave, batch=upto + 1)
        raise BusUnavailable("batch_refused")
    if problem is not None:
        raise problem
    return upto >= progress.batches


def _seal(
    context: Context, event: MessageApproved, progress: HandoverProgress, found: dict[int, list[FrozenCopy]]
) -> tuple[list[int], list[Outgoing]]:
    """What goes to the bus: the plans, then the batches. Before it, for each of them, the batch from which on all go
    again when the bus doesn't take it."""
    by_carrier: dict[str, list[int]] = {}
    for number in sorted(found):
        by_carrier.setdefault(found[number][0].carrier, []).append(number)
    events: list[tuple[int, DeliveryPlanned | DeliveryBatch]] = [
        (min(found), _planned(event, progress, found, numbers[begin : begin + PLANNED_TOGETHER]))
        for numbers in by_carrier.values()
        for begin in range(0, len(numbers), PLANNED_TOGETHER)
    ]
    events += [(number, _batch(context, event, progress, number, found[number])) for number in sorted(found)]
    messages = [Outgoing(each.bus_subject(), each.model_dump_json().encode(), each.id) for _, each in events]
    return [number for number, _ in events], messages


def _planned(
    event: MessageApproved, progress: HandoverProgress, found: dict[int, list[FrozenCopy]], numbers: Sequence[int]
) -> DeliveryPlanned:
    """The plan of these batches of one carrier. After a crash they may be grouped otherwise: then it has another id."""
    first = _name(event, numbers[0])
    return DeliveryPlanned(
        id=f"{first}-{numbers[-1]}/planned",
        occurred_at=progress.frozen_at,
        unit=event.unit,
        message=event.message,
        wave=event.wave,
        batch=first,
        lane=lane_of_copies(event),
        carrier=found[numbers[0]][0].carrier,
        copies=tuple(
            PlannedCopy(copy_ref=each.copy_ref, member=each.member, child=each.child)
            for number in numbers
            for each in found[number]
        ),
    )


def _batch(
    context: Context, event: MessageApproved, progress: HandoverProgress, number: int, recipients: Sequence[FrozenCopy]
) -> DeliveryBatch:
    name = _name(event, number)
    cards = RecipientCards(cards=tuple(_card(context, each) for each in recipients))
    return DeliveryBatch(
        id=name,
        occurred_at=progress.frozen_at,
        batch=name,
        unit=event.unit,
        lane=lane_of_copies(event),
        carrier=recipients[0].carrier,
        message=event.message,
        wave=event.wave,
        reply_kind="answer",
        tracked=True,
        content_key=event.content_key,
        recipients=context.sealer.seal(cards, "dispatcher"),
        first_planned_at=progress.frozen_at,
        expires_at=event.expires_at,
    )


def _name(event: MessageApproved, number: int) -> str:
    return f"{event.message}-{event.wave}-{number}"


def _card(context: Context, recipient: FrozenCopy) -> RecipientCard:
    try:
        address, name, child = recipient.open(context.crypto)
    except UnknownKey:
        raise  # nothing is wrong with the row: it can be sent as soon as the settings have the key again
    except CipherError:
        # One damaged row must not stop a mail to everybody: dispatcher settles what has no address as failed.
        log.error("recipient_does_not_open", copy_ref=recipient.copy_ref)
        address = name = child = ""
    # A member who named no child is asked about his child all the same, in words that fit.
    fields = {"name": name, "child": f"{child} さん" if child else "お子さん"}
    return RecipientCard(copy_ref=recipient.copy_ref, address=address, fields=fields)
