"""What could not be processed, with the reason, for the operator."""

from typing import ClassVar

from pydantic import Field

from contracts.base import Event


class DeadLetter(Event):
    """A message that a consumer gave up on. `payload` is base64 of what was on the bus, sealed parts still sealed;
    `reason` is the error's class and static text, never what the message said."""

    name: ClassVar[str] = "dead"

    service: str
    consumer: str
    subject: str
    reason: str
    attempts: int
    headers: dict[str, str] = Field(default_factory=dict)
    payload: str

    def bus_subject(self) -> str:
        return f"dead.{self.service}"
