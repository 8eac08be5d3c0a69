"""What the front door took in: one event for each valid recipient of a mail, stored before the 250.

`sender_key` is the keyed hash of the envelope sender: enough to recognise the same sender again, useless to name him.
"""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from contracts.base import Carrier, Contract, Event, GroupCode, UnitCode
from contracts.sealed import Sealed

SenderKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TokenText = Annotated[str, StringConstraints(pattern=r"^[rb]-[a-z2-7]{48}$")]


class Automatic(Contract):
    """May we answer this mail by ourselves, and does it count as what a person wrote? `why` names the mark."""

    reply_allowed: bool = True
    count_answer: bool = True
    why: str = ""


class Inbound(Event):
    """Common to everything that came in. `size` in octets."""

    unit: UnitCode
    size: Annotated[int, Field(ge=0)]


class InboundEntry(Inbound):
    """Somebody wrote to `<group>-entry`. The letter is an `EntryLetter` for registry."""

    name: ClassVar[str] = "inbound.entry"

    group: GroupCode
    sender_key: SenderKey
    automatic: Automatic
    letter: Sealed


class InboundLeave(Inbound):
    """Somebody wrote to `leave` (group None) or `<group>-leave`. The letter is an `EntryLetter` for registry."""

    name: ClassVar[str] = "inbound.leave"

    group: GroupCode | None = None
    sender_key: SenderKey
    automatic: Automatic
    letter: Sealed


class InboundPost(Inbound):
    """A message for a group, sent to its secret post address. The letter is a `PostLetter` for registry."""

    name: ClassVar[str] = "inbound.post"

    group: GroupCode
    sender_key: SenderKey
    automatic: Automatic
    letter: Sealed


class InboundInfo(Inbound):
    """Somebody asks for the latest news. `recipient` is `RecipientCards` of one, for dispatcher; None when the sender
    has no address to answer to. `ref` numbers the answer."""

    name: ClassVar[str] = "inbound.info"

    group: GroupCode | None = None
    sender_key: SenderKey
    automatic: Automatic
    ref: int
    carrier: Carrier
    recipient: Sealed | None


class InboundReply(Inbound):
    """A reply to one of our mails: to its reply address, or recognised by In-Reply-To. `letter` is a `RawLetter` for
    receipts, the only one that can check the token."""

    name: ClassVar[str] = "inbound.reply"

    token: TokenText
    sender_key: SenderKey
    automatic: Automatic
    letter: Sealed


class InboundBounce(Inbound):
    """Something came back to the envelope sender of a copy. `letter` is a `RawLetter` for receipts."""

    name: ClassVar[str] = "inbound.bounce"

    token: TokenText
    letter: Sealed


class InboundUnsubscribe(Event):
    """A one-click unsubscription (RFC 8058), posted to the info site."""

    name: ClassVar[str] = "inbound.unsubscribe"

    unit: UnitCode
    token: TokenText


class InboundOperator(Inbound):
    """Mail for `postmaster` or `abuse` (RFC 2142). `recipient` is `RecipientCards` of one, for dispatcher: the
    operator's own mailbox, with the mail's sender, subject and text as fields; None when the operator has none."""

    name: ClassVar[str] = "inbound.operator"

    ref: int
    mailbox: str
    carrier: Carrier
    recipient: Sealed | None
