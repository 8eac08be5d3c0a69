"""The messages that are being answered, in memory for a moment: when a town replies, thousands of replies are to the
same one. A message that was sent never changes."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic

from receipts.model import SentMessage

_REMEMBERED = 100
_SECONDS = 30.0

Look = Callable[[str, int], Awaitable[SentMessage | None]]
"""(unit, message) -> what was sent; None when the office knows of no such message (yet)."""


class SentMessages:
    """What `look` found lately. A message that isn't known is looked for each time."""

    def __init__(self, look: Look, *, now: Callable[[], float] = monotonic) -> None:
        self._look = look
        self._now = now
        self._known: OrderedDict[tuple[str, int], tuple[float, SentMessage]] = OrderedDict()

    async def get(self, unit: str, message: int) -> SentMessage | None:
        """The message as it went out; None when there is no such message in that unit."""
        key = (unit, message)
        until, known = self._known.get(key, (0.0, None))
        if known is not None and self._now() < until:
            return known
        found = await self._look(unit, message)
        if found is not None:
            self._known[key] = (self._now() + _SECONDS, found)
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found
