"""The audit log as it is read. Pure."""

from dataclasses import dataclass
from datetime import datetime

from admin_api.kernel.audit import AuditEntry


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it is shown."""

    id: int
    at: datetime
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Does every row still fit to the one before it? `broken_at` is the first that doesn't."""

    rows: int
    broken_at: int | None
    head: bytes
