"""The end of an attempt at a batch: its outcomes are told, and the copies that are left come back as a smaller batch.

Both can be repeated after a crash: the settlement has the attempt's own id, and so has the next attempt.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliverySettled
from contracts.sealed import RecipientCard, RecipientCards
from dispatcher import metrics
from dispatcher.settings import SERVICE
from dispatcher.store import Store
from runtime.crypto.sealing import Sealer
from runtime.logs import get_logger

log = get_logger(__name__)


async def settle(
    store: Store,
    sealer: Sealer,
    now: datetime,
    batch: DeliveryBatch,
    *,
    tried: Sequence[RecipientCard],
    later: Sequence[RecipientCard],
    recorded: Mapping[int, CopyOutcome],
) -> None:
    """Tell what came of the copies `tried`, as `recorded` by copy; those that were put off, and those that are due
    `later` anyway, come back when the first of them is due."""
    outcomes = tuple(recorded[card.copy_ref] for card in tried)
    await store.settle(
        DeliverySettled(
            id=f"{batch.batch}/{batch.attempt}",
            occurred_at=now,
            unit=batch.unit,
            message=batch.message,
            wave=batch.wave,
            batch=batch.batch,
            attempt=batch.attempt,
            lane=batch.lane,
            carrier=batch.carrier,
            tracked=batch.tracked,
            outcomes=outcomes,
        )
    )
    left = [
        card.model_copy(update={"tries": card.tries + 1, "due": outcome.next_attempt_at})
        for card, outcome in zip(tried, outcomes, strict=True)
        if outcome.next_attempt_at is not None
    ]
    left += later
    if left:
        due = min(card.due for card in left if card.due is not None)
        await store.send_later(_next_attempt(batch, left, sealer, now), max(due, now))
    counts = Counter(outcome.outcome for outcome in outcomes)
    for kind, number in counts.items():
        metrics.COPIES.labels(batch.carrier, kind).inc(number)
    log.info(
        "batch_settled",
        batch=batch.batch,
        message_ref=batch.message,
        attempt=batch.attempt,
        lane=batch.lane,
        carrier=batch.carrier,
        outcomes=dict(counts),
    )


def _next_attempt(batch: DeliveryBatch, left: Sequence[RecipientCard], sealer: Sealer, now: datetime) -> DeliveryBatch:
    attempt = batch.attempt + 1
    return batch.model_copy(
        update={
            "id": f"{batch.batch}/{attempt}",
            "occurred_at": now,
            "attempt": attempt,
            "recipients": sealer.seal(RecipientCards(cards=tuple(left)), SERVICE),
        }
    )
