"""Leaving: the guide, the completion, and refusals."""

from contracts.events import LeaveCompleted, LeaveOpened, LeaveRefused
from responder.context import Context
from responder.sending import GUIDE, send, within_limit
from responder.texts import leaving


async def opened(context: Context, event: LeaveOpened) -> None:
    """Whoever wants to leave gets the guide, within the limit; a reply to it leaves."""
    scope = context.directory.scope(event.unit, event.group)
    if await within_limit(context, event, event.to.sender_key, about=GUIDE, proven=True):
        await send(
            context,
            event,
            leaving.guide(scope),
            from_name=scope.unit_name,
            recipient=event.to.recipient,
            carrier=event.to.carrier,
            message=event.request,
            reply_kind="leave",
        )


async def completed(context: Context, event: LeaveCompleted) -> None:
    """Whoever has left is told so, always; also one who left because he reported our mail as spam."""
    scope = context.directory.scope(event.unit, event.group)
    await send(
        context,
        event,
        leaving.complained(scope) if event.complained else leaving.completed(scope),
        from_name=scope.unit_name,
        recipient=event.to.recipient,
        carrier=event.to.carrier,
        message=event.request,
    )


async def refused(context: Context, event: LeaveRefused) -> None:
    """Whoever can't leave learns why, within the limit."""
    scope = context.directory.scope(event.unit, event.group)
    about = f"{event.name}/{event.unit}/{event.group or ''}"
    if await within_limit(context, event, event.to.sender_key, about=about, told=event.reason, proven=event.to.proven):
        await send(
            context,
            event,
            leaving.refused(scope, event.reason),
            from_name=scope.unit_name,
            recipient=event.to.recipient,
            carrier=event.to.carrier,
            message=event.request,
            null_sender=True,
        )
