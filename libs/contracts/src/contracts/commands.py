"""Commands to registry: what shall happen once. Its id is that of the result too, and makes sure of the once.

    admin-api: what it intends, its audit row and the command, in one transaction -> command.registry.<verb>
    -> registry does it and writes down how to undo it, in one transaction -> command.done (CommandDone) -> admin-api

No order is promised between commands: who needs one sends the second after the result of the first. What is personal in
a command is sealed for registry.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import StringConstraints

from contracts.base import Event, GroupCode, Ref, UnitCode
from contracts.sealed import Sealed

REGISTRY: Final = "command.registry.*"
"""All commands to registry."""

CommandId = Annotated[str, StringConstraints(min_length=1, max_length=200)]

Refusal = Literal[
    "already-undone",
    "bad-address",
    "changed-since",
    "given-up",
    "group-not-empty",
    "undo-expired",
    "unknown-command",
    "unknown-group",
    "unknown-member",
]
"""Why a command has no effect. `given-up`: it could not be handled, and the operator decided that it never will be.
`changed-since`: what it would undo is not as the undone command left it. `unknown-command`: there is none of that id in
the unit that can be undone."""


class Command(Event):
    """Something that shall happen once, however often it comes. `actor`: the account that wants it, for registry's
    access log. `undoable`: an `UndoCommand` can take it back, unless it turns out to change nothing."""

    undoable: ClassVar[bool] = True

    unit: UnitCode
    actor: Annotated[str, StringConstraints(min_length=1, max_length=200)]

    @classmethod
    def kind(cls) -> str:
        """The verb: the last part of the subject."""
        return cls.name.rpartition(".")[2]


class RemoveMember(Command):
    """Take a member off the group, or with group None off the unit. Removing who isn't there any more is done."""

    name: ClassVar[str] = "command.registry.remove-member"

    member: Ref
    group: GroupCode | None = None


class InviteMember(Command):
    """Send the guide mail of a group to an address that an administrator typed: `card` is an `AddressCard` for
    registry. Its result doesn't tell whether the address was known before. A mail can't be taken back."""

    name: ClassVar[str] = "command.registry.invite-member"
    undoable: ClassVar[bool] = False

    group: GroupCode
    card: Sealed


class ChangePoster(Command):
    """Enrol a member as poster of a group, or end it."""

    name: ClassVar[str] = "command.registry.change-poster"

    group: GroupCode
    member: Ref
    enrolled: bool


class CloseGroup(Command):
    """Take nobody into this group any more, as it is about to be deleted; refused while it has active members."""

    name: ClassVar[str] = "command.registry.close-group"

    group: GroupCode


class OpenGroup(Command):
    """A group with this code was made (anew): whatever was closed under this code before counts no more. To take it
    back, close the group."""

    name: ClassVar[str] = "command.registry.open-group"
    undoable: ClassVar[bool] = False

    group: GroupCode


class UndoCommand(Command):
    """Undo the command with the id `of`, once, for as long as its result said. To take that back, give it anew."""

    name: ClassVar[str] = "command.registry.undo"
    undoable: ClassVar[bool] = False

    of: CommandId


ALL: tuple[type[Command], ...] = (RemoveMember, InviteMember, ChangePoster, CloseGroup, OpenGroup, UndoCommand)
