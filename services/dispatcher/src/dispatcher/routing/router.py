"""From a domain to its route: the next hop, and the policy of whoever runs it.

    route table -> fixed hop, or: MX -> policy (by domain, else by servers, else `other`) -> MTA-STS -> addresses -> hop

Domains that share their servers share one hop, and so its connections, pace and pauses. A hop's key names nobody: a
private domain may name a family. Routes are kept for moments, in a few variants that take turns, so that servers and
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
from dispatcher.policy.carrier_table import OTHER, CarrierPolicy
from dispatcher.policy.reply_rules import Disposition
from dispatcher.routing.mta_sts import NoStsPolicies, StsLookup, StsPolicy
from dispatcher.routing.mx import Addresses, DnsTrouble, Exchanger, MxLookup, NoMail, NoServer, in_order
from dispatcher.routing.route_table import RouteTable
from dispatcher.smtp.next_hop import SMTP_PORT, MailHost, NextHop, Tls

MOST_HOSTS = 8
MOST_ADDRESSES = 4
"""Of each host so many addresses are tried."""
_KEPT_SECONDS = 30.0
_KEPT = 20_000
_VARIANTS = 4


@dataclass(frozen=True, slots=True)
class Route:
    """Where mail goes, and how it is to be treated there."""

    hop: NextHop
    policy: CarrierPolicy


class CarrierLookup(Protocol):
    """What we know about carriers; `of_domain` falls back to the policy called `other`."""

    def of_domain(self, domain: str) -> CarrierPolicy: ...

    def of_servers(self, names: Sequence[str]) -> CarrierPolicy | None: ...


def without_route(error: NoMail | DnsTrouble, policy: CarrierPolicy) -> Disposition:
    """What becomes of copies whose domain has no route; `policy` is that of the domain alone. A carrier's domain
    doesn't vanish: if DNS says so, something is wrong with DNS."""
    if isinstance(error, NoServer):
        return Disposition("deferred", str(error), "later")
    if isinstance(error, DnsTrouble):
        return Disposition("deferred", str(error))
    if policy.name != OTHER:
        return Disposition("deferred", str(error), "later")
    return Disposition("dead" if error.dead else "failed", str(error))


@dataclass(slots=True)
class _Kept:
    until: float
    routes: tuple[Route, ...]
    turn: int = 0

    def next(self) -> Route:
        self.turn = (self.turn + 1) % len(self.routes)
        return self.routes[self.turn]


class Router:
    """Finds the route of a domain, and keeps it for a moment. `port` is another than 25 only in trials."""

    def __init__(
        self,
        route_table: RouteTable,
        lookup: MxLookup,
        carriers: CarrierLookup,
        *,
        policies: StsLookup | None = None,
        port: int = SMTP_PORT,
        now: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._route_table = route_table
        self._lookup = lookup
        self._carriers = carriers
        self._policies = policies or NoStsPolicies()
        self._port = port
        self._now = now
        self._chance = chance
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def route_for(self, domain: str) -> Route:
        """The route of a normalised domain. Raises mx.NoMail or mx.DnsTrouble."""
        kept = self._kept.get(domain)
        if kept is None or kept.until <= self._now():
            routes = await self._find(domain)
            kept = self._kept[domain] = _Kept(self._now() + _KEPT_SECONDS, routes)
            self._kept.move_to_end(domain)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return kept.next()

    async def _find(self, domain: str) -> tuple[Route, ...]:
        target = self._route_table.match(domain)
        policy = self._carriers.of_domain(domain)
        if isinstance(target, NextHop):
            return (Route(target, policy),)
        exchangers = await self._lookup.exchangers(domain)
        if policy.name == OTHER:
            policy = self._carriers.of_servers([one.host for one in exchangers]) or policy
        tls = target.tls or policy.tls
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
            Route(NextHop(key, self._hosts(chosen, found), tls, mta_sts=sts is not None), policy)
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
        """The addresses of those servers that have any."""
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

    def _hosts(self, exchangers: Sequence[Exchanger], found: Mapping[str, Addresses]) -> tuple[MailHost, ...]:
        return tuple(
            MailHost(name, self._port, found[name].in_order(MOST_ADDRESSES, self._chance))
            for name in in_order(exchangers, self._chance)
        )

    def _key(self, policy: CarrierPolicy, tls: Tls, sts: StsPolicy | None, exchangers: Iterable[Exchanger]) -> str:
        parts = (str(self._port), tls, str(sts is not None), *sorted({one.host for one in exchangers}))
        return f"mx:{policy.name}:{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:20]}"


def _allowed(exchangers: Iterable[Exchanger], policy: StsPolicy) -> tuple[Exchanger, ...]:
    return tuple(one for one in exchangers if policy.allows(one.host))
