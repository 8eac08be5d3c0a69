"""Makes events of one mail: it is read once, classified once, and what several recipients share is sealed once. No I/O.

Reports are told from mail here: a delivery report has an effect at the address of a copy's envelope sender only, and
a feedback report by the tokens in it, so neither is ever taken for a person's mail, whichever address it came to.
"""

import base64
from typing import Any, Literal

from contracts.events import (
    Automatic,
    InboundBounce,
    InboundEntry,
    InboundFeedback,
    InboundInfo,
    InboundLeave,
    InboundOperator,
    InboundPost,
    InboundReply,
)
from contracts.events.inbound import Authentication, Inbound
from contracts.sealed import EntryMail, PostMail, RawMail, RecipientCard, RecipientCards, Sealed
from ingress_smtp import model
from ingress_smtp.context import Context
from ingress_smtp.model import EnvelopeSender, Recipient
from mail import tokens
from mail.addresses import MailboxKind, carrier_of
from mail.automatic.decision import Decision, decide, is_our_automatic, is_read_receipt
from mail.mime import reading
from mail.mime.reading import ParsedMail
from mail.reports import bounces, feedback

_SUBJECT = 1_000
_ENTRY_TEXT = 5_000
_OPERATOR_TEXT = 50_000
_REPORT = 65_536
"""Octets kept of a report that anybody could have written: what it says stands before what it sends back."""

Report = Literal["", "delivery", "feedback"]


class InboundEventBuilder:
    """Makes the events of one mail, one for each of its recipients. `authentication`: what the mail showed of its
    origin, None where nobody asks."""

    def __init__(
        self, context: Context, sender: EnvelopeSender, raw: bytes, authentication: Authentication | None
    ) -> None:
        self._context = context
        self._sender = sender
        self._raw = raw
        self._now = context.clock()
        self._authentication = authentication
        self._sender_key = context.sender_hash.hexdigest(sender.mailbox)
        self._parsed = reading.read(raw, context.reading_limits)
        self._sealed: dict[str, Sealed] = {}
        decision = decide(self._parsed, sender.given, context.base_domain)
        self._report = _report(self._parsed, raw, sender.given, decision)
        self._automatic = self._marks(decision)

    @property
    def text_length(self) -> int:
        """Characters of the mail's text."""
        return len(self._parsed.text)

    def event(self, recipient: Recipient) -> Inbound:
        """What this mail is for one recipient."""
        fingerprint = model.digest(self._raw, self._sender, recipient)
        common: dict[str, Any] = {
            "id": model.event_id(fingerprint),
            "occurred_at": self._now,
            "unit": recipient.unit,
            "size": len(self._raw),
            "authentication": self._authentication,
        }
        number = model.reference(fingerprint)
        group: dict[str, Any] = {"group": recipient.group}
        who: dict[str, Any] = {"sender_key": self._sender_key, "automatic": self._automatic}
        if self._report == "feedback":
            return InboundFeedback(**common, token=recipient.token or None, mail=self._sealed_report())
        if self._report == "delivery" and recipient.kind is not MailboxKind.BOUNCE:
            return InboundBounce(**common, token=None, mail=self._sealed_report())
        match recipient.kind:
            case MailboxKind.ENTRY:
                return InboundEntry(**common, **who, **group, mail=self._sealed_entry())
            case MailboxKind.LEAVE:
                return InboundLeave(**common, **who, **group, mail=self._sealed_entry())
            case MailboxKind.POST:
                # What a post says is meant for its group: "closed over the holidays" makes nobody a machine.
                marks = decide(self._parsed, self._sender.given, self._context.base_domain, by_phrases=False)
                who["automatic"] = self._marks(marks)
                return InboundPost(**common, **who, **group, mail=self._sealed_post())
            case MailboxKind.REPLY:
                return InboundReply(**common, **who, token=recipient.token, mail=self._sealed_raw())
            case MailboxKind.BOUNCE:
                return InboundBounce(**common, token=recipient.token, mail=self._sealed_raw())
            case MailboxKind.OPERATOR:
                return self._for_operator(common, recipient, number)
            case MailboxKind.INFO:
                # A reply whose program ignored Reply-To comes to our From address: the id of the mail that it
                # answers holds the token.
                token = tokens.find(self._parsed.references)
                if token is not None:
                    return InboundReply(**common, **who, token=token, mail=self._sealed_raw())
                return InboundInfo(**common, **who, **group, ref=number, **self._asker(number))

    def _marks(self, decision: Decision) -> Automatic:
        # Whom we cannot write to we do not answer, whatever the mail looks like.
        return Automatic(
            reply_allowed=decision.reply_allowed and bool(self._sender.address),
            count_answer=decision.count_answer,
            why=decision.why or ("" if self._sender.address else "no sender address to write to"),
            needs_look=decision.needs_look,
        )

    def _asker(self, number: int) -> dict[str, Any]:
        address = self._sender.address
        if not address:
            return {"carrier": "other", "recipient": None}
        return {"carrier": _carrier(address), "recipient": self._card(number, address, {})}

    def _for_operator(self, common: dict[str, Any], recipient: Recipient, number: int) -> InboundOperator:
        # What another instance forwarded to a postmaster of ours may come back: two such would talk for ever.
        address = None if is_our_automatic(self._parsed) else self._context.operator_address
        fields = {
            "from": self._parsed.sender or self._sender.address,
            "subject": self._parsed.subject[:_SUBJECT],
            "text": self._parsed.text[:_OPERATOR_TEXT],
        }
        return InboundOperator(
            **common,
            ref=number,
            mailbox=recipient.mailbox,
            carrier=_carrier(address) if address else "other",
            recipient=self._card(number, address, fields) if address else None,
        )

    def _card(self, number: int, address: str, fields: dict[str, str]) -> Sealed:
        card = RecipientCard(copy_ref=number, address=address, fields=fields)
        return self._context.sealer.seal(RecipientCards(cards=(card,)), "dispatcher")

    def _sealed_entry(self) -> Sealed:
        if "entry" not in self._sealed:
            content = EntryMail(
                sender=self._sender.address,
                subject=self._parsed.subject[:_SUBJECT],
                text=self._parsed.text[:_ENTRY_TEXT],
            )
            self._sealed["entry"] = self._context.sealer.seal(content, "registry")
        return self._sealed["entry"]

    def _sealed_post(self) -> Sealed:
        if "post" not in self._sealed:
            content = PostMail(
                sender=self._sender.address, subject=self._parsed.subject[:_SUBJECT], text=self._parsed.text
            )
            self._sealed["post"] = self._context.sealer.seal(content, "registry")
        return self._sealed["post"]

    def _sealed_raw(self) -> Sealed:
        if "raw" not in self._sealed:
            content = RawMail(sender=self._sender.address, raw=base64.b64encode(self._raw).decode())
            self._sealed["raw"] = self._context.sealer.seal(content, "receipts")
        return self._sealed["raw"]

    def _sealed_report(self) -> Sealed:
        if len(self._raw) <= _REPORT:
            return self._sealed_raw()
        if "report" not in self._sealed:
            content = RawMail(sender=self._sender.address, raw=base64.b64encode(self._raw[:_REPORT]).decode())
            self._sealed["report"] = self._context.sealer.seal(content, "receipts")
        return self._sealed["report"]


def _report(parsed: ParsedMail, raw: bytes, envelope_from: str, decision: Decision) -> Report:
    """Is the mail a report? Looked at closely only where some mark suggests it."""
    if parsed.content_type.startswith("multipart/") and feedback.may_be_feedback(raw) and feedback.read(raw):
        return "feedback"
    if not envelope_from and parsed.content_type == "multipart/report" and not is_read_receipt(parsed):
        return "delivery"
    return "delivery" if not decision.reply_allowed and bounces.read(raw).is_bounce else ""


def _carrier(address: str) -> str:
    return carrier_of(address.rpartition("@")[2])
