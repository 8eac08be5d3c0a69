"""Registering: the guide, the completion, and refusals."""

from contracts.events import RegistrationCompleted, RegistrationOpened, RegistrationRefused
from responder.context import Context
from responder.sending import GUIDE, send, within_limit
from responder.texts import registration


async def opened(context: Context, event: RegistrationOpened) -> None:
    """Whoever wants to register gets the guide, within the limit; a reply to it registers."""
    scope = context.directory.scope(event.unit, event.group)
    if await within_limit(context, event, event.to.sender_key, about=GUIDE, proven=True):
        await send(
            context,
            event,
            registration.guide(scope, named=event.named),
            from_name=scope.unit_name,
            recipient=event.to.recipient,
            carrier=event.to.carrier,
            message=event.registration,
            reply_kind="registration",
        )


async def completed(context: Context, event: RegistrationCompleted) -> None:
    """Whoever replied is told that he is registered, always."""
    scope = context.directory.scope(event.unit, event.group)
    await send(
        context,
        event,
        registration.completed(scope, named=event.named),
        from_name=scope.unit_name,
        recipient=event.to.recipient,
        carrier=event.to.carrier,
        message=event.registration,
    )


async def refused(context: Context, event: RegistrationRefused) -> None:
    """Whoever can't be registered learns why, within the limit."""
    scope = context.directory.scope(event.unit, event.group)
    about = f"{event.name}/{event.unit}/{event.group}"
    if await within_limit(context, event, event.to.sender_key, about=about, told=event.reason, proven=event.to.proven):
        await send(
            context,
            event,
            registration.refused(scope, event.reason),
            from_name=scope.unit_name,
            recipient=event.to.recipient,
            carrier=event.to.carrier,
            message=event.registration,
            null_sender=True,
        )
