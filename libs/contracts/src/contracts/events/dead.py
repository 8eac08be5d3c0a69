"""What could not be processed, with the reason, for the operator; and what he decides about it."""

import base64
import zlib
from typing import Annotated, ClassVar

from pydantic import Field

from contracts.base import Event, formerly


class DeadLetter(Event):
    """A message that a consumer gave up on. `payload` is base64 of what was on the bus, sealed parts still sealed, and
    empty when it was too large to keep; `packed`: compressed (zlib) before that. `reason` is the error's class and
    static text, never what the message said. `retry_of`: it had been given up before, and the operator had it handled
    once more; this is the id of its first dead letter."""

    name: ClassVar[str] = "dead"

    service: str
    consumer: str
    subject: str
    reason: str
    attempts: int
    headers: dict[str, str] = Field(default_factory=dict)
    payload: str
    packed: bool = False
    retry_of: Annotated[str | None, formerly("retry_of", "again_of")] = None

    def bus_subject(self) -> str:
        return f"dead.{self.service}"

    @property
    def first(self) -> str:
        """Id of the first dead letter of this message."""
        return self.retry_of or self.id

    def message(self) -> bytes:
        """What was on the bus. Raises ValueError when the payload is not what it should be."""
        stored = base64.b64decode(self.payload, validate=True)
        try:
            return zlib.decompress(stored) if self.packed else stored
        except zlib.error:
            raise ValueError("not packed") from None


class DeadLetterRetry(Event):
    """The operator's word on a dead letter, for the service that wrote it: handle it once more, or (`given_up`) it will
    never be handled, so let whoever waits for an outcome have one."""

    name: ClassVar[str] = "dead-letter-retry"

    dead_letter: Annotated[DeadLetter, formerly("dead_letter", "letter")]
    given_up: bool = False

    def bus_subject(self) -> str:
        return f"dead-letter-retry.{self.dead_letter.service}"
