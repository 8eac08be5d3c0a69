"""Commands as handlers see them: what is kept of one, how the audit log names it, and who may undo it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal

from admin_api.kernel.roles import Right
from contracts.commands import (
    ChangePoster,
    CloseGroup,
    Command,
    InviteMember,
    OpenGroup,
    Refusal,
    RemoveMember,
    UndoCommand,
)

CommandState = Literal["waiting", "done", "refused"]

COMMAND_ID_PATTERN: Final = "^c-[1-9][0-9]{0,18}$"

RIGHTS_TO_UNDO: Final[Mapping[str, Right]] = {
    RemoveMember.kind(): Right.CHANGE_MEMBERS,
    ChangePoster.kind(): Right.CHANGE_MEMBERS,
    CloseGroup.kind(): Right.CHANGE_GROUPS,
}
"""What somebody must be allowed to do to undo a command of that kind; no other kind can be undone."""

_AUDITED: Final[Mapping[str, tuple[str, str]]] = {
    "remove-member": ("member.removal-requested", "member.removed"),
    "invite-member": ("member.invitation-requested", "member.invited"),
    "enrol-poster": ("poster.enrolment-requested", "poster.enrolled"),
    "end-poster": ("poster.end-requested", "poster.ended"),
    "close-group": ("group.deletion-requested", "group.deleted"),
    "open-group": ("group.created", "group.opened"),
    "undo": ("command.undo-requested", "command.undone"),
}


@dataclass(frozen=True, slots=True)
class GivenCommand:
    """A command that an account gave, and what has come of it. `subject`: `kind/number or code` of what it is about,
    as in the audit log; `detail`: what else it says, as codes."""

    id: int
    unit: str
    kind: str
    actor: str
    subject: str
    requested_at: datetime
    detail: Mapping[str, str | bool] = field(default_factory=dict)
    state: CommandState = "waiting"
    reason: Refusal | None = None
    count: int = 0
    undoable_until: datetime | None = None
    undoes: int | None = None
    undone_by: int | None = None

    @property
    def requested_action(self) -> str:
        """How the audit log names that it was given."""
        return self._audited[0]

    @property
    def done_action(self) -> str:
        """How the audit log names that it is done."""
        return self._audited[1]

    @property
    def _audited(self) -> tuple[str, str]:
        if self.kind == ChangePoster.kind():
            return _AUDITED["enrol-poster" if self.detail["enrolled"] else "end-poster"]
        return _AUDITED[self.kind]


def command_id(number: int) -> str:
    """The id that a command has on the bus and in the API."""
    return f"c-{number}"


def command_number(identifier: str) -> int | None:
    """The number in a command's id; None for an id that is none of the office's."""
    if not re.fullmatch(COMMAND_ID_PATTERN, identifier):
        return None
    number = int(identifier.removeprefix("c-"))
    return number if number < 2**63 else None


def describe(command: Command) -> GivenCommand:
    """A command that is about to be given, without anything personal. For `UndoCommand` there is `describe_undo`."""
    match command:
        case RemoveMember(member=member, group=None):
            return _given(command, f"member/{member}", {})
        case RemoveMember(member=member, group=str(group)):
            return _given(command, f"member/{member}", {"group": group})
        case InviteMember(group=group):
            return _given(command, f"request/{command_number(command.id)}", {"group": group})
        case ChangePoster(group=group, member=member, enrolled=enrolled):
            return _given(command, f"member/{member}", {"group": group, "enrolled": enrolled})
        case CloseGroup(group=group) | OpenGroup(group=group):
            return _given(command, f"group/{group}", {})
    raise NotImplementedError(command.kind())  # a new kind of command that nobody described: ours to mend


def describe_undo(command: UndoCommand, undone: GivenCommand) -> GivenCommand:
    """An undo that is about to be given: it is about what the undone command was about."""
    return replace(_given(command, undone.subject, {}), undoes=undone.id)


def why_not_undoable(given: GivenCommand, now: datetime) -> Refusal | None:
    """Why this command can't be undone, as far as the office knows; None when registry shall decide."""
    if given.undone_by is not None:
        return "already-undone"
    if given.state != "done" or given.undoable_until is None or given.kind not in RIGHTS_TO_UNDO:
        return "unknown-command"
    return "undo-expired" if now > given.undoable_until else None


def _given(command: Command, subject: str, detail: Mapping[str, str | bool]) -> GivenCommand:
    number = command_number(command.id)
    if number is None:
        raise ValueError("not an id of the office's")
    return GivenCommand(number, command.unit, command.kind(), command.actor, subject, command.occurred_at, detail)
