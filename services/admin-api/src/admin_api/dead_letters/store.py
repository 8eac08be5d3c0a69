"""Held mail: a row for each message that a service gave up on, and how many there were by reason.

Dead letters are written one at a time (`alone`), so that counts are exact and the rows of a reason stay within bounds,
whoever sends however many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.tables import held_counts, held_mail
from contracts.events import DeadLetter
from runtime.crypto.ciphers import FieldCipher

State = Literal["held", "retried", "dropped"]
LETTER_CONTEXT = "office.held_mail.letter"
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(0x48656c64)")
_SHOWN = [column for column in held_mail.c if column.name not in ("newest", "letter_key_id", "letter_blob")]


@dataclass(frozen=True, slots=True)
class HeldMail:
    """A row as it is shown. `at`: when it was given up first, `last_at`: last; `kept`: its message is still here."""

    id: int
    letter: str
    at: datetime
    last_at: datetime
    service: str
    consumer: str
    subject: str
    reason: str
    detail: str
    attempts: int
    unit: str | None
    message: int | None
    size: int
    state: State
    times_back: int
    decided_at: datetime | None
    decided_by: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many came for a reason, ever; how many of them are held; how many rows were let go for want of room."""

    service: str
    reason: str
    total: int
    held: int
    let_go: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows; None: any."""

    service: str | None = None
    reason: str | None = None
    unit: str | None = None
    state: State | None = None

    def fits(self) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = true()
        for name in ("service", "reason", "unit", "state"):
            value = getattr(self, name)
            if value is not None:
                condition &= held_mail.c[name] == value
        return condition


async def alone(connection: AsyncConnection) -> None:
    """Until this transaction ends nobody else writes dead letters down."""
    await connection.execute(_ONE_AT_A_TIME)


async def add(connection: AsyncConnection, cipher: FieldCipher, row: HeldMail, box: DeadLetter) -> bool:
    """A message that was given up for the first time, as far as is known; False when its row is there."""
    values = {name: getattr(row, name) for name in _FIELDS if name != "kept"}
    statement = (
        insert(held_mail)
        .values(**values, newest=box.id, **_encrypted(cipher, row, box))
        .on_conflict_do_nothing(index_elements=["letter"])
        .returning(held_mail.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def come_back(connection: AsyncConnection, cipher: FieldCipher, row: HeldMail, box: DeadLetter) -> bool:
    """The same message was given up again: its row tells why this time, and waits for another decision. False when
    that was written down before."""
    newer = {name: getattr(row, name) for name in ("last_at", "reason", "detail", "attempts", "size", "state")}
    statement = (
        update(held_mail)
        .where(held_mail.c.letter == row.letter, held_mail.c.newest != box.id)
        .values(**newer, newest=box.id, times_back=held_mail.c.times_back + 1, **_encrypted(cipher, row, box))
        .returning(held_mail.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def is_known(connection: AsyncConnection, letter: str) -> bool:
    """Is there a row of the message with this first dead letter?"""
    return (await connection.execute(select(held_mail.c.id).where(held_mail.c.letter == letter))).first() is not None


async def count(connection: AsyncConnection, service: str, reason: str, at: datetime) -> int:
    """One more for this reason; returns how many that makes."""
    statement = (
        insert(held_counts)
        .values(service=service, reason=reason, total=1, first_at=at, last_at=at)
        .on_conflict_do_update(
            index_elements=["service", "reason"], set_={"total": held_counts.c.total + 1, "last_at": at}
        )
        .returning(held_counts.c.total)
    )
    return int((await connection.execute(statement)).scalar_one())


async def let_go(connection: AsyncConnection, service: str, reason: str, keep: int) -> int:
    """Delete the oldest rows of a reason until so many are left; returns how many went."""
    of_reason = (held_mail.c.service == service) & (held_mail.c.reason == reason)
    beyond = select(held_mail.c.id).where(of_reason).order_by(held_mail.c.id.desc()).offset(keep)
    gone = (await connection.execute(delete(held_mail).where(held_mail.c.id.in_(beyond)))).rowcount
    if gone:
        await connection.execute(
            update(held_counts)
            .where(held_counts.c.service == service, held_counts.c.reason == reason)
            .values(let_go=held_counts.c.let_go + gone)
        )
    return int(gone)


async def page(connection: AsyncConnection, which: Filter, *, before: int | None, limit: int) -> list[HeldMail]:
    """Newest first."""
    query = _rows().where(which.fits()).order_by(held_mail.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(held_mail.c.id < before)
    return [_row(row) for row in await connection.execute(query)]


async def get(connection: AsyncConnection, number: int, *, lock: bool = False) -> HeldMail | None:
    """One row; `lock`: nobody else may decide about it until this transaction ends."""
    query = _rows().where(held_mail.c.id == number)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _row(row)


async def undecided(
    connection: AsyncConnection,
    which: Filter,
    *,
    after: int = 0,
    before: datetime | None = None,
    kept: bool = False,
    limit: int,
) -> list[HeldMail]:
    """The oldest held rows (`after` that number; given up first before that moment; `kept`: whose message is here),
    locked; those that somebody else is just deciding about are left out."""
    fits = which.fits() & (held_mail.c.state == "held") & (held_mail.c.id > after)
    query = _rows().where(fits).order_by(held_mail.c.id).limit(limit)
    if before is not None:
        query = query.where(held_mail.c.at < before)
    if kept:
        query = query.where(held_mail.c.letter_blob.is_not(None))
    return [_row(row) for row in await connection.execute(query.with_for_update(skip_locked=True))]


async def how_many(connection: AsyncConnection, which: Filter) -> int:
    """Rows that fit."""
    query = select(func.count()).select_from(held_mail).where(which.fits())
    return int((await connection.execute(query)).scalar_one())


async def letter(connection: AsyncConnection, cipher: FieldCipher, number: int) -> DeadLetter | None:
    """The newest dead letter of a row; None when it isn't kept (any more)."""
    query = select(held_mail.c.letter_key_id, held_mail.c.letter_blob).where(held_mail.c.id == number)
    row = (await connection.execute(query)).first()
    if row is None or row.letter_blob is None:
        return None
    return DeadLetter.model_validate_json(
        cipher.decrypt(row.letter_key_id, bytes(row.letter_blob), context=LETTER_CONTEXT)
    )


async def decide(connection: AsyncConnection, numbers: Sequence[int], state: State, at: datetime, by: str) -> None:
    """It was decided about these; their letters are erased."""
    await connection.execute(
        update(held_mail)
        .where(held_mail.c.id.in_(numbers))
        .values(state=state, decided_at=at, decided_by=by, letter_key_id=None, letter_blob=None)
    )


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Delete rows of messages that were given up first before that moment, and counts of reasons that are no more."""
    gone = (await connection.execute(delete(held_mail).where(held_mail.c.at < before))).rowcount
    still = select(held_mail.c.id).where(
        held_mail.c.service == held_counts.c.service, held_mail.c.reason == held_counts.c.reason
    )
    await connection.execute(delete(held_counts).where(held_counts.c.last_at < before, ~still.exists()))
    return int(gone)


async def counts(connection: AsyncConnection) -> list[Count]:
    """By service and reason."""
    now_held = (
        select(held_mail.c.service, held_mail.c.reason, func.count().label("held"))
        .where(held_mail.c.state == "held")
        .group_by(held_mail.c.service, held_mail.c.reason)
        .subquery()
    )
    same = (now_held.c.service == held_counts.c.service) & (now_held.c.reason == held_counts.c.reason)
    query = (
        select(held_counts, func.coalesce(now_held.c.held, 0).label("held"))
        .select_from(held_counts.outerjoin(now_held, same))
        .order_by(held_counts.c.service, held_counts.c.reason)
    )
    return [
        Count(row.service, row.reason, row.total, row.held, row.let_go, row.first_at, row.last_at)
        for row in await connection.execute(query)
    ]


_FIELDS = tuple(HeldMail.__dataclass_fields__)


def _rows() -> "Select[Any]":
    return select(*_SHOWN, held_mail.c.letter_blob.is_not(None).label("kept"))


def _row(row: Any) -> HeldMail:
    return HeldMail(**{name: getattr(row, name) for name in _FIELDS})


def _encrypted(cipher: FieldCipher, row: HeldMail, box: DeadLetter) -> dict[str, object]:
    if not row.kept:
        return {"letter_key_id": None, "letter_blob": None}
    key_id, blob = cipher.encrypt(box.model_dump_json(), context=LETTER_CONTEXT)
    return {"letter_key_id": key_id, "letter_blob": blob}
