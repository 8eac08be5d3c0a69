"""The pace of delivery, carrier by carrier: how it is, and orders by hand.

Carriers are those of the contracts, and those of the operator's own that a dispatcher tells of. An order stands in a
bucket that every dispatcher follows; it is in force at once, and holds until it ends or is undone. Each has its line in
the audit log, which is written only if the bus has taken the order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from admin_api.kernel.clients import Dispatchers
from admin_api.kernel.context import Books, Detail
from admin_api.kernel.errors import Conflict, NotFound, Unacceptable
from contracts.base import CARRIERS, LANES, Lane
from contracts.pace import DispatcherStatus, PaceOrder, PaceSign, PaceState
from runtime.errors import WrongRevision


@dataclass(frozen=True, slots=True)
class Share:
    """A carrier at one dispatcher."""

    report: DispatcherStatus
    state: PaceState


@dataclass(frozen=True, slots=True)
class CarrierPace:
    """A carrier at all dispatchers that tell of it. `order` is what is in force by hand."""

    carrier: str
    order: PaceOrder | None
    shares: tuple[Share, ...]

    @property
    def states(self) -> tuple[PaceState, ...]:
        return tuple(share.state for share in self.shares)

    @property
    def connections_allowed(self) -> int:
        return sum(state.connections_allowed for state in self.states)

    @property
    def connections_open(self) -> int:
        return sum(state.connections_open for state in self.states)

    @property
    def rate(self) -> float | None:
        """Copies a second of all together; None: no limit, or nobody tells."""
        rates = [state.rate for state in self.states]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known and len(known) == len(rates) else None

    @property
    def paused_until(self) -> datetime | None:
        """While every dispatcher leaves the carrier alone by itself: when the first begins again."""
        ends = [state.paused_until for state in self.states]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None

    @property
    def waiting(self) -> dict[Lane, int]:
        return {lane: sum(state.waiting.get(lane, 0) for state in self.states) for lane in LANES}

    @property
    def accepted_last_minute(self) -> int:
        return sum(state.accepted_last_minute for state in self.states)

    @property
    def slow_downs_last_minute(self) -> int:
        return sum(state.slow_downs_last_minute for state in self.states)

    @property
    def last_sign(self) -> tuple[PaceSign, datetime] | None:
        signs = [(state.last_sign_at, state.last_sign) for state in self.states if state.last_sign_at]
        at, sign = max(signs, default=(None, None), key=lambda pair: pair[0])
        return None if at is None or sign is None else (sign, at)


async def overview(dispatchers: Dispatchers, now: datetime) -> list[CarrierPace]:
    """All carriers, those of the contracts whether anybody tells of them or not."""
    orders, reports = await dispatchers.orders(), await dispatchers.reports()
    own = sorted(_told(reports) - set(CARRIERS))
    return [_seen(carrier, orders.get(carrier), reports, now) for carrier in (*CARRIERS, *own)]


async def one(dispatchers: Dispatchers, carrier: str, now: datetime) -> CarrierPace:
    """One of them, or NotFound."""
    await _require(dispatchers, carrier)
    order, _ = await dispatchers.order(carrier)
    return _seen(carrier, order, await dispatchers.reports(), now)


async def pause(books: Books, dispatchers: Dispatchers, actor: str, carrier: str, until: datetime | None) -> PaceOrder:
    """Offer the carrier nothing until then (None: until it is undone). Rate and connections by hand stay."""
    _check_end(until, books.clock())

    def paused(order: PaceOrder) -> PaceOrder:
        return order.model_copy(update={"paused": True, "paused_until": until})

    return await _order(books, dispatchers, actor, "carrier.paused", carrier, paused, {"until": _text(until)})


async def pace(
    books: Books,
    dispatchers: Dispatchers,
    actor: str,
    carrier: str,
    *,
    rate: float | None,
    connections: int | None,
    until: datetime | None,
) -> PaceOrder:
    """Set rate and connections until then, in place of those set before; what is None is the policy's. A pause by
    hand stays."""
    if rate is None and connections is None:
        raise Unacceptable("rate", "Give a rate, a number of connections, or both; resume ends what is set by hand.")
    _check_end(until, books.clock())

    def paced(order: PaceOrder) -> PaceOrder:
        return order.model_copy(update={"rate": rate, "connections": connections, "until": until})

    detail = {"rate": None if rate is None else f"{rate:g}", "connections": connections, "until": _text(until)}
    return await _order(books, dispatchers, actor, "carrier.paced", carrier, paced, detail)


async def resume(books: Books, dispatchers: Dispatchers, actor: str, carrier: str) -> None:
    """Undo all that is set by hand; the policy and the carrier's own signs decide again."""
    await _order(books, dispatchers, actor, "carrier.resumed", carrier, lambda order: PaceOrder(), {})


async def _order(
    books: Books,
    dispatchers: Dispatchers,
    actor: str,
    action: str,
    carrier: str,
    change: Callable[[PaceOrder], PaceOrder],
    detail: Detail,
) -> PaceOrder:
    await _require(dispatchers, carrier)
    now = books.clock()
    order, revision = await dispatchers.order(carrier)
    new = change(order.in_force(now) or PaceOrder())
    async with books.engine.begin() as connection:
        await books.audit(connection, actor, action, f"carrier/{carrier}", detail=detail)
        try:
            await dispatchers.put(carrier, new, revision)
        except WrongRevision:
            raise Conflict("changed-meanwhile", "Somebody else set this carrier's pace just now. Look again.") from None
    return new


def _seen(carrier: str, order: PaceOrder | None, reports: tuple[DispatcherStatus, ...], now: datetime) -> CarrierPace:
    shares = tuple(Share(report, state) for report in reports for state in report.carriers if state.carrier == carrier)
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
