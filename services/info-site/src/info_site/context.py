"""What the handlers of the info site are given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from board.memory import BoardMemory
from info_site.clients import Publisher


@dataclass(frozen=True, slots=True)
class Context:
    """The boards in memory, the bus for who wants out, and the clock."""

    boards: BoardMemory
    publisher: Publisher
    clock: Callable[[], datetime]
