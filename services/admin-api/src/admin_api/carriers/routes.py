"""/v1/carriers: how fast mail goes out to each carrier, and orders by hand. For operators."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from admin_api.carriers import handlers as carriers
from admin_api.carriers.handlers import CarrierPace, Share
from admin_api.web.access import OfficeHere, PaceKeeper
from admin_api.web.problems import documented
from admin_api.web.types import Body, Moment, View
from contracts.base import Lane
from contracts.pace import PaceOrder, PaceSign

router = APIRouter(prefix="/v1/carriers", tags=["carriers"])

CarrierPath = Annotated[str, Path(pattern="^[a-z0-9]{1,20}$", description="Name of the carrier.", examples=["docomo"])]
Until = Annotated[Moment | None, Field(description="When it ends by itself; left out: when it is undone.")]
CopiesASecond = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False, examples=[5])]
Sessions = Annotated[int, Field(ge=1, le=1000, examples=[2])]


class Pause(Body):
    until: Until = None


class NewPace(Body):
    """At least one of `rate` (copies a second) and `connections`; what is left out is the policy's. Both are for all
    dispatchers behind one sending address together, and for `other` for each mail server."""

    rate: CopiesASecond | None = None
    connections: Sessions | None = None
    until: Until = None


class OrderView(View):
    """What is set by hand. `paused_until` null in a pause: until it is undone; `until` is the end of `rate` and
    `connections`."""

    paused: bool
    paused_until: Moment | None
    rate: float | None
    connections: int | None
    until: Moment | None


class DispatcherView(View):
    """A carrier at one dispatcher. `sharing`: so many dispatchers share what the carrier allows to `sending_address`;
    the limits are this one's part. `rate` null: no limit. For `other`, where every mail server has a pace of its own:
    `connections_per_server` and the rates are those of one that is not held back, `servers` were spoken to of late,
    `slowed` and `pausing` of them are held back."""

    instance: str
    sending_address: str
    sharing: int
    connections_limit: int
    connections_allowed: int
    connections_open: int
    connections_per_server: int | None
    rate_limit: float | None
    rate: float | None
    paused_until: Moment | None
    servers: int
    slowed: int
    pausing: int
    waiting: dict[Lane, int]
    accepted_last_minute: int
    slow_downs_last_minute: int
    last_sign: PaceSign | None
    last_sign_at: Moment | None


class CarrierView(View):
    """A carrier at all dispatchers together; one that is slowed or pausing does so because the carrier asked for it.
    `paused_until`: nobody offers it anything before. `waiting`: copies in the dispatchers' hands; what waits on the bus
    is not counted. `last_sign`: `busy` (421 in a session), `no_room` (421 to a new one), `slower` (asked to send less),
    `reset` (connection torn)."""

    carrier: Annotated[str, Field(examples=["docomo"])]
    by_hand: OrderView | None
    connections_allowed: int
    connections_open: int
    rate: float | None
    paused_until: Moment | None
    waiting: dict[Lane, int]
    accepted_last_minute: int
    slow_downs_last_minute: int
    last_sign: PaceSign | None
    last_sign_at: Moment | None
    dispatchers: list[DispatcherView]


class CarrierList(View):
    """Every carrier, also when no dispatcher is at work (then `dispatchers` is empty), and the operator's own carriers
    that a dispatcher tells of."""

    items: list[CarrierView]


@router.get("", summary="How each carrier is treated right now (operator)", responses=documented(401, 403))
async def list_carriers(_: PaceKeeper, office: OfficeHere) -> CarrierList:
    found = await carriers.overview(office.dispatchers, office.books.clock())
    return CarrierList(items=[_carrier(carrier) for carrier in found])


@router.get("/{carrier}", summary="One carrier (operator)", responses=documented(401, 403, 404))
async def get_carrier(carrier: CarrierPath, _: PaceKeeper, office: OfficeHere) -> CarrierView:
    return _carrier(await carriers.one(office.dispatchers, carrier, office.books.clock()))


@router.post(
    "/{carrier}/pause",
    summary="Offer a carrier nothing for a while (operator)",
    responses=documented(401, 403, 404, 409),
)
async def pause_carrier(
    carrier: CarrierPath, who: PaceKeeper, office: OfficeHere, body: Pause | None = None
) -> OrderView:
    """Copies wait, and are tried when the pause ends. What is in hand at this moment is finished."""
    until = None if body is None else body.until
    return _order(await carriers.pause(office.books, office.dispatchers, who.actor, carrier, until))


@router.put(
    "/{carrier}/pace",
    summary="Set a carrier's rate and connections by hand (operator)",
    responses=documented(401, 403, 404, 409),
)
async def set_pace(carrier: CarrierPath, body: NewPace, who: PaceKeeper, office: OfficeHere) -> OrderView:
    """They hold at once and may go beyond the policy; signs of the carrier still slow down below them."""
    order = await carriers.pace(
        office.books,
        office.dispatchers,
        who.actor,
        carrier,
        rate=body.rate,
        connections=body.connections,
        until=body.until,
    )
    return _order(order)


@router.post(
    "/{carrier}/resume",
    status_code=204,
    summary="Undo all that is set by hand for a carrier (operator)",
    responses=documented(401, 403, 404, 409),
)
async def resume_carrier(carrier: CarrierPath, who: PaceKeeper, office: OfficeHere) -> None:
    await carriers.resume(office.books, office.dispatchers, who.actor, carrier)


def _carrier(pace: CarrierPace) -> CarrierView:
    sign = pace.last_sign
    return CarrierView(
        carrier=pace.carrier,
        by_hand=None if pace.order is None else _order(pace.order),
        connections_allowed=pace.connections_allowed,
        connections_open=pace.connections_open,
        rate=pace.rate,
        paused_until=pace.paused_until,
        waiting=pace.waiting,
        accepted_last_minute=pace.accepted_last_minute,
        slow_downs_last_minute=pace.slow_downs_last_minute,
        last_sign=None if sign is None else sign[0],
        last_sign_at=None if sign is None else sign[1],
        dispatchers=[_share(share) for share in pace.shares],
    )


def _share(share: Share) -> DispatcherView:
    report, state = share.report, share.state
    return DispatcherView(
        instance=report.instance,
        sending_address=report.sending_address,
        sharing=report.sharing,
        connections_limit=state.connections_limit,
        connections_allowed=state.connections_allowed,
        connections_open=state.connections_open,
        connections_per_server=state.connections_per_server,
        rate_limit=state.rate_limit,
        rate=state.rate,
        paused_until=state.paused_until,
        servers=state.throttles,
        slowed=state.slowed,
        pausing=state.pausing,
        waiting=state.waiting,
        accepted_last_minute=state.accepted_last_minute,
        slow_downs_last_minute=state.slow_downs_last_minute,
        last_sign=state.last_sign,
        last_sign_at=state.last_sign_at,
    )


def _order(order: PaceOrder) -> OrderView:
    return OrderView(
        paused=order.paused,
        paused_until=order.paused_until,
        rate=order.rate,
        connections=order.connections,
        until=order.until,
    )
