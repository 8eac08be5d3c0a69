"""What all of receipts' work needs: ledger, keys and clock, and the few steps that every kind of mail has in common.

check     the token is ours, or the mail is kept for the operator, a long one only in part
unseal    envelope sender and bytes of a mail
confirm   say on the bus that somebody did something, once
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.events import ConfirmationGiven, ConfirmationKind, InboundBounce, InboundReply, InboundUnsubscribe
from contracts.events.inbound import Authentication
from contracts.sealed import RawMail, Sealed
from mail.mime.reading import DEFAULT_LIMITS, Limits
from mail.tokens import Token, TokenError, check
from receipts import model
from receipts.sent import SentMessages
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.outbox import Inbox, Outbox
from runtime.errors import PermanentError, SealError

REPLIES = Counter("renrakumo_receipts_replies", "Replies by what became of them", ["effect"])

INBOX_LIFE = timedelta(days=45)
"""How long handled events are remembered: longer than any stream keeps them."""

KEPT = 65_536
"""Octets kept of a mail whose token isn't ours: anybody can send such mail, of any size."""


@dataclass(frozen=True, slots=True)
class Context:
    """What is wired in. `clock` gives the present as an aware UTC time; `limits`: how much of a mail is looked at."""

    engine: AsyncEngine
    inbox: Inbox
    outbox: Outbox
    token_keys: KeyRing
    lives: model.Lives
    cipher: FieldCipher
    opener: Opener
    sealer: Sealer
    clock: Callable[[], datetime]
    sent: SentMessages
    limits: Limits = DEFAULT_LIMITS

    async def check(self, event: InboundReply | InboundBounce | InboundUnsubscribe, token: str) -> Token:
        """What the token says; PermanentError when it isn't ours."""
        try:
            return check(self.token_keys, event.unit, token)
        except TokenError:
            REPLIES.labels("unknown_token").inc()
            raise PermanentError("token_not_ours", kept=await asyncio.to_thread(self._shortened, event)) from None

    def unseal(self, sealed: Sealed) -> tuple[str, bytes]:
        """Envelope sender and bytes of a mail. Takes a while for a large one: not for the event loop."""
        letter = self.opener.open(sealed, RawMail)
        try:
            return letter.sender, base64.b64decode(letter.raw, validate=True)
        except binascii.Error:
            raise PermanentError("letter_is_not_base64") from None

    async def confirm(
        self,
        event_id: str,
        unit: str,
        token: Token,
        kind: ConfirmationKind,
        reply: Sealed | None = None,
        authentication: Authentication | None = None,
        *,
        at: datetime,
    ) -> bool:
        """Say what somebody did, `at` that time; False when that was said before. It may have been held since, and
        counts as if it hadn't; but nothing goes out to everybody that was confirmed long ago."""
        now = self.clock()
        given = ConfirmationGiven(
            id=f"{event_id}/confirmed",
            occurred_at=at,
            unit=unit,
            kind=kind,
            message_ref=token.message_ref,
            recipient_ref=token.recipient_ref,
            issued_at=model.issued_at(token),
            expired=model.is_expired(token, self.lives, now if kind == "post" else at),
            reply=reply,
            authentication=authentication,
        )
        async with self.engine.begin() as connection:
            if not await self.inbox.first_time(connection, ConfirmationGiven.name, event_id):
                return False
            await self.outbox.add(connection, given)
        REPLIES.labels("confirmation").inc()
        return True

    async def forget_old_events(self) -> None:
        """Drop the memory of events that no stream can deliver again."""
        async with self.engine.begin() as connection:
            await self.inbox.forget(connection, INBOX_LIFE)

    def _shortened(self, event: InboundReply | InboundBounce | InboundUnsubscribe) -> bytes | None:
        """The event with only the beginning of its mail, sealed anew; None when it is short anyhow."""
        if isinstance(event, InboundUnsubscribe) or event.size <= KEPT:
            return None
        try:
            sender, raw = self.unseal(event.letter)
            letter = RawMail(sender=sender, raw=base64.b64encode(raw[:KEPT]).decode())
            sealed = self.sealer.seal(letter, event.letter.recipient)
        except (SealError, PermanentError):
            return None
        return event.model_copy(update={"letter": sealed}).model_dump_json().encode()
