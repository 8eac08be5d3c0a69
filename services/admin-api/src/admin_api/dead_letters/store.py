"""Dead letters in the database: a row for each message that a service gave up, and how many there were by reason.

Dead letters are written one at a time (`alone`), so that counts are exact and the rows of a reason stay within bounds,
whoever sends however many.
"""

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.dead_letters.model import DeadLetterEntry, Filter, ReasonCount, State
from admin_api.dead_letters.tables import dead_letter_counts, dead_letters
from admin_api.kernel.paging import PageRequest, Slice
from contracts.events import DeadLetter
from runtime.crypto.ciphers import FieldCipher

DEAD_LETTER_CONTEXT = "office.held_mail.letter"
"""Part of what is encrypted: it stays as it is, whatever the table is called."""

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(0x48656c64)")
_SHOWN = [
    column for column in dead_letters.c if column.name not in ("newest", "dead_letter_key_id", "dead_letter_blob")
]


async def alone(connection: AsyncConnection) -> None:
    """Until this transaction ends nobody else writes dead letters down."""
    await connection.execute(_ONE_AT_A_TIME)


async def add(connection: AsyncConnection, cipher: FieldCipher, row: DeadLetterEntry, box: DeadLetter) -> bool:
    """Keep a message that was given up for the first time, as far as is known; False when its row is there."""
    values = {name: getattr(row, name) for name in _FIELDS if name != "kept"}
    statement = (
        insert(dead_letters)
        .values(**values, newest=box.id, **_encrypted(cipher, row, box))
        .on_conflict_do_nothing(index_elements=["first"])
        .returning(dead_letters.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def come_back(connection: AsyncConnection, cipher: FieldCipher, row: DeadLetterEntry, box: DeadLetter) -> bool:
    """Keep that the same message was given up again: its row tells why this time, and waits for another decision. False
    when that was written down before."""
    newer = {name: getattr(row, name) for name in ("last_at", "reason", "detail", "attempts", "size", "state")}
    statement = (
        update(dead_letters)
        .where(dead_letters.c.first == row.first, dead_letters.c.newest != box.id)
        .values(**newer, newest=box.id, times_back=dead_letters.c.times_back + 1, **_encrypted(cipher, row, box))
        .returning(dead_letters.c.id)
    )
    return (await connection.execute(statement)).first() is not None


async def is_known(connection: AsyncConnection, first: str) -> bool:
    """Is there a row of the message with this first dead letter?"""
    return (
        await connection.execute(select(dead_letters.c.id).where(dead_letters.c.first == first))
    ).first() is not None


async def count(connection: AsyncConnection, service: str, reason: str, at: datetime) -> int:
    """Count one more for this reason; returns how many that makes."""
    statement = (
        insert(dead_letter_counts)
        .values(service=service, reason=reason, total=1, first_at=at, last_at=at)
        .on_conflict_do_update(
            index_elements=["service", "reason"], set_={"total": dead_letter_counts.c.total + 1, "last_at": at}
        )
        .returning(dead_letter_counts.c.total)
    )
    return int((await connection.execute(statement)).scalar_one())


async def let_go(connection: AsyncConnection, service: str, reason: str, keep: int) -> int:
    """Delete the oldest rows of a reason until so many are left; returns how many went."""
    of_reason = (dead_letters.c.service == service) & (dead_letters.c.reason == reason)
    beyond = select(dead_letters.c.id).where(of_reason).order_by(dead_letters.c.id.desc()).offset(keep)
    gone = (await connection.execute(delete(dead_letters).where(dead_letters.c.id.in_(beyond)))).rowcount
    if gone:
        await connection.execute(
            update(dead_letter_counts)
            .where(dead_letter_counts.c.service == service, dead_letter_counts.c.reason == reason)
            .values(let_go=dead_letter_counts.c.let_go + gone)
        )
    return int(gone)


async def page(connection: AsyncConnection, which: Filter, wanted: PageRequest[int]) -> Slice[DeadLetterEntry, int]:
    """Those that fit, newest first."""
    query = wanted.newest_first(_rows().where(_fits(which)), dead_letters.c.id)
    return wanted.cut([_row(row) for row in await connection.execute(query)], lambda row: row.id)


async def get(connection: AsyncConnection, number: int, *, lock: bool = False) -> DeadLetterEntry | None:
    """One of them; `lock`: nobody else may decide about it until this transaction ends."""
    query = _rows().where(dead_letters.c.id == number)
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
) -> list[DeadLetterEntry]:
    """The oldest undecided rows (`after` that number; given up first before that moment; `kept`: whose message is
    here), locked; those that somebody else is just deciding about are left out."""
    fits = _fits(which) & (dead_letters.c.state == "undecided") & (dead_letters.c.id > after)
    query = _rows().where(fits).order_by(dead_letters.c.id).limit(limit)
    if before is not None:
        query = query.where(dead_letters.c.at < before)
    if kept:
        query = query.where(dead_letters.c.dead_letter_blob.is_not(None))
    return [_row(row) for row in await connection.execute(query.with_for_update(skip_locked=True))]


async def how_many(connection: AsyncConnection, which: Filter) -> int:
    """How many rows fit."""
    query = select(func.count()).select_from(dead_letters).where(_fits(which))
    return int((await connection.execute(query)).scalar_one())


async def dead_letter(connection: AsyncConnection, cipher: FieldCipher, number: int) -> DeadLetter | None:
    """The newest dead letter of a row; None when it isn't kept (any more)."""
    query = select(dead_letters.c.dead_letter_key_id, dead_letters.c.dead_letter_blob).where(
        dead_letters.c.id == number
    )
    row = (await connection.execute(query)).first()
    if row is None or row.dead_letter_blob is None:
        return None
    return DeadLetter.model_validate_json(
        cipher.decrypt(row.dead_letter_key_id, bytes(row.dead_letter_blob), context=DEAD_LETTER_CONTEXT)
    )


async def decide(connection: AsyncConnection, numbers: Sequence[int], state: State, at: datetime, by: str) -> None:
    """Keep what was decided about these; their letters are erased."""
    await connection.execute(
        update(dead_letters)
        .where(dead_letters.c.id.in_(numbers))
        .values(state=state, decided_at=at, decided_by=by, dead_letter_key_id=None, dead_letter_blob=None)
    )


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Delete rows of messages that were given up first before that moment, and counts of reasons that are no more."""
    gone = (await connection.execute(delete(dead_letters).where(dead_letters.c.at < before))).rowcount
    still = select(dead_letters.c.id).where(
        dead_letters.c.service == dead_letter_counts.c.service, dead_letters.c.reason == dead_letter_counts.c.reason
    )
    await connection.execute(delete(dead_letter_counts).where(dead_letter_counts.c.last_at < before, ~still.exists()))
    return int(gone)


async def counts(connection: AsyncConnection) -> list[ReasonCount]:
    """How many there are, by service and reason."""
    undecided_now = (
        select(dead_letters.c.service, dead_letters.c.reason, func.count().label("undecided"))
        .where(dead_letters.c.state == "undecided")
        .group_by(dead_letters.c.service, dead_letters.c.reason)
        .subquery()
    )
    same = (undecided_now.c.service == dead_letter_counts.c.service) & (
        undecided_now.c.reason == dead_letter_counts.c.reason
    )
    query = (
        select(dead_letter_counts, func.coalesce(undecided_now.c.undecided, 0).label("undecided"))
        .select_from(dead_letter_counts.outerjoin(undecided_now, same))
        .order_by(dead_letter_counts.c.service, dead_letter_counts.c.reason)
    )
    return [
        ReasonCount(row.service, row.reason, row.total, row.undecided, row.let_go, row.first_at, row.last_at)
        for row in await connection.execute(query)
    ]


_FIELDS = tuple(field.name for field in dataclasses.fields(DeadLetterEntry))


def _rows() -> "Select[Any]":
    return select(*_SHOWN, dead_letters.c.dead_letter_blob.is_not(None).label("kept"))


def _row(row: Any) -> DeadLetterEntry:
    return DeadLetterEntry(**{name: getattr(row, name) for name in _FIELDS})


def _encrypted(cipher: FieldCipher, row: DeadLetterEntry, box: DeadLetter) -> dict[str, object]:
    if not row.kept:
        return {"dead_letter_key_id": None, "dead_letter_blob": None}
    key_id, blob = cipher.encrypt(box.model_dump_json(), context=DEAD_LETTER_CONTEXT)
    return {"dead_letter_key_id": key_id, "dead_letter_blob": blob}


def _fits(which: Filter) -> ColumnElement[bool]:
    condition: ColumnElement[bool] = true()
    for name, value in dataclasses.asdict(which).items():
        if value is not None:
            condition &= dead_letters.c[name] == value
    return condition
