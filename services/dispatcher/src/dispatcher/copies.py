"""What stands on each copy: From, To, Reply-To, Message-ID, the list headers and the envelope sender, all from the
recipient's tokens. Pure; the text is compiled once per message (mail.rendering).

    From        <school's name> <info@unit.base>    always the same, so that parents can let it through
    Reply-To    r-<token of the reply kind>         who answers is known by the address
    MAIL FROM   b-<bounce token>, or <>             who bounces, too
    Message-ID  r-<token>.<wave>                    for clients that ignore Reply-To; the same at every attempt
    Date        when it was planned                 the same at every attempt
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.events.delivery import DeliveryBatch, ReplyKind
from contracts.sealed import CardFields, MessageContent, RecipientCard
from dispatcher.client import Envelope
from mail import tokens
from mail.addresses import wire_form
from mail.rendering import Rendering
from mail.tokens import Token, TokenKind

_REPLY_KINDS: dict[ReplyKind, TokenKind] = {
    "registration": TokenKind.REGISTRATION,
    "leave": TokenKind.LEAVE,
    "post": TokenKind.POST,
    "answer": TokenKind.ANSWER,
}


@dataclass(frozen=True, slots=True)
class Stationery:
    """What all mail of this house has in common. `public_url` is the info site's, without a final slash."""

    base_domain: str
    token_key: bytes
    public_url: str | None = None

    def compile(self, batch: DeliveryBatch, content: MessageContent) -> Rendering:
        """The part that all copies share. Raises mail.rendering.RenderingError."""
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
        )

    def domain(self, unit: str) -> str:
        return f"{unit}.{self.base_domain}"


class CopyWriter:
    """Writes the copies of one batch."""

    def __init__(
        self, stationery: Stationery, batch: DeliveryBatch, rendering: Rendering, extra: CardFields | None
    ) -> None:
        self._stationery = stationery
        self._batch = batch
        self._rendering = rendering
        self._extra: Mapping[str, str] = extra.fields if extra is not None else {}
        self._domain = stationery.domain(batch.unit)

    def write(self, card: RecipientCard, address: str, *, relayed: bool) -> Envelope:
        """The copy for one recipient; `address` is the card's, normalised. Raises mail.rendering.RenderingError."""
        reply = self._reply_token(card.copy_ref)
        unsubscribe = None
        if self._rendering.list_id is not None:
            unsubscribe = self._token(TokenKind.UNSUBSCRIBE, card.copy_ref)
        text = self._rendering.copy(
            to_address=address,
            message_id=self._message_id(card.copy_ref, reply),
            reply_to=f"{reply}@{self._domain}" if reply else None,
            list_unsubscribe_mail=f"{unsubscribe}@{self._domain}" if unsubscribe else None,
            list_unsubscribe_url=self._unsubscribe_url(unsubscribe),
            fields={**self._extra, **card.fields},
        )
        sender = ""
        if not self._batch.null_sender:
            sender = f"{self._token(TokenKind.BOUNCE, card.copy_ref)}@{self._domain}"
        return Envelope(sender, wire_form(address, relayed=relayed), text)

    def _reply_token(self, copy_ref: int) -> str | None:
        kind = self._batch.reply_kind
        return None if kind is None else self._token(_REPLY_KINDS[kind], copy_ref)

    def _token(self, kind: TokenKind, copy_ref: int) -> str:
        batch = self._batch
        issued = tokens.hour_of(batch.first_planned_at)
        return tokens.mint(self._stationery.token_key, batch.unit, Token(kind, batch.message, copy_ref, issued))

    def _message_id(self, copy_ref: int, reply: str | None) -> str:
        batch = self._batch
        if reply is not None:
            return tokens.message_id(reply, batch.wave, self._domain)
        digest = hashlib.sha256(f"{batch.batch}/{copy_ref}".encode()).digest()[:15]
        return f"<m-{base64.b32encode(digest).decode().lower()}.{batch.wave}@{self._domain}>"

    def _unsubscribe_url(self, token: str | None) -> str | None:
        if token is None or self._stationery.public_url is None:
            return None
        return f"{self._stationery.public_url}/u/{self._batch.unit}/{token}"
