"""How commands are undone: the inverse of each, encrypted, until it is used or too old."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from registry import inverses
from registry.inverses import Inverse
from registry.person_crypto import PersonCrypto
from runtime.ids import new_id

INVERSE = "undo.inverse"

_ADD = text("""
    INSERT INTO undo (id, command, unit, kind, member, inverse_key_id, inverse, at)
    VALUES (:id, :command, :unit, :kind, :member, :key_id, :inverse, :at)
""")
_LOCK = text("""
    SELECT id, inverse_key_id, inverse, at, undone_at FROM undo WHERE unit = :unit AND command = :command FOR UPDATE
""")
_UNDONE = text("UPDATE undo SET undone_at = :at, inverse_key_id = NULL, inverse = NULL WHERE command = :command")
_WITHDRAW = text("UPDATE undo SET inverse_key_id = NULL, inverse = NULL WHERE member = :member AND inverse IS NOT NULL")
_FORGET = text("DELETE FROM undo WHERE at < :before")


@dataclass(frozen=True, slots=True)
class Stored:
    """How to undo a command of that time; `inverse` None: it was used, or must not be any more."""

    inverse: Inverse | None = field(repr=False)
    at: datetime
    undone: bool


async def add(
    connection: AsyncConnection,
    crypto: PersonCrypto,
    *,
    command: str,
    unit: str,
    kind: str,
    member: int | None,
    inverse: Inverse,
    at: datetime,
) -> None:
    """Keep the inverse of a command that was done now. `member`: whom it would bring something back to."""
    number = new_id()
    key_id, blob = crypto.encrypt(inverses.to_json(inverse), INVERSE, number)
    row = {"id": number, "command": command, "unit": unit, "kind": kind, "member": member, "at": at}
    await connection.execute(_ADD, {**row, "key_id": key_id, "inverse": blob})


async def lock(connection: AsyncConnection, crypto: PersonCrypto, unit: str, command: str) -> Stored | None:
    """How to undo that command of the unit, locked until the transaction ends; None when nothing is kept about it."""
    row = (await connection.execute(_LOCK, {"unit": unit, "command": command})).first()
    if row is None:
        return None
    kept = crypto.decrypt_optional(row.inverse_key_id, row.inverse, INVERSE, row.id)
    return Stored(None if kept is None else inverses.from_json(kept), row.at, row.undone_at is not None)


async def mark_undone(connection: AsyncConnection, command: str, at: datetime) -> None:
    """The command is undone; its inverse, with what it holds of a person, is erased."""
    await connection.execute(_UNDONE, {"command": command, "at": at})


async def withdraw(connection: AsyncConnection, member: int) -> None:
    """Nothing brings this member back any more: he said himself that he wants to leave."""
    await connection.execute(_WITHDRAW, {"member": member})


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Erase what is older; returns how many rows."""
    return (await connection.execute(_FORGET, {"before": before})).rowcount
