"""The part of the bus that is needed here, so that tests can have another."""

from collections.abc import Sequence
from typing import Protocol

from runtime.bus.client import Outgoing


class Publisher(Protocol):
    """Stores events. `ready`: is the bus there? `publish_many` says of each message what went wrong, None = stored."""

    @property
    def ready(self) -> bool: ...

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]: ...
