"""Tokens: who a reply or a bounce is from and what it is about, told by the address it comes to.

A token is ``r-`` (reply) or ``b-`` (bounce) and 48 characters of lower-case base32, that is 30 octets:
1 version and kind, 3 hours since 1970 when it was issued, 8 message reference, 8 recipient reference, 10 of
HMAC-SHA256 over the unit's code, a zero octet and the 20 octets before. Nothing is stored: a token is minted with a
key and checked with the same key. It survives lower- and upper-casing and old phones, and is of use in its own unit
only. Replay and age are the reader's business: see `expired`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

VERSION = 1
_MAC_OCTETS = 10
_MAX_REFERENCE = 2**63 - 1
_BLOCK = 64  # of SHA-256, in octets
_IPAD, _OPAD = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))
_LETTERS = b"abcdefghijklmnopqrstuvwxyz234567" * 8
_SHAPE = re.compile(r"([rb])-([a-z2-7]{48})")
# The wave after the dot: a resent copy keeps its token but needs a Message-ID of its own.
_IN_MESSAGE_ID = re.compile(r"(?<![a-z0-9])(r-[a-z2-7]{48})(?:\.[0-9]{1,6})?@")
_MAX_IDS, _MAX_ID_LENGTH = 200, 2000


class TokenError(ValueError):
    """Not a token of ours. The message never holds the token."""


class Malformed(TokenError):
    """Not the shape of a token: cut, extended, or something else altogether."""


class Forged(TokenError):
    """The shape is right, but none of our keys made it for this unit (or the prefix doesn't fit its kind)."""


class TokenKind(IntEnum):
    """What a reply to the token does."""

    REGISTRATION = 1
    LEAVE = 2
    POST = 3
    ANSWER = 4
    UNSUBSCRIBE = 5
    BOUNCE = 6


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. References are 63-bit ids, `issued_hour` counts hours since 1970-01-01T00:00Z."""

    kind: TokenKind
    message_ref: int
    recipient_ref: int
    issued_hour: int


def hour_of(moment: datetime) -> int:
    """Hours since 1970 of an aware time, as `Token.issued_hour` wants them."""
    return int(moment.timestamp()) // 3600


class Minter:
    """Mints the tokens of one message: several kinds for each recipient, whatever they share made only once.

    May be used by several threads at once.
    """

    def __init__(self, key: bytes, unit: str, kinds: Sequence[TokenKind], message_ref: int, issued_hour: int) -> None:
        """Raises ValueError when a reference is out of range."""
        _in_range(message_ref)
        head = issued_hour.to_bytes(3, "big") + message_ref.to_bytes(8, "big")
        block = hashlib.sha256(key).digest() if len(key) > _BLOCK else key
        block = block.ljust(_BLOCK, b"\x00")
        # HMAC (RFC 2104) hashed up to where recipients begin to differ; hmac.digest would begin anew each time.
        self._outer = hashlib.sha256(block.translate(_OPAD))
        self._inners = []
        self._parts = []  # what each token begins with, and where its MAC stands behind the reference that they share
        for number, kind in enumerate(kinds, 1):
            start = bytes((VERSION << 4 | kind,)) + head
            self._inners.append(hashlib.sha256(block.translate(_IPAD) + unit.encode("utf-8") + b"\x00" + start))
            mac = slice(16 * number, 16 * number + 16)
            self._parts.append((f"{_prefix(kind)}-{_base32(start[:10])}", mac))
        self._rest = head[9:]

    def mint(self, recipient_ref: int) -> list[str]:
        """Return a token of each kind with its prefix: ``b-`` for BOUNCE, else ``r-``. Raises ValueError."""
        _in_range(recipient_ref)
        reference = recipient_ref.to_bytes(8, "big")
        raw = self._rest + reference
        for begun in self._inners:
            inner = begun.copy()
            inner.update(reference)
            outer = self._outer.copy()
            outer.update(inner.digest())
            raw += outer.digest()[:_MAC_OCTETS]
        text = _base32(raw)
        reference_text = text[:16]
        return [f"{prefix}{reference_text}{text[mac]}" for prefix, mac in self._parts]


def mint(key: bytes, unit: str, token: Token, prefix: str | None = None) -> str:
    """Return the text of a single token with its prefix: ``b-`` for BOUNCE, else ``r-``.

    Raises ValueError when a reference is out of range or a given prefix contradicts the kind.
    """
    natural = _prefix(token.kind)
    if prefix is not None and prefix != natural:
        raise ValueError(f"a token of kind {token.kind.name} has the prefix {natural}")
    return Minter(key, unit, (token.kind,), token.message_ref, token.issued_hour).mint(token.recipient_ref)[0]


def _prefix(kind: TokenKind) -> str:
    return "b" if kind is TokenKind.BOUNCE else "r"


def _in_range(reference: int) -> None:
    if not 0 <= reference <= _MAX_REFERENCE:
        raise ValueError("a reference is a non-negative 63-bit integer")


def _halving(groups: int) -> list[tuple[int, int, int]]:
    """How to give each of up to 64 groups of five bits eight bits of room: masks and shift of each step, which moves
    the upper half of every block of 64, 32 ... 2 groups up by three bits a group."""
    steps = []
    for half in (32, 16, 8, 4, 2, 1):
        low = sum(((1 << 5 * half) - 1) << 16 * half * block for block in range(groups // (2 * half)))
        steps.append((low, low << 5 * half, 3 * half))
    return steps


_SPREAD = _halving(64)


def _base32(raw: bytes) -> str:
    """Lower-case base32 of at most 40 octets, a multiple of five: in six steps, whatever the length, where the
    standard library takes some for every five octets."""
    number = int.from_bytes(raw, "big")
    for low, high, shift in _SPREAD:
        number = number & low | (number & high) << shift
    return number.to_bytes(len(raw) // 5 * 8, "big").translate(_LETTERS).decode("ascii")


def check(keys: Iterable[bytes], unit: str, text: str) -> Token:
    """Return what a token (with its prefix, in any case) says. Raises Malformed or Forged, both TokenError."""
    shape = _SHAPE.fullmatch(text.lower())
    if not shape:
        raise Malformed("not the shape of a token")
    try:
        raw = base64.b32decode(shape[2].upper())
    except binascii.Error:
        raise Malformed("not base32") from None
    head, mac = raw[:-_MAC_OCTETS], raw[-_MAC_OCTETS:]
    genuine = False
    for key in keys:  # every key is tried, so that the time taken says nothing about which one fitted
        genuine |= hmac.compare_digest(_mac(key, unit, head), mac)
    if not genuine:
        raise Forged("no key of ours made this token for this unit")
    if head[0] >> 4 != VERSION:
        raise Forged("a version that we don't mint")
    try:
        kind = TokenKind(head[0] & 0x0F)
    except ValueError:
        raise Forged("a kind that we don't mint") from None
    if (kind is TokenKind.BOUNCE) != (shape[1] == "b"):
        raise Forged("the prefix doesn't fit the kind")
    return Token(
        kind=kind,
        message_ref=int.from_bytes(head[4:12], "big"),
        recipient_ref=int.from_bytes(head[12:20], "big"),
        issued_hour=int.from_bytes(head[1:4], "big"),
    )


def _mac(key: bytes, unit: str, head: bytes) -> bytes:
    return hmac.digest(key, unit.encode("utf-8") + b"\x00" + head, "sha256")[:_MAC_OCTETS]


def find(message_ids: Iterable[str]) -> str | None:
    """Return the first reply token that stands in a Message-ID, In-Reply-To or References value, or None.

    For replies whose client ignored Reply-To. The result is unchecked; pass the values nearest first.
    """
    for number, value in enumerate(message_ids):
        if number >= _MAX_IDS:
            break
        if found := _IN_MESSAGE_ID.search(value[:_MAX_ID_LENGTH].lower()):
            return found[1]
    return None


def message_id(text: str, wave: int, domain: str) -> str:
    """Return the Message-ID of a copy that was sent with a reply token in a unit's mail domain."""
    return f"<{text}.{wave}@{domain}>"


def expired(token: Token, now: datetime, life: timedelta) -> bool:
    """Whether a token is older than `life`. Issued times are whole hours, so it errs by up to an hour towards valid."""
    issued = datetime.fromtimestamp((token.issued_hour + 1) * 3600, UTC)
    return now > issued + life
