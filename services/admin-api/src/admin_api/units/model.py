"""Units and groups as handlers see them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

MAX_GROUPS: Final = 30
"""Groups that a unit may have."""

RESERVED_GROUPS: Final = frozenset({"r", "b"})
"""Group codes that would read as tokens in a mail address."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A tenant. `receipts`: the option of names and answers."""

    code: str
    name: str
    receipts: bool
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a unit; the secret of its post address is known as a keyed hash only."""

    unit: str
    code: str
    name: str
    position: int
    post_secret_hash: str | None
