"""Registering and leaving, as registry decides it. Each carries the person to write to, sealed for dispatcher."""

from typing import ClassVar, Literal

from contracts.base import Carrier, Contract, Event, GroupCode, Ref, UnitCode
from contracts.events.inbound import SenderKey
from contracts.sealed import Sealed


class Addressee(Contract):
    """Somebody to write to, whom only dispatcher can read: `recipient` is `RecipientCards` of one. `sender_key` lets
    responder limit what one address gets; `proven`: what this answers did come from there, so that it can't be used to
    flood somebody else."""

    recipient: Sealed
    carrier: Carrier
    sender_key: SenderKey
    proven: bool = False


class RegistrationOpened(Event):
    """Somebody asked to enter a group; a guide mail is due. The card's fields: `understood` (what was read as the name,
    empty without the receipts option)."""

    name: ClassVar[str] = "registration.opened"

    unit: UnitCode
    group: GroupCode
    registration: Ref
    named: bool
    to: Addressee


class RegistrationCompleted(Event):
    """A registration was confirmed by reply; a completion mail is due. Card field: `understood`."""

    name: ClassVar[str] = "registration.completed"

    unit: UnitCode
    group: GroupCode
    registration: Ref
    member: Ref
    named: bool
    to: Addressee


class RegistrationRefused(Event):
    """A request or a confirmation that has no effect, with a friendly reason to give."""

    name: ClassVar[str] = "registration.refused"

    unit: UnitCode
    group: GroupCode
    registration: Ref
    reason: Literal["already_member", "expired", "already_done", "closed"]
    to: Addressee


class LeaveOpened(Event):
    """A member asked to leave the group, or with group None the whole unit; a guide mail is due."""

    name: ClassVar[str] = "leave.opened"

    unit: UnitCode
    group: GroupCode | None = None
    request: Ref
    to: Addressee


class LeaveCompleted(Event):
    """A member left the group, or with group None the whole unit. `complained`: he is said to have told his carrier
    that the mail is unwanted, which may have been a mistake."""

    name: ClassVar[str] = "leave.completed"

    unit: UnitCode
    group: GroupCode | None = None
    request: Ref
    member: Ref
    to: Addressee
    complained: bool = False


class LeaveRefused(Event):
    """A request to leave that has no effect."""

    name: ClassVar[str] = "leave.refused"

    unit: UnitCode
    group: GroupCode | None = None
    request: Ref
    reason: Literal["not_member", "expired", "already_done"]
    to: Addressee
