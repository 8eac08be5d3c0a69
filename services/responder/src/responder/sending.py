"""What all automatic mails have in common: the hourly limit, and the batch that dispatcher sends.

A batch's id is made from the event's, so an event that comes twice is answered once. Addresses and names are only ever
passed on sealed; the texts have placeholders for them.
"""

from datetime import timedelta

from contracts import lifetimes
from contracts.events import (
    DeliveryBatch,
    InboundInfo,
    InboundOperator,
    LeaveCompleted,
    LeaveOpened,
    LeaveRefused,
    PostClosed,
    PostHeld,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
    ReplyKind,
)
from contracts.sealed import MessageContent, Sealed
from responder import metrics
from responder.context import Context
from responder.model import batch_id
from responder.texts import Text
from runtime.logs import get_logger

GUIDE = "guide"
"""Registry lets an address have one guide an hour as long as it doesn't answer; here only their number is limited."""
log = get_logger(__name__)

Answerable = (
    InboundInfo
    | InboundOperator
    | RegistrationOpened
    | RegistrationCompleted
    | RegistrationRefused
    | LeaveOpened
    | LeaveCompleted
    | LeaveRefused
    | PostHeld
    | PostClosed
)


async def send(
    context: Context,
    event: Answerable,
    text: Text,
    *,
    from_name: str,
    recipient: Sealed,
    carrier: str,
    message: int,
    reply_kind: ReplyKind | None = None,
    null_sender: bool = False,
    extra: Sealed | None = None,
    life: timedelta = lifetimes.BY_LANE["prompt"],
) -> None:
    """Have dispatcher send one mail to one person, on the lane `prompt`; it is stored when this returns. `message` is
    what a reply's token names; `null_sender`: its bounces interest nobody; `extra`: values of placeholders."""
    now = context.clock()
    number = batch_id(event.id)
    content = MessageContent(from_name=from_name, subject=text.subject, text=text.text, automatic=True)
    batch = DeliveryBatch(
        id=number,
        occurred_at=now,
        batch=number,
        unit=event.unit,
        lane="prompt",
        carrier=carrier,
        message=message,
        reply_kind=reply_kind,
        null_sender=null_sender,
        tracked=False,
        content=context.sealer.seal(content, "dispatcher"),
        recipients=recipient,
        extra=extra,
        first_planned_at=now,
        expires_at=now + life,
    )
    await context.publisher.publish(batch)
    metrics.COMPOSED.labels(event.name).inc()
    log.info("mail_composed", occasion=event.name, id=event.id, batch=number, unit=event.unit)


async def within_limit(
    context: Context, event: Answerable, sender_key: str, *, about: str, proven: bool, told: str = ""
) -> bool:
    """Count an answer to this address and say whether it may go out. TransientError when it cannot be told now."""
    allowed = await context.limit.allow(sender_key, event.id, context.clock(), about=about, told=told, proven=proven)
    if not allowed:
        withhold(event, "limit")
    return allowed


def withhold(event: Answerable, reason: str) -> None:
    """Count a mail that is not written."""
    metrics.WITHHELD.labels(reason).inc()
    log.info("mail_withheld", occasion=event.name, id=event.id, reason=reason)
