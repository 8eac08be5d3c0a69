"""Phone posts: only an enrolled poster's mail is kept for the office; nobody else gets a word back."""

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.events import ConfirmationGiven, InboundPost, PostRecognised, PostRefused
from contracts.sealed import PostMail
from mail.addresses import AddressError, normalise
from registry import model
from registry.context import MAILS, Context
from registry.store import addresses, members, pending
from registry.store.addresses import Address


async def post(context: Context, event: InboundPost) -> None:
    """Somebody wrote to a group's secret post address."""
    content = context.opener.open(event.mail, PostMail)
    now = context.clock()
    async with context.engine.begin() as connection:
        if not await context.inbox.first_time(connection, InboundPost.name, event.id):
            return
        known, poster = await _poster(context, connection, event, content.sender)
        decision = model.decide_post(
            reply_allowed=event.automatic.reply_allowed,
            enrolled=poster is not None,
            authentic=event.authentication is None or not event.authentication.refused,
            subject=content.subject,
            text=content.text,
        )
        if decision == "recognised" and known is not None and poster is not None:
            number = await pending.add_post(
                connection,
                context.crypto,
                unit=event.unit,
                group=event.group,
                member=poster,
                post=pending.Post(content.subject, content.text),
                at=now,
            )
            recognised = PostRecognised(
                id=f"{event.id}/post-recognised",
                occurred_at=now,
                unit=event.unit,
                group=event.group,
                post=number,
                poster=poster,
                to=context.addressee(known.address, poster),
                authentication=event.authentication,
            )
            await context.outbox.add(connection, recognised)
        elif decision != "recognised":
            refused = PostRefused(
                id=f"{event.id}/post-refused",
                occurred_at=now,
                unit=event.unit,
                group=event.group,
                reason=decision,
                authentication=event.authentication,
            )
            await context.outbox.add(connection, refused)
    MAILS.labels("post", decision).inc()


async def confirm(context: Context, event: ConfirmationGiven) -> None:
    """A poster replied to the mail that shows his post: his address lives. The rest is the office's."""
    async with context.engine.begin() as connection:
        poster = await members.by_id(connection, event.unit, event.recipient_ref)
        if poster is not None and poster.address_id is not None:
            await addresses.revive(connection, poster.address_id, event.occurred_at)


async def _poster(
    context: Context, connection: AsyncConnection, event: InboundPost, sender: str
) -> tuple[Address | None, int | None]:
    try:
        known = await addresses.lock(connection, context.crypto, normalise(sender))
    except AddressError:
        return None, None
    member = await members.at_address(connection, event.unit, known.id) if known else None
    if member is None or not member.here:
        return known, None
    since = await members.poster_since(connection, event.unit, event.group, member.id)
    return known, None if since is None else member.id
