"""Where addresses stand by what became of their copies: one that no longer exists is taken off by itself."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import CopyBounced, DeliverySettled
from contracts.sealed import ReportedRecipients
from registry import model
from registry.context import Context
from registry.model import Finding, Standing
from registry.store import addresses, pending
from runtime.database.engine import driver
from runtime.logs import get_logger

UNDELIVERABLE = Counter("renrakumo_registry_undeliverable", "Addresses that were taken off as undeliverable")

log = get_logger(__name__)


async def settle(context: Context, event: DeliverySettled) -> None:
    """The outcomes of an attempt at a batch. Of automatic mail only this counts: a guide mail that reached nobody ends
    its registration."""
    if event.tracked:
        findings = [(outcome.copy_ref, model.find(outcome), outcome.at) for outcome in event.outcomes]
        telling = [each for each in findings if each[1] != "nothing"]
        if telling and not await _all_well(context, event, telling):
            async with context.engine.begin() as connection:
                if await context.inbox.first_time(connection, DeliverySettled.name, event.id):
                    await _apply_findings(connection, event.unit, event.message, telling)
            context.suspect_copies.add(event.message, (copy for copy, finding, _ in telling if finding != "alive"))
        return
    dead = [outcome.copy_ref for outcome in event.outcomes if outcome.outcome == "dead"]
    if dead:
        async with context.engine.begin() as connection:
            await pending.expire_registrations(connection, event.unit, dead)


async def _all_well(context: Context, event: DeliverySettled, telling: Sequence[tuple[int, Finding, datetime]]) -> bool:
    """All are alive, and nothing was said against any of them: the way of nearly every batch."""
    if any(finding != "alive" for _, finding, _ in telling):
        return False

    async def look() -> set[int]:
        async with driver(context.engine) as connection:
            return await addresses.suspect_copies(connection, unit=event.unit, message=event.message)

    suspect = await context.suspect_copies.of(event.message, look)
    return suspect.isdisjoint(copy for copy, _, _ in telling)


async def bounce(context: Context, event: CopyBounced) -> None:
    """A copy came back after its carrier had taken it."""
    lookups: list[bytes] = []
    if event.recipients is not None:
        named = context.opener.open(event.recipients, ReportedRecipients).addresses
        lookups = [context.crypto.address_lookup(address) for address in named]
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, CopyBounced.name, event.id):
            return
        standing = await addresses.standing_of_copies(
            connection, unit=event.unit, message=event.message, copies=[event.copy_ref]
        )
        if event.copy_ref not in standing:
            return
        names_it = None
        if lookups:
            names_it = await addresses.is_one_of(connection, standing[event.copy_ref][0], lookups)
        finding = model.find_in_bounce(event, names_it=names_it)
        if finding != "nothing":
            said = [(event.copy_ref, finding, event.occurred_at)]
            await _apply_findings(connection, event.unit, event.message, said)
    context.suspect_copies.add(event.message, (event.copy_ref,))


async def _apply_findings(
    connection: AsyncConnection, unit: str, message: int, findings: Sequence[tuple[int, Finding, datetime]]
) -> None:
    standing = await addresses.standing_of_copies(
        connection, unit=unit, message=message, copies=[copy for copy, _, _ in findings]
    )
    before: dict[int, Standing] = dict(standing.values())
    after = dict(before)
    for copy, finding, at in findings:
        if copy in standing:
            number = standing[copy][0]
            after[number] = model.decide_standing(after[number], finding, message=message, at=at)
    changed = {number: each for number, each in after.items() if model.worth_writing(before[number], each)}
    await addresses.write_standings(connection, changed)
    lost = sum(1 for number in changed if before[number].state != after[number].state)
    if lost:
        UNDELIVERABLE.inc(lost)
        log.info("addresses_undeliverable", unit=unit, message=message, count=lost)
