"""Messages in the database. A column is a field of `Message`, by its name; what is encrypted or JSON is named below."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel
from sqlalchemy import Text, and_, func, or_, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.messages.model import Message, MessageState
from admin_api.messages.tables import messages
from contracts.cipher_contexts import MESSAGE_SENT_TEXT, MESSAGE_SUBJECT
from contracts.events import Addressee
from contracts.events.inbound import Authentication
from runtime.crypto.ciphers import FieldCipher

_ENCRYPTED: Final = {
    # field: key id, blob, and the context of the cipher, which is part of what is encrypted and never changes
    "subject": ("subject_key_id", "subject_blob", MESSAGE_SUBJECT),
    "text": ("body_key_id", "body_blob", "office.messages.body"),
    "sent_text": ("sent_key_id", "sent_text", MESSAGE_SENT_TEXT),
}
_DOCUMENTS: Final[dict[str, type[BaseModel]]] = {"addressee": Addressee, "authentication": Authentication}
_PLAIN: Final = tuple(
    field.name for field in dataclasses.fields(Message) if field.name not in {*_ENCRYPTED, *_DOCUMENTS}
)


async def add(connection: AsyncConnection, cipher: FieldCipher, message: Message) -> None:
    """Keep a new message."""
    values: dict[str, Any] = {name: getattr(message, name) for name in _PLAIN}
    for name in _DOCUMENTS:
        document: BaseModel | None = getattr(message, name)
        values[name] = None if document is None else document.model_dump(mode="json")
    for name, (key_id, blob, context) in _ENCRYPTED.items():
        values[key_id], values[blob] = cipher.encrypt(getattr(message, name), context=context)
    await connection.execute(messages.insert().values(values))


async def get(
    connection: AsyncConnection, cipher: FieldCipher, unit: str, number: int, *, lock: bool = False
) -> Message | None:
    """One message of a unit, or None; `lock`: until the transaction ends nobody else changes it."""
    query = select(messages).where(messages.c.unit == unit, messages.c.id == number)
    # Without its key, in which whoever adds a correction of it has a share: two of them would lock each other up.
    row = (await connection.execute(query.with_for_update(key_share=True) if lock else query)).first()
    return None if row is None else _message(row, cipher)


async def page(
    connection: AsyncConnection,
    cipher: FieldCipher,
    unit: str,
    *,
    state: MessageState | None,
    wanted: PageRequest[int],
    groups: Sequence[str] | None,
    account: int,
) -> Slice[Message, int]:
    """Messages of a unit, newest first. With `groups` only messages to those groups alone, or made by `account`."""
    query = wanted.newest_first(select(messages).where(messages.c.unit == unit), messages.c.id)
    if state is not None:
        query = query.where(messages.c.state == state)
    if groups is not None:
        own = sql_cast(list(groups), ARRAY(Text))
        within = and_(messages.c.groups.is_not(None), messages.c.groups.contained_by(own))
        query = query.where(or_(within, messages.c.created_by == account))
    found = [_message(row, cipher) for row in await connection.execute(query)]
    return wanted.cut(found, lambda message: message.id)


async def approve(connection: AsyncConnection, message: Message) -> None:
    """Keep that the message's first wave has left."""
    names = ("state", "approved_at", "last_sent_at", "waves")
    values = {name: getattr(message, name) for name in names}
    await connection.execute(update(messages).where(messages.c.id == message.id).values(values))


async def cancel(connection: AsyncConnection, number: int) -> None:
    """Keep that the message is never sent."""
    await connection.execute(update(messages).where(messages.c.id == number).values(state="cancelled"))


async def stop(connection: AsyncConnection, number: int, at: datetime, by: int | None) -> None:
    """Keep that what is left of the message isn't sent; `by` corrects it. One that was stopped before keeps the time of
    then."""
    values = {"state": "stopped", "stopped_at": func.coalesce(messages.c.stopped_at, at), "superseded_by": by}
    await connection.execute(update(messages).where(messages.c.id == number).values(values))


async def next_wave(connection: AsyncConnection, number: int, at: datetime, expires_at: datetime | None) -> int:
    """Count another wave of the message, which has this end; returns its number."""
    values = {"waves": messages.c.waves + 1, "last_sent_at": at, "expires_at": expires_at}
    query = update(messages).where(messages.c.id == number).values(values)
    return int((await connection.execute(query.returning(messages.c.waves))).scalar_one())


def _message(row: Any, cipher: FieldCipher) -> Message:
    values: dict[str, Any] = {name: _tupled(getattr(row, name)) for name in _PLAIN}
    for name, kind in _DOCUMENTS.items():
        document = getattr(row, name)
        values[name] = None if document is None else kind.model_validate(document)
    for name, (key_id, blob, context) in _ENCRYPTED.items():
        values[name] = cipher.decrypt(getattr(row, key_id), getattr(row, blob), context=context)
    return Message(**values)


def _tupled(value: Any) -> Any:
    """Lists as tuples, at every depth: messages can't be changed."""
    return tuple(_tupled(each) for each in value) if isinstance(value, list) else value
