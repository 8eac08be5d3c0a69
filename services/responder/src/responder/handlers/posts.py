"""Posting from a phone: the confirmation before anything goes out, and what became of the post."""

from contracts import lifetimes
from contracts.events import PostClosed, PostHeld
from responder.context import Context
from responder.sending import send
from responder.texts import posts

"""As long as the post itself waits."""


async def held(context: Context, event: PostHeld) -> None:
    """The poster sees what will go to how many, and confirms by a reply."""
    scope = context.directory.scope(event.unit, event.group)
    await send(
        context,
        event,
        posts.confirmation(scope, event.recipients),
        from_name=scope.unit_name,
        recipient=event.to.recipient,
        carrier=event.to.carrier,
        message=event.message,
        reply_kind="post",
        extra=event.excerpt,
        life=lifetimes.POST_CONFIRMATION,
    )


async def closed(context: Context, event: PostClosed) -> None:
    """The poster learns what became of his post."""
    scope = context.directory.scope(event.unit, event.group)
    await send(
        context,
        event,
        posts.closed(scope, event.outcome, event.recipients),
        from_name=scope.unit_name,
        recipient=event.to.recipient,
        carrier=event.to.carrier,
        message=event.message,
    )
