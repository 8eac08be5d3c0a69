"""Pacing: a next hop that said it is busy is left alone for a while, by all who send to it.

Two kinds of pause, told apart by their key: a server that ends a session with 421 wants nothing more for now; one that
only refuses a further session may be used through those that are open.
"""

import asyncio
from collections.abc import Callable
from time import monotonic


def opening(hop: str) -> str:
    """Key of the pause in which no new session with this hop is opened."""
    return f"{hop} opening"


class Pauses:
    """Until when which hop is left alone. Times are of the monotonic clock, in seconds."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._until: dict[str, float] = {}

    def pause(self, hop: str, seconds: float) -> None:
        """Leave `hop` alone for that long from now; a pause that lasts longer already stays."""
        self._until[hop] = max(self._until.get(hop, 0.0), self._now() + seconds)

    def remaining(self, hop: str) -> float:
        """Seconds until the hop may be spoken to; 0 when it may now."""
        until = self._until.get(hop)
        if until is None:
            return 0.0
        left = until - self._now()
        if left <= 0:
            del self._until[hop]
            return 0.0
        return left

    async def wait(self, hop: str, stopping: asyncio.Event) -> None:
        """Wait until the hop may be spoken to, or until we are to stop."""
        while (left := self.remaining(hop)) > 0 and not stopping.is_set():
            try:
                async with asyncio.timeout(left):
                    await stopping.wait()
            except TimeoutError:
                pass
