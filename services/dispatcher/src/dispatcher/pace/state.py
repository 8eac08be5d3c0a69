"""The state of a carrier's pace (for `other`, of one mail server's): how many connections, how fast, and when not at
all. Pure.

    a sign of trouble -> at once half as much, and a pause that grows when the trouble comes again
    accepted copies and some quiet seconds -> one step up: a connection more, a fifth faster, one trouble forgotten
What policy, an override and the number of dispatchers behind the same sending address allow is never exceeded,
and nothing but time ends a pause. Many copies are under way when a carrier has enough: what they say while the pause
lasts is the same trouble. After an hour without a sign all is as in the beginning, whatever was sent.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from time import monotonic

from contracts.pace import PaceOrder
from dispatcher.pace.token_bucket import RecentCounts, TokenBucket
from dispatcher.policy.carrier_table import CarrierPolicy

CLIMB_SECONDS = 10.0
CLIMB_COPIES = 20
CLIMB_RATE = 1.2
"""A step up needs so many quiet seconds and so many accepted copies, and makes the rate so many times faster."""

SLOWEST = 0.1
LONGEST_PAUSE = 300.0
FORGIVEN_AFTER = 3600.0


class Sign(StrEnum):
    """What a carrier does when it has enough."""

    BUSY = "busy"
    """421 in a connection."""
    NO_ROOM = "no_room"
    """421 to a new connection, or none to be had while others are open."""
    SLOWER = "slower"
    """450 or 451 that asks to slow down, or refuses for policy."""
    RESET = "reset"
    """The connection was torn."""


@dataclass(frozen=True, slots=True)
class PaceView:
    """A pace as it is right now; times in seconds from now, or ago. `slowed`: held back by signs."""

    connections_limit: int
    connections: int
    rate_limit: float | None
    rate: float | None
    pause: float
    overridden: bool
    paused_by_override: bool
    slowed: bool
    accepted: int
    slow_downs: int
    last_sign: Sign | None
    last_sign_ago: float


class Pace:
    """The pace of one carrier, or of one of its mail servers. Ask `wait` before each copy and `opening_wait` before
    each connection, then tell what came of it; who was told 0 says `started` without waiting for anything in
    between."""

    def __init__(
        self,
        policy: CarrierPolicy,
        now: Callable[[], float] = monotonic,
        *,
        told: Callable[[Sign], None] = lambda sign: None,
    ) -> None:
        self._policy = policy
        self._now = now
        self._told = told
        self._override: PaceOrder | None = None
        self._of, self._place = 1, 0
        self._most, self._fastest = self._limits()
        self._connections = self._most
        self._bucket = TokenBucket(self._fastest, now())
        self._free_at = 0.0  # the rate at which a limit that only signs have set is dropped
        self._paused_until = self._closed_until = self._slowed_until = -inf
        self._quiet_since = -inf
        self._troubles = 0
        self._good = 0
        self._full = True  # nothing is held back, nothing to forget
        self._starts, self._accepted, self._signs = RecentCounts(), RecentCounts(), RecentCounts()
        self._last_sign: tuple[Sign, float] | None = None

    # -- what may be done now

    @property
    def connections(self) -> int:
        """How many connections may be in use now: at least 1, at most the limit."""
        self._forgive(self._now())
        return self._connections

    @property
    def connections_in_all(self) -> int:
        """How many connections with the carrier as a whole may be in use now, where each of its servers has a pace of
        its own: its share of the policy's bound."""
        if not self._policy.each_hop_apart:
            return self.connections
        return _part(self._policy.connections, self._of, self._place)

    @property
    def connections_per_hop(self) -> int:
        """How many connections with one of the carrier's servers may be in use now: the policy's bound holds unless an
        override names another."""
        overridden = self._override is not None and self._override.connections is not None
        return self.connections if overridden else min(self.connections, self._policy.connections_per_hop)

    @property
    def rate(self) -> float | None:
        """Copies a second that are let through now; None: as many as there are."""
        return self._bucket.rate

    def wait(self) -> float:
        """Seconds until the next copy may be offered; 0: now; infinite while paused by an override."""
        if self._override is not None and self._override.paused:
            return inf
        now = self._now()
        self._forgive(now)
        return max(self._paused_until - now, self._bucket.wait(now), 0.0)

    def opening_wait(self) -> float:
        """Seconds until a new connection may be opened."""
        if self._override is not None and self._override.paused:
            return inf
        return max(max(self._paused_until, self._closed_until) - self._now(), 0.0)

    # -- what came of it

    def started(self) -> None:
        """A copy is offered."""
        now = self._now()
        self._bucket.take(now)
        self._starts.add(now)

    def accepted(self) -> None:
        """A copy was taken by the server."""
        now = self._now()
        self._accepted.add(now)
        if self._full or now < self._quiet_since:  # in a pause it was under way before
            return
        self._good += 1
        if self._good >= self._needed() and now >= self._quiet_since + CLIMB_SECONDS:
            self._climb(now)

    def slow_down(self, sign: Sign, *, open_connections: int | None = None) -> None:
        """The carrier has enough. `open_connections`: how many it bears at this moment, where that is known."""
        now = self._now()
        self._forgive(now)
        self._told(sign)
        self._signs.add(now)
        self._last_sign = (sign, now)
        if now < self._paused_until:
            return
        if sign is Sign.SLOWER:
            if now >= self._slowed_until:
                self._halve_rate(now)
                self._slowed_until = now + self._policy.pause_after_421
                self._quiet_from(self._slowed_until)
        elif sign is Sign.NO_ROOM:
            borne = self._connections - 1 if open_connections is None else open_connections
            if now >= self._closed_until:
                self._closed_until = now + self._next_pause()
                self._quiet_from(self._closed_until)
            elif open_connections is None:
                return
            self._connections = max(1, min(self._connections, borne))
        else:
            if self._bucket.rate is not None or self._connections == 1:
                self._halve_rate(now)
            self._connections = max(1, self._connections // 2)
            self._paused_until = now + self._next_pause()
            self._quiet_from(self._paused_until)

    # -- from outside

    def override(self, order: PaceOrder | None) -> None:
        """An operator's order (as it is in force now) counts instead of the policy; None: none. What it names holds at
        once, as limit; signs still slow down below it."""
        before, self._override = self._override, order
        if order == before:
            return
        named = (order.connections if order else None, order.rate if order else None)
        was = (before.connections if before else None, before.rate if before else None)
        self._relimit(
            connections_at_once=named[0] is not None and named[0] != was[0],
            rate_at_once=named[1] is not None and named[1] != was[1],
        )

    def share(self, of: int, place: int = 0) -> None:
        """So many dispatchers share the limits, of which this is the one at `place` (from 0): what does not divide
        goes to the first. Everybody has at least one connection."""
        if (of, place) != (self._of, self._place):
            self._of, self._place = of, place
            self._relimit()

    @property
    def at_rest(self) -> bool:
        """Nothing would be forgotten if it were made anew."""
        self._forgive(self._now())
        return self._full

    def view(self) -> PaceView:
        """All of it, for those who look."""
        now = self._now()
        self._forgive(now)
        paused = self._override is not None and self._override.paused
        return PaceView(
            connections_limit=self._most,
            connections=self._connections,
            rate_limit=self._fastest,
            rate=self._bucket.rate,
            pause=inf if paused else max(0.0, self._paused_until - now),
            overridden=self._override is not None,
            paused_by_override=paused,
            slowed=self._connections < self._most or self._bucket.rate != self._fastest,
            accepted=self._accepted.minute(now),
            slow_downs=self._signs.minute(now),
            last_sign=self._last_sign[0] if self._last_sign else None,
            last_sign_ago=now - self._last_sign[1] if self._last_sign else 0.0,
        )

    # -- within

    def _limits(self) -> tuple[int, float | None]:
        policy, order = self._policy, self._override
        own = min(policy.connections, policy.connections_per_hop) if policy.each_hop_apart else policy.connections
        most = order.connections if order and order.connections is not None else own
        fastest = order.rate if order and order.rate is not None else policy.rate
        return _part(most, self._of, self._place), None if fastest is None else fastest / self._of

    def _relimit(self, *, connections_at_once: bool = False, rate_at_once: bool = False) -> None:
        """New limits. Who was at the old ones is at the new ones; who was below stays there and climbs."""
        old_most, old_fastest = self._most, self._fastest
        self._most, self._fastest = self._limits()
        if connections_at_once or self._connections == old_most:
            self._connections = self._most
        self._connections = min(self._connections, self._most)
        rate = self._bucket.rate
        if rate_at_once or rate == old_fastest:
            rate = self._fastest
        elif self._fastest is not None:
            rate = self._fastest if rate is None else min(rate, self._fastest)
        if rate != self._bucket.rate:
            self._bucket.set(rate, self._now())
        self._full = self._full and self._connections == self._most and self._bucket.rate == self._fastest

    def _halve_rate(self, now: float) -> None:
        seen = max(1.0, self._starts.rate(now))
        rate = seen if self._bucket.rate is None else min(seen, self._bucket.rate)
        self._free_at = max(self._free_at, 2 * seen)
        slowest = SLOWEST if self._fastest is None else min(SLOWEST, self._fastest)
        self._bucket.set(max(slowest, rate / 2), now)

    def _next_pause(self) -> float:
        first = self._policy.pause_after_421
        pause = min(first * 2.0 ** min(self._troubles, 16), max(first, LONGEST_PAUSE))
        self._troubles += 1
        return pause

    def _quiet_from(self, until: float) -> None:
        """Quiet begins then."""
        self._quiet_since = max(self._quiet_since, until)
        self._good = 0
        self._full = False

    def _needed(self) -> float:
        rate = self._bucket.rate
        return CLIMB_COPIES if rate is None else min(CLIMB_COPIES, max(1.0, rate * CLIMB_SECONDS / 2))

    def _climb(self, now: float) -> None:
        self._connections = min(self._most, self._connections + 1)
        rate = self._bucket.rate
        if rate is not None and rate != self._fastest:
            faster = rate * CLIMB_RATE
            enough = self._free_at if self._fastest is None else self._fastest
            self._bucket.set(self._fastest if faster >= enough else faster, now)
        self._troubles = max(0, self._troubles - 1)
        self._quiet_since, self._good = now, 0
        self._full = self._connections == self._most and self._bucket.rate == self._fastest and not self._troubles
        if self._full:
            self._free_at = 0.0

    def _forgive(self, now: float) -> None:
        if self._full or now < self._quiet_since + FORGIVEN_AFTER:
            return
        self._connections = self._most
        self._bucket.set(self._fastest, now)
        self._troubles, self._good, self._free_at = 0, 0, 0.0
        self._full = True


def _part(whole: int, of: int, place: int) -> int:
    return max(1, whole // of + (place < whole % of))
