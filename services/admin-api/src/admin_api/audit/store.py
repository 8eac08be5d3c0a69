"""The audit log is read: page by page, or whole, to check that its rows hang together."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.audit.model import AuditRow, ChainCheck
from admin_api.kernel.audit import AuditEntry, chain_hash
from admin_api.kernel.paging import PageRequest, Slice
from admin_api.kernel.tables import audit_log

_PORTION = 1000


async def page(connection: AsyncConnection, unit: str, wanted: PageRequest[int]) -> Slice[AuditRow, int]:
    """Rows of a unit, newest first."""
    query = wanted.newest_first(select(audit_log).where(audit_log.c.unit == unit), audit_log.c.id)
    found = [AuditRow(row.id, row.at, _entry(row)) for row in await connection.execute(query)]
    return wanted.cut(found, lambda row: row.id)


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
