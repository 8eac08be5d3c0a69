"""Audiences: who gets a message, frozen once on the server, then read a few batches at a time.

Everything that is large stays in the database: the choice of recipients, their copies and their division into batches
are INSERT ... SELECT statements, so that a message to a quarter of a million people costs no memory here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from registry.store.addresses import COLUMN as ADDRESS
from registry.store.members import CHILD_NAME, NAME
from registry.store.vault import Vault
from runtime.ids import new_id

BATCH = 100

# Everybody here whose address works; in one unit an address belongs to one member. A question about children goes out
# once for each child in the groups, and once to a member who has none there.
_CHOSEN = """
    SELECT DISTINCT members.id AS member, members.address_id, guardians.child
    FROM members
    JOIN addresses ON addresses.id = members.address_id AND addresses.state = 'active'
    LEFT JOIN guardians ON CAST(:about_child AS boolean) AND guardians.member = members.id
        AND (CAST(:everybody AS boolean) OR guardians.group_code = ANY(CAST(:groups AS varchar[])))
    WHERE members.unit = :unit AND members.left_at IS NULL
      AND (NOT CAST(:named AS boolean) OR members.id = ANY(CAST(:members AS bigint[])))
      AND (CAST(:everybody AS boolean) OR EXISTS (
          SELECT FROM memberships
          WHERE memberships.member = members.id AND memberships.left_at IS NULL
            AND memberships.group_code = ANY(CAST(:groups AS varchar[]))))
"""
_SIZE = text(f"SELECT count(DISTINCT member) AS people, count(*) AS copies FROM ({_CHOSEN}) AS chosen")  # noqa: S608
_OPEN = text("""
    INSERT INTO audiences (message, wave, unit, frozen_at, copies, batches, published)
    VALUES (:message, :wave, :unit, :at, 0, 0, 0) ON CONFLICT DO NOTHING
""")
# Numbers of copies are a block that begins at a new id: the caller's `base`.
_COPIES = text(f"""
    INSERT INTO copies (copy_ref, message, unit, member, address_id, child)
    SELECT CAST(:base AS bigint) + row_number() OVER (ORDER BY member, child),
           CAST(:message AS bigint), CAST(:unit AS varchar), member, address_id, child
    FROM ({_CHOSEN}) AS chosen
""")  # noqa: S608
# Batches take turns between the carriers, so that all of them begin at once.
_PLAN = text("""
    INSERT INTO planned_copies (message, wave, batch, copy_ref)
    SELECT CAST(:message AS bigint), CAST(:wave AS integer), dense_rank() OVER (ORDER BY part, carrier), copy_ref
    FROM (
        SELECT copies.copy_ref, addresses.carrier,
               (row_number() OVER (PARTITION BY addresses.carrier ORDER BY copies.copy_ref) - 1)
                   / CAST(:size AS bigint) AS part
        FROM copies
        JOIN members ON members.id = copies.member AND members.left_at IS NULL
        JOIN addresses ON addresses.id = members.address_id AND addresses.state = 'active'
        WHERE copies.message = :message AND copies.unit = :unit
          AND (CAST(:every AS boolean) OR copies.copy_ref = ANY(CAST(:copies AS bigint[])))
    ) AS parted
""")
_COUNT = text("""
    UPDATE audiences SET (copies, batches) = (
        SELECT count(*), coalesce(max(batch), 0) FROM planned_copies
        WHERE planned_copies.message = :message AND planned_copies.wave = :wave)
    WHERE message = :message AND wave = :wave
    RETURNING copies, batches
""")
_NEXT = text("""
    SELECT frozen_at, copies, batches, published FROM audiences
    WHERE message = :message AND wave = :wave FOR UPDATE
""")
_BATCHES = text("""
    SELECT planned.batch, copies.copy_ref, copies.member, copies.child, addresses.carrier,
           addresses.id AS address_id, addresses.key_id, addresses.ciphertext, members.name_key_id, members.name,
           children.name_key_id AS child_key_id, children.name AS child_name
    FROM planned_copies AS planned
    JOIN copies ON copies.copy_ref = planned.copy_ref
    JOIN members ON members.id = copies.member AND members.left_at IS NULL
    JOIN addresses ON addresses.id = members.address_id
    LEFT JOIN children ON children.id = copies.child
    WHERE planned.message = :message AND planned.wave = :wave AND planned.batch > :after AND planned.batch <= :upto
    ORDER BY planned.batch, planned.copy_ref
""")
_PUBLISHED = text("UPDATE audiences SET published = :upto WHERE message = :message AND wave = :wave")
_MEMBER_OF_COPY = text("SELECT member FROM copies WHERE unit = :unit AND copy_ref = :copy")


@dataclass(frozen=True, slots=True)
class Selection:
    """Who is meant, as `MessageApproved` says it: `members` if given, else `groups`, else everybody."""

    unit: str
    groups: Sequence[str] | None
    members: Sequence[int] | None
    about_child: bool

    def parameters(self) -> dict[str, object]:
        return {
            "unit": self.unit,
            "about_child": self.about_child,
            "named": self.members is not None,
            "everybody": self.groups is None or self.members is not None,
            "groups": list(self.groups or ()),
            "members": list(self.members or ()),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a frozen audience has been handed over."""

    frozen_at: datetime
    copies: int
    batches: int
    published: int

    @property
    def finished(self) -> bool:
        return self.published >= self.batches


@dataclass(frozen=True, slots=True)
class Recipient:
    """One copy with its person, still encrypted."""

    batch: int
    copy_ref: int
    member: int
    child: int | None
    carrier: str
    address_id: int
    address: tuple[str, bytes] = field(repr=False)
    name: tuple[str | None, bytes | None] = field(repr=False)
    child_name: tuple[str | None, bytes | None] = field(repr=False)

    def open(self, vault: Vault) -> tuple[str, str, str]:
        """Address, member's name, child's name; names are empty where none is known."""
        address = vault.unlock(*self.address, ADDRESS, self.address_id)
        name = vault.unlock_optional(*self.name, NAME, self.member) or ""
        child = vault.unlock_optional(*self.child_name, CHILD_NAME, self.child or 0) or ""
        return address, name, child


async def size(connection: AsyncConnection, selection: Selection) -> tuple[int, int]:
    """People and copies that a message would reach now."""
    row = (await connection.execute(_SIZE, selection.parameters())).one()
    return row.people, row.copies


async def freeze(
    connection: AsyncConnection,
    selection: Selection,
    *,
    message: int,
    wave: int,
    again: Sequence[int] | None,
    at: datetime,
) -> Progress | None:
    """Decide once who gets this wave and in which batches; None when that was done before.

    The first wave makes the copies; a later one sends copies that exist (`again`, None = all of the message)."""
    key = {"message": message, "wave": wave}
    if (await connection.execute(_OPEN, {**key, "unit": selection.unit, "at": at})).rowcount == 0:
        return None
    if wave == 1:
        await connection.execute(_COPIES, {**selection.parameters(), "message": message, "base": new_id()})
    every = wave == 1 or again is None
    plan = {**key, "unit": selection.unit, "size": BATCH, "every": every, "copies": list(again or ())}
    await connection.execute(_PLAN, plan)
    row = (await connection.execute(_COUNT, key)).one()
    return Progress(at, row.copies, row.batches, 0)


async def progress(connection: AsyncConnection, message: int, wave: int) -> Progress:
    """How far it is, locked: who holds it hands over the next batches."""
    row = (await connection.execute(_NEXT, {"message": message, "wave": wave})).one()
    return Progress(row.frozen_at, row.copies, row.batches, row.published)


async def batches(
    connection: AsyncConnection, *, message: int, wave: int, after: int, upto: int
) -> dict[int, list[Recipient]]:
    """The batches after `after` up to `upto`, without whoever has left meanwhile."""
    found: dict[int, list[Recipient]] = {}
    key = {"message": message, "wave": wave, "after": after, "upto": upto}
    for row in await connection.execute(_BATCHES, key):
        found.setdefault(row.batch, []).append(
            Recipient(
                row.batch,
                row.copy_ref,
                row.member,
                row.child,
                row.carrier,
                row.address_id,
                (row.key_id, row.ciphertext),
                (row.name_key_id, row.name),
                (row.child_key_id, row.child_name),
            )
        )
    return found


async def published(connection: AsyncConnection, *, message: int, wave: int, upto: int) -> None:
    """The batches up to this one are in the outbox (in the same transaction)."""
    await connection.execute(_PUBLISHED, {"message": message, "wave": wave, "upto": upto})


async def member_of_copy(connection: AsyncConnection, unit: str, copy_ref: int) -> int | None:
    """Whose copy that is."""
    found: int | None = (
        await connection.execute(_MEMBER_OF_COPY, {"unit": unit, "copy": copy_ref})
    ).scalar_one_or_none()
    return found
