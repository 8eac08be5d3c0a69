"""A carrier as all dispatchers together treat it. Pure."""

from dataclasses import dataclass
from datetime import datetime

from contracts.base import LANES, Lane
from contracts.pace import DispatcherStatus, PaceOrder, PaceSign, PaceState


@dataclass(frozen=True, slots=True)
class CarrierShare:
    """A carrier at one dispatcher."""

    report: DispatcherStatus
    state: PaceState


@dataclass(frozen=True, slots=True)
class CarrierPace:
    """A carrier at all dispatchers that tell of it. `order` is the operator's that is in force."""

    carrier: str
    order: PaceOrder | None
    shares: tuple[CarrierShare, ...]

    @property
    def states(self) -> tuple[PaceState, ...]:
        """The carrier's state at each dispatcher."""
        return tuple(share.state for share in self.shares)

    @property
    def connections_allowed(self) -> int:
        """Connections that all together may have open now."""
        return sum(state.connections_allowed for state in self.states)

    @property
    def connections_open(self) -> int:
        """Connections that all together have open."""
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
        """Copies in the dispatchers' memory, by lane."""
        return {lane: sum(state.waiting.get(lane, 0) for state in self.states) for lane in LANES}

    @property
    def accepted_last_minute(self) -> int:
        """Copies that the carrier took within the last minute."""
        return sum(state.accepted_last_minute for state in self.states)

    @property
    def slow_downs_last_minute(self) -> int:
        """Signs of the carrier to send less, within the last minute."""
        return sum(state.slow_downs_last_minute for state in self.states)

    @property
    def last_sign(self) -> tuple[PaceSign, datetime] | None:
        """The newest sign of the carrier to send less, and when it came."""
        signs = [(state.last_sign_at, state.last_sign) for state in self.states if state.last_sign_at]
        at, sign = max(signs, default=(None, None), key=lambda pair: pair[0])
        return None if at is None or sign is None else (sign, at)
