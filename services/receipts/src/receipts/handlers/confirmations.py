"""Somebody did something that other services act on: said on the bus as `confirmation.given`, once.

    reply to a guide of registration or leaving, or to the question about a post -> confirm_by_reply
    one click on the info site (RFC 8058)                                        -> unsubscribe
    anything else of that kind (complaints, mail to an unsubscribe address)      -> confirm
Whether it has an effect is for those who hear it: they know what is done already.
"""

import asyncio
from datetime import datetime

from contracts.events import ConfirmationGiven, ConfirmationKind, InboundReply, InboundUnsubscribe
from contracts.events.inbound import Authentication
from contracts.sealed import ReplyText, Sealed
from mail.mime.reading import read
from mail.reply.answers import answer_text
from mail.tokens import Token, TokenKind
from receipts import model
from receipts.context import Context
from receipts.handlers.incoming import REPLIES, check, unseal
from runtime.errors import PermanentError


async def confirm_by_reply(context: Context, event: InboundReply, token: Token) -> None:
    """A person replied to what asked for a confirmation. Only a registration's words travel on: they may correct the
    name."""
    written = await asyncio.to_thread(_written, context, event)
    reply = None
    if token.kind is TokenKind.REGISTRATION:
        reply = context.sealer.seal(ReplyText(text=written[: model.MAX_ANSWER]), "registry")
    kind = model.CONFIRMATIONS[token.kind]
    await confirm(context, event.id, event.unit, token, kind, reply, event.authentication, at=event.occurred_at)


async def unsubscribe(context: Context, event: InboundUnsubscribe) -> None:
    """One click on the info site (RFC 8058): the token says whose."""
    token = await check(context, event, event.token)
    if token.kind is not TokenKind.UNSUBSCRIBE:
        raise PermanentError("token_of_another_kind")
    await confirm(context, event.id, event.unit, token, "unsubscribe", at=event.occurred_at)


async def confirm(
    context: Context,
    event_id: str,
    unit: str,
    token: Token,
    kind: ConfirmationKind,
    reply: Sealed | None = None,
    authentication: Authentication | None = None,
    *,
    at: datetime,
) -> bool:
    """Say what somebody did, `at` that time; False when that was said before. The event may have lain with the operator
    since, and counts as if it hadn't; but nothing goes out to everybody that was confirmed long ago."""
    now = context.clock()
    given = ConfirmationGiven(
        id=f"{event_id}/confirmed",
        occurred_at=at,
        unit=unit,
        kind=kind,
        message_ref=token.message_ref,
        recipient_ref=token.recipient_ref,
        issued_at=model.issued_at(token),
        expired=model.is_expired(token, context.token_lifetimes, now if kind == "post" else at),
        reply=reply,
        authentication=authentication,
    )
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, ConfirmationGiven.name, event_id):
            return False
        await context.outbox.add(connection, given)
    REPLIES.labels("confirmation").inc()
    return True


def _written(context: Context, event: InboundReply) -> str:
    return answer_text(read(unseal(context, event.mail)[1], context.limits), None)
