"""Addresses: found by their keyed hash, locked while something happens to them, erased when nobody needs them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from mail.addresses import carrier_of
from registry.model import Standing
from registry.person_crypto import PersonCrypto
from registry.store.copies import FOUND
from runtime.database.engine import Driver
from runtime.ids import new_id

COLUMN = "addresses.ciphertext"

_COLUMNS = "id, key_id, ciphertext, carrier, state"
_BY_LOOKUP = text(f"SELECT {_COLUMNS} FROM addresses WHERE lookup = :lookup FOR UPDATE")  # noqa: S608
_BY_ID = text(f"SELECT {_COLUMNS} FROM addresses WHERE id = :id FOR UPDATE")  # noqa: S608
_INSERT = text("""
    INSERT INTO addresses (id, key_id, ciphertext, lookup, carrier, mailbox)
    VALUES (:id, :key_id, :ciphertext, :lookup, :carrier, :mailbox) ON CONFLICT (lookup) DO NOTHING
""")
_REVIVE = text("""
    UPDATE addresses SET state = 'active', reason = NULL, hard_count = 0, soft_count = 0, hard_message = NULL,
        hard_at = NULL, last_outcome_at = greatest(last_outcome_at, :at)
    WHERE id = :id
""")
_UNUSED = """
    NOT EXISTS (SELECT FROM members WHERE members.address_id = addresses.id AND members.left_at IS NULL)
    AND NOT EXISTS (SELECT FROM registrations
                    WHERE registrations.address_id = addresses.id AND registrations.state = 'open')
"""
_ERASE = text(f"DELETE FROM addresses WHERE id = ANY(CAST(:ids AS bigint[])) AND {_UNUSED}")  # noqa: S608
_LOCK_UNUSED = text(f"SELECT id FROM addresses WHERE {_UNUSED} LIMIT :limit FOR UPDATE SKIP LOCKED")  # noqa: S608

_OF_COPIES = text(f"""
    SELECT asked.copy_ref, addresses.id, state, reason, hard_count, soft_count, hard_message, hard_at,
        last_outcome_at
    FROM unnest(CAST(:copies AS bigint[])) AS asked(copy_ref)
    {FOUND}
    JOIN members ON members.id = found.member
    JOIN addresses ON addresses.id = members.address_id
    ORDER BY addresses.id
    FOR UPDATE OF addresses
""")  # noqa: S608
# The few under suspicion come first: where there are none, the audience isn't even read.
_SUSPECT_COPIES = """
    WITH suspect AS MATERIALIZED (
        SELECT members.id FROM addresses JOIN members ON members.address_id = addresses.id
        WHERE (addresses.state <> 'active' OR addresses.hard_count > 0 OR addresses.soft_count > 0)
          AND members.unit = $2
    )
    SELECT copy.copy_ref
    FROM audiences JOIN batches USING (message, wave)
    CROSS JOIN LATERAL unnest(batches.copies, batches.members) AS copy(copy_ref, member)
    JOIN suspect ON suspect.id = copy.member
    WHERE audiences.message = $1 AND audiences.wave = 1 AND audiences.unit = $2
"""
_ONE_OF = text("SELECT 1 FROM addresses WHERE id = :id AND lookup = ANY(CAST(:lookups AS bytea[]))")
_SET_STANDING = text("""
    UPDATE addresses SET state = :state, reason = :reason, hard_count = :hard_count, soft_count = :soft_count,
        hard_message = :hard_message, hard_at = :hard_at, last_outcome_at = :last_outcome_at
    WHERE id = :id
""")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox; `address` is its normalised form."""

    id: int
    address: str = field(repr=False)
    carrier: str
    deliverable: bool


async def lock_or_add(connection: AsyncConnection, crypto: PersonCrypto, address: str) -> Address:
    """The row of a normalised address, made if need be, locked until the transaction ends."""
    lookup = crypto.address_lookup(address)
    while True:
        found = (await connection.execute(_BY_LOOKUP, {"lookup": lookup})).first()
        if found is not None:
            return _address(found, address)
        number = new_id()
        key_id, ciphertext = crypto.encrypt(address, COLUMN, number)
        carrier = carrier_of(address.rpartition("@")[2])
        row = {"id": number, "key_id": key_id, "ciphertext": ciphertext, "lookup": lookup, "carrier": carrier}
        await connection.execute(_INSERT, {**row, "mailbox": crypto.mailbox_lookup(address)})


async def lock(connection: AsyncConnection, crypto: PersonCrypto, address: str) -> Address | None:
    """The row of a normalised address, locked until the transaction ends; None when there is none."""
    found = (await connection.execute(_BY_LOOKUP, {"lookup": crypto.address_lookup(address)})).first()
    return None if found is None else _address(found, address)


async def lock_by_id(connection: AsyncConnection, crypto: PersonCrypto, number: int) -> Address | None:
    """The address with that number, locked until the transaction ends; None once it is erased."""
    found = (await connection.execute(_BY_ID, {"id": number})).first()
    return None if found is None else _address(found, crypto.decrypt(found.key_id, found.ciphertext, COLUMN, number))


async def revive(connection: AsyncConnection, number: int, at: datetime) -> None:
    """A confirmed mail came from this address at that time: it lives."""
    await connection.execute(_REVIVE, {"id": number, "at": at})


async def erase_unless_used(connection: AsyncConnection, number: int) -> None:
    """Erase the address (which the caller has locked) when no member and no open registration needs it."""
    await connection.execute(_ERASE, {"ids": [number]})


async def erase_unused(connection: AsyncConnection, limit: int = 500) -> int:
    """Erase addresses that nobody needs; returns how many. They are locked first and looked at again, as somebody may
    have begun to use one in between."""
    found = (await connection.execute(_LOCK_UNUSED, {"limit": limit})).scalars().all()
    return (await connection.execute(_ERASE, {"ids": list(found)})).rowcount if found else 0


async def suspect_copies(driver: Driver, *, unit: str, message: int) -> set[int]:
    """Copies of a message to addresses that something was ever said against, so that a sign of life has something to
    take back."""
    return {row[0] for row in await driver.fetch(_SUSPECT_COPIES, message, unit)}


async def standing_of_copies(
    connection: AsyncConnection, *, unit: str, message: int, copies: Sequence[int]
) -> dict[int, tuple[int, Standing]]:
    """Copy -> its address's number and where it stands, locked in one order. Copies of whoever has left are missing."""
    rows = await connection.execute(_OF_COPIES, {"unit": unit, "message": message, "copies": list(copies)})
    return {
        row.copy_ref: (
            row.id,
            Standing(
                row.state,
                row.reason,
                row.hard_count,
                row.soft_count,
                row.hard_message,
                row.hard_at,
                row.last_outcome_at,
            ),
        )
        for row in rows
    }


async def is_one_of(connection: AsyncConnection, number: int, lookups: Sequence[bytes]) -> bool:
    """Has this address one of these lookups?"""
    found = await connection.execute(_ONE_OF, {"id": number, "lookups": list(lookups)})
    return found.first() is not None


async def write_standings(connection: AsyncConnection, standings: dict[int, Standing]) -> None:
    """Where these addresses (which the caller has locked) stand from now on."""
    if standings:
        await connection.execute(
            _SET_STANDING,
            [
                {
                    "id": number,
                    "state": each.state,
                    "reason": each.reason,
                    "hard_count": each.hard_count,
                    "soft_count": each.soft_count,
                    "hard_message": each.hard_message,
                    "hard_at": each.hard_at,
                    "last_outcome_at": each.last_outcome_at,
                }
                for number, each in standings.items()
            ],
        )


def _address(row: Row[Any], address: str) -> Address:
    return Address(row.id, address, row.carrier, row.state == "active")
