"""A reply to one of our mails: whose it is, whether a person wrote it, and so what is to be done about it.

    token of an unsubscribe address         -> confirmed, whoever wrote it
    written by a machine                    -> counted and ignored
    token of a message                      -> answers: into the ledger
    token of what asked for a confirmation  -> confirmations: said on the bus
Mail is opened and read in a thread before a transaction begins; every effect then happens in one transaction with its
inbox row, so that a redelivered event changes nothing.
"""

from contracts.events import InboundReply
from mail.tokens import TokenKind
from receipts import model
from receipts.context import Context
from receipts.handlers import answers, confirmations
from receipts.handlers.incoming import REPLIES, check
from runtime.errors import PermanentError
from runtime.logs import get_logger

log = get_logger(__name__)


async def reply(context: Context, event: InboundReply) -> None:
    """A person, or a machine, replied to one of our mails."""
    token = await check(context, event, event.token)
    if token.kind is TokenKind.UNSUBSCRIBE:
        # Sent by the mail program when its owner presses a button, and to no other purpose: a machine may do that.
        await confirmations.confirm(context, event.id, event.unit, token, "unsubscribe", at=event.occurred_at)
        return
    marks = event.automatic  # ingress-smtp has looked at all that it saw of the mail
    doubt = marks.why if marks.needs_look else ""
    if not marks.count_answer:
        _ignored(event)
        return
    if token.kind is TokenKind.ANSWER:
        await answers.record(context, event, token, doubt=doubt)
    elif token.kind not in model.CONFIRMATIONS:
        raise PermanentError("token_of_another_kind")
    elif doubt:
        # An answer in doubt can be looked at; a registration or a broadcast in doubt must not happen.
        _ignored(event)
    else:
        await confirmations.confirm_by_reply(context, event, token)


def _ignored(event: InboundReply) -> None:
    REPLIES.labels("automatic").inc()
    log.info("automatic_reply_ignored", id=event.id, why=event.automatic.why)
