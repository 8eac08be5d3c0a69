"""The audit log is written: a row for each change, in the transaction of the change, chained to the row before it.

    AuditEntry -> write -> hash over the last row's hash and this entry -> the row, and its hash in the logs
Reading and checking the log is the feature `audit`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.tables import audit_log
from runtime.logs import get_logger

Detail = Mapping[str, str | int | bool | list[str] | None]
"""What else a row of the audit log says: codes and numbers, nothing personal."""

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(0x4f6666696365)")
_LAST = select(audit_log.c.hash).order_by(audit_log.c.id.desc()).limit(1)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that somebody did. `object` is `kind/number`; `detail` holds codes and numbers, nothing personal."""

    actor: str
    action: str
    object: str
    unit: str | None = None
    detail: Detail | None = None


def chain_hash(previous: bytes, at: datetime, entry: AuditEntry) -> bytes:
    """SHA-256 over the hash of the row before and everything in this one. `at` is aware."""
    content = json.dumps(
        {
            "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
            "actor": entry.actor,
            "unit": entry.unit,
            "action": entry.action,
            "object": entry.object,
            "detail": dict(entry.detail or {}),
        },
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
    )
    return hashlib.sha256(previous + content.encode()).digest()


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
