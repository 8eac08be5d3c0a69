"""Messages as the office keeps them: subject, body and the text that goes out are encrypted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Text, and_, func, or_, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.roles import Asks, MessageKind, MessageState, OfficeLane, useful_until
from admin_api.kernel.tables import messages
from contracts.events import Addressee
from contracts.events.inbound import Authentication
from runtime.crypto.ciphers import FieldCipher

SUBJECT = "office.messages.subject"
BODY = "office.messages.body"
SENT = "office.messages.sent_text"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `sent_text` is what every copy says; `addressee` the phone poster to write to, sealed.
    `supersedes`: the message that this one corrects; `superseded_by`: the one that corrects this one. `authentication`:
    what a phone post showed of its origin. `synonyms`: for each choice, or none at all."""

    id: int
    unit: str
    subject: str
    text: str
    sent_text: str
    lane: OfficeLane
    kind: MessageKind
    created_at: datetime
    groups: tuple[str, ...] | None = None
    members: tuple[int, ...] | None = None
    asks: Asks = "none"
    choices: tuple[str, ...] = ()
    synonyms: tuple[tuple[str, ...], ...] = ()
    about_child: bool = False
    publish: bool = False
    state: MessageState = "draft"
    created_by: int | None = None
    posted_by: int | None = None
    addressee: Addressee | None = None
    post: int | None = None
    approved_at: datetime | None = None
    expires_at: datetime | None = None
    waves: int = 0
    last_sent_at: datetime | None = None
    supersedes: int | None = None
    superseded_by: int | None = None
    stopped_at: datetime | None = None
    authentication: Authentication | None = None

    @property
    def sent_until(self) -> datetime | None:
        """From when on no copy is sent any more; None while it is not being sent."""
        if self.state != "approved" or self.last_sent_at is None:
            return None
        return useful_until(self.lane, self.expires_at, self.last_sent_at)

    def sent(self, at: datetime) -> "Message":
        """As it is once its first wave has left."""
        return replace(self, state="approved", approved_at=at, last_sent_at=at, waves=1)


async def add(connection: AsyncConnection, cipher: FieldCipher, message: Message) -> None:
    subject = cipher.encrypt(message.subject, context=SUBJECT)
    body = cipher.encrypt(message.text, context=BODY)
    sent = cipher.encrypt(message.sent_text, context=SENT)
    await connection.execute(
        messages.insert().values(
            id=message.id,
            unit=message.unit,
            groups=None if message.groups is None else list(message.groups),
            members=None if message.members is None else list(message.members),
            lane=message.lane,
            kind=message.kind,
            subject_key_id=subject[0],
            subject_blob=subject[1],
            body_key_id=body[0],
            body_blob=body[1],
            sent_key_id=sent[0],
            sent_text=sent[1],
            asks=message.asks,
            choices=list(message.choices),
            synonyms=[list(words) for words in message.synonyms],
            about_child=message.about_child,
            publish=message.publish,
            state=message.state,
            created_by=message.created_by,
            posted_by=message.posted_by,
            addressee=None if message.addressee is None else message.addressee.model_dump(mode="json"),
            post=message.post,
            created_at=message.created_at,
            approved_at=message.approved_at,
            expires_at=message.expires_at,
            waves=message.waves,
            last_sent_at=message.last_sent_at,
            supersedes=message.supersedes,
            authentication=None if message.authentication is None else message.authentication.model_dump(),
        )
    )


async def get(
    connection: AsyncConnection, cipher: FieldCipher, unit: str, number: int, *, lock: bool = False
) -> Message | None:
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
    before: int | None,
    limit: int,
    groups: Sequence[str] | None,
    account: int,
) -> list[Message]:
    """Newest first. With `groups` only messages to those groups alone, or made by `account`."""
    conditions = [messages.c.unit == unit]
    if state is not None:
        conditions.append(messages.c.state == state)
    if before is not None:
        conditions.append(messages.c.id < before)
    if groups is not None:
        own = sql_cast(list(groups), ARRAY(Text))
        within = and_(messages.c.groups.is_not(None), messages.c.groups.contained_by(own))
        conditions.append(or_(within, messages.c.created_by == account))
    query = select(messages).where(*conditions).order_by(messages.c.id.desc()).limit(limit)
    return [_message(row, cipher) for row in await connection.execute(query)]


async def approve(connection: AsyncConnection, message: Message) -> None:
    """Keep what `Message.sent` made of it."""
    names = ("state", "approved_at", "last_sent_at", "waves")
    values = {name: getattr(message, name) for name in names}
    await connection.execute(update(messages).where(messages.c.id == message.id).values(values))


async def cancel(connection: AsyncConnection, number: int) -> None:
    await connection.execute(update(messages).where(messages.c.id == number).values(state="cancelled"))


async def stop(connection: AsyncConnection, number: int, at: datetime, by: int | None) -> None:
    """What is left of it isn't sent; `by` corrects it. One that was stopped before keeps the time of then."""
    values = {"state": "stopped", "stopped_at": func.coalesce(messages.c.stopped_at, at), "superseded_by": by}
    await connection.execute(update(messages).where(messages.c.id == number).values(values))


async def next_wave(connection: AsyncConnection, number: int, at: datetime, expires_at: datetime | None) -> int:
    values = {"waves": messages.c.waves + 1, "last_sent_at": at, "expires_at": expires_at}
    query = update(messages).where(messages.c.id == number).values(values)
    return int((await connection.execute(query.returning(messages.c.waves))).scalar_one())


def _message(row: Any, cipher: FieldCipher) -> Message:
    return Message(
        id=row.id,
        unit=row.unit,
        subject=cipher.decrypt(row.subject_key_id, row.subject_blob, context=SUBJECT),
        text=cipher.decrypt(row.body_key_id, row.body_blob, context=BODY),
        sent_text=cipher.decrypt(row.sent_key_id, row.sent_text, context=SENT),
        lane=cast(OfficeLane, row.lane),
        kind=cast(MessageKind, row.kind),
        created_at=row.created_at,
        groups=None if row.groups is None else tuple(row.groups),
        members=None if row.members is None else tuple(row.members),
        asks=cast(Asks, row.asks),
        choices=tuple(row.choices),
        synonyms=tuple(tuple(words) for words in row.synonyms),
        about_child=row.about_child,
        publish=row.publish,
        state=cast(MessageState, row.state),
        created_by=row.created_by,
        posted_by=row.posted_by,
        addressee=None if row.addressee is None else Addressee.model_validate(row.addressee),
        post=row.post,
        approved_at=row.approved_at,
        expires_at=row.expires_at,
        waves=row.waves,
        last_sent_at=row.last_sent_at,
        supersedes=row.supersedes,
        superseded_by=row.superseded_by,
        stopped_at=row.stopped_at,
        authentication=None if row.authentication is None else Authentication.model_validate(row.authentication),
    )
