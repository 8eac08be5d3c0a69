"""Opaque ids: positive 63-bit integers, 41 bits of milliseconds and 22 random bits.

They sort by time within a millisecond, need no round trip to a database, and say nothing about a person.
"""

import secrets
import time

_RANDOM_BITS = 22
_TIME_MASK = (1 << 41) - 1


def new_id(now_ms: int | None = None) -> int:
    """A new id; `now_ms` is the time in milliseconds since 1970 (default: now)."""
    moment = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return ((moment & _TIME_MASK) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
