"""How a handler says no to an administrator: what is asked for can't be, for a reason that he is shown."""

from contracts.commands import Refusal
from runtime.errors import PermanentError


class Refused(PermanentError):
    """`reason` is what a command's result tells. `count`: how many people stand in its way."""

    def __init__(self, reason: Refusal, *, count: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.count = count
