"""Names of units and groups in memory, as the bus tells them and goes on telling them."""

import asyncio
from collections.abc import AsyncIterator

from pydantic import ValidationError

from contracts import directory as contract
from contracts.directory import UnitEntry
from responder.texts import Place
from runtime.bus import KV_READY, KvChange
from runtime.errors import RenrakumoError, TransientError
from runtime.logs import get_logger

log = get_logger(__name__)
_PREFIX = contract.key("")


class UnknownUnit(RenrakumoError):
    """No such unit in the directory. It may be on its way, so it is looked for again a few times."""


class Directory:
    """Units by code."""

    def __init__(self, base_domain: str) -> None:
        self._base_domain = base_domain
        self._units: dict[str, UnitEntry] = {}
        self._loaded = False

    def place(self, unit: str, group: str | None = None) -> Place:
        """Names and addresses of a unit, or of one of its groups (a group that is gone keeps its code as its name).
        TransientError before the directory was read, UnknownUnit when there is no such unit."""
        entry = self._units.get(unit)
        if entry is None:
            if not self._loaded:
                raise TransientError("directory_not_loaded_yet")
            raise UnknownUnit("unit_not_in_directory")
        known = entry.groups.get(group) if group is not None else None
        return Place(
            unit=unit,
            unit_name=entry.name,
            base_domain=self._base_domain,
            group=group,
            group_name=known.name if known is not None else group,
            receipts=entry.receipts,
        )

    def apply(self, change: KvChange) -> None:
        """One change, or the mark that all has been told. An entry that is not understood leaves the old one."""
        if change == KV_READY:
            self._loaded = True
            return
        key, value = change
        if not key.startswith(_PREFIX):
            return
        code = key.removeprefix(_PREFIX)
        if value is None:
            self._units.pop(code, None)
            return
        try:
            self._units[code] = UnitEntry.model_validate_json(value)
        except ValidationError:
            log.error("directory_entry_not_understood", unit=code)

    async def follow(self, changes: AsyncIterator[KvChange], stop: asyncio.Event) -> None:
        """Apply all changes, until told to stop."""
        async for change in changes:
            if stop.is_set():
                return
            self.apply(change)

    async def check(self) -> None:
        """Health check: not yet told everything."""
        if not self._loaded:
            raise TransientError("directory_not_loaded_yet")
