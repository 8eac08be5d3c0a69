"""The steps that bring a message out, which several handlers share; each but `prepare` is part of its caller's
transaction.

    prepare (content into its bucket) -> release or another change of the message -> announce (message.approved, notice)
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict, Unacceptable
from admin_api.messages import store
from admin_api.messages.model import FURTHEST_END, Message
from admin_api.notices import handlers as notices
from admin_api.notices.model import Notice
from admin_api.units.model import Unit
from contracts.events import MessageApproved, PostClosed
from contracts.sealed import MessageContent


def check_end(expires_at: datetime | None, now: datetime) -> None:
    """Unacceptable for an end that has passed or is too far away."""
    if expires_at is None:
        return
    if expires_at <= now:
        raise Unacceptable("expires_at", "This moment has passed.")
    if expires_at > now + FURTHEST_END:
        raise Unacceptable("expires_at", f"This is more than {FURTHEST_END.days} days away.")


async def prepare(context: Context, unit: Unit, message: Message) -> None:
    """Put the content where dispatcher finds it. Conflict for a unit that is closed."""
    if not unit.active:
        raise Conflict("unit-closed", "The unit is closed.")
    content = MessageContent(from_name=unit.name, subject=message.subject, text=message.sent_text, list_name=unit.name)
    await context.contents.put(unit.code, message.id, content)


async def release(context: Context, connection: AsyncConnection, message: Message) -> Message:
    """Approve a locked message whose content is prepared, in the caller's transaction."""
    message = message.sent(context.database.clock())
    await store.approve(connection, message)
    await announce(context, connection, message)
    return message


async def announce(
    context: Context, connection: AsyncConnection, message: Message, copies: tuple[int, ...] | None = None
) -> None:
    """Say `message.approved`, and the first time put a published message on the board."""
    now = context.database.clock()
    await context.database.outbox.add(
        connection,
        MessageApproved(
            id=f"message/{message.id}/{message.waves}",
            occurred_at=now,
            unit=message.unit,
            message=message.id,
            wave=message.waves,
            lane=message.lane,
            groups=message.groups,
            members=message.members,
            copies=copies,
            about_child=message.about_child,
            content_key=context.contents.key(message.unit, message.id),
            expires_at=message.sent_until,
            supersedes=message.supersedes,
        ),
    )
    if message.publish and message.waves == 1:
        group = message.groups[0] if message.groups and len(message.groups) == 1 else None
        notice = Notice(
            id=0,
            unit=message.unit,
            group=group,
            title=message.subject,
            body=message.text,
            published_at=now,
            expires_at=message.expires_at,
            message=message.id,
        )
        await notices.publish_message(connection, notice)


async def close_post(
    context: Context, connection: AsyncConnection, event_id: str, message: Message, outcome: str, recipients: int
) -> None:
    """Tell a phone poster what became of his post. `outcome` as in `PostClosed`."""
    if message.addressee is None or message.posted_by is None or not message.groups:
        return
    closed = PostClosed.model_validate(
        {
            "id": event_id,
            "occurred_at": context.database.clock(),
            "unit": message.unit,
            "group": message.groups[0],
            "message": message.id,
            "poster": message.posted_by,
            "outcome": outcome,
            "recipients": recipients,
            "to": message.addressee,
        }
    )
    await context.database.outbox.add(connection, closed)


async def hold(context: Context, connection: AsyncConnection, message: Message) -> None:
    """Keep a phone post until its sender confirms it."""
    await store.add(connection, context.database.cipher, message)


async def withdraw(connection: AsyncConnection, number: int) -> None:
    """Let a message never be sent."""
    await store.cancel(connection, number)
