"""The pace of one carrier (for `other`, of one mail server): how many sessions, how fast, and when not at all. Pure.

    a sign of trouble -> at once half as much, and a pause that grows when the trouble comes again
    accepted copies and some quiet seconds -> one step up: a connection more, a fifth faster, one trouble forgotten
What policy, an order by hand and the number of dispatchers behind the same sending address allow is never exceeded,
and nothing but time ends a pause. Many copies are under way when a carrier has enough: what they say while the pause
lasts is the same trouble. After an hour without a sign all is as in the beginning, whatever was sent.

Also here: `hour_wait`, which keeps ordinary mail off the full hour, when everybody sends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf
from time import monotonic
from zlib import crc32

from contracts.pace import PaceOrder
from dispatcher.pace.token_bucket import Bucket, Recent
from dispatcher.policy.carriers_file import CarrierPolicy

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
    """421 in a session."""
    NO_ROOM = "no_room"
    """421 to a new session, or none to be had while others are open."""
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
    by_hand: bool
    paused_by_hand: bool
    slowed: bool
    accepted: int
    slow_downs: int
    last_sign: Sign | None
    last_sign_ago: float


class Pace:
    """One throttle. Ask `wait` before each copy and `opening_wait` before each session, then tell what came of it;
    who was told 0 says `started` without waiting for anything in between."""

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
        self._order: PaceOrder | None = None
        self._of, self._place = 1, 0
        self._most, self._fastest = self._limits()
        self._connections = self._most
        self._bucket = Bucket(self._fastest, now())
        self._free_at = 0.0  # the rate at which a limit that only signs have set is dropped
        self._paused_until = self._closed_until = self._slowed_until = -inf
        self._quiet_since = -inf
        self._troubles = 0
        self._good = 0
        self._full = True  # nothing is held back, nothing to forget
        self._starts, self._accepted, self._signs = Recent(), Recent(), Recent()
        self._last_sign: tuple[Sign, float] | None = None

    # -- what may be done now

    @property
    def connections(self) -> int:
        """How many sessions may be in use now: at least 1, at most the limit."""
        self._forgive(self._now())
        return self._connections

    @property
    def connections_in_all(self) -> int:
        """The same for the carrier as a whole, where each of its servers has a pace of its own."""
        if not self._policy.each_hop_apart:
            return self.connections
        return _part(self._policy.connections, self._of, self._place)

    @property
    def connections_per_hop(self) -> int:
        """The same with one of the carrier's servers: the policy's bound holds unless another is set by hand."""
        by_hand = self._order is not None and self._order.connections is not None
        return self.connections if by_hand else min(self.connections, self._policy.connections_per_hop)

    @property
    def rate(self) -> float | None:
        """Copies a second that are let through now; None: as many as there are."""
        return self._bucket.rate

    def wait(self) -> float:
        """Seconds until the next copy may be offered; 0: now; infinite while paused by hand."""
        if self._order is not None and self._order.paused:
            return inf
        now = self._now()
        self._forgive(now)
        return max(self._paused_until - now, self._bucket.wait(now), 0.0)

    def opening_wait(self) -> float:
        """Seconds until a new session may be opened."""
        if self._order is not None and self._order.paused:
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

    def slow_down(self, sign: Sign, *, open_sessions: int | None = None) -> None:
        """The carrier has enough. `open_sessions`: how many it bears at this moment, where that is known."""
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
                self._hold(self._slowed_until)
        elif sign is Sign.NO_ROOM:
            borne = self._connections - 1 if open_sessions is None else open_sessions
            if now >= self._closed_until:
                self._closed_until = now + self._next_pause()
                self._hold(self._closed_until)
            elif open_sessions is None:
                return
            self._connections = max(1, min(self._connections, borne))
        else:
            if self._bucket.rate is not None or self._connections == 1:
                self._halve_rate(now)
            self._connections = max(1, self._connections // 2)
            self._paused_until = now + self._next_pause()
            self._hold(self._paused_until)

    # -- from outside

    def obey(self, order: PaceOrder | None) -> None:
        """Follow an order by hand (as it is in force now) instead of the policy; None: none. What it names holds at
        once, as limit; signs still slow down below it."""
        before, self._order = self._order, order
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
        by_hand = self._order is not None and self._order.paused
        return PaceView(
            connections_limit=self._most,
            connections=self._connections,
            rate_limit=self._fastest,
            rate=self._bucket.rate,
            pause=inf if by_hand else max(0.0, self._paused_until - now),
            by_hand=self._order is not None,
            paused_by_hand=by_hand,
            slowed=self._connections < self._most or self._bucket.rate != self._fastest,
            accepted=self._accepted.minute(now),
            slow_downs=self._signs.minute(now),
            last_sign=self._last_sign[0] if self._last_sign else None,
            last_sign_ago=now - self._last_sign[1] if self._last_sign else 0.0,
        )

    # -- within

    def _limits(self) -> tuple[int, float | None]:
        policy, order = self._policy, self._order
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

    def _hold(self, until: float) -> None:
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


def hour_wait(now: datetime, spread: float, chance: float) -> float:
    """Seconds to hold back ordinary mail that would go just on the full hour, when carriers are jammed, so that it goes
    out evenly over the first `spread` seconds; 0 switches it off. `chance`, from 0 to 1, is its place in them: the same
    each time it is asked for the same mail (`steady_chance`), so that what has waited goes."""
    after = now.minute * 60 + now.second + now.microsecond / 1e6
    return max(0.0, chance * spread - after) if after < spread else 0.0


def steady_chance(name: str) -> float:
    """A number from 0 to 1 that is always the same for this name, and evenly spread over many names."""
    return crc32(name.encode()) / 2**32
