"""The directory in memory: which units and groups there are, and who has the receipts option."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from pydantic import ValidationError

from contracts.directory import UnitEntry, key
from runtime.bus import KV_READY, KvChange
from runtime.errors import TransientError
from runtime.logs import get_logger

log = get_logger(__name__)


class Directory:
    """Follows the bucket. `look` reads one key at once: a unit may be so new that its change is still on the way."""

    def __init__(self, look: Callable[[str], Awaitable[bytes | None]]) -> None:
        self._look = look
        self._units: dict[str, UnitEntry] = {}
        self._complete = False

    async def follow(self, changes: AsyncIterator[KvChange]) -> None:
        """Apply changes until they end."""
        seen: set[str] = set()
        async for change in changes:
            if change == KV_READY:
                # After a lost connection everything comes again, without what was deleted meanwhile.
                self._units = {name: entry for name, entry in self._units.items() if name in seen}
                seen = set()
                self._complete = True
                continue
            seen.add(change.key)
            self._apply(change)

    async def unit(self, code: str, *, fresh: bool = False) -> UnitEntry | None:
        """The unit's entry, None when there is no such unit; from the bucket itself with `fresh` or when memory doesn't
        know it. TransientError before the bucket was read."""
        if not self._complete:
            raise TransientError("directory_not_read_yet")
        known = self._units.get(key(code))
        if known is not None and not fresh:
            return known
        value = await self._look(key(code))
        return None if value is None else _parsed(value)

    async def check(self) -> None:
        """Health check."""
        if not self._complete:
            raise TransientError("directory_not_read_yet")

    def _apply(self, change: KvChange) -> None:
        entry = None if change.value is None else _parsed(change.value)
        if entry is None:
            self._units.pop(change.key, None)
        else:
            self._units[change.key] = entry


def _parsed(value: bytes) -> UnitEntry | None:
    try:
        return UnitEntry.model_validate_json(value)
    except ValidationError:
        log.error("directory_entry_not_understood")
        return None


async def follow(
    directory: Directory, watch: Callable[[asyncio.Event], AsyncIterator[KvChange]], stop: asyncio.Event
) -> None:
    """A task that keeps the directory in step until `stop` is set."""
    await directory.follow(watch(stop))
