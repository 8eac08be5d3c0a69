"""Requests that came with an Idempotency-Key: who decides which of two came first is the primary key of this table."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.tables import idempotency_keys

KEPT = timedelta(days=2)
_KEY = (idempotency_keys.c.account, idempotency_keys.c.unit, idempotency_keys.c.key)


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request as its sender named it. `body_hash`: keyed hash of what it asks for."""

    account: int
    unit: str
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class RecordedResult:
    """What came of a request. `wave` and `copies` are those of a resend, 0 otherwise."""

    body_hash: bytes
    message: int
    wave: int
    copies: int


async def find(connection: AsyncConnection, request: KeyedRequest) -> RecordedResult | None:
    """What came of the request with this key, or None."""
    row = (await connection.execute(select(idempotency_keys).where(_same(request)))).first()
    return None if row is None else RecordedResult(bytes(row.body_hash), row.message, row.wave or 0, row.copies or 0)


async def claim(connection: AsyncConnection, request: KeyedRequest, message: int, now: datetime) -> bool:
    """Take the key in the caller's transaction; False when it is taken. Waits for a transaction that is just taking it:
    its end decides."""
    values = {
        "account": request.account,
        "unit": request.unit,
        "key": request.key,
        "body_hash": request.body_hash,
        "message": message,
        "at": now,
    }
    statement = insert(idempotency_keys).values(values).on_conflict_do_nothing().returning(idempotency_keys.c.key)
    return (await connection.execute(statement)).first() is not None


async def note(connection: AsyncConnection, request: KeyedRequest, wave: int, copies: int) -> None:
    """Add what came of a resend to the key that was claimed for it."""
    await connection.execute(update(idempotency_keys).where(_same(request)).values(wave=wave, copies=copies))


async def forget(connection: AsyncConnection, now: datetime) -> None:
    """Remove what is older than `KEPT`. Rows that another transaction is removing are left to it, so that the two never
    wait for each other."""
    old = select(*_KEY).where(idempotency_keys.c.at < now - KEPT).with_for_update(skip_locked=True)
    await connection.execute(delete(idempotency_keys).where(tuple_(*_KEY).in_(old)))


def _same(request: KeyedRequest) -> ColumnElement[bool]:
    account, unit, key = _KEY
    return and_(account == request.account, unit == request.unit, key == request.key)
