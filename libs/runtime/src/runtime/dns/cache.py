"""What DNS said, remembered: good answers for their TTL, noes for their zone's (within bounds), trouble for moments.

Questions for one name that come at the same time share one query. When DNS is in trouble, a good answer that has
expired stands in for up to a day (RFC 8767): mail servers move seldom, and on the worst day mail must go out. Who asks
while an old answer stands in gets it at once, and DNS is asked again beside.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from runtime.dns.client import AddressKind, Dns, DnsTrouble, Exchanger, Found, Kind

T = TypeVar("T")

REMEMBERED = 20_000
"""Names of each kind of question."""
REMEMBERED_OCTETS = 16_000_000
"""Of all answers of a kind: whoever has a name server of his own can make each as long as DNS allows."""
_LEAST_TTL, _MOST_TTL = 60.0, 3600.0
_LEAST_NO_TTL, _MOST_NO_TTL = 30.0, 900.0
_TROUBLE_SECONDS = 5.0
_STANDS_IN = 86_400.0


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """`found` None: there was trouble. `until`: DNS is asked again. `useless`: no longer good enough to stand in."""

    found: Found[T] | None
    until: float
    useless: float
    stands_in: bool = False

    @property
    def octets(self) -> int:
        return sum(len(str(record)) for record in self.found.records) if self.found is not None else 0

    def answer(self) -> Found[T]:
        if self.found is None:
            raise DnsTrouble("dns gives no answer")
        return self.found


class Shelf(Generic[T]):
    """Answers to one kind of question, those longest unused forgotten first."""

    def __init__(self, ask: Callable[[str], Awaitable[Found[T]]], now: Callable[[], float]) -> None:
        self._ask = ask
        self._now = now
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()
        self._octets = 0
        self._asking: dict[str, asyncio.Task[_Kept[T]]] = {}

    def has(self, name: str) -> bool:
        """Is there an answer that is good for now?"""
        kept = self._kept.get(name)
        return kept is not None and self._now() < kept.until

    async def get(self, name: str) -> Found[T]:
        """The answer for a name. Raises DnsTrouble."""
        now = self._now()
        kept = self._kept.get(name)
        if kept is not None:
            self._kept.move_to_end(name)
            if now < kept.until:
                return kept.answer()
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._look_up(name, kept))
        if kept is not None and kept.stands_in and now < kept.useless:
            return kept.answer()
        # Shielded: others wait for the same answer.
        return (await asyncio.shield(asking)).answer()

    async def _look_up(self, name: str, before: _Kept[T] | None) -> _Kept[T]:
        try:
            try:
                kept = self._good(await self._ask(name))
            except DnsTrouble:
                kept = self._in_trouble(before)
            self._keep(name, kept)
            return kept
        finally:
            del self._asking[name]

    def _keep(self, name: str, kept: _Kept[T]) -> None:
        if name in self._kept:
            self._octets -= self._kept[name].octets
        self._kept[name] = kept
        self._octets += kept.octets
        while len(self._kept) > REMEMBERED or self._octets > REMEMBERED_OCTETS:
            self._octets -= self._kept.popitem(last=False)[1].octets

    def _good(self, found: Found[T]) -> _Kept[T]:
        least, most = (_LEAST_TTL, _MOST_TTL) if found.records else (_LEAST_NO_TTL, _MOST_NO_TTL)
        until = self._now() + min(max(found.ttl, least), most)
        return _Kept(found, until, until + _STANDS_IN if found.records else until)

    def _in_trouble(self, before: _Kept[T] | None) -> _Kept[T]:
        now = self._now()
        if before is not None and before.found is not None and now < before.useless:
            return _Kept(before.found, now + _TROUBLE_SECONDS, before.useless, stands_in=True)
        return _Kept(None, now + _TROUBLE_SECONDS, now)


class RememberedDns:
    """Dns with a memory."""

    def __init__(self, dns: Dns, *, now: Callable[[], float] = monotonic) -> None:
        self._mx: Shelf[Exchanger] = Shelf(dns.mx, now)
        self._texts: Shelf[str] = Shelf(dns.texts, now)
        self._a: Shelf[str] = Shelf(lambda host: dns.addresses(host, "A"), now)
        self._hosts: Shelf[str] = Shelf(dns.hosts, now)
        self._aaaa: Shelf[str] = Shelf(lambda host: dns.addresses(host, "AAAA"), now)

    async def mx(self, domain: str) -> Found[Exchanger]:
        return await self._mx.get(domain)

    async def addresses(self, host: str, kind: AddressKind) -> Found[str]:
        return await (self._a if kind == "A" else self._aaaa).get(host)

    async def texts(self, name: str) -> Found[str]:
        return await self._texts.get(name)

    async def records(self, kind: Kind, name: str) -> tuple[str, ...]:
        """The records of any kind, as text (`preference host` of an MX). Raises DnsTrouble."""
        match kind:
            case "MX":
                return tuple(f"{each.preference} {each.host}" for each in (await self.mx(name)).records)
            case "TXT":
                return (await self.texts(name)).records
            case "PTR":
                return (await self.hosts(name)).records
            case "A" | "AAAA":
                return (await self.addresses(name, kind)).records

    def remembers(self, kind: Kind, name: str) -> bool:
        """Can this be answered without waiting?"""
        shelf: Shelf[Exchanger] | Shelf[str]
        match kind:
            case "MX":
                shelf = self._mx
            case "TXT":
                shelf = self._texts
            case "A":
                shelf = self._a
            case "AAAA":
                shelf = self._aaaa
            case "PTR":
                shelf = self._hosts
        return shelf.has(name)

    async def hosts(self, reverse_name: str) -> Found[str]:
        return await self._hosts.get(reverse_name)
