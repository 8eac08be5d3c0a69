"""What waits for a person's reply: registrations and requests to leave. And posts, which wait for the office."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from registry.person_crypto import PersonCrypto
from runtime.ids import new_id

WORDS = "registrations.text"
LEAVER = "leave_requests.address"
SUBJECT = "posts.subject"
TEXT = "posts.text"

_OPEN_REGISTRATION = text("""
    SELECT id, guided_at FROM registrations
    WHERE unit = :unit AND group_code = :group AND address_id = :address AND state = 'open'
""")
_ADD_REGISTRATION = text("""
    INSERT INTO registrations
        (id, unit, group_code, address_id, text_key_id, text, sender_key, state, opened_at, invited_by)
    VALUES (:id, :unit, :group, :address, :key_id, :text, :sender_key, 'open', :at, :invited_by)
""")
_REOPEN_REGISTRATION = text("""
    UPDATE registrations SET text_key_id = :key_id, text = :text, opened_at = :at WHERE id = :id
""")
_TOUCH_REGISTRATION = text("UPDATE registrations SET opened_at = :at WHERE id = :id")
_REGISTRATION = text("""
    SELECT id, group_code, address_id, text_key_id, text, sender_key, state, opened_at
    FROM registrations WHERE unit = :unit AND id = :id
""")
_GUIDED_REGISTRATION = text("UPDATE registrations SET guided_at = :at, opened_at = :at WHERE id = :id")
_WAITING = text("""
    SELECT id, group_code FROM registrations
    WHERE unit = :unit AND address_id = :address AND state = 'open' AND guided_at IS NULL AND opened_at > :since
    ORDER BY opened_at DESC, id DESC LIMIT :limit
""")
_UNANSWERED = text("""
    WITH same AS (SELECT id FROM addresses WHERE id = :address OR mailbox = :mailbox)
    SELECT max(guided_at) AS mailbox, max(guided_at) FILTER (WHERE address_id = :address) AS address FROM (
        SELECT guided_at, address_id FROM registrations JOIN same ON same.id = address_id
        WHERE state IN ('open', 'expired')
        UNION ALL
        SELECT guided_at, members.address_id FROM leave_requests JOIN members ON members.id = leave_requests.member
        JOIN same ON same.id = members.address_id WHERE leave_requests.state = 'open'
    ) AS guides
""")
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:mailbox)")
_CLOSE_REGISTRATION = text("UPDATE registrations SET state = :state, guided_at = NULL WHERE id = :id")
_EXPIRE_REGISTRATIONS = text("""
    UPDATE registrations SET state = 'expired'
    WHERE unit = :unit AND state = 'open' AND id = ANY(CAST(:ids AS bigint[]))
""")

_OPEN_LEAVE = text("""
    SELECT id FROM leave_requests
    WHERE member = :member AND group_code IS NOT DISTINCT FROM CAST(:group AS varchar) AND state = 'open'
""")
_ADD_LEAVE = text("""
    INSERT INTO leave_requests (id, unit, group_code, member, address_key_id, address, state, opened_at)
    VALUES (:id, :unit, :group, :member, :key_id, :address, 'open', :at)
""")
_TOUCH_LEAVE = text("UPDATE leave_requests SET opened_at = :at WHERE id = :id")
_GUIDED_LEAVE = text("UPDATE leave_requests SET guided_at = :at WHERE id = :id")
_LEAVE = text("""
    SELECT id, group_code, member, address_key_id, address, state, opened_at
    FROM leave_requests WHERE unit = :unit AND id = :id
""")
_CLOSE_LEAVE = text("UPDATE leave_requests SET state = 'done' WHERE id = :id")

_ADD_POST = text("""
    INSERT INTO posts (id, unit, group_code, member, subject_key_id, subject, text_key_id, text, at)
    VALUES (:id, :unit, :group, :member, :subject_key_id, :subject, :text_key_id, :text, :at)
""")
_POST = text("SELECT subject_key_id, subject, text_key_id, text FROM posts WHERE unit = :unit AND id = :id")

_FORGET = tuple(
    text(statement)
    for statement in (
        "DELETE FROM registrations WHERE opened_at < :pending_before",
        "DELETE FROM leave_requests WHERE opened_at < :pending_before",
        "DELETE FROM leave_requests WHERE state = 'done' AND opened_at < :done_leaves_before",
        "DELETE FROM posts WHERE at < :posts_before",
    )
)


@dataclass(frozen=True, slots=True)
class Registration:
    """Somebody who asked to enter. `words` is what he wrote, where his name may stand."""

    id: int
    group: str
    address_id: int
    words: str = field(repr=False)
    sender_key: str
    state: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Unanswered:
    """When the last guide mail that wasn't answered was written to this address, and to any name of its mailbox."""

    address: datetime | None
    mailbox: datetime | None


@dataclass(frozen=True, slots=True)
class LeaveRequest:
    """Somebody who asked to leave the group, or with None the unit. `address` is his, normalised."""

    id: int
    group: str | None
    member: int
    address: str = field(repr=False)
    state: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Post:
    """A phone post's text."""

    subject: str = field(repr=False)
    text: str = field(repr=False)


async def open_registration(
    connection: AsyncConnection,
    crypto: PersonCrypto,
    *,
    unit: str,
    group: str,
    address_id: int,
    words: str,
    sender_key: str,
    at: datetime,
    invited_by: str | None,
) -> tuple[int, str]:
    """The open registration of an address (which the caller has locked), new or opened again; returns its number and
    its words: the newest that are not blank."""
    key = {"unit": unit, "group": group, "address": address_id}
    found = (await connection.execute(_OPEN_REGISTRATION, key)).first()
    known: int | None = found.id if found else None
    if known is not None and not words.strip():
        await connection.execute(_TOUCH_REGISTRATION, {"id": known, "at": at})
        kept = await registration(connection, crypto, unit, known)
        return known, kept.words if kept else ""
    number = known if known is not None else new_id()
    key_id, blob = crypto.encrypt(words, WORDS, number)
    written = {"id": number, "key_id": key_id, "text": blob, "at": at}
    if known is not None:
        await connection.execute(_REOPEN_REGISTRATION, written)
    else:
        added = {**key, **written, "sender_key": sender_key, "invited_by": invited_by}
        await connection.execute(_ADD_REGISTRATION, added)
    return number, words


async def registration(
    connection: AsyncConnection, crypto: PersonCrypto, unit: str, number: int
) -> Registration | None:
    """A registration as it stands now. To act on it, lock its address first, then read it (again)."""
    row = (await connection.execute(_REGISTRATION, {"unit": unit, "id": number})).first()
    if row is None:
        return None
    words = crypto.decrypt(row.text_key_id, row.text, WORDS, number)
    return Registration(number, row.group_code, row.address_id, words, row.sender_key, row.state, row.opened_at)


async def guided_before(connection: AsyncConnection, *, unit: str, group: str, address_id: int) -> bool:
    """Is a registration open whose guide mail was written already?"""
    key = {"unit": unit, "group": group, "address": address_id}
    found = (await connection.execute(_OPEN_REGISTRATION, key)).first()
    return found is not None and found.guided_at is not None


async def unanswered_since(connection: AsyncConnection, address_id: int, mailbox: bytes) -> Unanswered:
    """The last guide mails to an address (which the caller has locked) and its mailbox that weren't answered. Until the
    transaction ends nobody else learns that about this mailbox."""
    await connection.execute(_ONE_AT_A_TIME, {"mailbox": int.from_bytes(mailbox[:8], signed=True)})
    row = (await connection.execute(_UNANSWERED, {"address": address_id, "mailbox": mailbox})).one()
    return Unanswered(row.address, row.mailbox)


async def guided(connection: AsyncConnection, number: int, at: datetime) -> None:
    """The guide mail of this registration is written now; the time for an answer begins."""
    await connection.execute(_GUIDED_REGISTRATION, {"id": number, "at": at})


async def waiting(
    connection: AsyncConnection, *, unit: str, address_id: int, since: datetime, limit: int
) -> list[tuple[int, str]]:
    """Number and group of the newest registrations of an address that had no guide mail yet."""
    asked = {"unit": unit, "address": address_id, "since": since, "limit": limit}
    return [(row.id, row.group_code) for row in await connection.execute(_WAITING, asked)]


async def close_registration(connection: AsyncConnection, number: int, state: str) -> None:
    """`done`, or `expired`: its guide mail was answered, in time or too late."""
    await connection.execute(_CLOSE_REGISTRATION, {"id": number, "state": state})


async def expire_registrations(connection: AsyncConnection, unit: str, numbers: list[int]) -> int:
    """Those of these that are open registrations can't be confirmed any more; returns how many."""
    return (await connection.execute(_EXPIRE_REGISTRATIONS, {"unit": unit, "ids": numbers})).rowcount


async def open_leave(
    connection: AsyncConnection,
    crypto: PersonCrypto,
    *,
    unit: str,
    group: str | None,
    member: int,
    address: str,
    at: datetime,
) -> int:
    """The open request of a member (whose address the caller has locked) to leave, new or opened again."""
    known: int | None = (await connection.execute(_OPEN_LEAVE, {"member": member, "group": group})).scalar_one_or_none()
    if known is not None:
        await connection.execute(_TOUCH_LEAVE, {"id": known, "at": at})
        return known
    number = new_id()
    key_id, blob = crypto.encrypt(address, LEAVER, number)
    added = {"id": number, "unit": unit, "group": group, "member": member, "at": at}
    await connection.execute(_ADD_LEAVE, {**added, "key_id": key_id, "address": blob})
    return number


async def leave_guided(connection: AsyncConnection, number: int, at: datetime) -> None:
    """The guide mail of this request is written now."""
    await connection.execute(_GUIDED_LEAVE, {"id": number, "at": at})


async def leave_request(
    connection: AsyncConnection, crypto: PersonCrypto, unit: str, number: int
) -> LeaveRequest | None:
    """A request as it stands now. To act on it, lock its address first, then read it (again)."""
    row = (await connection.execute(_LEAVE, {"unit": unit, "id": number})).first()
    if row is None:
        return None
    address = crypto.decrypt(row.address_key_id, row.address, LEAVER, number)
    return LeaveRequest(number, row.group_code, row.member, address, row.state, row.opened_at)


async def close_leave(connection: AsyncConnection, number: int) -> None:
    """This request to leave was confirmed."""
    await connection.execute(_CLOSE_LEAVE, {"id": number})


async def add_post(
    connection: AsyncConnection, crypto: PersonCrypto, *, unit: str, group: str, member: int, post: Post, at: datetime
) -> int:
    """Keep a post until the office fetches it; returns its number."""
    number = new_id()
    subject_key_id, subject = crypto.encrypt(post.subject, SUBJECT, number)
    text_key_id, blob = crypto.encrypt(post.text, TEXT, number)
    row = {"id": number, "unit": unit, "group": group, "member": member, "at": at, "text": blob}
    row |= {"subject_key_id": subject_key_id, "subject": subject, "text_key_id": text_key_id}
    await connection.execute(_ADD_POST, row)
    return number


async def post(connection: AsyncConnection, crypto: PersonCrypto, unit: str, number: int) -> Post | None:
    """The text of a post of the unit; None when it is not kept (any more)."""
    row = (await connection.execute(_POST, {"unit": unit, "id": number})).first()
    if row is None:
        return None
    return Post(
        crypto.decrypt(row.subject_key_id, row.subject, SUBJECT, number),
        crypto.decrypt(row.text_key_id, row.text, TEXT, number),
    )


async def forget(
    connection: AsyncConnection, *, pending_before: datetime, done_leaves_before: datetime, posts_before: datetime
) -> int:
    """Erase what has waited too long; returns how many rows."""
    limits = {"pending_before": pending_before, "done_leaves_before": done_leaves_before, "posts_before": posts_before}
    gone = 0
    for statement in _FORGET:
        needed = {name: limits[name] for name in statement.compile().params}
        gone += (await connection.execute(statement, needed)).rowcount
    return gone
