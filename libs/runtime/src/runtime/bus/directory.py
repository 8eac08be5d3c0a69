"""The directory in memory: every unit and group, as the bus tells it and goes on telling it.

admin-api writes the bucket `directory`; who has to know units follows it here and looks nothing up elsewhere. Until
everything has been told once, nothing is called unknown (`loaded`).
"""

from collections.abc import AsyncIterator

from pydantic import ValidationError

from contracts import directory as contract
from contracts.directory import UnitEntry
from runtime.bus.client import KV_READY, KvChange
from runtime.errors import TransientError
from runtime.logs import get_logger

log = get_logger(__name__)
_PREFIX = contract.key("")


class Directory:
    """Units by code. `loaded` once the bucket has been read to its end."""

    def __init__(self) -> None:
        self._units: dict[str, UnitEntry] = {}
        self._told: set[str] = set()
        self._loaded = False

    @property
    def loaded(self) -> bool:
        return self._loaded

    def known(self, code: str) -> UnitEntry | None:
        """The unit as memory has it."""
        return self._units.get(code)

    def active_unit(self, code: str) -> UnitEntry | None:
        """The unit, when there is one and it is active."""
        unit = self._units.get(code)
        return unit if unit is not None and unit.active else None

    def apply(self, change: KvChange) -> None:
        """One change, or the mark that all has been told. An entry that is not understood leaves the old one."""
        if change == KV_READY:
            # After a lost connection everything is told again, but not what was deleted meanwhile.
            self._units = {code: unit for code, unit in self._units.items() if code in self._told}
            self._told = set()
            if not self._loaded:
                log.info("directory_loaded", units=len(self._units))
            self._loaded = True
            return
        key, value = change
        if not key.startswith(_PREFIX):
            return
        code = key.removeprefix(_PREFIX)
        self._told.add(code)
        if value is None:
            self._units.pop(code, None)
        elif (unit := parsed(code, value)) is not None:
            self._units[code] = unit

    async def follow(self, changes: AsyncIterator[KvChange]) -> None:
        """Apply changes until they end."""
        async for change in changes:
            self.apply(change)

    async def check(self) -> None:
        """Health check: not yet told everything."""
        if not self._loaded:
            raise TransientError("directory_not_loaded_yet")


def parsed(code: str, value: bytes) -> UnitEntry | None:
    """An entry of the bucket; None, and a line in the log, for what is not one of that unit."""
    try:
        unit = UnitEntry.model_validate_json(value)
    except ValidationError:
        log.error("directory_entry_not_understood", unit=code)
        return None
    if unit.unit != code:
        log.error("directory_entry_under_wrong_key", unit=code)
        return None
    return unit
