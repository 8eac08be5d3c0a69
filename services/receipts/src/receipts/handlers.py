"""What receipts does: check a reply's token, read it, and write it down.

A reply either confirms something (registering, leaving, a post, an unsubscription), which is said on the bus for
those who act on it, or it answers a message, which goes into the ledger. A bounce is read, goes into the ledger, and
is said on the bus for registry, which judges the address. Every effect happens in one transaction with its inbox row,
so that a redelivered event changes nothing.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contracts.events import (
    AnswerRecorded,
    ConfirmationGiven,
    CopyBounced,
    DeliveryPlanned,
    DeliverySettled,
    InboundBounce,
    InboundReply,
    InboundUnsubscribe,
)
from contracts.sealed import RawLetter, ReplyText, Sealed
from mail import answers, bounces
from mail.reading import Letter, read
from mail.tokens import Token, TokenError, TokenKind, check
from prometheus_client import Counter
from runtime.ciphers import FieldCipher
from runtime.database import Inbox, Outbox
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.keys import KeyRing
from runtime.logs import get_logger
from runtime.sealing import Opener, Sealer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from receipts import model, store
from receipts.settings import SERVICE

log = get_logger(__name__)

REPLIES = Counter("renrakumo_receipts_replies_total", "Replies by what became of them", ["effect"])

MAX_ANSWER = 20_000
"""Characters of an answer that are kept; nobody writes more to a school in a reply."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """The ledger's work, with what it needs wired in. `clock` gives the present as an aware UTC time."""

    engine: AsyncEngine
    inbox: Inbox
    outbox: Outbox
    token_keys: KeyRing
    lives: model.Lives
    cipher: FieldCipher
    opener: Opener
    sealer: Sealer
    clock: Callable[[], datetime]

    async def plan(self, event: DeliveryPlanned) -> None:
        """These copies are on their way. Harmless to repeat."""
        async with self.engine.begin() as connection:
            await store.plan(connection, event)

    async def settle(self, event: DeliverySettled) -> None:
        """These are the outcomes of an attempt; mail that isn't a message's copy has no ledger. Harmless to repeat."""
        if not event.tracked or not event.outcomes:
            return
        async with self.engine.begin() as connection:
            await store.settle(connection, event)

    async def unsubscribe(self, event: InboundUnsubscribe) -> None:
        """One click on the info site (RFC 8058): the token says whose."""
        token = self._check(event.unit, event.token)
        if token.kind is not TokenKind.UNSUBSCRIBE:
            raise PermanentError("token_of_another_kind")
        await self._confirm(event.id, event.unit, token, reply=None)

    async def reply(self, event: InboundReply) -> None:
        """A person, or a machine, replied to one of our mails."""
        token = self._check(event.unit, event.token)
        if not event.automatic.count_answer:
            REPLIES.labels("automatic").inc()
            log.info("reply_from_a_machine_ignored", event=event.id, why=event.automatic.why)
            return
        if token.kind is TokenKind.ANSWER:
            await self._answer(event, token)
        elif token.kind in model.CONFIRMATIONS:
            reply = None
            if token.kind is TokenKind.REGISTRATION:
                letter, _ = await self._open(event.letter)
                written = answers.answer_text(letter, None)[:MAX_ANSWER]
                reply = self.sealer.seal(ReplyText(text=written), "registry")
            await self._confirm(event.id, event.unit, token, reply=reply)
        else:
            raise PermanentError("token_of_another_kind")

    async def bounce(self, event: InboundBounce) -> None:
        """Something came to the envelope sender of a copy: a delivery report, or noise."""
        token = self._check(event.unit, event.token)
        if token.kind is not TokenKind.BOUNCE:
            raise PermanentError("token_of_another_kind")
        _, raw = await self._open(event.letter)
        report = await asyncio.to_thread(bounces.judge, raw)
        if not report.is_bounce or report.verdict in ("delayed", "delivered"):
            log.info("no_bounce", event=event.id, verdict=report.verdict)
            return
        async with self.engine.begin() as connection:
            if not await self.inbox.first_time(connection, InboundBounce.name, event.id):
                return
            await store.bounce(
                connection,
                event_id=event.id,
                message=token.message_ref,
                copy_ref=token.recipient_ref,
                verdict=report.verdict,
                state=model.outcome_of_bounce(report.verdict),
                hard=report.hard,
                status=report.status,
                at=event.occurred_at,
            )
            await self.outbox.add(
                connection,
                CopyBounced(
                    id=f"{event.id}/bounced",
                    occurred_at=self.clock(),
                    unit=event.unit,
                    message=token.message_ref,
                    copy_ref=token.recipient_ref,
                    verdict=report.verdict,
                    hard=report.hard,
                    status=report.status,
                ),
            )

    def _check(self, unit: str, text: str) -> Token:
        try:
            return check(self.token_keys, unit, text)
        except TokenError:
            REPLIES.labels("unknown_token").inc()
            raise PermanentError("token_not_ours") from None

    async def _open(self, sealed: Sealed) -> tuple[Letter, bytes]:
        raw = base64.b64decode(self.opener.open(sealed, RawLetter).raw)
        return await asyncio.to_thread(read, raw), raw

    async def _confirm(self, event_id: str, unit: str, token: Token, *, reply: Sealed | None) -> None:
        now = self.clock()
        given = ConfirmationGiven(
            id=f"{event_id}/confirmed",
            occurred_at=now,
            unit=unit,
            kind=model.CONFIRMATIONS[token.kind],
            message_ref=token.message_ref,
            recipient_ref=token.recipient_ref,
            issued_at=model.issued_at(token),
            expired=model.is_expired(token, self.lives, now),
            reply=reply,
        )
        async with self.engine.begin() as connection:
            if await self.inbox.first_time(connection, ConfirmationGiven.name, event_id):
                await self.outbox.add(connection, given)
                REPLIES.labels("confirmation").inc()

    async def _answer(self, event: InboundReply, token: Token) -> None:
        if model.is_expired(token, self.lives, self.clock()):
            REPLIES.labels("expired").inc()
            log.info("answer_after_the_token_expired", event=event.id)
            return
        async with self.engine.begin() as connection:
            if not await self.inbox.first_time(connection, InboundReply.name, event.id):
                return
            await self._write_answer(connection, event, token)
        REPLIES.labels("answer").inc()

    async def _write_answer(self, connection: AsyncConnection, event: InboundReply, token: Token) -> None:
        message, copy_ref = token.message_ref, token.recipient_ref
        sent = await store.sent_message(connection, self.cipher, unit=event.unit, message=message)
        if sent is None:
            raise PermanentError("answer_to_an_unknown_message")
        letter, _ = await self._open(event.letter)
        written, choice = await asyncio.to_thread(_read_answer, letter, sent)
        reading = model.reading_of(sent.asks, choice)
        await store.add_answer(
            connection,
            answer_id=new_id(),
            unit=event.unit,
            message=message,
            copy_ref=copy_ref,
            at=event.occurred_at,
            reading=reading,
            encrypted=self.cipher.encrypt(written, context=store.ANSWER_CONTEXT),
        )
        member, child = await store.copy_owner(connection, message, copy_ref)
        await self.outbox.add(
            connection,
            AnswerRecorded(
                id=f"{event.id}/answer",
                occurred_at=self.clock(),
                unit=event.unit,
                message=message,
                copy_ref=copy_ref,
                member=member,
                child=child,
                choice=reading.choice,
                needs_look=reading.needs_look,
            ),
        )


def _read_answer(letter: Letter, sent: model.SentMessage) -> tuple[str, answers.Choice | None]:
    """The words without the quotation, addresses in them replaced, and the choice that they make."""
    written = answers.answer_text(letter, sent.text, sent_subject=sent.subject)
    choice = answers.recognise(written, sent.choices) if sent.choices else None
    return answers.redact(written)[:MAX_ANSWER], choice
