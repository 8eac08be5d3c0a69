"""How much one peer, and all of them together, may ask of the front door. Pure: time comes in as an argument.

A peer is an IPv4 address or an IPv6 /64, because that is what one host gets.
"""

import ipaddress
from collections import Counter, OrderedDict


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

    def enter(self, peer: str) -> bool:
        """One more connection of `peer`: True when it may stay. Every `enter`, also a refused one, needs a `leave`."""
        self.count += 1
        self._open[peer] += 1
        return self.count <= self._total and self._open[peer] <= self._per_peer

    def leave(self, peer: str) -> None:
        self.count -= 1
        self._open[peer] -= 1
        if self._open[peer] <= 0:
            del self._open[peer]


class RateLimit:
    """A token bucket for each peer: `burst` at once, then `rate` a second. Remembers the peers seen last."""

    def __init__(self, *, rate: float, burst: int, remembered: int = 20_000) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._remembered = remembered
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, peer: str, now: float) -> bool:
        """Take one token at time `now` (seconds, any steady clock)."""
        tokens, before = self._buckets.pop(peer, (self._burst, now))
        tokens = min(self._burst, tokens + max(0.0, now - before) * self._rate)
        allowed = tokens >= 1
        self._buckets[peer] = (tokens - 1 if allowed else tokens, now)
        if len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return allowed
