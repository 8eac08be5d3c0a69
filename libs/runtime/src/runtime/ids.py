"""Opaque ids: positive 63-bit integers, 41 bits of milliseconds and 22 bits that start at random and count on.

They need no round trip to a database and say nothing about a person. Random bits alone would collide: a broadcast
makes thousands of ids in one millisecond. So within a millisecond a process counts on from where it began, in small
random steps; processes begin at places of their own.
"""

import secrets
import threading
import time

_LOW_BITS = 22
_TIME_MASK = (1 << 41) - 1


class IdSource:
    """Makes ids that one process never makes twice."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def new(self, now_ms: int) -> int:
        """An id of that millisecond since 1970."""
        moment = now_ms & _TIME_MASK
        with self._lock:
            if self._last >> _LOW_BITS == moment:
                self._last += 1 + secrets.randbits(5)
            else:
                # The lower half, which leaves room to count.
                self._last = (moment << _LOW_BITS) | secrets.randbits(_LOW_BITS - 1)
            return self._last or 1


_source = IdSource()


def new_id(now_ms: int | None = None) -> int:
    """A new id; `now_ms` is the time in milliseconds since 1970 (default: now)."""
    return _source.new(time.time_ns() // 1_000_000 if now_ms is None else now_ms)
