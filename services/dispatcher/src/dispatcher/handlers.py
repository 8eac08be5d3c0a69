"""What becomes of a batch: claimed, opened, routed, rendered, queued, settled, put off for what is left.

    claim -> open recipients -> (stopped? too late? not due? unsendable? no content?) -> route of each -> rendered
    copies
          -> queues -> settle -> retry -> done
Each step can be repeated after a crash: outcomes that were recorded stand, the settlement has the attempt's own id,
and so has the retry. When a handler returns the batch may be acknowledged; a raised Postponed brings it back later.
"""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta
from time import monotonic

from contracts.events.delivery import DeliveryBatch
from contracts.reasons import DROPPED
from contracts.sealed import RecipientCard, RecipientCards
from dispatcher import metrics
from dispatcher.attempt.attempt import BatchAttempt, CopyRecipient, RetryClock
from dispatcher.attempt.copies import CopyWriter
from dispatcher.attempt.due import by_due
from dispatcher.attempt.progress import Progress
from dispatcher.attempt.rendering_cache import ContentMissing
from dispatcher.attempt.settlement import settle
from dispatcher.context import Context
from dispatcher.pace.full_hour import hour_wait, steady_chance
from dispatcher.policy.reply_rules import Disposition
from dispatcher.queue.queued_delivery import BatchTracker, QueuedDelivery
from dispatcher.routing.mx import DnsTrouble, NoMail
from dispatcher.routing.router import Route, without_route
from mail.addresses import AddressError, normalise
from mail.outgoing.rendering import RenderingError
from runtime.errors import Postponed

CONTENT_PATIENCE = timedelta(minutes=10)
CONTENT_SECONDS = 20.0
KNOWN_SECONDS = 5.0
RENDERED_AT_ONCE = 16


async def deliver(context: Context, batch: DeliveryBatch) -> None:
    """Send the copies of a batch, as far as they are due, and settle what came of it. Raises PermanentError when the
    batch cannot be read, Postponed when it shall come again, BusUnavailable when the bus went away before it was
    settled."""
    with context.at_work.work_on(batch.batch):
        if context.stopping.is_set():
            raise Postponed("dispatcher_stopping", 0)
        if batch.lane == "ordinary":
            spread = context.carriers.named(batch.carrier).full_hour_spread
            wait = hour_wait(context.now(), spread, steady_chance(batch.batch))
            if wait > 0:
                raise Postponed("off_the_full_hour", wait)
        started = monotonic()
        await _know_stopped_messages(context)
        cards, attempt = await _begin(context, batch)
        now_due, later = by_due(attempt, cards)
        recorded = attempt.progress.outcomes
        await _send(context, attempt, [card for card in now_due if card.copy_ref not in recorded])
        await settle(context.store, context.sealer, context.now(), batch, tried=now_due, later=later, recorded=recorded)
        metrics.BATCH_SECONDS.labels(batch.lane, batch.carrier).observe(monotonic() - started)


async def give_up(context: Context, batch: DeliveryBatch) -> None:
    """The operator decided that this batch will never be delivered: settle it with what came of it so far, the rest as
    failed, so that no copy waits for ever. Raises PermanentError when the batch cannot be read, Postponed when it shall
    come again, BusUnavailable when the bus went away before it was settled."""
    with context.at_work.work_on(batch.batch):
        cards, attempt = await _begin(context, batch)
        recorded = attempt.progress.outcomes
        left = [
            card for card in cards if card.copy_ref not in recorded or recorded[card.copy_ref].outcome == "deferred"
        ]
        if left:
            recipients = [CopyRecipient(card, "") for card in left]
            await _record_unsent(context, attempt, recipients, Disposition("failed", DROPPED))
        await settle(context.store, context.sealer, context.now(), batch, tried=cards, later=(), recorded=recorded)


async def _know_stopped_messages(context: Context) -> None:
    try:
        async with asyncio.timeout(KNOWN_SECONDS):
            await context.stopped.known()
    except TimeoutError:
        raise Postponed("stopped_messages_not_known_yet", KNOWN_SECONDS) from None


async def _begin(context: Context, batch: DeliveryBatch) -> tuple[Sequence[RecipientCard], BatchAttempt]:
    """The batch opened, and the attempt at it claimed."""
    cards = context.opener.open(batch.recipients, RecipientCards).cards
    progress = await Progress.claim(context.store, batch, context.now)
    clock = RetryClock(context.now, context.chance(), context.retry_plan)
    return cards, BatchAttempt.of(batch, progress, context.stopped, clock)


async def _send(context: Context, attempt: BatchAttempt, cards: Sequence[RecipientCard]) -> None:
    """Have copies for these sent; returns when each has its outcome."""
    recipients = await _sendable(context, attempt, cards)
    if not recipients:
        return
    reason = attempt.skip_reason()
    if reason is not None:
        await _record_unsent(context, attempt, recipients, reason)
        return
    try:
        writer = await context.renderings.copy_writer(attempt.batch)
    except ContentMissing:
        if context.now() < attempt.batch.first_planned_at + CONTENT_PATIENCE:
            raise Postponed("content_missing", CONTENT_SECONDS) from None
        await _record_unsent(context, attempt, recipients, Disposition("failed", "content missing"))
        return
    tracker = BatchTracker(attempt)
    tracker.expect(len(recipients))
    enqueuing = asyncio.create_task(_enqueue(context, tracker, recipients, writer))
    try:
        await tracker.finished()
    except asyncio.CancelledError:
        tracker.fail(Postponed("dispatcher_stopping", 0))
        raise
    finally:
        enqueuing.cancel()


async def _sendable(context: Context, attempt: BatchAttempt, cards: Sequence[RecipientCard]) -> list[CopyRecipient]:
    """Those whose address mail can go to; the others get their outcome here."""
    recipients: list[CopyRecipient] = []
    unsendable: list[CopyRecipient] = []
    for card in cards:
        try:
            recipients.append(CopyRecipient(card, normalise(card.address)))
        except AddressError:
            unsendable.append(CopyRecipient(card, ""))
    if unsendable:
        await _record_unsent(context, attempt, unsendable, Disposition("failed", "not a sendable address"))
    return recipients


async def _record_unsent(
    context: Context, attempt: BatchAttempt, recipients: Sequence[CopyRecipient], disposition: Disposition
) -> None:
    """An outcome without a word with any server."""
    await attempt.record(recipients, disposition, context.carriers.named(attempt.batch.carrier))


# Into the queues


async def _enqueue(
    context: Context, tracker: BatchTracker, recipients: Sequence[CopyRecipient], writer: CopyWriter
) -> None:
    """Each copy into its queue as soon as its route is known. A mistake fails the batch, so that nothing of it goes out
    while it comes a second time."""
    by_domain: dict[str, list[CopyRecipient]] = {}
    for recipient in recipients:
        by_domain.setdefault(recipient.address.rpartition("@")[2], []).append(recipient)
    asked = {asyncio.create_task(_route_of(context, domain)): group for domain, group in by_domain.items()}
    try:
        while asked and not tracker.failed:
            answered, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            for route, group in _by_route([(task.result(), asked.pop(task)) for task in answered]):
                await _enqueue_group(context, tracker, route, group, writer)
    except Exception as error:
        tracker.fail(error)
    finally:
        for task in asked:
            task.cancel()


async def _route_of(context: Context, domain: str) -> Route | Disposition:
    """The route of a domain, or what becomes of copies that have none."""
    try:
        return await context.routing.route_for(domain)
    except (DnsTrouble, NoMail) as error:
        return without_route(error, context.carriers.of_domain(domain))


def _by_route(
    found: Sequence[tuple[Route | Disposition, Sequence[CopyRecipient]]],
) -> list[tuple[Route | Disposition, list[CopyRecipient]]]:
    """Copies to the same servers together, since they are rendered together."""
    groups: dict[object, tuple[Route | Disposition, list[CopyRecipient]]] = {}
    for route, recipients in found:
        key = route if isinstance(route, Disposition) else (route.policy.name, route.hop.key)
        groups.setdefault(key, (route, []))[1].extend(recipients)
    return list(groups.values())


async def _enqueue_group(
    context: Context,
    tracker: BatchTracker,
    route: Route | Disposition,
    recipients: Sequence[CopyRecipient],
    writer: CopyWriter,
) -> None:
    """Copies of one route; or of none: then they get their outcome here."""
    if isinstance(route, Disposition):
        await _record_unsent(context, tracker.attempt, recipients, route)
        tracker.done(len(recipients))
        return
    for some in _batched(recipients, RENDERED_AT_ONCE):
        context.queues.enqueue(route, await _rendered(context, tracker, route, some, writer))


async def _rendered(
    context: Context, tracker: BatchTracker, route: Route, recipients: Sequence[CopyRecipient], writer: CopyWriter
) -> list[QueuedDelivery]:
    """Copies ready to go out; those that cannot be rendered get their outcome here."""

    def write() -> tuple[list[QueuedDelivery], list[CopyRecipient]]:
        deliveries: list[QueuedDelivery] = []
        failed: list[CopyRecipient] = []
        for recipient in recipients:
            try:
                envelope = writer.write(recipient.card, recipient.address, relayed=route.hop.relayed)
            except RenderingError:
                failed.append(recipient)
            else:
                deliveries.append(QueuedDelivery(tracker, recipient, envelope))
        return deliveries, failed

    if writer.costly:
        deliveries, failed = await asyncio.get_running_loop().run_in_executor(context.signers, write)
    else:
        deliveries, failed = write()
    if failed:
        await _record_unsent(context, tracker.attempt, failed, Disposition("failed", "cannot be rendered"))
        tracker.done(len(failed))
    return deliveries


def _batched(recipients: Sequence[CopyRecipient], size: int) -> Iterator[Sequence[CopyRecipient]]:
    return (recipients[start : start + size] for start in range(0, len(recipients), size))
