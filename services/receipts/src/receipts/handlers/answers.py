"""A reply to a message: opened and read in a thread, then written into the ledger and said on the bus, once."""

import asyncio

from contracts.cipher_contexts import ANSWER_TEXT
from contracts.events import AnswerRecorded, InboundReply
from mail.mime.reading import read
from mail.reply import answers
from mail.tokens import Token
from receipts import model, store
from receipts.context import Context
from receipts.handlers.incoming import REPLIES, unseal
from runtime.database.engine import transaction
from runtime.errors import PermanentError
from runtime.ids import new_id
from runtime.logs import get_logger

log = get_logger(__name__)


async def record(context: Context, event: InboundReply, token: Token, *, doubt: str) -> None:
    """Write down what this reply says. `doubt`: a mark that a machine may have written it after all, or nothing."""
    if model.is_expired(token, context.token_lifetimes, context.clock()):
        REPLIES.labels("expired").inc()
        log.info("answer_after_the_token_expired", id=event.id)
        return
    message, copy_ref = token.message_ref, token.recipient_ref
    sent = await context.sent_messages.get(event.unit, message)
    if sent is None:
        raise PermanentError("answer_to_an_unknown_message")
    written, reading = await asyncio.to_thread(_read, context, event, sent, doubt)
    encrypted = context.cipher.encrypt(written, context=ANSWER_TEXT)
    async with transaction(context.engine) as connection:
        if not await context.inbox.is_first(connection, InboundReply.name, event.id):
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
            occurred_at=context.clock(),
            unit=event.unit,
            message=message,
            copy_ref=copy_ref,
            member=member,
            child=child,
            choice=reading.choice,
            needs_look=reading.needs_look,
        )
        await context.outbox.tell(connection, recorded)
    REPLIES.labels("answer").inc()


def _read(context: Context, event: InboundReply, sent: model.SentMessage, doubt: str) -> tuple[str, model.Reading]:
    """The words without the quotation, addresses in them replaced, and what they count as."""
    mail = read(unseal(context, event.mail)[1], context.limits)
    written = answers.answer_text(mail, sent.text, sent_subject=sent.subject)
    choice = answers.recognise(written, sent.choices, sent.synonyms) if sent.choices else None
    return answers.redact(written)[: model.MAX_ANSWER], model.reading_of(sent.asks, written, choice, doubt)
