"""What came of commands."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from contracts.base import Event, UnitCode
from contracts.commands import CommandId, Refusal


class CommandDone(Event):
    """A command was handled: `done`, or `refused` with a static `reason` and without any effect.

    `kind` is the command's verb. `count`: how many people it changed something for, or who stand in its way. An
    `UndoCommand` that is done names in `undid` which command it undid. `undoable_until` None: it can't be undone."""

    name: ClassVar[str] = "command.done"

    unit: UnitCode
    command: CommandId
    kind: str
    outcome: Literal["done", "refused"]
    reason: Refusal | None = None
    count: Annotated[int, Field(ge=0)] = 0
    undid: CommandId | None = None
    undoable_until: AwareDatetime | None = None
