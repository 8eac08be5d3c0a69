"""A cache of what DNS said: good answers for their TTL, noes for their zone's (within bounds), trouble for moments.

Questions for one name that come at the same time share one query. When DNS is in trouble, a good answer that has
expired is still served for up to a day (RFC 8767, serve-stale): mail servers move seldom, and on the worst day mail
must go out. Who asks while an answer is served stale gets it at once, and DNS is asked again beside.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from runtime.dns.client import AddressKind, Dns, DnsTrouble, Exchanger, Found, Kind

T = TypeVar("T")

MAX_NAMES = 20_000
"""Most names of each kind of question."""
MAX_OCTETS = 16_000_000
"""Most octets of all answers of a kind: whoever has a name server of his own can make each as long as DNS allows."""
_LEAST_TTL, _MOST_TTL = 60.0, 3600.0
_LEAST_NO_TTL, _MOST_NO_TTL = 30.0, 900.0
_TROUBLE_SECONDS = 5.0
_STALE_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    """`found` None: there was trouble. `until`: DNS is asked again. `useless`: too old to be served stale."""

    found: Found[T] | None
    until: float
    useless: float
    stale: bool = False

    @property
    def octets(self) -> int:
        return sum(len(str(record)) for record in self.found.records) if self.found is not None else 0

    def answer(self) -> Found[T]:
        if self.found is None:
            raise DnsTrouble("dns gives no answer")
        return self.found


class AnswerCache(Generic[T]):
    """Answers to one kind of question, those longest unused evicted first."""

    def __init__(self, ask: Callable[[str], Awaitable[Found[T]]], now: Callable[[], float]) -> None:
        self._ask = ask
        self._now = now
        self._entries: OrderedDict[str, _Entry[T]] = OrderedDict()
        self._octets = 0
        self._asking: dict[str, asyncio.Task[_Entry[T]]] = {}

    def has(self, name: str) -> bool:
        """Is there an answer that is good for now?"""
        entry = self._entries.get(name)
        return entry is not None and self._now() < entry.until

    async def get(self, name: str) -> Found[T]:
        """The answer for a name. Raises DnsTrouble."""
        now = self._now()
        entry = self._entries.get(name)
        if entry is not None:
            self._entries.move_to_end(name)
            if now < entry.until:
                return entry.answer()
        asking = self._asking.get(name)
        if asking is None:
            asking = self._asking[name] = asyncio.create_task(self._look_up(name, entry))
        if entry is not None and entry.stale and now < entry.useless:
            return entry.answer()
        # Shielded: others wait for the same answer.
        return (await asyncio.shield(asking)).answer()

    async def _look_up(self, name: str, before: _Entry[T] | None) -> _Entry[T]:
        try:
            try:
                entry = self._good(await self._ask(name))
            except DnsTrouble:
                entry = self._in_trouble(before)
            self._store(name, entry)
            return entry
        finally:
            del self._asking[name]

    def _store(self, name: str, entry: _Entry[T]) -> None:
        if name in self._entries:
            self._octets -= self._entries[name].octets
        self._entries[name] = entry
        self._octets += entry.octets
        while len(self._entries) > MAX_NAMES or self._octets > MAX_OCTETS:
            self._octets -= self._entries.popitem(last=False)[1].octets

    def _good(self, found: Found[T]) -> _Entry[T]:
        least, most = (_LEAST_TTL, _MOST_TTL) if found.records else (_LEAST_NO_TTL, _MOST_NO_TTL)
        until = self._now() + min(max(found.ttl, least), most)
        return _Entry(found, until, until + _STALE_SECONDS if found.records else until)

    def _in_trouble(self, before: _Entry[T] | None) -> _Entry[T]:
        now = self._now()
        if before is not None and before.found is not None and now < before.useless:
            return _Entry(before.found, now + _TROUBLE_SECONDS, before.useless, stale=True)
        return _Entry(None, now + _TROUBLE_SECONDS, now)


class DnsCache:
    """Answers the questions of Dns, from memory as long as an answer is good."""

    def __init__(self, dns: Dns, *, now: Callable[[], float] = monotonic) -> None:
        self._mx: AnswerCache[Exchanger] = AnswerCache(dns.mx, now)
        self._texts: AnswerCache[str] = AnswerCache(dns.texts, now)
        self._a: AnswerCache[str] = AnswerCache(lambda host: dns.addresses(host, "A"), now)
        self._hosts: AnswerCache[str] = AnswerCache(dns.hosts, now)
        self._aaaa: AnswerCache[str] = AnswerCache(lambda host: dns.addresses(host, "AAAA"), now)

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
        answers: AnswerCache[Exchanger] | AnswerCache[str]
        match kind:
            case "MX":
                answers = self._mx
            case "TXT":
                answers = self._texts
            case "A":
                answers = self._a
            case "AAAA":
                answers = self._aaaa
            case "PTR":
                answers = self._hosts
        return answers.has(name)

    async def hosts(self, reverse_name: str) -> Found[str]:
        return await self._hosts.get(reverse_name)
