"""The pace of delivery, carrier by carrier: how it is, and the operator's orders.

Carriers are those of the contracts, and those of the operator's own that a dispatcher tells of. An order stands in a
bucket that every dispatcher follows; it is in force at once, and holds until it ends or is undone. Each has its line in
the audit log, which is written only if the bus has taken the order.
"""

from collections.abc import Callable
from datetime import datetime

from admin_api.carriers.model import CarrierPace, CarrierShare
from admin_api.kernel.audit import Detail
from admin_api.kernel.clients import Dispatchers
from admin_api.kernel.context import Database
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from contracts.base import CARRIERS
from contracts.pace import DispatcherStatus, PaceOrder
from runtime.errors import WrongRevision


async def overview(dispatchers: Dispatchers, now: datetime) -> list[CarrierPace]:
    """All carriers, those of the contracts whether anybody tells of them or not."""
    orders, reports = await dispatchers.orders(), await dispatchers.reports()
    own = sorted(_told(reports) - set(CARRIERS))
    return [_seen(carrier, orders.get(carrier), reports, now) for carrier in (*CARRIERS, *own)]


async def one(dispatchers: Dispatchers, carrier: str, now: datetime) -> CarrierPace:
    """One carrier, or NotFound."""
    await _require(dispatchers, carrier)
    order, _ = await dispatchers.order(carrier)
    return _seen(carrier, order, await dispatchers.reports(), now)


async def pause(
    database: Database, dispatchers: Dispatchers, actor: str, carrier: str, until: datetime | None
) -> PaceOrder:
    """Offer the carrier nothing until then (None: until it is undone). Rate and connections that are ordered stay."""
    _check_end(until, database.clock())

    def paused(order: PaceOrder) -> PaceOrder:
        return order.model_copy(update={"paused": True, "paused_until": until})

    return await _order(database, dispatchers, actor, "carrier.paused", carrier, paused, {"until": _text(until)})


async def pace(
    database: Database,
    dispatchers: Dispatchers,
    actor: str,
    carrier: str,
    *,
    rate: float | None,
    connections: int | None,
    until: datetime | None,
) -> PaceOrder:
    """Set rate and connections until then, in place of those set before; what is None is the policy's. A pause
    that is ordered stays."""
    if rate is None and connections is None:
        raise Unacceptable("rate", "Give a rate, a number of connections, or both; resume ends what is set by hand.")
    _check_end(until, database.clock())

    def paced(order: PaceOrder) -> PaceOrder:
        return order.model_copy(update={"rate": rate, "connections": connections, "until": until})

    detail = {"rate": None if rate is None else f"{rate:g}", "connections": connections, "until": _text(until)}
    return await _order(database, dispatchers, actor, "carrier.paced", carrier, paced, detail)


async def resume(database: Database, dispatchers: Dispatchers, actor: str, carrier: str) -> None:
    """Undo all orders for a carrier; the policy and the carrier's own signs decide again."""
    await _order(database, dispatchers, actor, "carrier.resumed", carrier, lambda order: PaceOrder(), {})


async def _order(
    database: Database,
    dispatchers: Dispatchers,
    actor: str,
    action: str,
    carrier: str,
    change: Callable[[PaceOrder], PaceOrder],
    detail: Detail,
) -> PaceOrder:
    await _require(dispatchers, carrier)
    now = database.clock()
    order, revision = await dispatchers.order(carrier)
    new = change(order.in_force(now) or PaceOrder())
    async with database.engine.begin() as connection:
        await database.audit(connection, actor, action, f"carrier/{carrier}", detail=detail)
        try:
            await dispatchers.put(carrier, new, revision)
        except WrongRevision:
            raise Conflict("changed-meanwhile", "Somebody else set this carrier's pace just now. Look again.") from None
    return new


def _seen(carrier: str, order: PaceOrder | None, reports: tuple[DispatcherStatus, ...], now: datetime) -> CarrierPace:
    shares = tuple(
        CarrierShare(report, state) for report in reports for state in report.carriers if state.carrier == carrier
    )
    return CarrierPace(carrier, None if order is None else order.in_force(now), shares)


def _told(reports: tuple[DispatcherStatus, ...]) -> set[str]:
    return {state.carrier for report in reports for state in report.carriers}


async def _require(dispatchers: Dispatchers, carrier: str) -> None:
    if carrier not in CARRIERS and carrier not in _told(await dispatchers.reports()):
        raise NotFound("There is no such carrier, or no dispatcher tells of it.")


def _check_end(until: datetime | None, now: datetime) -> None:
    if until is not None and until <= now:
        raise Unacceptable("until", "This moment has passed.")


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds")
