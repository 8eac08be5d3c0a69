"""Names of units and groups, for the texts."""

from responder.texts import Scope
from runtime.bus import directory
from runtime.errors import RenrakumoError, TransientError


class UnknownUnit(RenrakumoError):
    """No such unit in the directory. It may be on its way, so it is looked for again a few times."""


class ScopeDirectory(directory.Directory):
    """The directory with its mail domain."""

    def __init__(self, base_domain: str) -> None:
        super().__init__()
        self._base_domain = base_domain

    def scope(self, unit: str, group: str | None = None) -> Scope:
        """Names and addresses of a unit, or of one of its groups (a group that is gone keeps its code as its name).
        TransientError before the directory was read, UnknownUnit when there is no such unit."""
        entry = self.known(unit)
        if entry is None:
            if not self.loaded:
                raise TransientError("directory_not_loaded_yet")
            raise UnknownUnit("unit_not_in_directory")
        known = entry.groups.get(group) if group is not None else None
        return Scope(
            unit=unit,
            unit_name=entry.name,
            base_domain=self._base_domain,
            group=group,
            group_name=known.name if known is not None else group,
            receipts=entry.receipts,
        )
