"""What ingress-smtp took in: one event for each valid recipient of a mail, stored before the 250.

`sender_key` is the keyed hash of the envelope sender: enough to recognise the same sender again, useless to name him.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts.base import Carrier, Contract, Event, GroupCode, UnitCode, formerly
from contracts.sealed import Sealed

SenderKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
TokenText = Annotated[str, StringConstraints(pattern=r"^[rb]-[a-z2-7]{48}$")]
SealedMail = Annotated[Sealed, formerly("mail", "letter")]

AuthenticationResult = Literal["pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror"]
"""What one check of a mail's origin came to, in the words of Authentication-Results (RFC 8601 2.7)."""


class Automatic(Contract):
    """May we answer this mail by ourselves, and does it count as what a person wrote? `why` names the mark.
    `needs_look`: it counts, but a machine may have written it after all."""

    reply_allowed: bool = True
    count_answer: bool = True
    why: str = ""
    needs_look: bool = False


class Authentication(Contract):
    """What the mail's origin could be shown to be: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), ARC (RFC 8617).

    `policy` is what the domain of the header From asks to be done with mail that fails DMARC; a domain of the envelope
    sender that is forged and asks for refusal comes before it. `dmarc` is `policy` where it failed and a forwarder that
    the operator trusts vouches for the mail (ARC). `sender_proven`: the domain of the envelope sender, to which we
    answer, is shown to be the true one. No names of domains, since one may be a person's."""

    spf: AuthenticationResult = "none"
    dkim: AuthenticationResult = "none"
    dmarc: AuthenticationResult = "none"
    arc: AuthenticationResult = "none"
    policy: Literal["", "none", "quarantine", "reject"] = ""
    sender_proven: bool = False

    @property
    def refused(self) -> bool:
        """The owner of the From domain asks that this mail be refused, as it can't be his."""
        return self.dmarc == "fail" and self.policy == "reject"


class Inbound(Event):
    """Common to everything that came in. `size` in octets; `authentication` None where it wasn't looked at."""

    unit: UnitCode
    size: Annotated[int, Field(ge=0)]
    authentication: Authentication | None = None

    @property
    def sender_proven(self) -> bool:
        """Is it shown that the mail came from the domain of its envelope sender?"""
        return self.authentication is not None and self.authentication.sender_proven


class InboundEntry(Inbound):
    """Somebody wrote to `<group>-entry`. `mail` is an `EntryMail` for registry."""

    name: ClassVar[str] = "inbound.entry"

    group: GroupCode
    sender_key: SenderKey
    automatic: Automatic
    mail: SealedMail


class InboundLeave(Inbound):
    """Somebody wrote to `leave` (group None) or `<group>-leave`. `mail` is an `EntryMail` for registry."""

    name: ClassVar[str] = "inbound.leave"

    group: GroupCode | None = None
    sender_key: SenderKey
    automatic: Automatic
    mail: SealedMail


class InboundPost(Inbound):
    """A message for a group, sent to its secret post address. `mail` is a `PostMail` for registry."""

    name: ClassVar[str] = "inbound.post"

    group: GroupCode
    sender_key: SenderKey
    automatic: Automatic
    mail: SealedMail


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
    """A reply to one of our mails: to its reply address, or recognised by In-Reply-To. `mail` is a `RawMail` for
    receipts, the only one that can check the token."""

    name: ClassVar[str] = "inbound.reply"

    token: TokenText
    sender_key: SenderKey
    automatic: Automatic
    mail: SealedMail


class InboundBounce(Inbound):
    """Something came back to the envelope sender of a copy. `mail` is a `RawMail` for receipts. `token` is None for
    a report that came to another of our addresses: it has no effect and is kept for the operator."""

    name: ClassVar[str] = "inbound.bounce"

    token: TokenText | None = None
    mail: SealedMail


class InboundFeedback(Inbound):
    """A feedback report (ARF, RFC 5965): a carrier tells that somebody called a mail of ours unwanted. `mail` is a
    `RawMail` for receipts, which looks for a token of ours in the mail that the report holds, then at `token`: that
    of the address to which the report came, if it has one."""

    name: ClassVar[str] = "inbound.feedback"

    token: TokenText | None = None
    mail: SealedMail


class InboundSecretProbe(Event):
    """Somebody tries out addresses of the form `<group>-<secret>` of this group: `tries` wrong ones since the event
    before. At most one a minute and group, so it may tell of many at once."""

    name: ClassVar[str] = "inbound.secret-probe"

    unit: UnitCode
    group: GroupCode
    tries: Annotated[int, Field(ge=1)]


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
