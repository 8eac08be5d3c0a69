"""The latest news, for whoever sends an empty mail."""

from board.model import Board, news_of
from contracts import lifetimes
from contracts.events import InboundInfo
from responder.context import Context
from responder.model import NEWEST_NOTICES, fingerprint
from responder.sending import send, withhold, within_limit
from responder.texts import news


async def asked(context: Context, event: InboundInfo) -> None:
    """A person who writes to an info address gets what the board says now, from memory, within the limit.
    TransientError until the boards have been read, and for one that is not in memory while the database is away."""
    if not event.automatic.reply_allowed or event.recipient is None:
        withhold(event, "automatic")
        return
    scope = context.directory.scope(event.unit, event.group)
    board = await context.boards.board(event.unit) or Board(scope.unit_name)
    latest = news_of(board, context.clock(), newest=NEWEST_NOTICES, group=event.group)
    allowed = await within_limit(
        context,
        event,
        event.sender_key,
        about=f"news/{event.unit}/{event.group or ''}",
        told=fingerprint(latest),
        proven=event.sender_proven,
    )
    if allowed:
        await send(
            context,
            event,
            news.latest(scope, latest),
            from_name=scope.unit_name,
            recipient=event.recipient,
            carrier=event.carrier,
            message=event.ref,
            null_sender=True,
            life=lifetimes.NEWS,
        )
