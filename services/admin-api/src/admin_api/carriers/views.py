"""Bodies and answers of /v1/carriers."""

from typing import Annotated

from pydantic import Field

from admin_api.carriers.model import CarrierPace, CarrierShare
from admin_api.web.types import Body, Timestamp, View
from contracts.base import Lane
from contracts.pace import PaceSign

Until = Annotated[Timestamp | None, Field(description="When it ends by itself; left out: when it is undone.")]
CopiesASecond = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False, examples=[5])]
Connections = Annotated[int, Field(ge=1, le=1000, examples=[2])]


class Pause(Body):
    """A pause. `until` left out: until it is undone."""

    until: Until = None


class NewPace(Body):
    """At least one of `rate` (copies a second) and `connections`; what is left out is the policy's. Both are for all
    dispatchers behind one sending address together, and for `other` for each mail server."""

    rate: CopiesASecond | None = None
    connections: Connections | None = None
    until: Until = None


class OrderView(View):
    """What is set by hand. `paused_until` null in a pause: until it is undone; `until` is the end of `rate` and
    `connections`."""

    paused: bool
    paused_until: Timestamp | None
    rate: float | None
    connections: int | None
    until: Timestamp | None


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
    paused_until: Timestamp | None
    servers: int
    slowed: int
    pausing: int
    waiting: dict[Lane, int]
    accepted_last_minute: int
    slow_downs_last_minute: int
    last_sign: PaceSign | None
    last_sign_at: Timestamp | None

    @classmethod
    def of(cls, share: CarrierShare) -> "DispatcherView":
        """A carrier's part at one dispatcher."""
        report, state = share.report, share.state
        return cls(
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
    paused_until: Timestamp | None
    waiting: dict[Lane, int]
    accepted_last_minute: int
    slow_downs_last_minute: int
    last_sign: PaceSign | None
    last_sign_at: Timestamp | None
    dispatchers: list[DispatcherView]

    @classmethod
    def of(cls, pace: CarrierPace) -> "CarrierView":
        """A carrier at all dispatchers together."""
        sign = pace.last_sign
        return cls(
            carrier=pace.carrier,
            by_hand=None if pace.order is None else OrderView.model_validate(pace.order),
            connections_allowed=pace.connections_allowed,
            connections_open=pace.connections_open,
            rate=pace.rate,
            paused_until=pace.paused_until,
            waiting=pace.waiting,
            accepted_last_minute=pace.accepted_last_minute,
            slow_downs_last_minute=pace.slow_downs_last_minute,
            last_sign=None if sign is None else sign[0],
            last_sign_at=None if sign is None else sign[1],
            dispatchers=[DispatcherView.of(share) for share in pace.shares],
        )


class CarrierList(View):
    """Every carrier, also when no dispatcher is at work (then `dispatchers` is empty), and the operator's own carriers
    that a dispatcher tells of."""

    items: list[CarrierView]
