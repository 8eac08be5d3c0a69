"""Which servers take a domain's mail: MX in order of preference, else the domain itself (RFC 5321 5.1).

    exchangers(domain) -> names with preferences -> (the caller leaves some out) -> addresses(name) -> where to connect

Three different noes: `NoMail` is permanent, the domain's own word (null MX of RFC 7505, no such domain, no server at
all) or ours (an address literal, one of our own domains). A no of DNS is believed only while DNS knows the carriers.
`DnsTrouble` is all that may be otherwise in a minute, and `NoServer` a domain that names servers of which none can be
used: somebody has to mend that, so it is tried again, but slowly.

Whoever owns a domain decides what its MX points to, so private addresses and those of this very machine are refused:
nobody shall make us connect there.
"""

import ipaddress
import re
from asyncio import Lock, gather
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from time import monotonic

from runtime.dns.client import AddressKind, Dns, DnsTrouble, Exchanger
from runtime.errors import PermanentError

__all__ = [
    "Addresses",
    "DnsTrouble",
    "Exchanger",
    "MxLookup",
    "NoMail",
    "NoServer",
    "OurNames",
    "in_order",
    "is_public",
]

WITNESSES = ("docomo.ne.jp", "gmail.com")
"""Domains that have mail servers whatever happens: a DNS that says otherwise is not to be believed."""
_WITNESS_SECONDS = 300.0

_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
# What DNS64 and 6to4 put around an IPv4 address (RFC 6052, RFC 3056).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NoMail(PermanentError):
    """The domain takes no mail from us. The text is a static code. `dead`: it takes none from anybody."""

    def __init__(self, code: str, *, dead: bool = True) -> None:
        super().__init__(code)
        self.dead = dead


class NoServer(DnsTrouble):
    """The domain names servers, but none that can be used. The text is a static code."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """The addresses of one host, by family: IPv6 and IPv4."""

    sixes: tuple[str, ...] = ()
    fours: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sixes) + len(self.fours)

    def in_order(self, most: int, chance: Callable[[], float]) -> tuple[str, ...]:
        """At most `most`, the two families by turns, IPv6 first (RFC 8305 4), within each in an order of chance:
        carriers put many machines behind one name."""
        pairs = zip_longest(*(sorted(family, key=lambda _: chance()) for family in (self.sixes, self.fours)))
        return tuple(address for address in chain.from_iterable(pairs) if address is not None)[:most]


@dataclass(frozen=True, slots=True)
class OurNames:
    """`helo`: this machine's name. `base_domain`: every domain below it is a unit's, and so ours."""

    helo: str = ""
    base_domain: str = ""

    def has_domain(self, domain: str) -> bool:
        return bool(self.base_domain) and domain.endswith(f".{self.base_domain}")


class MxLookup:
    """`dns` should remember (DnsCache); `fresh`, which should not, is asked for the witnesses (default: nobody is
    asked, and every no is believed). `private`: private addresses are fine, as in a trial."""

    def __init__(
        self,
        dns: Dns,
        *,
        fresh: Dns | None = None,
        ours: OurNames | None = None,
        private: bool = False,
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._dns = dns
        self._fresh = fresh
        self._ours = ours or OurNames()
        self._private = private
        self._now = now
        self._dns_works_until = float("-inf")
        self._witness = Lock()

    async def exchangers(self, domain: str) -> tuple[Exchanger, ...]:
        """The servers of a normalised domain, best first. Raises NoMail, NoServer or DnsTrouble."""
        if not is_host_name(domain):
            raise NoMail("address literal", dead=False)
        if self._ours.has_domain(domain):
            raise NoMail("our own domain", dead=False)
        found = await self._dns.mx(domain)
        if not found.exists:
            raise await self._confirmed("no such domain")
        if not found.records:
            if not await self._has_address(domain):
                raise await self._confirmed("domain has no mail server")
            return (Exchanger(0, domain),)
        named = [exchanger for exchanger in found.records if exchanger.host]
        if not named:
            raise NoMail("domain takes no mail")
        usable = sorted(
            (exchanger for exchanger in named if is_host_name(exchanger.host)),
            key=lambda one: (one.preference, one.host),
        )
        if not usable:
            raise NoServer("no usable mail server named")
        return self._without_us(usable)

    async def addresses(self, host: str, *, ipv4_only: bool = False) -> "Addresses":
        """A server's addresses; none if it has none that we may use. Raises DnsTrouble if DNS gave neither family."""
        kinds: tuple[AddressKind, ...] = ("A",) if ipv4_only else ("AAAA", "A")
        answers: tuple[str, ...] = ()
        trouble: DnsTrouble | None = None
        for asked in await gather(*(self._dns.addresses(host, kind) for kind in kinds), return_exceptions=True):
            if isinstance(asked, DnsTrouble):
                trouble = asked
            elif isinstance(asked, BaseException):
                raise asked
            else:
                answers += asked.records
        if trouble is not None and not answers:
            raise trouble
        usable = [address for address in answers if self._private or is_public(address)]
        return Addresses(
            tuple(address for address in usable if ":" in address),
            tuple(address for address in usable if ":" not in address),
        )

    async def _has_address(self, domain: str) -> bool:
        # Asked one after the other: nearly always the first is enough.
        return bool(
            (await self._dns.addresses(domain, "A")).records or (await self._dns.addresses(domain, "AAAA")).records
        )

    def _without_us(self, exchangers: Sequence[Exchanger]) -> tuple[Exchanger, ...]:
        """Where we are named ourselves, only better servers may be asked, or mail would go round (RFC 5321 5.1)."""
        ours = min((one.preference for one in exchangers if one.host == self._ours.helo), default=None)
        if ours is None:
            return tuple(exchangers)
        better = tuple(one for one in exchangers if one.preference < ours)
        if not better:
            raise NoMail("mail would come back to us", dead=False)
        return better

    async def _confirmed(self, code: str) -> NoMail | DnsTrouble:
        """The no as an error, if DNS can be believed."""
        if self._fresh is None:
            return NoMail(code)
        async with self._witness:
            if self._now() >= self._dns_works_until:
                if not await _knows_any(self._fresh, WITNESSES):
                    return DnsTrouble("dns does not know the carriers either")
                self._dns_works_until = self._now() + _WITNESS_SECONDS
        return NoMail(code)


async def _knows_any(dns: Dns, domains: Iterable[str]) -> bool:
    for domain in domains:
        try:
            if (await dns.mx(domain)).records:
                return True
        except DnsTrouble:
            continue
    return False


def in_order(exchangers: Iterable[Exchanger], chance: Callable[[], float]) -> tuple[str, ...]:
    """Host names by preference, those of equal preference in an order of chance, none twice."""
    ranked = sorted(exchangers, key=lambda exchanger: (exchanger.preference, chance()))
    return tuple(dict.fromkeys(exchanger.host for exchanger in ranked))


def is_host_name(text: str) -> bool:
    """Could this be the name of a domain or server? Lower case. One that ends in a number is an address in disguise."""
    return bool(_HOST_NAME.fullmatch(text)) and not text.rpartition(".")[2].isdigit()


def is_public(address: str) -> bool:
    """Is this an address in the world, and not private, on this machine, or one that stands for such?"""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner: ipaddress.IPv4Address | None = None
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return is_public(str(inner)) if inner is not None else ip.is_global and not ip.is_multicast
