"""The pace of delivery: what an operator orders by hand, and what each dispatcher tells of itself.

    admin-api and the command line -> bucket `pace`: carrier -> PaceOrder -> every dispatcher
    each dispatcher -> bucket `dispatchers`: instance -> DispatcherStatus -> admin-api, and the other dispatchers, which
    share with it what a carrier allows to one sending address

No report names a mail server or a recipient's domain: a private domain may name a family.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.base import Carrier, Contract, Lane

PaceSign = Literal["busy", "no_room", "slower", "reset"]
"""Why a dispatcher slowed down: 421 on a connection, 421 to a new one, a request to send less, a torn connection."""

Rate = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
"""Copies a second."""

Connections = Annotated[int, Field(ge=1, le=1000)]


class PaceOrder(Contract):
    """What was ordered by hand for a carrier; what is left out is the policy's. `paused_until` ends the pause (None: it
    lasts until it is undone), `until` ends rate and connections."""

    paused: bool = False
    paused_until: AwareDatetime | None = None
    rate: Rate | None = None
    connections: Connections | None = None
    until: AwareDatetime | None = None

    def in_force(self, now: datetime) -> "PaceOrder | None":
        """What of it still holds at that time; None when nothing does."""
        paused = self.paused and (self.paused_until is None or now < self.paused_until)
        paced = (self.rate is not None or self.connections is not None) and (self.until is None or now < self.until)
        if not paused and not paced:
            return None
        return PaceOrder(
            paused=paused,
            paused_until=self.paused_until if paused else None,
            rate=self.rate if paced else None,
            connections=self.connections if paced else None,
            until=self.until if paced else None,
        )


class PaceState(Contract):
    """How one dispatcher treats a carrier right now.

    `connections_limit` and `rate_limit` are its share of what policy or order allow, `connections_allowed` and `rate`
    what it makes of them (rate None: no limit); `connections_open` what it has open. `waiting`: copies in its hands
    that have not been offered yet. Where every mail server has a pace of its own (carrier `other`), rates and
    `connections_per_server` are those of one that is not slowed, `throttles` counts servers spoken to of late,
    `slowed` and `pausing` those of them that get less than usual, or nothing for now.
    """

    carrier: Carrier
    connections_limit: int
    connections_allowed: int
    connections_open: int = 0
    connections_per_server: int | None = None
    rate_limit: float | None = None
    rate: float | None = None
    paused_until: AwareDatetime | None = None
    by_hand: bool = False
    paused_by_hand: bool = False
    throttles: int = 1
    slowed: int = 0
    pausing: int = 0
    waiting: dict[Lane, int] = Field(default_factory=dict)
    accepted_last_minute: int = 0
    slow_downs_last_minute: int = 0
    last_sign: PaceSign | None = None
    last_sign_at: AwareDatetime | None = None


class DispatcherStatus(Contract):
    """One dispatcher: who it is, which sending address carriers know it by, how many dispatchers share that, and its
    state for each carrier."""

    instance: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,32}$")]
    sending_address: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    sharing: Annotated[int, Field(ge=1)] = 1
    carriers: tuple[PaceState, ...] = ()
