"""Keeping ordinary mail off the full hour, when everybody's scheduled mail jams the carriers. Pure."""

from datetime import datetime
from zlib import crc32


def hour_wait(now: datetime, spread: float, chance: float) -> float:
    """Seconds to hold back ordinary mail that would go just on the full hour, when carriers are jammed, so that it goes
    out evenly over the first `spread` seconds; 0 switches it off. `chance`, from 0 to 1, is its place in them: the same
    each time it is asked for the same mail (`steady_chance`), so that what has waited goes."""
    after = now.minute * 60 + now.second + now.microsecond / 1e6
    return max(0.0, chance * spread - after) if after < spread else 0.0


def steady_chance(name: str) -> float:
    """A number from 0 to 1 that is always the same for this name, and evenly spread over many names."""
    return crc32(name.encode()) / 2**32
