"""Who may do what: roles, rights, and the caller of a request. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Role = Literal["operator", "administrator", "sender", "viewer"]
ROLES: Final[tuple[Role, ...]] = ("operator", "administrator", "sender", "viewer")


class Right(StrEnum):
    """What a route asks for."""

    MANAGE_UNITS = "manage_units"
    READ_UNIT = "read_unit"
    CHANGE_GROUPS = "change_groups"
    READ_MEMBERS = "read_members"
    CHANGE_MEMBERS = "change_members"
    READ_MESSAGES = "read_messages"
    SEND = "send"
    READ_NEWS = "read_news"
    CHANGE_NEWS = "change_news"
    READ_COMMANDS = "read_commands"
    READ_AUDIT = "read_audit"
    KEEP_PACE = "keep_pace"
    DECIDE_DEAD_LETTERS = "decide_dead_letters"


_EVERYBODY = frozenset({Right.READ_UNIT, Right.READ_NEWS})
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    # The operator keeps the service running; what a school writes and who its members are is not his to read.
    "operator": _EVERYBODY
    | {
        Right.MANAGE_UNITS,
        Right.CHANGE_GROUPS,
        Right.READ_COMMANDS,
        Right.READ_AUDIT,
        Right.KEEP_PACE,
        Right.DECIDE_DEAD_LETTERS,
    },
    "administrator": frozenset(Right) - {Right.MANAGE_UNITS, Right.KEEP_PACE, Right.DECIDE_DEAD_LETTERS},
    "sender": _EVERYBODY | {Right.READ_MEMBERS, Right.READ_MESSAGES, Right.SEND},
    "viewer": _EVERYBODY | {Right.READ_MEMBERS, Right.READ_MESSAGES},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is signed in. `groups`: a sender's own groups, None for no limit."""

    account: int
    login: str
    role: Role
    unit: str | None
    groups: tuple[str, ...] | None

    @property
    def actor(self) -> str:
        """How logs name this account."""
        return f"account/{self.account}"

    def may(self, right: Right) -> bool:
        """Does the caller's role have this right?"""
        return right in RIGHTS[self.role]

    def sees(self, unit: str) -> bool:
        """Does this unit exist for the caller?"""
        return self.role == "operator" or self.unit == unit

    def reaches(self, groups: Sequence[str] | None, members: Sequence[int] | None = None) -> bool:
        """May the caller have to do with a message to these groups (None: everybody) or members?"""
        if self.groups is None:
            return True
        return members is None and groups is not None and set(groups) <= set(self.groups)
