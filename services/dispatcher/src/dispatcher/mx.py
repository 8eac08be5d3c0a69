"""Which servers take a domain's mail: MX in order of preference, else the domain itself (RFC 5321 5.1).

Two different noes: `NoMail` is the domain's own word (null MX of RFC 7505, or there is no such domain) and permanent;
`DnsTrouble` is everything that may be otherwise in a minute (timeout, SERVFAIL, no resolver). Answers are kept for a
while, noes shorter, in a bounded memory.
"""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver

from runtime.errors import PermanentError, TransientError

_SECONDS = 10.0
_LEAST_TTL, _MOST_TTL = 60.0, 3600.0
_NO_TTL = 120.0
_REMEMBERED = 20_000
_AT_ONCE = 50


class NoMail(PermanentError):
    """The domain takes no mail. The text is a static code."""


class DnsTrouble(TransientError):
    """DNS gave no usable answer just now."""


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One MX record."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What DNS says about a domain: `exchangers` empty = no MX record; `ttl` in seconds."""

    exchangers: tuple[Exchanger, ...]
    ttl: float


class Dns(Protocol):
    """Our two questions for DNS. Both raise DnsTrouble; `mx` raises NoMail when there is no such domain."""

    async def mx(self, domain: str) -> Answer: ...

    async def has_address(self, domain: str) -> bool: ...


class SystemDns:
    """Asks the resolver that the system names. It is read when first needed, so a house without DNS can run on fixed
    routes."""

    def __init__(self) -> None:
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def mx(self, domain: str) -> Answer:
        found = await self._ask(domain, "MX")
        if found is None:
            return Answer((), _LEAST_TTL)
        exchangers = tuple(Exchanger(record.preference, str(record.exchange).rstrip(".").lower()) for record in found)
        ttl = found.rrset.ttl if found.rrset is not None else _LEAST_TTL
        return Answer(exchangers, float(ttl))

    async def has_address(self, domain: str) -> bool:
        return any([await self._ask(domain, kind) is not None for kind in ("A", "AAAA")])

    async def _ask(self, domain: str, kind: str) -> dns.resolver.Answer | None:
        try:
            async with self._room:
                if self._resolver is None:
                    self._resolver = dns.asyncresolver.Resolver()
                return await self._resolver.resolve(f"{domain}.", kind, lifetime=_SECONDS)
        except dns.resolver.NoAnswer:
            return None
        except dns.resolver.NXDOMAIN:
            raise NoMail("no such domain") from None
        except (dns.exception.DNSException, OSError):
            # Without "from": the texts name the domain.
            raise DnsTrouble("dns gives no answer") from None


class MxLookup:
    """Remembers what DNS said. `order` decides among servers of equal preference (RFC 5321: at random)."""

    def __init__(
        self,
        dns: Dns,
        *,
        now: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._dns = dns
        self._now = now
        self._chance = chance
        self._known: OrderedDict[str, tuple[float, tuple[Exchanger, ...] | str]] = OrderedDict()

    async def hosts(self, domain: str) -> tuple[str, ...]:
        """Server names, best first. Raises NoMail or DnsTrouble."""
        known = self._known.get(domain)
        if known is None or known[0] <= self._now():
            known = await self._look_up(domain)
            self._known[domain] = known
            self._known.move_to_end(domain)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        answer = known[1]
        if isinstance(answer, str):
            raise NoMail(answer)
        return in_order(answer, self._chance)

    async def _look_up(self, domain: str) -> tuple[float, tuple[Exchanger, ...] | str]:
        try:
            answer = await self._dns.mx(domain)
            if not answer.exchangers:
                if not await self._dns.has_address(domain):
                    raise NoMail("domain has no mail server")
                answer = Answer((Exchanger(0, domain),), answer.ttl)
        except NoMail as no:
            return self._now() + _NO_TTL, str(no)
        servers = tuple(exchanger for exchanger in answer.exchangers if exchanger.host)
        if not servers:
            return self._now() + _NO_TTL, "domain takes no mail"
        return self._now() + min(max(answer.ttl, _LEAST_TTL), _MOST_TTL), servers


def in_order(exchangers: Iterable[Exchanger], chance: Callable[[], float]) -> tuple[str, ...]:
    """Host names by preference, those of equal preference in an order of chance, none twice."""
    ranked = sorted(exchangers, key=lambda exchanger: (exchanger.preference, chance()))
    return tuple(dict.fromkeys(exchanger.host for exchanger in ranked))
