"""Which copies of a message go to suspect addresses (something was said against them), remembered for a moment.

A delivered copy takes suspicion away, so each batch of a broadcast asks; nearly always nobody is suspect. One look at
the whole audience serves all batches of the next seconds. What this process itself finds out meanwhile is added at
once; what another finds out within those seconds a sign of life may miss, as if it had come just before.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic

SECONDS = 5.0
MOST = 1_000
"""Messages remembered at once."""


class SuspectCopies:
    """Remembers suspect copies by message. `now`: seconds of a clock that only goes forward."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._known: OrderedDict[int, tuple[float, asyncio.Task[set[int]]]] = OrderedDict()

    async def of(self, message: int, look: Callable[[], Awaitable[set[int]]]) -> set[int]:
        """Suspect copies of this message; `look` asks the database, for all who want to know at the same time."""
        until, task = self._known.get(message, (0.0, None))
        if task is None or self._now() >= until:
            task = asyncio.ensure_future(_awaited(look))
            self._known[message] = (self._now() + SECONDS, task)
            self._known.move_to_end(message)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except BaseException:
            if task.done() and self._known.get(message, (0.0, None))[1] is task:
                del self._known[message]
            raise

    def add(self, message: int, copies: Iterable[int]) -> None:
        """Something was said against the addresses of these copies just now."""
        _, task = self._known.get(message, (0.0, None))
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            task.result().update(copies)
        else:
            self._known.pop(message, None)


async def _awaited(look: Callable[[], Awaitable[set[int]]]) -> set[int]:
    return await look()
