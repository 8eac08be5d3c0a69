"""Taking back what has not arrived yet: a message is stopped, or another one corrects it.

    stop / a correction goes out -> the first message's state, its notice taken down, an entry for the bucket
                                    `stopped-messages` -> (then only) message.approved of the correction
All in one transaction; the outbox keeps the order. Dispatchers then settle what is left of the first message as
superseded. What has arrived stays where it is, and answers to it still count.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Context
from admin_api.kernel.errors import Conflict
from admin_api.kernel.roles import Caller
from admin_api.messages import store
from admin_api.messages.handlers.looking_up import visible
from admin_api.messages.model import CORRECTABLE, Message
from admin_api.notices import handlers as notices
from contracts import stopped
from contracts.stopped import StoppedMessage


async def stop(context: Context, who: Caller, unit: str, number: int) -> Message:
    """Send nothing more of a message. Harmless to repeat; Conflict when it never was sent."""
    async with context.database.engine.connect() as connection:
        message = _sent(await visible(context, connection, who, unit, number))
    if message.state == "stopped":
        return message
    async with context.database.change(who.actor, "message.stopped", f"message/{number}", unit=unit) as connection:
        message = _sent(await visible(context, connection, who, unit, number, lock=True))
        if message.state != "stopped":
            await _stop(context, connection, message, by=None)
        return await visible(context, connection, who, unit, number)


async def correctable(
    context: Context, connection: AsyncConnection, who: Caller, unit: str, number: int, *, lock: bool = False
) -> Message:
    """The message that shall be corrected. Conflict when there is nothing to correct: it never was sent, it was long
    ago, or another message corrects it already. One that was only stopped can be corrected."""
    message = _sent(await visible(context, connection, who, unit, number, lock=lock))
    if message.superseded_by is not None:
        raise Conflict("superseded", "It was corrected already: correct the message that `superseded_by` names.")
    if context.database.clock() - _last_sent(message) > CORRECTABLE:
        raise Conflict("too-old", "It was sent too long ago to be corrected: write a new message.")
    return message


async def take_place(context: Context, connection: AsyncConnection, who: Caller, correction: Message) -> None:
    """In the transaction in which the correction goes out, before it is announced: what is left of the message that it
    corrects is not sent. Conflict when there
    is nothing to correct any more; nothing to do for a message that corrects none."""
    if correction.supersedes is not None:
        message = await correctable(context, connection, who, correction.unit, correction.supersedes, lock=True)
        await _stop(context, connection, message, by=correction.id)


async def _stop(context: Context, connection: AsyncConnection, message: Message, *, by: int | None) -> None:
    now = context.database.clock()
    await store.stop(connection, message.id, now, by)
    await notices.take_down_message(connection, message.id)
    entry = StoppedMessage(message=message.id, by=by, at=now)
    await context.database.outbox.add_raw(
        connection,
        f"$KV.{stopped.BUCKET}.{stopped.key(message.id)}",
        entry.model_dump_json().encode(),
        f"superseded/{message.id}/{by or 'stopped'}",
    )


def _sent(message: Message) -> Message:
    if message.state not in ("approved", "stopped"):
        raise Conflict("not-sent", "It has not been sent.")
    return message


def _last_sent(message: Message) -> datetime:
    return message.last_sent_at or message.approved_at or message.created_at
