"""What stands on each copy: From, To, Reply-To, Message-ID, the list headers and the envelope sender, all from the
recipient's tokens. Pure; the text is compiled once per message (mail.outgoing.rendering).

    From        <school's name> <info@unit.base>    always the same, so that parents can let it through
    Reply-To    r-<token of the reply kind>         who answers is known by the address
    MAIL FROM   b-<bounce token>, or <>             who bounces, too
    Message-ID  r-<token>.<wave>                    for clients that ignore Reply-To; the same at every attempt
    Feedback-ID message:unit:lane:renrakumo         by which Gmail counts complaints for us; on mail to members
    Date        when it was planned                 the same at every attempt
    DKIM        by the keys in force at that time   the same at every attempt
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.events.delivery import DeliveryBatch, ReplyKind
from contracts.sealed import CardFields, MessageContent, RecipientCard
from dispatcher.smtp.connection import Envelope
from mail import tokens
from mail.addresses import wire_form
from mail.outgoing.dkim_keys import DkimKeys
from mail.outgoing.rendering import SLOT, Rendering
from mail.tokens import Minter, TokenKind

_REPLY_KINDS: dict[ReplyKind, TokenKind] = {
    "registration": TokenKind.REGISTRATION,
    "leave": TokenKind.LEAVE,
    "post": TokenKind.POST,
    "answer": TokenKind.ANSWER,
}
_UNSIGNED = DkimKeys()
_SENDER_ID = "renrakumo"
"""Stands for the sender in Feedback-ID: 5 to 15 characters, the same on all mail."""
_NONE = -1  # the last of the minted tokens, which is none


@dataclass(frozen=True, slots=True)
class CopyHeaders:
    """What all mail of ours has in common. `public_url` is the info site's, without a final slash."""

    base_domain: str
    token_key: bytes
    public_url: str | None = None
    dkim_keys: DkimKeys = _UNSIGNED

    def compile(self, batch: DeliveryBatch, content: MessageContent) -> Rendering:
        """The part that all copies share. Raises mail.outgoing.rendering.RenderingError."""
        domain = self.domain(batch.unit)
        return Rendering(
            subject=content.subject,
            text=content.text,
            from_name=content.from_name,
            from_address=f"info@{domain}",
            date=batch.first_planned_at,
            list_id=domain if content.list_name else None,
            list_name=content.list_name,
            auto_submitted="auto-replied" if content.automatic else None,
            feedback_id=f"{batch.message}:{batch.unit}:{batch.lane}:{_SENDER_ID}" if content.list_name else None,
        )

    def domain(self, unit: str) -> str:
        return f"{unit}.{self.base_domain}"


class CopyWriter:
    """Writes the copies of one batch. May be used by several threads at once."""

    def __init__(
        self, headers: CopyHeaders, batch: DeliveryBatch, rendering: Rendering, extra: CardFields | None
    ) -> None:
        """Raises mail.outgoing.rendering.RenderingError."""
        self._batch = batch
        self._extra: Mapping[str, str] = extra.fields if extra is not None else {}
        self._domain = domain = headers.domain(batch.unit)
        reply = None if batch.reply_kind is None else _REPLY_KINDS[batch.reply_kind]
        leave = None if rendering.list_id is None else TokenKind.UNSUBSCRIBE
        bounce = None if batch.null_sender else TokenKind.BOUNCE
        wanted = (reply, leave, bounce)
        kinds = [kind for kind in wanted if kind is not None]
        self._minter = Minter(
            headers.token_key, batch.unit, kinds, batch.message, tokens.hour_of(batch.first_planned_at)
        )
        self._places = tuple(_NONE if kind is None else kinds.index(kind) for kind in wanted)
        by_url = leave and headers.public_url
        self._form = rendering.form(
            message_id=tokens.message_id(SLOT, batch.wave, domain).strip("<>"),
            reply_to=f"{SLOT}@{domain}" if reply else None,
            list_unsubscribe_mail=f"{SLOT}@{domain}" if leave else None,
            list_unsubscribe_url=f"{headers.public_url}/u/{batch.unit}/{SLOT}" if by_url else None,
            keys=headers.dkim_keys.signing(domain, batch.first_planned_at),
        )

    @property
    def costly(self) -> bool:
        """Does `write` take so long that it should be called in a thread, for many copies at a time?"""
        return self._form.costly

    def write(self, card: RecipientCard, address: str, *, relayed: bool) -> Envelope:
        """The copy for one recipient; `address` is the card's, normalised. Raises RenderingError."""
        minted = [*self._minter.mint(card.copy_ref), ""]
        reply, leave, bounce = (minted[place] for place in self._places)
        ident = reply or self._ident(card.copy_ref)
        fields = {**self._extra, **card.fields} if self._extra else card.fields
        text = self._form.copy(address, reply, ident, leave, fields)
        sender = f"{bounce}@{self._domain}" if bounce else ""
        return Envelope(sender, wire_form(address, relayed=relayed), text)

    def _ident(self, copy_ref: int) -> str:
        """What makes the Message-ID of a copy without a reply token its own."""
        digest = hashlib.sha256(f"{self._batch.batch}/{copy_ref}".encode()).digest()[:15]
        return f"m-{base64.b32encode(digest).decode().lower()}"
