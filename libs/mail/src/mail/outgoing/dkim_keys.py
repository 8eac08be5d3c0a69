"""The keys that sign mail (DKIM): whose they are, from when they sign, and what the DNS has to say about them.

A key is written ``domain:selector:algorithm:key[:since]``, several with a comma between. `domain` is the d= of the
signature: a unit's mail domain, a domain above it (the service's base domain, which covers all units), or ``*``,
which is each unit's own. `algorithm` is ``rsa`` (2048 to 4096 bits) or ``ed25519`` (RFC 8463), `key` the PKCS #8 DER
in base64, `since` the UTC time from which it signs, as ``20261201T000000Z`` (none: always).

Which keys sign a mail depends on its domain and its date alone, so every attempt at a copy bears the same signature.
The nearest domain that has keys in force decides: the unit's own, then ``*``, then the domains above. Of each
algorithm there the newest one signs, so a mail has one signature or two.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

ALGORITHMS = ("rsa", "ed25519")
EACH_UNIT = "*"
SMALLEST_RSA, LARGEST_RSA = 2048, 4096
"""In bits. RFC 8301 asks signers for 2048 at least; verifiers need not take more than 4096."""

_TIME = "%Y%m%dT%H%M%SZ"
_LABELS = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_STRING_OCTETS = 255  # of one character-string in a TXT record (RFC 1035 3.3)


class DkimKeyError(ValueError):
    """A key cannot be used. The message names domain and selector where they are known, never the key."""


@dataclass(frozen=True, slots=True)
class DkimKey:
    """One key; it never shows its private half. `since` is aware."""

    domain: str
    selector: str
    private: RSAPrivateKey | Ed25519PrivateKey = field(repr=False, compare=False)
    since: datetime | None = None

    def __post_init__(self) -> None:
        if self.domain != EACH_UNIT and not _LABELS.fullmatch(self.domain):
            raise DkimKeyError("a domain is written in lower case, or * for each unit's own")
        if not _LABELS.fullmatch(self.selector):
            raise DkimKeyError(f"{self.domain}: a selector is made of lower-case letters, digits, hyphens and dots")
        if isinstance(self.private, RSAPrivateKey) and not SMALLEST_RSA <= self.private.key_size <= LARGEST_RSA:
            raise DkimKeyError(f"{self.domain}:{self.selector}: an RSA key has {SMALLEST_RSA} to {LARGEST_RSA} bits")

    @property
    def algorithm(self) -> str:
        """One of ALGORITHMS."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"

    def in_force(self, at: datetime) -> bool:
        return self.since is None or self.since <= at

    def record(self) -> str:
        """The text of the TXT record that lets others check what it signed (RFC 6376 3.6.1)."""
        public = self.private.public_key()
        if isinstance(self.private, RSAPrivateKey):
            raw = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        else:
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k={self.algorithm}; h=sha256; p={base64.b64encode(raw).decode()}"

    def record_name(self, domain: str | None = None) -> str:
        """Where that record is published; `domain` says which unit's for a key that is each unit's own."""
        return f"{self.selector}._domainkey.{domain or self.domain}"


def character_strings(text: str) -> list[str]:
    """A TXT record's text in the pieces that a zone file takes."""
    return [text[at : at + _STRING_OCTETS] for at in range(0, len(text), _STRING_OCTETS)]


class DkimKeys:
    """All keys with which we sign. Immutable."""

    def __init__(self, keys: Iterable[DkimKey] = ()) -> None:
        """Raises DkimKeyError when two keys of a domain have one selector."""
        self._keys = tuple(keys)
        names = [(key.domain, key.selector) for key in self._keys]
        if len(set(names)) < len(names):
            raise DkimKeyError("a selector is used twice in one domain")

    @classmethod
    def parse(cls, text: str) -> DkimKeys:
        """Read keys as the module says. Raises DkimKeyError."""
        return cls(_key(part) for part in (part.strip() for part in text.split(",")) if part)

    def signing(self, mail_domain: str, at: datetime) -> tuple[DkimKey, ...]:
        """The keys for a mail from this domain and time, RSA first: at most one of each algorithm, each with the
        domain that it signs for. Empty: the mail stays unsigned."""
        for domain in (mail_domain, EACH_UNIT, *_above(mail_domain)):
            usable = [key for key in self._keys if key.domain == domain and key.in_force(at)]
            if usable:
                newest = [key for algorithm in ALGORITHMS if (key := _newest(usable, algorithm))]
                return tuple(replace(key, domain=mail_domain) if domain == EACH_UNIT else key for key in newest)
        return ()

    def strangers(self, base_domain: str) -> list[DkimKey]:
        """Keys that can sign nothing that is sent below this domain."""
        ours = {EACH_UNIT, base_domain, *_above(base_domain)}
        return [key for key in self._keys if key.domain not in ours and not _is_unit(key.domain, base_domain)]

    def __iter__(self) -> Iterator[DkimKey]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"DkimKeys({', '.join(f'{key.domain}:{key.selector}' for key in self._keys)})"


def write_key(key: DkimKey) -> str:
    """The key as `DkimKeys.parse` reads it: a secret."""
    der = key.private.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    written = f"{key.domain}:{key.selector}:{key.algorithm}:{base64.b64encode(der).decode()}"
    return written if key.since is None else f"{written}:{key.since.astimezone(UTC).strftime(_TIME)}"


def _key(text: str) -> DkimKey:
    parts = text.split(":")
    if len(parts) not in (4, 5) or parts[2] not in ALGORITHMS:
        raise DkimKeyError("each key is written as domain:selector:rsa|ed25519:base64 of PKCS #8[:since]")
    domain, selector, algorithm, encoded, *since = parts
    key = DkimKey(domain, selector, _private(encoded, f"{domain}:{selector}"), _since("".join(since)))
    if key.algorithm != algorithm:
        raise DkimKeyError(f"{domain}:{selector}: this is no {algorithm} key")
    return key


def _private(encoded: str, name: str) -> RSAPrivateKey | Ed25519PrivateKey:
    # Without "from" in both: what a parser says of a key may hold pieces of it.
    try:
        private = serialization.load_der_private_key(base64.b64decode(encoded, validate=True), None)
    except (ValueError, TypeError, binascii.Error, UnsupportedAlgorithm):
        raise DkimKeyError(f"{name}: not a PKCS #8 key in base64") from None
    if not isinstance(private, RSAPrivateKey | Ed25519PrivateKey):
        raise DkimKeyError(f"{name}: neither RSA nor Ed25519")
    return private


def _since(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise DkimKeyError("since is written as 20261201T000000Z") from None


def _newest(keys: Iterable[DkimKey], algorithm: str) -> DkimKey | None:
    long_ago = datetime.min.replace(tzinfo=UTC)
    return max((key for key in keys if key.algorithm == algorithm), key=lambda key: key.since or long_ago, default=None)


def _above(domain: str) -> list[str]:
    """The domains above one, nearest first, without the top-level one."""
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels) - 1)]


def _is_unit(domain: str, base_domain: str) -> bool:
    label, _, above = domain.partition(".")
    return bool(label) and above == base_domain
