"""Counting copies against the clock, pure: a token bucket that holds a rate, and how many there were of late.

Times are seconds of any clock that never goes back; they come in as arguments.
"""

BURST_SECONDS = 0.25
SLOT_SECONDS = 10.0
SLOTS = 6
_DUST = 1e-9


def burst(rate: float) -> float:
    """How many copies may go at once after a rest: what a quarter of a second allows, at least one."""
    return max(1.0, rate * BURST_SECONDS)


class TokenBucket:
    """A rate in copies a second; None lets everything through. In any stretch of time no more go than `burst` and
    rate x time, as long as who takes has seen `wait` say 0."""

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._tokens = 1.0
        self._at = now

    @property
    def rate(self) -> float | None:
        return self._rate

    def set(self, rate: float | None, now: float) -> None:
        """Another rate from now on; nothing is saved up from an earlier, faster one."""
        self._fill(now)
        if self._rate is None:
            self._tokens = min(self._tokens, 1.0)
        self._rate = rate
        if rate is not None:
            self._tokens = min(self._tokens, burst(rate))

    def wait(self, now: float) -> float:
        """Seconds until the next may go."""
        if self._rate is None:
            return 0.0
        self._fill(now)
        missing = 1.0 - self._tokens
        return missing / self._rate if missing > _DUST else 0.0

    def take(self, now: float) -> None:
        """One goes."""
        if self._rate is not None:
            self._fill(now)
            self._tokens -= 1.0

    def _fill(self, now: float) -> None:
        if self._rate is not None and now > self._at:
            self._tokens = min(burst(self._rate), self._tokens + (now - self._at) * self._rate)
        self._at = max(self._at, now)


class RecentCounts:
    """How many there were in the last minute, and how fast they went just now."""

    def __init__(self) -> None:
        self._counts = [0] * SLOTS
        self._slot = 0
        self._began = 0.0

    def add(self, now: float) -> None:
        """One more."""
        slot = int(now // SLOT_SECONDS)
        if slot != self._slot:
            self._move(slot)
        if not self._counts[slot % SLOTS] and not self._counts[(slot - 1) % SLOTS]:
            self._began = now
        self._counts[slot % SLOTS] += 1

    def minute(self, now: float) -> int:
        """All of the last minute, to the nearest slot."""
        self._move(int(now // SLOT_SECONDS))
        return sum(self._counts)

    def rate(self, now: float) -> float:
        """A second, over this slot and the one before, or since they began to come."""
        slot = int(now // SLOT_SECONDS)
        self._move(slot)
        count = self._counts[slot % SLOTS] + self._counts[(slot - 1) % SLOTS]
        since = max(self._began, (slot - 1) * SLOT_SECONDS)
        return count / max(1.0, now - since)

    def _move(self, slot: int) -> None:
        for passed in range(max(self._slot + 1, slot - SLOTS + 1), slot + 1):
            self._counts[passed % SLOTS] = 0
        self._slot = max(self._slot, slot)
