"""Questions for DNS: which servers take a domain's mail, a host's addresses, an address's hosts, the texts at a name.

dnspython asks the resolver that the system or the operator names, over UDP and, where an answer was cut short, over
TCP. An answer is good (`records`), empty (the name is there, no such record) or says that there is no such name. All
else (timeout, SERVFAIL, REFUSED, a loop of aliases) is DnsTrouble: it may be otherwise in a minute. dnspython's own
errors name what was asked for and so never leave this module.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Generic, Literal, Protocol, TypeVar

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from prometheus_client import Counter

from runtime.errors import TransientError

T = TypeVar("T")

AddressKind = Literal["A", "AAAA"]
Kind = Literal["MX", "A", "AAAA", "TXT", "PTR"]

DNS_PORT = 53
_SECONDS_FOR_ONE_SERVER = 2.5
_AT_ONCE = 200
_AT_ONCE_FOR_CARRIERS = 50
ANSWERS = Counter("renrakumo_dns_answers", "Answers from DNS by kind: found, none, trouble", ["record", "kind"])


class DnsTrouble(TransientError):
    """DNS gave no usable answer just now. The text is a static code."""


@dataclass(frozen=True, slots=True)
class Exchanger:
    """One MX record. `host` empty is RFC 7505's word for 'no mail'; it may hold anything that a DNS name can."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """What DNS said. `ttl` in seconds, also of a no (RFC 2308: by the zone's SOA; 0 where there was none). `exists`
    False: there is no such name."""

    records: tuple[T, ...]
    ttl: float
    exists: bool = True


class Dns(Protocol):
    """The questions that we ask of DNS. All of them raise DnsTrouble."""

    async def mx(self, domain: str) -> Found[Exchanger]:
        """The servers that take a domain's mail (MX)."""

    async def addresses(self, host: str, kind: AddressKind) -> Found[str]:
        """The addresses of a host (A or AAAA)."""

    async def texts(self, name: str) -> Found[str]:
        """The texts at a name (TXT)."""

    async def hosts(self, reverse_name: str) -> Found[str]:
        """The hosts of an address, which is given as its name below in-addr.arpa or ip6.arpa (PTR)."""


class SystemDns:
    """Asks `servers` (address, port), or those that the system names; these are read when first needed, so that an
    installation without DNS can run on fixed routes. Many dead domains that all time out cannot hold up the names for
    which `is_carrier` is true: those have room of their own. `seconds`: for one question, all tries together, and as
    long at most for its turn."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        is_carrier: Callable[[str], bool] = lambda name: False,
        seconds: float = 8.0,
    ) -> None:
        self._servers = tuple(servers)
        self._is_carrier = is_carrier
        self._seconds = seconds
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._carriers_room = asyncio.Semaphore(_AT_ONCE_FOR_CARRIERS)

    async def mx(self, domain: str) -> Found[Exchanger]:
        return await self._ask(domain, "MX", _exchanger)

    async def addresses(self, host: str, kind: AddressKind) -> Found[str]:
        return await self._ask(host, kind, _address)

    async def texts(self, name: str) -> Found[str]:
        return await self._ask(name, "TXT", _text)

    async def hosts(self, reverse_name: str) -> Found[str]:
        return await self._ask(reverse_name, "PTR", _host)

    async def _ask(self, name: str, kind: Kind, read: Callable[[Any], T]) -> Found[T]:
        try:
            found = await self._resolve(name, kind, read)
        except (dns.exception.DNSException, OSError, ValueError):
            # Without "from": the texts name what was asked for.
            ANSWERS.labels(kind, "trouble").inc()
            raise DnsTrouble("dns gives no answer") from None
        ANSWERS.labels(kind, "found" if found.records else "none").inc()
        return found

    async def _resolve(self, name: str, kind: Kind, read: Callable[[Any], T]) -> Found[T]:
        room = self._carriers_room if self._is_carrier(name) else self._room
        # Bounded as well: behind many names that never answer else a queue would grow that nothing comes through.
        async with asyncio.timeout(self._seconds):
            await room.acquire()
        try:
            try:
                answer = await self._asker().resolve(
                    dns.name.from_text(f"{name}."), kind, lifetime=self._seconds, raise_on_no_answer=False
                )
            except dns.resolver.NXDOMAIN as no:
                return Found((), _no_ttl(no), exists=False)
            except (dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong, dns.name.BadEscape):
                return Found((), 0, exists=False)
            return Found(tuple(map(read, answer)), float(answer.chaining_result.minimum_ttl))
        finally:
            room.release()

    def _asker(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in self._servers]
            resolver.timeout = _SECONDS_FOR_ONE_SERVER
            self._resolver = resolver
        return self._resolver


def _exchanger(record: Any) -> Exchanger:
    return Exchanger(int(record.preference), str(record.exchange).removesuffix(".").lower())


def _address(record: Any) -> str:
    return str(record.address)


def _host(record: Any) -> str:
    return str(record.target).removesuffix(".").lower()


def _text(record: Any) -> str:
    return b"".join(record.strings).decode("ascii", "replace")


def _no_ttl(no: dns.resolver.NXDOMAIN) -> float:
    responses: dict[Any, Any] = no.kwargs.get("responses", {})
    return min((float(response.resolve_chaining().minimum_ttl) for response in responses.values()), default=0)


def parse_servers(value: Any) -> tuple[tuple[str, int], ...]:
    """Servers as an operator writes them: `192.0.2.53:53,[2001:db8::53]:53`; the port may be left out."""
    if isinstance(value, tuple):
        return value
    try:
        return tuple(_server(part.strip()) for part in str(value).split(",") if part.strip())
    except ValueError:
        raise ValueError("must be addresses with ports, for example 192.0.2.53:53,[2001:db8::53]:53") from None


def _server(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?", text)
    if found is None or not 0 < int(found[3] or DNS_PORT) < 65536:
        raise ValueError
    return str(ip_address(found[1] or found[2])), int(found[3] or DNS_PORT)
