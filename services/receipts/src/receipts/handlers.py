"""What receipts does with replies and with the outcomes of copies: check a reply's token, read it, write it down.

A reply either confirms something (registering, leaving, a post, an unsubscription), which is said on the bus for
those who act on it, or it answers a message, which goes into the ledger. Mail is opened and read in a thread before
the transaction begins; every effect then happens in one transaction with its inbox row, so that a redelivered event
changes nothing. Reports of non-delivery and of complaints are in `reports`.
"""

import asyncio

from contracts.cipher_contexts import ANSWER_TEXT
from contracts.events import (
    AnswerRecorded,
    DeliveryPlanned,
    DeliverySettled,
    InboundReply,
    InboundUnsubscribe,
)
from contracts.sealed import ReplyText
from mail.mime.reading import ParsedMail, read
from mail.reply import answers
from mail.tokens import Token, TokenKind
from receipts import model, store
from receipts.context import REPLIES, Context
from runtime.database.engine import driver, transaction
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.logs import get_logger

log = get_logger(__name__)

MAX_ANSWER = 20_000
"""Characters of an answer that are kept; nobody writes more to a school in a reply."""


class Receipts(Context):
    """The ledger's work."""

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
        token = await self.check(event, event.token)
        if token.kind is not TokenKind.UNSUBSCRIBE:
            raise PermanentError("token_of_another_kind")
        await self.confirm(event.id, event.unit, token, "unsubscribe", at=event.occurred_at)

    async def reply(self, event: InboundReply) -> None:
        """A person, or a machine, replied to one of our mails."""
        token = await self.check(event, event.token)
        if token.kind is TokenKind.UNSUBSCRIBE:
            # Sent by the mail program when its owner presses a button, and to no other purpose: a machine may do that.
            await self.confirm(event.id, event.unit, token, "unsubscribe", at=event.occurred_at)
            return
        marks = event.automatic  # the front door has judged the mail by all that it saw of it
        doubt = marks.why if marks.needs_look else ""
        if not marks.count_answer:
            _ignored(event)
            return
        if token.kind is TokenKind.ANSWER:
            await self._answer(event, token, doubt=doubt)
        elif token.kind not in model.CONFIRMATIONS:
            raise PermanentError("token_of_another_kind")
        elif doubt:
            # An answer in doubt can be looked at; a registration or a broadcast in doubt must not happen.
            _ignored(event)
        else:
            await self._confirm(event, token)

    async def _confirm(self, event: InboundReply, token: Token) -> None:
        written = await asyncio.to_thread(lambda: answers.answer_text(self._letter(event), None))
        reply = None
        if token.kind is TokenKind.REGISTRATION:
            reply = self.sealer.seal(ReplyText(text=written[:MAX_ANSWER]), "registry")
        kind = model.CONFIRMATIONS[token.kind]
        shown = event.authentication
        await self.confirm(event.id, event.unit, token, kind, reply, shown, at=event.occurred_at)

    def _letter(self, event: InboundReply) -> ParsedMail:
        """Takes a while: not for the event loop."""
        return read(self.unseal(event.letter)[1], self.limits)

    async def _answer(self, event: InboundReply, token: Token, *, doubt: str) -> None:
        if model.is_expired(token, self.lives, self.clock()):
            REPLIES.labels("expired").inc()
            log.info("answer_after_the_token_expired", id=event.id)
            return
        message, copy_ref = token.message_ref, token.recipient_ref
        sent = await self.sent.get(event.unit, message)
        if sent is None:
            raise PermanentError("answer_to_an_unknown_message")
        written, reading = await asyncio.to_thread(lambda: _read_answer(self._letter(event), sent, doubt))
        encrypted = self.cipher.encrypt(written, context=ANSWER_TEXT)
        async with transaction(self.engine) as connection:
            if not await self.inbox.is_first(connection, InboundReply.name, event.id):
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
                authentication=event.authentication,
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
            await self.outbox.tell(connection, recorded)
        REPLIES.labels("answer").inc()


def _ignored(event: InboundReply) -> None:
    REPLIES.labels("automatic").inc()
    log.info("reply_from_a_machine_ignored", id=event.id, why=event.automatic.why)


def _read_answer(letter: ParsedMail, sent: model.SentMessage, doubt: str) -> tuple[str, model.Reading]:
    """The words without the quotation, addresses in them replaced, and what they count as."""
    written = answers.answer_text(letter, sent.text, sent_subject=sent.subject)
    choice = answers.recognise(written, sent.choices, sent.synonyms) if sent.choices else None
    return answers.redact(written)[:MAX_ANSWER], model.reading_of(sent.asks, written, choice, doubt)
