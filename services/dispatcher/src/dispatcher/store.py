"""What the dispatcher reads from the bus and leaves there: content, progress, settlements, retries."""

from datetime import datetime
from typing import Protocol

from pydantic import ValidationError

from contracts.events.delivery import DeliveryBatch, DeliveryProgress, DeliverySettled, progress_subject
from contracts.sealed import Sealed
from contracts.streams import CONTENT, PROGRESS
from runtime.bus.client import Bus
from runtime.errors import PermanentError

_FOLLOWS = "Nats-Expected-Last-Subject-Sequence"


class Store(Protocol):
    """What the delivery needs; all raise BusUnavailable when the bus is away."""

    async def content(self, key: str) -> Sealed | None:
        """A message's sealed content, or None when there is none."""

    async def steps(self, batch: str, attempt: int) -> tuple[list[DeliveryProgress], int]:
        """All steps of an attempt in order, and the sequence of the last one (0 when there is none)."""

    async def last_step(self, batch: str, attempt: int) -> tuple[DeliveryProgress | None, int]:
        """The newest step of an attempt and its sequence (0 when there is none)."""

    async def write_step(self, step: DeliveryProgress, follows: int) -> int:
        """Store a step after the one of that sequence; returns the new sequence. Raises WrongRevision when the newest
        is another one."""

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

    async def steps(self, batch: str, attempt: int) -> tuple[list[DeliveryProgress], int]:
        messages = await self._bus.all_of(PROGRESS.name, progress_subject(batch, attempt))
        return [_understood(message.data) for message in messages], messages[-1].sequence if messages else 0

    async def last_step(self, batch: str, attempt: int) -> tuple[DeliveryProgress | None, int]:
        message = await self._bus.last(PROGRESS.name, progress_subject(batch, attempt))
        return (None, 0) if message is None else (_understood(message.data), message.sequence)

    async def write_step(self, step: DeliveryProgress, follows: int) -> int:
        # Without a message id: the sequence decides, and the server need not remember an id for each step.
        return await self._bus.publish_raw(
            step.bus_subject(), step.model_dump_json().encode(), headers={_FOLLOWS: str(follows)}
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


def _understood(data: bytes) -> DeliveryProgress:
    try:
        return DeliveryProgress.model_validate_json(data)
    except ValidationError:
        raise PermanentError("progress_not_understood") from None
