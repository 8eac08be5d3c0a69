"""A notice on the board. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """A text on the board. `group` None: the whole unit's. `message`: the broadcast that it came from."""

    id: int
    unit: str
    group: str | None
    title: str
    body: str
    published_at: datetime
    expires_at: datetime | None
    message: int | None = None
