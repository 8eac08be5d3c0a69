"""Which units and groups there are, and who has the receipts option: from memory, or from the bucket itself when a unit
may be so new that its change is still on the way."""

from collections.abc import Awaitable, Callable

from contracts.directory import UnitEntry, key
from runtime.bus import directory


class FreshDirectory(directory.Directory):
    """`look` reads one key of the bucket at once."""

    def __init__(self, look: Callable[[str], Awaitable[bytes | None]]) -> None:
        super().__init__()
        self._look = look

    async def unit(self, code: str, *, fresh: bool = False) -> UnitEntry | None:
        """The unit's entry, None when there is no such unit; from the bucket itself with `fresh` or when memory doesn't
        know it. TransientError before the bucket was read."""
        await self.check()
        known = self.known(code)
        if known is not None and not fresh:
            return known
        value = await self._look(key(code))
        return None if value is None else directory.parsed(code, value)
