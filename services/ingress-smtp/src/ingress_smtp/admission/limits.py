"""Counters of how much one peer, one sender, one unit, and all of them together, have asked of the server. Pure: time
comes in as an argument.

A peer is an IPv4 address or an IPv6 /64, because that is what one host gets.
"""

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass


def peer_of(host: str) -> str:
    """What counts as one peer."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


class ConnectionLimit:
    """Counts open connections, in total and by peer."""

    def __init__(self, *, total: int, per_peer: int) -> None:
        self._total = total
        self._per_peer = per_peer
        self._open: Counter[str] = Counter()
        self.count = 0

    @property
    def full(self) -> bool:
        """Is there no room for anybody's connection?"""
        return self.count >= self._total

    def room_for(self, peer: str) -> bool:
        """May this peer have one more?"""
        return self._open[peer] < self._per_peer

    def enter(self, peer: str) -> None:
        """One more connection of `peer`; each needs a `leave`."""
        self.count += 1
        self._open[peer] += 1

    def leave(self, peer: str) -> None:
        """A connection of `peer` that was entered has ended."""
        self.count -= 1
        self._open[peer] -= 1
        if self._open[peer] <= 0:
            del self._open[peer]


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much somebody may bring: `burst` at once, then `rate` a second."""

    rate: float
    burst: int


class RateLimit:
    """A token bucket for each key: `burst` at once, then `rate` a second. Remembers the keys seen last."""

    def __init__(self, *, rate: float, burst: int, remembered: int = 20_000) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._remembered = remembered
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def allow(self, key: Hashable, now: float, cost: float = 1.0) -> bool:
        """Take `cost` tokens at time `now` (seconds, any steady clock), when at least one is there."""
        left = self._left(key, now)
        allowed = left >= 1
        self._buckets.pop(key, None)
        self._buckets[key] = (max(0.0, left - cost) if allowed else left, now)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return allowed

    def may(self, key: Hashable, now: float) -> bool:
        """Is at least one token there? Takes nothing."""
        return self._left(key, now) >= 1

    def _left(self, key: Hashable, now: float) -> float:
        tokens, before = self._buckets.get(key, (self._burst, now))
        return min(self._burst, tokens + max(0.0, now - before) * self._rate)


class UnitLimits:
    """For each kind of address, what one unit may receive, and half of that from one peer: no stranger alone uses up
    what a school's parents need. Kinds that aren't named have no limit."""

    def __init__(self, allowances: Mapping[str, Allowance]) -> None:
        self._limits = {
            kind: (
                RateLimit(rate=each.rate, burst=each.burst),
                RateLimit(rate=each.rate / 2, burst=max(1, each.burst // 2)),
            )
            for kind, each in allowances.items()
        }

    def may(self, kind: str, unit: str, peer: str, now: float) -> bool:
        """Is there room for one more? Takes nothing."""
        if kind not in self._limits:
            return True
        of_all, of_peer = self._limits[kind]
        return of_all.may(unit, now) and of_peer.may((unit, peer), now)

    def take(self, kind: str, unit: str, peer: str, now: float) -> None:
        """One was accepted."""
        if kind in self._limits:
            of_all, of_peer = self._limits[kind]
            of_all.allow(unit, now)
            of_peer.allow((unit, peer), now)
