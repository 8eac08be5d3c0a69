"""What the handlers of responder are given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from board.memory import BoardMemory
from contracts.base import Event
from responder.directory import ScopeDirectory
from responder.limits import AnswerLimit
from runtime.crypto.sealing import Sealer


class Publisher(Protocol):
    """Stores an event on the bus; BusUnavailable (transient) when it was not acknowledged."""

    async def publish(self, event: Event) -> int: ...


@dataclass(frozen=True, slots=True)
class Context:
    """Names of units and groups, the boards, how much one address may be answered, the bus, keys and the clock."""

    directory: ScopeDirectory
    boards: BoardMemory
    limit: AnswerLimit
    publisher: Publisher
    sealer: Sealer
    clock: Callable[[], datetime]
