"""Members: a person's place in a unit and its groups, the children he answers for, the groups he may post to."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from registry import naming
from registry.naming import Child, Person
from registry.person_crypto import PersonCrypto
from runtime.ids import new_id

NAME = "members.name"
ORIGINAL = "members.original"
CHILD_NAME = "children.name"
MAX_ORIGINAL = 10_000
"""Characters kept of a person's own words; of more, the newest."""

_AT = text("SELECT id, address_id, since, left_at FROM members WHERE unit = :unit AND address_id = :address")
_BY_ID = text("SELECT id, address_id, since, left_at FROM members WHERE unit = :unit AND id = :member")
_ENTER = text("""
    INSERT INTO members AS known (id, unit, address_id, since) VALUES (:id, :unit, :address, :at)
    ON CONFLICT (unit, address_id) DO UPDATE SET
        since = CASE WHEN known.left_at IS NULL THEN known.since ELSE excluded.since END,
        left_at = NULL, left_reason = NULL
    RETURNING id
""")
_JOIN = text("""
    INSERT INTO memberships AS known (member, group_code, since) VALUES (:member, :group, :at)
    ON CONFLICT (member, group_code) DO UPDATE SET
        since = CASE WHEN known.left_at IS NULL THEN known.since ELSE excluded.since END, left_at = NULL
""")
_IN_GROUP = text("""
    SELECT EXISTS (SELECT FROM memberships
                   WHERE member = :member AND left_at IS NULL
                     AND (CAST(:group AS varchar) IS NULL OR group_code = :group))
""")
_LEAVE_GROUPS = text("""
    UPDATE memberships SET left_at = :at
    WHERE member = :member AND left_at IS NULL AND (CAST(:group AS varchar) IS NULL OR group_code = :group)
    RETURNING group_code, since
""")
_LEAVE_UNIT = text("""
    UPDATE members SET left_at = :at, left_reason = :reason
    WHERE id = :member AND left_at IS NULL
      AND NOT EXISTS (SELECT FROM memberships WHERE member = :member AND left_at IS NULL)
""")
_END_GUARDIANS = text("""
    DELETE FROM guardians WHERE member = :member AND (CAST(:group AS varchar) IS NULL OR group_code = :group)
    RETURNING child, group_code, relation
""")
_END_POSTERS = text("""
    DELETE FROM posters WHERE member = :member AND (CAST(:group AS varchar) IS NULL OR group_code = :group)
    RETURNING group_code, since
""")
_RETURN_TO_UNIT = text("""
    UPDATE members SET address_id = :address, since = :since, left_at = NULL, left_reason = NULL
    WHERE id = :member AND left_at = :left_at
""")
_RETURN_TO_GROUP = text("""
    UPDATE memberships SET since = :since, left_at = NULL
    WHERE member = :member AND group_code = :group AND left_at = :left_at
""")
_SET_NAME = text("UPDATE members SET name_key_id = :key_id, name = :name WHERE id = :member")
_SET_ORIGINAL = text("UPDATE members SET original_key_id = :key_id, original = :original WHERE id = :member")
_ORIGINAL = text("SELECT original_key_id, original FROM members WHERE id = :member")
_CHILD = text("SELECT id FROM children WHERE lookup = :lookup FOR KEY SHARE")
_ADD_CHILD = text("""
    INSERT INTO children (id, unit, lookup, name_key_id, name, class_number)
    VALUES (:id, :unit, :lookup, :key_id, :name, :class_number) ON CONFLICT (lookup) DO NOTHING
""")
_GUARD = text("""
    INSERT INTO guardians (member, child, group_code, relation) VALUES (:member, :child, :group, :relation)
    ON CONFLICT (member, child, group_code) DO UPDATE SET relation = coalesce(excluded.relation, guardians.relation)
""")
_KNOWN_CHILDREN = text("""
    SELECT children.lookup FROM guardians JOIN children ON children.id = guardians.child
    WHERE guardians.member = :member AND guardians.group_code = :group
""")
_GUARDED = text("""
    SELECT children.id, children.name_key_id, children.name, max(guardians.relation) AS relation
    FROM guardians JOIN children ON children.id = guardians.child
    WHERE guardians.member = :member GROUP BY children.id ORDER BY children.id
""")
_POSTER_SINCE = text("SELECT since FROM posters WHERE unit = :unit AND group_code = :group AND member = :member")
_ENROL = text("""
    INSERT INTO posters (unit, group_code, member, since) VALUES (:unit, :group, :member, :at) ON CONFLICT DO NOTHING
""")
_DISMISS = text("DELETE FROM posters WHERE unit = :unit AND group_code = :group AND member = :member")


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a unit, since he came (back); `address_id` is None when it was erased after he left."""

    id: int
    address_id: int | None
    here: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Departure:
    """What a member lost by leaving: the unit, or not; groups and since when he was in them; the groups that he might
    post to, and since when; children, each with the group and what he is to it."""

    left_unit: bool
    groups: tuple[tuple[str, datetime], ...] = ()
    poster_of: tuple[tuple[str, datetime], ...] = ()
    guardian_of: tuple[tuple[int, str, str | None], ...] = ()


async def at_address(connection: AsyncConnection, unit: str, address_id: int) -> Member | None:
    """Who has this address in the unit, also if he left."""
    row = (await connection.execute(_AT, {"unit": unit, "address": address_id})).first()
    return None if row is None else Member(row.id, row.address_id, row.left_at is None, row.since)


async def by_id(connection: AsyncConnection, unit: str, member: int) -> Member | None:
    """The member of the unit with that number, also if he left."""
    row = (await connection.execute(_BY_ID, {"unit": unit, "member": member})).first()
    return None if row is None else Member(row.id, row.address_id, row.left_at is None, row.since)


async def in_group(connection: AsyncConnection, member: int, group: str | None) -> bool:
    """Is he in this group (None: in any)?"""
    return bool((await connection.execute(_IN_GROUP, {"member": member, "group": group})).scalar_one())


async def join(connection: AsyncConnection, *, unit: str, address_id: int, group: str, at: datetime) -> int:
    """Make whoever has this address a member of the unit and the group; returns his number. Harmless to repeat."""
    entered = {"id": new_id(), "unit": unit, "address": address_id, "at": at}
    member: int = (await connection.execute(_ENTER, entered)).scalar_one()
    await connection.execute(_JOIN, {"member": member, "group": group, "at": at})
    return member


async def leave(
    connection: AsyncConnection, member: int, group: str | None, at: datetime, reason: str | None = None
) -> Departure:
    """Take him off the group (None: off all); when that was the last, he leaves the unit. `reason`: a code for why,
    where it was not by his own request."""
    groups = await connection.execute(_LEAVE_GROUPS, {"member": member, "group": group, "at": at})
    left = (await connection.execute(_LEAVE_UNIT, {"member": member, "at": at, "reason": reason})).rowcount == 1
    whole = {"member": member, "group": None if left else group}
    guardians = await connection.execute(_END_GUARDIANS, whole)
    posters = await connection.execute(_END_POSTERS, whole)
    return Departure(
        left,
        groups=tuple((row.group_code, row.since) for row in groups),
        poster_of=tuple((row.group_code, row.since) for row in posters),
        guardian_of=tuple((row.child, row.group_code, row.relation) for row in guardians),
    )


async def return_to_unit(
    connection: AsyncConnection, member: int, *, address_id: int, since: datetime, left_at: datetime
) -> bool:
    """Make him a member again, as if he had not left at that time; False when he didn't, or came back by himself."""
    row = {"member": member, "address": address_id, "since": since, "left_at": left_at}
    return (await connection.execute(_RETURN_TO_UNIT, row)).rowcount == 1


async def return_to_group(
    connection: AsyncConnection, member: int, group: str, *, since: datetime, left_at: datetime
) -> bool:
    """Put him (who is in the unit) back into a group, as if he had not left it at that time; False when he didn't, or
    came back by himself."""
    row = {"member": member, "group": group, "since": since, "left_at": left_at}
    return (await connection.execute(_RETURN_TO_GROUP, row)).rowcount == 1


async def guard(connection: AsyncConnection, *, member: int, child: int, group: str, relation: str | None) -> None:
    """Make him guardian of a child in a group. A relation that is known stays unless another is given."""
    await connection.execute(_GUARD, {"member": member, "child": child, "group": group, "relation": relation})


async def name(
    connection: AsyncConnection,
    crypto: PersonCrypto,
    *,
    unit: str,
    member: int,
    group: str,
    person: Person,
    original: str,
) -> str:
    """Write down who he says he is: his children in the group, how lists show him, and his own words, after those of
    before. Returns how lists show him, empty when nothing is known."""
    # In one order, so that two parents who name the same children never wait for each other.
    children = {crypto.child_lookup(unit, naming.same_child(each, str(member))): each for each in person.children}
    for lookup, child in sorted(children.items(), key=lambda item: item[0]):
        number = await _child(connection, crypto, unit, lookup, child)
        await guard(connection, member=member, child=number, group=group, relation=child.relation)
    shown = naming.label(person if person.own_name else await guarded(connection, crypto, member))
    if shown is not None:
        key_id, blob = crypto.encrypt(shown, NAME, member)
        await connection.execute(_SET_NAME, {"member": member, "key_id": key_id, "name": blob})
    if original.strip():
        row = (await connection.execute(_ORIGINAL, {"member": member})).one()
        before = crypto.decrypt_optional(row.original_key_id, row.original, ORIGINAL, member)
        words = f"{before}\n\n{original}" if before and original not in before else original
        key_id, blob = crypto.encrypt(words[-MAX_ORIGINAL:], ORIGINAL, member)
        await connection.execute(_SET_ORIGINAL, {"member": member, "key_id": key_id, "original": blob})
    return shown or ""


async def guarded(connection: AsyncConnection, crypto: PersonCrypto, member: int) -> Person:
    """The children that a member answers for, in any group."""
    rows = await connection.execute(_GUARDED, {"member": member})
    return Person(
        tuple(Child(crypto.decrypt(row.name_key_id, row.name, CHILD_NAME, row.id), None, row.relation) for row in rows)
    )


async def names_new_child(
    connection: AsyncConnection, crypto: PersonCrypto, *, unit: str, member: int, group: str, person: Person
) -> bool:
    """Does he name a child that he isn't yet a guardian of in this group?"""
    if not person.children:
        return False
    rows = await connection.execute(_KNOWN_CHILDREN, {"member": member, "group": group})
    known = {bytes(lookup) for lookup in rows.scalars()}
    return any(
        crypto.child_lookup(unit, naming.same_child(child, str(member))) not in known for child in person.children
    )


async def poster_since(connection: AsyncConnection, unit: str, group: str, member: int) -> datetime | None:
    """Since when he may post to the group; None when he may not."""
    parameters = {"unit": unit, "group": group, "member": member}
    since: datetime | None = (await connection.execute(_POSTER_SINCE, parameters)).scalar_one_or_none()
    return since


async def change_poster(
    connection: AsyncConnection, *, unit: str, group: str, member: int, enrolled: bool, at: datetime
) -> None:
    """Enrol a member as poster of a group, or end it. Harmless to repeat."""
    parameters = {"unit": unit, "group": group, "member": member}
    if enrolled:
        await connection.execute(_ENROL, {**parameters, "at": at})
    else:
        await connection.execute(_DISMISS, parameters)


async def _child(connection: AsyncConnection, crypto: PersonCrypto, unit: str, lookup: bytes, child: Child) -> int:
    while True:
        found: int | None = (await connection.execute(_CHILD, {"lookup": lookup})).scalar_one_or_none()
        if found is not None:
            return found
        number = new_id()
        key_id, blob = crypto.encrypt(child.name, CHILD_NAME, number)
        row = {"id": number, "unit": unit, "lookup": lookup, "key_id": key_id, "name": blob}
        await connection.execute(_ADD_CHILD, {**row, "class_number": child.class_number})
