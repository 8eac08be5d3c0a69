"""Unsubscribing with one click: said on the bus to receipts, which alone can check the token."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from contracts.base import Event
from contracts.events import InboundUnsubscribe
from runtime.errors import BusUnavailable


class Publisher(Protocol):
    """The part of the bus that is needed."""

    async def publish(self, event: Event) -> int: ...


class Unsubscriptions:
    """Takes unsubscriptions. The pages don't wait for the bus, so it may come later than they do: see `use`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._bus: Publisher | None = None

    def use(self, bus: Publisher) -> None:
        """From now on there is a bus."""
        self._bus = bus

    async def take(self, unit: str, token: str) -> None:
        """Say that the owner of this token wants out. Pressing twice is one event. Raises BusUnavailable."""
        if self._bus is None:
            raise BusUnavailable("bus_not_connected_yet")
        event = InboundUnsubscribe(id=f"unsubscribe-{unit}-{token}", occurred_at=self._clock(), unit=unit, token=token)
        await self._bus.publish(event)
