"""The bus, which may come later than the pages do: they wait for neither it nor the database."""

from typing import Protocol

from contracts.base import Event
from runtime.errors import BusUnavailable


class Publisher(Protocol):
    """Stores an event on the bus; BusUnavailable (transient) when it was not acknowledged."""

    async def publish(self, event: Event) -> int: ...


class LatePublisher:
    """A publisher from the moment on that `connected` names one. Until then the bus is unavailable."""

    def __init__(self) -> None:
        self._bus: Publisher | None = None

    def connected(self, bus: Publisher) -> None:
        self._bus = bus

    async def publish(self, event: Event) -> int:
        """Store an event on the bus. BusUnavailable (transient) when there is none yet, or it did not acknowledge."""
        if self._bus is None:
            raise BusUnavailable("bus_not_connected_yet")
        return await self._bus.publish(event)
