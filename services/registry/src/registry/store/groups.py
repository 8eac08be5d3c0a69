"""Groups as registry knows them: that one is closed, and who is in it. What groups there are is in the directory.

Whoever takes somebody into a group, or makes him its poster, calls `stays_open` in the same transaction. Closing waits
for all of these to end and looks then who is in; those that come later wait for the closing and find it closed.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Advisory locks of two numbers are apart from those of one, which mailboxes have.
_KEY = "8, hashtext(CAST(:unit AS varchar) || '/' || CAST(:group AS varchar))"
_LOCK_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_LOCK = text(f"SELECT pg_advisory_xact_lock({_KEY})")
_IS_CLOSED = text("SELECT EXISTS (SELECT FROM closed_groups WHERE unit = :unit AND group_code = :group)")
_ACTIVE = text("""
    SELECT count(*) FROM memberships
    JOIN members ON members.id = memberships.member AND members.left_at IS NULL
    JOIN addresses ON addresses.id = members.address_id AND addresses.state = 'active'
    WHERE members.unit = :unit AND memberships.group_code = :group AND memberships.left_at IS NULL
""")
_CLOSE = text("""
    INSERT INTO closed_groups (unit, group_code, command, at) VALUES (:unit, :group, :command, :at)
    ON CONFLICT DO NOTHING
""")
_OPEN = text("""
    DELETE FROM closed_groups
    WHERE unit = :unit AND group_code = :group AND command = coalesce(CAST(:command AS varchar), command)
""")


async def stays_open(connection: AsyncConnection, unit: str, group: str) -> bool:
    """Is the group not closed? Then nobody closes it until the transaction ends. Who needs several goes by their order,
    and locks addresses first."""
    key = {"unit": unit, "group": group}
    await connection.execute(_LOCK_SHARED, key)
    return not (await connection.execute(_IS_CLOSED, key)).scalar_one()


async def lock(connection: AsyncConnection, unit: str, group: str) -> None:
    """Wait until nobody is on the way into the group; until the transaction ends nobody else gets in."""
    await connection.execute(_LOCK, {"unit": unit, "group": group})


async def active_members(connection: AsyncConnection, unit: str, group: str) -> int:
    """How many members of the group can be reached."""
    count: int = (await connection.execute(_ACTIVE, {"unit": unit, "group": group})).scalar_one()
    return count


async def close(connection: AsyncConnection, unit: str, group: str, *, command: str, at: datetime) -> bool:
    """Remember the group (which the caller has locked) as closed; False when it was closed before."""
    row = {"unit": unit, "group": group, "command": command, "at": at}
    return (await connection.execute(_CLOSE, row)).rowcount == 1


async def reopen(connection: AsyncConnection, unit: str, group: str, *, closed_by: str | None = None) -> bool:
    """The group (which the caller has locked) is open again; False when it was not closed, by that command if one is
    given."""
    row = {"unit": unit, "group": group, "command": closed_by}
    return (await connection.execute(_OPEN, row)).rowcount == 1
