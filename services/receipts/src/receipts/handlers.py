"""What receipts does: check a reply's token, read it, and write it down.

A reply either confirms something (registering, leaving, a post, an unsubscription), which is said on the bus for
those who act on it, or it answers a message, which goes into the ledger. A bounce is read, goes into the ledger, and
is said on the bus for registry, which judges the address. Mail is opened and read in a thread before the transaction
begins; every effect then happens in one transaction with its inbox row, so that a redelivered event changes nothing.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncEngine

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
from contracts.sealed import RawLetter, ReplyText, ReportedRecipients, Sealed
from mail import answers, automatic, bounces
from mail.reading import Letter, read
from mail.tokens import Token, TokenError, TokenKind, check
from receipts import model, store
from runtime.ciphers import FieldCipher
from runtime.database import driver
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.keys import KeyRing
from runtime.logs import get_logger
from runtime.outbox import Inbox, Outbox
from runtime.sealing import Opener, Sealer

log = get_logger(__name__)

REPLIES = Counter("renrakumo_receipts_replies", "Replies by what became of them", ["effect"])
BOUNCES = Counter("renrakumo_receipts_bounces", "Reports of non-delivery by verdict", ["verdict"])

MAX_ANSWER = 20_000
"""Characters of an answer that are kept; nobody writes more to a school in a reply."""

INBOX_LIFE = timedelta(days=45)
"""How long handled events are remembered: longer than any stream keeps them."""


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
        async with driver(self.engine) as connection:
            await store.plan(connection, event)

    async def settle(self, event: DeliverySettled) -> None:
        """These are the outcomes of an attempt; mail that isn't a message's copy has no ledger. Harmless to repeat."""
        if not event.tracked or not event.outcomes:
            return
        async with driver(self.engine) as connection:
            await store.settle(connection, event)

    async def unsubscribe(self, event: InboundUnsubscribe) -> None:
        """One click on the info site (RFC 8058): the token says whose."""
        token = self._check(event.unit, event.token)
        if token.kind is not TokenKind.UNSUBSCRIBE:
            raise PermanentError("token_of_another_kind")
        await self._confirm(event.id, event.unit, token)

    async def reply(self, event: InboundReply) -> None:
        """A person, or a machine, replied to one of our mails."""
        token = self._check(event.unit, event.token)
        if token.kind is TokenKind.UNSUBSCRIBE:
            # Sent by the mail program when its owner presses a button, and to no other purpose: a machine may do that.
            await self._confirm(event.id, event.unit, token)
            return
        if not event.automatic.count_answer:
            _ignored(event, event.automatic.why)
            return
        sender, raw = await asyncio.to_thread(self._unseal, event.letter)
        letter = await asyncio.to_thread(read, raw)
        judged = automatic.judge(letter, sender)
        if not judged.count_answer:
            _ignored(event, judged.why)
        elif token.kind is TokenKind.ANSWER:
            await self._answer(event, token, letter, doubt=judged.why if judged.needs_look else "")
        elif token.kind not in model.CONFIRMATIONS:
            raise PermanentError("token_of_another_kind")
        elif judged.needs_look:
            # An answer in doubt can be looked at; a registration or a broadcast in doubt must not happen.
            _ignored(event, judged.why)
        else:
            await self._confirm(event.id, event.unit, token, letter)

    async def bounce(self, event: InboundBounce) -> None:
        """Something came to the envelope sender of a copy: a delivery report, or noise."""
        token = self._check(event.unit, event.token)
        if token.kind is not TokenKind.BOUNCE:
            raise PermanentError("token_of_another_kind")
        _, raw = await asyncio.to_thread(self._unseal, event.letter)
        report = await asyncio.to_thread(bounces.judge, raw)
        verdict = str(report.verdict)
        expired = model.is_expired(token, self.lives, self.clock())
        if expired or not report.is_bounce or verdict in (bounces.Verdict.DELAYED, bounces.Verdict.DELIVERED):
            log.info("report_without_effect", id=event.id, verdict=verdict, expired=expired)
            return
        bounced = CopyBounced(
            id=f"{event.id}/bounced",
            occurred_at=self.clock(),
            unit=event.unit,
            message=token.message_ref,
            copy_ref=token.recipient_ref,
            verdict=verdict,
            hard=report.hard,
            status=report.status,
            recipients=self._named(report) if report.hard else None,
        )
        async with self.engine.begin() as connection:
            if not await self.inbox.first_time(connection, InboundBounce.name, event.id):
                return
            await store.add_bounce(
                connection,
                event_id=event.id,
                bounced=bounced,
                # A report may speak of several; which of them is the copy's, registry alone can tell.
                state=model.outcome_of_bounce(str(report.kindest)),
                issued_at=model.issued_at(token),
                at=event.occurred_at,
            )
            await self.outbox.add(connection, bounced)
        BOUNCES.labels(verdict).inc()

    async def forget_old_events(self) -> None:
        """Drop the memory of events that no stream can deliver again."""
        async with self.engine.begin() as connection:
            await self.inbox.forget(connection, INBOX_LIFE)

    def _check(self, unit: str, text: str) -> Token:
        try:
            return check(self.token_keys, unit, text)
        except TokenError:
            REPLIES.labels("unknown_token").inc()
            raise PermanentError("token_not_ours") from None

    def _unseal(self, sealed: Sealed) -> tuple[str, bytes]:
        """Envelope sender and bytes of a mail. Takes a while for a large one: not for the event loop."""
        letter = self.opener.open(sealed, RawLetter)
        try:
            return letter.sender, base64.b64decode(letter.raw, validate=True)
        except binascii.Error:
            raise PermanentError("letter_is_not_base64") from None

    def _named(self, report: bounces.Bounce) -> Sealed | None:
        """The addresses that a report calls dead: registry compares them with the copy's, which we don't know."""
        if not report.dead:
            return None
        return self.sealer.seal(ReportedRecipients(addresses=report.dead), "registry")

    async def _confirm(self, event_id: str, unit: str, token: Token, letter: Letter | None = None) -> None:
        now = self.clock()
        reply = None
        if letter is not None and token.kind is TokenKind.REGISTRATION:
            written = await asyncio.to_thread(answers.answer_text, letter, None)
            reply = self.sealer.seal(ReplyText(text=written[:MAX_ANSWER]), "registry")
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
            if not await self.inbox.first_time(connection, ConfirmationGiven.name, event_id):
                return
            await self.outbox.add(connection, given)
        REPLIES.labels("confirmation").inc()

    async def _answer(self, event: InboundReply, token: Token, letter: Letter, *, doubt: str) -> None:
        if model.is_expired(token, self.lives, self.clock()):
            REPLIES.labels("expired").inc()
            log.info("answer_after_the_token_expired", id=event.id)
            return
        message, copy_ref = token.message_ref, token.recipient_ref
        async with self.engine.connect() as connection:
            sent = await store.sent_message(connection, self.cipher, unit=event.unit, message=message)
        if sent is None:
            raise PermanentError("answer_to_an_unknown_message")
        written, reading = await asyncio.to_thread(_read_answer, letter, sent, doubt)
        encrypted = self.cipher.encrypt(written, context=store.ANSWER_CONTEXT)
        async with self.engine.begin() as connection:
            if not await self.inbox.first_time(connection, InboundReply.name, event.id):
                return
            await store.add_answer(
                connection,
                answer_id=new_id(),
                unit=event.unit,
                message=message,
                copy_ref=copy_ref,
                at=event.occurred_at,
                reading=reading,
                encrypted=encrypted,
            )
            member, child = await store.copy_owner(connection, message, copy_ref)
            recorded = AnswerRecorded(
                id=f"{event.id}/answer",
                occurred_at=self.clock(),
                unit=event.unit,
                message=message,
                copy_ref=copy_ref,
                member=member,
                child=child,
                choice=reading.choice,
                needs_look=reading.needs_look,
            )
            await self.outbox.add(connection, recorded)
        REPLIES.labels("answer").inc()


def _ignored(event: InboundReply, why: str) -> None:
    REPLIES.labels("automatic").inc()
    log.info("reply_from_a_machine_ignored", id=event.id, why=why)


def _read_answer(letter: Letter, sent: model.SentMessage, doubt: str) -> tuple[str, model.Reading]:
    """The words without the quotation, addresses in them replaced, and what they count as."""
    written = answers.answer_text(letter, sent.text, sent_subject=sent.subject)
    choice = answers.recognise(written, sent.choices) if sent.choices else None
    return answers.redact(written)[:MAX_ANSWER], model.reading_of(sent.asks, written, choice, doubt)
