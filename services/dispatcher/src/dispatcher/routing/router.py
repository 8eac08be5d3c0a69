"""From a domain to its way: the next hop, and the policy of whoever runs it.

    route -> fixed hop, or: MX -> policy (by domain, else by servers, else `other`) -> MTA-STS -> addresses -> hop

Domains that share their servers share one hop, and so its connections, pace and pauses. A hop's key names nobody: a
private domain may name a family. Ways are kept for moments, in a few variants that take turns, so that servers and
addresses of equal worth share the load.
"""

import asyncio
import hashlib
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from dispatcher import metrics
from dispatcher.policy.carriers_file import OTHER, CarrierPolicy
from dispatcher.policy.dispositions import Verdict
from dispatcher.routing.mta_sts import NoPolicies, Policies, StsPolicy
from dispatcher.routing.mx import Addresses, DnsTrouble, Exchanger, MxLookup, NoMail, NoServer, in_order
from dispatcher.routing.route_table import RouteTable
from dispatcher.smtp.next_hop import SMTP_PORT, Hop, Host, Tls

MOST_HOSTS = 8
MOST_ADDRESSES = 4
"""At each host."""
_KEPT_SECONDS = 30.0
_KEPT = 20_000
_VARIANTS = 4


@dataclass(frozen=True, slots=True)
class Way:
    """Where mail goes, and how it is to be treated there."""

    hop: Hop
    policy: CarrierPolicy


class Carriers(Protocol):
    """What we know about carriers; `of_domain` falls back to the policy called `other`."""

    def of_domain(self, domain: str) -> CarrierPolicy: ...

    def of_servers(self, names: Sequence[str]) -> CarrierPolicy | None: ...


def without_way(error: NoMail | DnsTrouble, policy: CarrierPolicy) -> Verdict:
    """What becomes of copies whose domain has no way; `policy` is that of the domain alone. A carrier's domain doesn't
    vanish: if DNS says so, something is wrong with DNS."""
    if isinstance(error, NoServer):
        return Verdict("deferred", str(error), "later")
    if isinstance(error, DnsTrouble):
        return Verdict("deferred", str(error))
    if policy.name != OTHER:
        return Verdict("deferred", str(error), "later")
    return Verdict("dead" if error.dead else "failed", str(error))


@dataclass(slots=True)
class _Kept:
    until: float
    ways: tuple[Way, ...]
    turn: int = 0

    def next(self) -> Way:
        self.turn = (self.turn + 1) % len(self.ways)
        return self.ways[self.turn]


class Router:
    """`port` is another than 25 only in trials."""

    def __init__(
        self,
        routes: RouteTable,
        lookup: MxLookup,
        carriers: Carriers,
        *,
        policies: Policies | None = None,
        port: int = SMTP_PORT,
        now: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._routes = routes
        self._lookup = lookup
        self._carriers = carriers
        self._policies = policies or NoPolicies()
        self._port = port
        self._now = now
        self._chance = chance
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def way_for(self, domain: str) -> Way:
        """The way for a normalised domain. Raises mx.NoMail or mx.DnsTrouble."""
        kept = self._kept.get(domain)
        if kept is None or kept.until <= self._now():
            ways = await self._find(domain)
            kept = self._kept[domain] = _Kept(self._now() + _KEPT_SECONDS, ways)
            self._kept.move_to_end(domain)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept.next()

    async def _find(self, domain: str) -> tuple[Way, ...]:
        route = self._routes.match(domain)
        policy = self._carriers.of_domain(domain)
        if isinstance(route, Hop):
            return (Way(route, policy),)
        exchangers = await self._lookup.exchangers(domain)
        if policy.name == OTHER:
            policy = self._carriers.of_servers([one.host for one in exchangers]) or policy
        tls = route.tls or policy.tls
        sts = None
        if tls != "none":
            exchangers, sts = await self._obey(domain, exchangers)
        if sts is not None:
            tls = "required"
        names = in_order(exchangers, self._chance)[:MOST_HOSTS]
        found = await self._addresses(names, policy)
        key = self._key(policy, tls, sts, exchangers)
        chosen = [one for one in exchangers if one.host in found]
        return tuple(
            Way(Hop(key, self._hosts(chosen, found), tls, mta_sts=sts is not None), policy)
            for _ in range(1 if len(found) == 1 and all(len(each) == 1 for each in found.values()) else _VARIANTS)
        )

    async def _obey(
        self, domain: str, exchangers: tuple[Exchanger, ...]
    ) -> tuple[tuple[Exchanger, ...], StsPolicy | None]:
        """The servers that the domain's MTA-STS policy leaves, and the policy if it is to be enforced."""
        policy = await self._policies.of(domain)
        if policy is not None and policy.mode == "enforce" and not _allowed(exchangers, policy):
            # The servers may have moved, and the policy with them.
            policy = await self._policies.of(domain, renewed=True)
        if policy is None or policy.mode == "none":
            return exchangers, None
        allowed = _allowed(exchangers, policy)
        kind = policy.mode if len(allowed) == len(exchangers) else f"{policy.mode}, not all servers named"
        metrics.MTA_STS.labels(kind).inc()
        if policy.mode == "testing":
            return exchangers, None
        if not allowed:
            raise NoServer("no server that its mta-sts policy allows")
        return allowed, policy

    async def _addresses(self, names: Sequence[str], policy: CarrierPolicy) -> dict[str, Addresses]:
        """Of those servers that have any."""
        answers = await asyncio.gather(
            *(self._lookup.addresses(name, ipv4_only=policy.ipv4_only) for name in names), return_exceptions=True
        )
        found: dict[str, Addresses] = {}
        trouble: BaseException | None = None
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, BaseException):
                trouble = answer
            elif answer:
                found[name] = answer
        if not found:
            raise trouble or NoServer("no mail server has an address that we may use")
        return found

    def _hosts(self, exchangers: Sequence[Exchanger], found: Mapping[str, Addresses]) -> tuple[Host, ...]:
        return tuple(
            Host(name, self._port, found[name].in_order(MOST_ADDRESSES, self._chance))
            for name in in_order(exchangers, self._chance)
        )

    def _key(self, policy: CarrierPolicy, tls: Tls, sts: StsPolicy | None, exchangers: Iterable[Exchanger]) -> str:
        parts = (str(self._port), tls, str(sts is not None), *sorted({one.host for one in exchangers}))
        return f"mx:{policy.name}:{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:20]}"


def _allowed(exchangers: Iterable[Exchanger], policy: StsPolicy) -> tuple[Exchanger, ...]:
    return tuple(one for one in exchangers if policy.allows(one.host))
