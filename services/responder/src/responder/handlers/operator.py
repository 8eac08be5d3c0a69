"""Mail for postmaster or abuse."""

from contracts.events import InboundOperator
from responder.context import Context
from responder.sending import send, withhold
from responder.texts import operator


async def written_to(context: Context, event: InboundOperator) -> None:
    """Mail for postmaster or abuse is handed on to the operator's own mailbox."""
    if event.recipient is None:
        withhold(event, "no_operator_mailbox")
        return
    await send(
        context,
        event,
        operator.forwarded(event.unit, event.mailbox),
        from_name=operator.SENDER_NAME,
        recipient=event.recipient,
        carrier=event.carrier,
        message=event.ref,
        null_sender=True,
    )
