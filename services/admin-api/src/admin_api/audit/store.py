"""The audit log: rows are added one after the other, each with a hash over the one before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.roles import AuditEntry, chain_hash
from admin_api.kernel.tables import audit_log
from runtime.logs import get_logger

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(0x4f6666696365)")
_LAST = select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1)
_PORTION = 1000
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row as it is shown."""

    id: int
    at: datetime
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """Does every row still fit to the one before it? `broken_at` is the first that doesn't."""

    rows: int
    broken_at: int | None
    head: bytes


async def write(connection: AsyncConnection, at: datetime, entry: AuditEntry) -> None:
    """Add a row in the caller's transaction, best as its last step: until it commits, others wait to add theirs.

    The log line with the row's hash lets a copy of the logs prove later that the newest rows were not cut off."""
    await connection.execute(_ONE_AT_A_TIME)
    previous = bytes((await connection.execute(_LAST)).scalar() or b"")
    digest = chain_hash(previous, at, entry)
    row = {
        "at": at,
        "actor": entry.actor,
        "unit": entry.unit,
        "action": entry.action,
        "object": entry.object,
        "detail": dict(entry.detail or {}),
        "previous": previous,
        "hash": digest,
    }
    number = (await connection.execute(audit_log.insert().values(row).returning(audit_log.c.id))).scalar_one()
    log.info("audited", row=number, action=entry.action, hash=digest.hex())


async def page(connection: AsyncConnection, unit: str | None, *, before: int | None, limit: int) -> list[AuditRow]:
    """Rows of a unit (None: of all), newest first."""
    query = select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    if unit is not None:
        query = query.where(audit_log.c.unit == unit)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    return [AuditRow(row.id, row.at, _entry(row)) for row in await connection.execute(query)]


async def check(connection: AsyncConnection) -> ChainCheck:
    """Go through the whole log from its first row."""
    previous, rows, last = b"", 0, 0
    while portion := await _portion(connection, last):
        for row in portion:
            sound = bytes(row.previous) == previous and bytes(row.hash) == chain_hash(previous, row.at, _entry(row))
            if not sound:
                return ChainCheck(rows, row.id, previous)
            previous, rows, last = bytes(row.hash), rows + 1, row.id
    return ChainCheck(rows, None, previous)


async def _portion(connection: AsyncConnection, after: int) -> Sequence[Any]:
    query = select(audit_log).where(audit_log.c.id > after).order_by(audit_log.c.id).limit(_PORTION)
    return (await connection.execute(query)).all()


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(row.actor, row.action, row.object, row.unit, row.detail)
