"""Copies on their way: planned by registry, sent by dispatcher, kept by receipts.

A copy is one mail of a message to one person (about one child). Its number stands in its token.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from contracts.base import Carrier, Contract, Event, Lane, Ref, UnitCode
from contracts.sealed import Sealed

ReplyKind = Literal["registration", "leave", "post", "answer"]
"""What a reply to a mail would be: the kind of its reply token."""

Outcome = Literal["delivered", "deferred", "filtered", "full", "dead", "policy", "expired", "failed", "superseded"]
"""`delivered`: the carrier's server took it. `deferred`: it will be tried again. The others are final: `dead` the
address does not exist, `full` and `filtered` the recipient's side would not have it, `policy` the carrier refused us,
`failed` anything else."""


class PlannedCopy(Contract):
    """A copy, its person and, for a question about a child, the child."""

    copy_ref: Ref
    member: Ref
    child: Ref | None = None


class DeliveryPlanned(Event):
    """These copies of a message will go out to this carrier, in the batch named and further ones. At most 1,000."""

    name: ClassVar[str] = "delivery.planned"

    unit: UnitCode
    message: Ref
    wave: Annotated[int, Field(ge=1)]
    batch: str
    lane: Lane
    carrier: Carrier
    copies: tuple[PlannedCopy, ...]


class DeliveryBatch(Event):
    """Work for dispatcher: copies of one message at one carrier, at most 100.

    The content is `MessageContent`, in the bucket `content` under `content_key`, or sealed in `content`. `recipients`
    is `RecipientCards`; `extra` (CardFields) completes the fields of every card. `reply_kind` None: no reply token.
    `null_sender`: envelope sender `<>`, else each copy's bounce token. `tracked`: outcomes belong in the ledger."""

    name: ClassVar[str] = "delivery.batch"

    batch: str
    unit: UnitCode
    lane: Lane
    carrier: Carrier
    message: Ref
    wave: Annotated[int, Field(ge=1)] = 1
    attempt: Annotated[int, Field(ge=1)] = 1
    reply_kind: ReplyKind | None = None
    null_sender: bool = False
    tracked: bool = True
    content_key: str | None = None
    content: Sealed | None = None
    recipients: Sealed
    extra: Sealed | None = None
    first_planned_at: AwareDatetime
    expires_at: AwareDatetime | None = None

    def bus_subject(self) -> str:
        return f"delivery.{self.lane}.{self.carrier}"

    def schedule_subject(self) -> str:
        """Where this batch waits until its next attempt is due."""
        return f"delivery.schedule.{self.batch}"


class CopyOutcome(Contract):
    """What happened to one copy at one attempt.

    `stage` is the SMTP command that was answered, `code` its three digits, `enhanced` the status of RFC 3463, `reply`
    the server's words, shortened, with everything that could be an address or the recipient's name taken out. `reason`:
    see contracts.reasons. `sure`, with `dead`: the carrier's words leave no doubt."""

    copy_ref: Ref
    outcome: Outcome
    at: AwareDatetime
    attempt: Annotated[int, Field(ge=1)]
    stage: Literal["connect", "ehlo", "starttls", "mail", "rcpt", "data", "body", "plan"] = "body"
    code: int | None = None
    enhanced: str | None = None
    host: str | None = None
    reason: str = ""
    sure: bool = False
    reply: Annotated[str, StringConstraints(max_length=200)] = ""
    next_attempt_at: AwareDatetime | None = None


class DeliveryProgress(Event):
    """A step of one attempt at a batch: outcomes that came since the step before. The first step of each `owner` (a
    dispatcher that took the batch) has none. Who takes over reads all steps and skips the copies that they name."""

    name: ClassVar[str] = "progress"

    version: int = 2
    batch: str
    attempt: Annotated[int, Field(ge=1)]
    owner: str
    outcomes: tuple[CopyOutcome, ...] = ()

    def bus_subject(self) -> str:
        return progress_subject(self.batch, self.attempt)


def progress_subject(batch: str, attempt: int) -> str:
    """Where the steps of an attempt are kept, in order."""
    return f"progress.{batch}.{attempt}"


class DeliverySettled(Event):
    """The outcomes of one attempt at a batch."""

    name: ClassVar[str] = "delivery.settled"

    unit: UnitCode
    message: Ref
    wave: Annotated[int, Field(ge=1)]
    batch: str
    attempt: Annotated[int, Field(ge=1)]
    lane: Lane
    carrier: Carrier
    tracked: bool = True
    outcomes: tuple[CopyOutcome, ...]
