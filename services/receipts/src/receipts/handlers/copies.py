"""What dispatcher and registry tell about copies, as fast as mail leaves: written down as it is told."""

from contracts.events import DeliveryPlanned, DeliverySettled
from receipts import store
from receipts.context import Context
from runtime.database.engine import driver


async def plan(context: Context, event: DeliveryPlanned) -> None:
    """These copies are on their way. Harmless to repeat."""
    async with driver(context.engine) as connection:
        await store.plan(connection, event)


async def settle(context: Context, event: DeliverySettled) -> None:
    """These are the outcomes of an attempt; mail that isn't a message's copy has no ledger. Harmless to repeat."""
    if not event.tracked or not event.outcomes:
        return
    async with driver(context.engine) as connection:
        await store.settle(connection, event)
