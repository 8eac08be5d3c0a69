"""Audiences on their way: how far a frozen one has been handed to the bus, and its next batches.

A frozen audience is its own outbox: its batches lie in the database, and `published` says up to which of them the bus
has stored. These statements come again for every few thousand copies and speak asyncpg's language (`Driver`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from registry.person_crypto import PersonCrypto
from registry.store.addresses import COLUMN as ADDRESS
from registry.store.members import CHILD_NAME, NAME
from runtime.database.engine import Driver

_PROGRESS = """
    SELECT frozen_at, copies, batches, published FROM audiences WHERE message = $1 AND wave = $2 FOR UPDATE
"""
_BATCHES = """
    SELECT batches.batch, batches.carrier, copy.copy_ref, copy.member, copy.child,
           addresses.id, addresses.key_id, addresses.ciphertext, members.name_key_id, members.name,
           children.name_key_id, children.name
    FROM batches
    CROSS JOIN LATERAL unnest(batches.copies, batches.members, batches.children) AS copy(copy_ref, member, child)
    JOIN members ON members.id = copy.member AND members.left_at IS NULL
    JOIN addresses ON addresses.id = members.address_id
    LEFT JOIN children ON children.id = copy.child
    WHERE batches.message = $1 AND batches.wave = $2 AND batches.batch > $3 AND batches.batch <= $4
"""
_PUBLISHED = "UPDATE audiences SET published = $3 WHERE message = $1 AND wave = $2"


@dataclass(frozen=True, slots=True)
class HandoverProgress:
    """How far a frozen audience has been handed over."""

    frozen_at: datetime
    copies: int
    batches: int
    published: int

    @property
    def finished(self) -> bool:
        return self.published >= self.batches


class FrozenCopy(NamedTuple):
    """One copy with its person, still encrypted."""

    batch: int
    carrier: str
    copy_ref: int
    member: int
    child: int | None
    address_id: int
    address_key_id: str
    address: bytes
    name_key_id: str | None
    name: bytes | None
    child_name_key_id: str | None
    child_name: bytes | None

    def open(self, crypto: PersonCrypto) -> tuple[str, str, str]:
        """Address, member's name, child's name; names are empty where none is known."""
        address = crypto.decrypt(self.address_key_id, self.address, ADDRESS, self.address_id)
        name = crypto.decrypt_optional(self.name_key_id, self.name, NAME, self.member) or ""
        child = crypto.decrypt_optional(self.child_name_key_id, self.child_name, CHILD_NAME, self.child or 0) or ""
        return address, name, child


async def progress(driver: Driver, message: int, wave: int) -> HandoverProgress:
    """How far it is, locked until the transaction ends: who has it hands over the next batches."""
    row = await driver.fetchrow(_PROGRESS, message, wave)
    assert row is not None, "an audience is frozen before it is handed over"
    return HandoverProgress(*row)


async def batches(driver: Driver, *, message: int, wave: int, after: int, upto: int) -> dict[int, list[FrozenCopy]]:
    """The batches after `after` up to `upto`, without whoever has left meanwhile."""
    found: dict[int, list[FrozenCopy]] = {}
    for row in await driver.fetch(_BATCHES, message, wave, after, upto):
        recipient = FrozenCopy(*row)
        found.setdefault(recipient.batch, []).append(recipient)
    return found


async def published(driver: Driver, *, message: int, wave: int, upto: int) -> None:
    """The bus has stored the batches up to this one."""
    await driver.execute(_PUBLISHED, message, wave, upto)
