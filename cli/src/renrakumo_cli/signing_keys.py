"""Keys that sign mail, as an operator keeps them: new ones, which sign now, which may go, and what the DNS says.

    generate -> the record is published -> it signs -> rotate: a newer one waits, then signs -> the older may go
A key's record has to be in the DNS before the key signs, and to stay there as long as somebody may still check a mail
that it signed. Pure but for the random numbers of a new key and the questions to the DNS.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import dns.asyncresolver
import dns.exception
import dns.resolver
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from mail.outgoing.dkim_keys import ALGORITHMS, EACH_UNIT, SMALLEST_RSA, DkimKey, DkimKeys

READABLE = timedelta(days=30)
"""How long after its last signature a key's record is still needed: late attempts, forwarding, mail fetched late."""

_PUBLIC_EXPONENT = 65537
_SECONDS = 3.0


class SigningError(Exception):
    """The keys don't allow that. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class KeyStage:
    """A key and where it is in its life. `until`: when its record may go, for one that signs no more."""

    key: DkimKey
    signs: bool
    until: datetime | None = None

    def words(self, now: datetime) -> str:
        if self.signs:
            return "signs"
        if self.until is None:
            return f"signs from {self.key.since:%Y-%m-%d %H:%M} UTC" if self.key.since else "signs"
        ready = "may go" if self.until <= now else f"needed until {self.until:%Y-%m-%d}"
        return f"signs no more, {ready}"


def standings(keys: Iterable[DkimKey], now: datetime) -> list[KeyStage]:
    """Every key, by domain and algorithm, oldest first."""
    found: list[KeyStage] = []
    groups: dict[tuple[str, str], list[DkimKey]] = {}
    for key in keys:
        groups.setdefault((key.domain, key.algorithm), []).append(key)
    for group in groups.values():
        group.sort(key=lambda key: key.since.timestamp() if key.since else 0.0)
        for key, successor in zip(group, [*group[1:], None], strict=True):
            replaced = successor is not None and successor.in_force(now)
            until = successor.since + READABLE if replaced and successor and successor.since else None
            found.append(KeyStage(key, signs=key.in_force(now) and not replaced, until=until))
    return found


def generate(keys: DkimKeys, domain: str, algorithm: str, since: datetime | None, now: datetime) -> DkimKey:
    """A first key of this algorithm for a domain. Raises SigningError when there is one, DkimKeyError for a domain that
    is none."""
    if any((key.domain, key.algorithm) == (domain, algorithm) for key in keys):
        raise SigningError(f"{domain} has an {algorithm} key: `renrakumo dkim rotate` makes its successor")
    return DkimKey(domain, _selector(keys, domain, algorithm, now), _new(algorithm), since)


def rotate(keys: DkimKeys, domain: str, since: datetime, now: datetime) -> list[DkimKey]:
    """A successor for each of the keys with which a domain signs. Raises SigningError when there is none, or when a
    successor waits already."""
    own = [key for key in keys if key.domain == domain]
    if not own:
        raise SigningError(f"{domain} has no key: `renrakumo dkim generate` makes one")
    if waiting := [key for key in own if not key.in_force(now)]:
        raise SigningError(f"{waiting[0].selector} of {domain} has not begun to sign yet")
    algorithms = [algorithm for algorithm in ALGORITHMS if any(key.algorithm == algorithm for key in own)]
    return [DkimKey(domain, _selector(keys, domain, name, now), _new(name), since) for name in algorithms]


def without(keys: DkimKeys, domain: str, selector: str, now: datetime, *, force: bool) -> DkimKeys:
    """All keys but one. Raises SigningError when there is no such key, or when it is still needed and not `force`d."""
    standing = next(
        (one for one in standings(keys, now) if (one.key.domain, one.key.selector) == (domain, selector)), None
    )
    if standing is None:
        raise SigningError(f"{domain} has no key with the selector {selector}")
    if not force and (standing.until is None or standing.until > now):
        raise SigningError(f"{selector} of {domain} {standing.words(now)}: --force removes it all the same")
    return DkimKeys(key for key in keys if key is not standing.key)


class TxtLookup(Protocol):
    """The one question that is asked."""

    async def text(self, name: str) -> list[str]:
        """The TXT records at a name, each in one piece; none: empty. Raises OSError when DNS gives no answer."""
        ...


class SystemTxtLookup:
    """The machine's own resolver, or another."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._resolver = resolver

    async def text(self, name: str) -> list[str]:
        try:
            resolver = self._resolver or dns.asyncresolver.Resolver()
            answer = await resolver.resolve(f"{name}.", "TXT", lifetime=_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise OSError(f"no answer from DNS ({type(error).__name__})") from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


@dataclass(frozen=True, slots=True)
class Published:
    """What DNS says of a key's record. `well`: others find what they need to check its signatures."""

    name: str
    well: bool
    words: str


async def published(keys: Sequence[DkimKey], dns_: TxtLookup, *, unit_domain: str | None = None) -> list[Published]:
    """Look up the record of every key; of those that are each unit's own, that of `unit_domain`, if given."""
    named = [key for key in keys if key.domain != EACH_UNIT or unit_domain]
    return await asyncio.gather(*(_published(key, dns_, unit_domain) for key in named))


async def _published(key: DkimKey, dns_: TxtLookup, unit_domain: str | None) -> Published:
    name = key.record_name(unit_domain if key.domain == EACH_UNIT else None)
    try:
        texts = await dns_.text(name)
    except OSError as error:
        return Published(name, False, str(error))
    if not texts:
        return Published(name, False, "no TXT record")
    if len(texts) > 1:
        return Published(name, False, f"{len(texts)} TXT records where only one may be")
    if _tag(texts[0], "p") != _tag(key.record(), "p"):
        return Published(name, False, "another key than ours")
    return Published(name, True, "published")


def _tag(record: str, name: str) -> str | None:
    for part in record.split(";"):
        tag, _, value = part.partition("=")
        if tag.strip() == name:
            return "".join(value.split())
    return None


def _selector(keys: DkimKeys, domain: str, algorithm: str, now: datetime) -> str:
    """`r20261201`, and with a number behind where that is taken."""
    taken = {key.selector for key in keys if key.domain == domain}
    first = f"{algorithm[0]}{now:%Y%m%d}"
    names = (first, *(f"{first}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def _new(algorithm: str) -> RSAPrivateKey | Ed25519PrivateKey:
    if algorithm == "rsa":
        return generate_private_key(_PUBLIC_EXPONENT, SMALLEST_RSA)
    return Ed25519PrivateKey.generate()
