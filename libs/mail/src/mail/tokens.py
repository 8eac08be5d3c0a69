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
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

VERSION = 1
_MAC_OCTETS = 10
_MAX_REFERENCE = 2**63 - 1
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


def mint(key: bytes, unit: str, token: Token, prefix: str | None = None) -> str:
    """Return the token's text with its prefix: ``b-`` for BOUNCE, else ``r-``.

    Raises ValueError when a reference is out of range or a given prefix contradicts the kind.
    """
    natural = "b" if token.kind is TokenKind.BOUNCE else "r"
    if prefix is not None and prefix != natural:
        raise ValueError(f"a token of kind {token.kind.name} has the prefix {natural}")
    for reference in (token.message_ref, token.recipient_ref):
        if not 0 <= reference <= _MAX_REFERENCE:
            raise ValueError("a reference is a non-negative 63-bit integer")
    head = (
        bytes((VERSION << 4 | token.kind,))
        + token.issued_hour.to_bytes(3, "big")
        + token.message_ref.to_bytes(8, "big")
        + token.recipient_ref.to_bytes(8, "big")
    )
    text = base64.b32encode(head + _mac(key, unit, head)).decode("ascii").lower()
    return f"{natural}-{text}"


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
