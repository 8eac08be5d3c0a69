"""What the dispatcher reads from the bus and leaves there: content, progress, settlements, retries.

Progress is the ledger that a successor resumes from. Each write names the one it follows (expected sequence), so of
two dispatchers at the same batch (one was thought dead) the second writer learns of it and stops.
"""

from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from contracts.events.delivery import DeliveryBatch, DeliveryProgress, DeliverySettled
from contracts.sealed import Sealed
from contracts.streams import CONTENT, PROGRESS
from runtime.bus import Bus
from runtime.errors import PermanentError

_FOLLOWS = "Nats-Expected-Last-Subject-Sequence"


class Store(Protocol):
    """What the delivery needs; all raise BusUnavailable when the bus is away."""

    async def content(self, key: str) -> Sealed | None:
        """A message's sealed content, or None when there is none."""

    async def last_progress(self, batch: str) -> tuple[DeliveryProgress | None, int]:
        """The newest progress of a batch and its sequence (0 when there is none)."""

    async def write_progress(self, progress: DeliveryProgress, follows: int) -> int:
        """Store progress after the one of that sequence; returns the new sequence. Raises WrongRevision when the
        newest is another one."""

    async def settle(self, settled: DeliverySettled) -> None:
        """Tell the outcomes of an attempt; saying it twice is the same as once."""

    async def send_later(self, batch: DeliveryBatch, at: datetime) -> None:
        """Have the batch come back at that time; saying it twice is the same as once."""


class BusStore:
    """The store on the real bus."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def content(self, key: str) -> Sealed | None:
        value = await self._bus.kv_get(CONTENT.name, key)
        if value is None:
            return None
        try:
            return Sealed.model_validate_json(value)
        except ValidationError:
            raise PermanentError("content_not_understood") from None

    async def last_progress(self, batch: str) -> tuple[DeliveryProgress | None, int]:
        message = await self._bus.last(PROGRESS.name, f"progress.{batch}")
        if message is None:
            return None, 0
        try:
            return DeliveryProgress.model_validate_json(message.data), message.sequence
        except ValidationError:
            raise PermanentError("progress_not_understood") from None

    async def write_progress(self, progress: DeliveryProgress, follows: int) -> int:
        # Without a message id: the sequence decides, and the server need not remember one id a copy.
        return await self._bus.publish_raw(
            progress.bus_subject(), progress.model_dump_json().encode(), headers={_FOLLOWS: str(follows)}
        )

    async def settle(self, settled: DeliverySettled) -> None:
        await self._bus.publish(settled)

    async def send_later(self, batch: DeliveryBatch, at: datetime) -> None:
        await self._bus.schedule(
            batch,
            at=at,
            schedule_subject=batch.schedule_subject(),
            target=batch.bus_subject(),
            msg_id=f"{batch.id}/retry",
        )
