"""Taking back what has not arrived yet: a message is stopped, or another one corrects it.

    stop / a correction goes out -> the first message's state, its notice taken down, an entry for the bucket
                                    `superseded` -> (then only) message.approved of the correction
All in one transaction; the outbox keeps the order. Dispatchers then settle what is left of the first message as
superseded. What has arrived stays where it is, and answers to it still count.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.context import Office
from admin_api.kernel.errors import Conflict
from admin_api.kernel.roles import CORRECTABLE, Caller
from admin_api.messages import store as messages
from admin_api.messages.handlers.reading import visible
from admin_api.messages.store import Message
from admin_api.notices import store as news
from contracts import stopped
from contracts.stopped import StoppedMessage


async def stop(office: Office, who: Caller, unit: str, number: int) -> Message:
    """Send nothing more of it. Harmless to repeat; Conflict when it never was sent."""
    async with office.books.engine.connect() as connection:
        message = _sent(await visible(office, connection, who, unit, number))
    if message.state == "stopped":
        return message
    async with office.books.change(who.actor, "message.stopped", f"message/{number}", unit=unit) as connection:
        message = _sent(await visible(office, connection, who, unit, number, lock=True))
        if message.state != "stopped":
            await _halt(office, connection, message, by=None)
        return await visible(office, connection, who, unit, number)


async def first(
    office: Office, connection: AsyncConnection, who: Caller, unit: str, number: int, *, lock: bool = False
) -> Message:
    """The message that shall be corrected. Conflict when there is nothing to correct: it never was sent, it was long
    ago, or another message corrects it already. One that was only stopped can be corrected."""
    message = _sent(await visible(office, connection, who, unit, number, lock=lock))
    if message.superseded_by is not None:
        raise Conflict("superseded", "It was corrected already: correct the message that `superseded_by` names.")
    if office.books.clock() - _last_sent(message) > CORRECTABLE:
        raise Conflict("too-old", "It was sent too long ago to be corrected: write a new message.")
    return message


async def take_place(office: Office, connection: AsyncConnection, who: Caller, correction: Message) -> None:
    """In the transaction in which the correction goes out, before it is announced: what is left of the message that it
    corrects is not sent. Conflict as `first`; nothing to do for a message that corrects none."""
    if correction.supersedes is not None:
        message = await first(office, connection, who, correction.unit, correction.supersedes, lock=True)
        await _halt(office, connection, message, by=correction.id)


async def _halt(office: Office, connection: AsyncConnection, message: Message, *, by: int | None) -> None:
    now = office.books.clock()
    await messages.stop(connection, message.id, now, by)
    await news.delete_notice_of(connection, message.id)
    entry = StoppedMessage(message=message.id, by=by, at=now)
    await office.books.outbox.add_raw(
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
