"""Finds out whether a mail comes from where it says: mail.sender.authentication decides, here DNS is asked.

    a mail -> what it asks of DNS (all at once where that can be) -> remembered, or asked, within so many seconds
           -> results for its events

Nothing here ever refuses a mail or fails: what DNS does not say in time counts as trouble (temperror). While DNS says
nothing at all, a circuit breaker spares the mails the waiting.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from time import monotonic
from typing import TypeVar

from prometheus_client import Counter

from contracts.events.inbound import Authentication
from ingress_smtp import metrics
from ingress_smtp.admission.parsing import Network
from mail.sender.authentication import Answers, AuthenticationResults, Examination, Examiner, Origin
from mail.sender.dns_answers import DnsAnswer, DnsQuestion
from runtime.dns.cache import DnsCache
from runtime.dns.client import AddressKind, Dns, DnsTrouble, Exchanger, Found
from runtime.logs import get_logger

T = TypeVar("T")
log = get_logger(__name__)

LARGE = 100_000
"""Octets from which on a mail is gone through in a thread."""
_TROUBLES = 10
_OPEN_SECONDS = 10.0


class Authenticator:
    """`relays`: peers in these networks only hand on what others sent, so nothing is said about them."""

    def __init__(self, examiner: Examiner, dns: DnsCache, *, relays: Sequence[Network], seconds: float) -> None:
        self._examiner = examiner
        self._dns = dns
        self._peer = lru_cache(maxsize=10_000)(lambda given: peer_address(given, relays))
        self._seconds = seconds

    async def authenticate(self, origin: Origin, raw: bytes) -> Authentication:
        """What can be said of a mail's origin; `origin.peer` as the socket gives it."""
        try:
            return await self._authenticate(origin, raw)
        except Exception as error:
            # A mail shall not be turned away again and again for a mistake of ours. Its text might name a domain.
            log.error("authentication_failed", error=type(error).__name__, size=len(raw))
            return Authentication(spf="temperror", dkim="temperror", dmarc="temperror", arc="temperror")

    async def _authenticate(self, origin: Origin, raw: bytes) -> Authentication:
        started = monotonic()
        seen = Origin(self._peer(origin.peer), origin.helo, origin.envelope_from)
        examination = self._examiner.examine(raw, seen)
        results = await self._conclude(examination, large=len(raw) > LARGE)
        found, counters = _events_and_counters(results)
        for counter in counters:
            counter.inc()
        metrics.AUTHENTICATING.observe(monotonic() - started)
        return found

    async def _conclude(self, examination: Examination, *, large: bool) -> AuthenticationResults:
        until = asyncio.get_running_loop().time() + self._seconds
        step = await _next(examination, None, large)
        while not isinstance(step, AuthenticationResults):
            step = await _next(examination, await self._answers(step, until), large)
        return step

    async def _answers(self, questions: Sequence[DnsQuestion], until: float) -> Mapping[DnsQuestion, DnsAnswer]:
        """What is known by then. A name that keeps us waiting takes no answer from the others: else whoever forges a
        mail would only have to name one in it."""
        found: dict[DnsQuestion, DnsAnswer] = dict.fromkeys(questions)

        async def ask(question: DnsQuestion) -> None:
            found[question] = await self._answer(question)

        unknown = []
        for question in questions:
            if self._dns.remembers(question.kind, question.name):
                await ask(question)
            else:
                unknown.append(question)
        if unknown:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await asyncio.gather(*map(ask, unknown))
        return found

    async def _answer(self, question: DnsQuestion) -> DnsAnswer:
        try:
            return await self._dns.records(question.kind, question.name)
        except DnsTrouble:
            return None


@lru_cache(maxsize=1_000)
def _events_and_counters(results: AuthenticationResults) -> tuple[Authentication, list[Counter]]:
    """What the events say of them, and the metrics that count it."""
    found = Authentication(
        spf=results.spf,
        dkim=results.dkim,
        dmarc=results.dmarc,
        arc=results.arc,
        policy=results.policy,
        sender_proven=results.sender_proven,
    )
    methods = ("spf", "dkim", "dmarc", "arc")
    return found, [metrics.AUTHENTICATION.labels(method, getattr(found, method)) for method in methods]


async def _next(
    examination: Examination, answers: Answers | None, large: bool
) -> tuple[DnsQuestion, ...] | AuthenticationResults:
    if large:
        return await asyncio.to_thread(_step, examination, answers)
    return _step(examination, answers)


def _step(examination: Examination, answers: Answers | None) -> tuple[DnsQuestion, ...] | AuthenticationResults:
    try:
        return next(examination) if answers is None else examination.send(answers)
    except StopIteration as end:
        results: AuthenticationResults = end.value
        return results


def peer_address(given: str, relays: Sequence[Network]) -> str:
    """The address that SPF is asked about; "" for a relay, and for what is no address."""
    try:
        address = ipaddress.ip_address(given.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "" if any(address in network for network in relays) else str(address)


class CircuitBreakerDns:
    """Dns behind a circuit breaker: after so many troubles in a row it says so at once for a while, then lets one
    question try.

    Names in a mail may all be of a server that its sender keeps silent. So the name `known` is asked for, too, before
    the circuit opens: while that is answered, DNS is well."""

    def __init__(self, dns: Dns, known: str | None = None, *, now: Callable[[], float] = monotonic) -> None:
        self._dns = dns
        self._known = known
        self._now = now
        self._troubles = 0
        self._open_until: float | None = None
        self._checking = False

    async def mx(self, domain: str) -> Found[Exchanger]:
        return await self._asked(lambda: self._dns.mx(domain))

    async def addresses(self, host: str, kind: AddressKind) -> Found[str]:
        return await self._asked(lambda: self._dns.addresses(host, kind))

    async def texts(self, name: str) -> Found[str]:
        return await self._asked(lambda: self._dns.texts(name))

    async def hosts(self, reverse_name: str) -> Found[str]:
        return await self._asked(lambda: self._dns.hosts(reverse_name))

    async def _asked(self, ask: Callable[[], Awaitable[Found[T]]]) -> Found[T]:
        if self._open_until is not None:
            if self._now() < self._open_until:
                raise DnsTrouble("dns gives no answer")
            self._open_until = self._now() + _OPEN_SECONDS
        try:
            found = await ask()
        except DnsTrouble:
            self._troubles += 1
            if self._troubles >= _TROUBLES and not self._checking:
                await self._check()
            raise
        self._troubles, self._open_until = 0, None
        return found

    async def _check(self) -> None:
        self._checking = True
        try:
            if await self._is_well():
                self._troubles, self._open_until = 0, None
            elif self._troubles >= _TROUBLES:
                self._open_until = self._now() + _OPEN_SECONDS
        finally:
            self._checking = False

    async def _is_well(self) -> bool:
        if self._known is None:
            return False
        try:
            await self._dns.texts(self._known)
        except DnsTrouble:
            return False
        return True
