"""What replies and bounces mean, as receipts reads them after checking their token."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from contracts.base import Event, Ref, UnitCode, formerly
from contracts.events.inbound import Authentication
from contracts.sealed import Sealed

ConfirmationKind = Literal["registration", "leave", "post", "unsubscribe", "complaint"]


class ConfirmationGiven(Event):
    """A person confirmed by reply (or by one click, for `unsubscribe`).

    `message_ref` and `recipient_ref` are what the token named: registration: (registration, member or registration);
    leave: (request, member); post: (message, poster); unsubscribe: (message, copy); complaint: (message, copy), the
    recipient told his carrier that the mail was unwanted (RFC 5965). `expired`: the token was genuine
    but older than its life. `reply` is `ReplyText` for registry (registration only). `authentication` is
    the reply's: for the record, as the token alone decides."""

    name: ClassVar[str] = "confirmation.given"

    unit: UnitCode
    kind: ConfirmationKind
    message_ref: Ref
    recipient_ref: Ref
    issued_at: AwareDatetime
    expired: bool = False
    reply: Sealed | None = None
    authentication: Authentication | None = None


class AnswerRecorded(Event):
    """An answer is in the ledger. `choice` is 1-based; None with `needs_look` when a human should read it."""

    name: ClassVar[str] = "answer.recorded"

    unit: UnitCode
    message: Ref
    copy_ref: Ref
    member: Ref | None = None
    child: Ref | None = None
    choice: Annotated[int, Field(ge=1)] | None = None
    needs_look: bool = False


class CopyBounced(Event):
    """A copy came back after it had been accepted (RFC 3464). `hard`: some address is dead beyond doubt; `recipients`
    (ReportedRecipients, for registry) says which are called dead, since it may be one that the parent has his mail
    forwarded to, or one of several."""

    name: ClassVar[str] = "copy.bounced"

    unit: UnitCode
    message: Ref
    copy_ref: Ref
    classification: Annotated[str, formerly("classification", "verdict")]
    hard: bool
    status: str | None = None
    recipients: Sealed | None = None
