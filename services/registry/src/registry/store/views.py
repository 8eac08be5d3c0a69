"""Persons as administrators may see them, and the log of who looked."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.requests import ChildView, MembersAsk, MemberView, Names
from registry.person_crypto import PersonCrypto
from registry.store.members import CHILD_NAME, NAME

_STATE = """
    CASE WHEN members.left_at IS NOT NULL THEN 'left'
         WHEN addresses.state = 'undeliverable' THEN 'undeliverable' ELSE 'active' END
"""
_SHOWN = f"""
    SELECT members.id, members.since, members.name_key_id, members.name, addresses.reason, members.left_reason,
           {_STATE} AS state,
           ARRAY(SELECT group_code FROM memberships
                 WHERE memberships.member = members.id
                   AND memberships.left_at IS NULL ORDER BY group_code) AS groups
    FROM members LEFT JOIN addresses ON addresses.id = members.address_id
"""  # noqa: S608
# Who left a unit is shown with the groups he was in last.
_MATCHING = f"""
    members.unit = :unit
    AND (CAST(:state AS varchar) IS NULL OR {_STATE} = :state)
    AND (CAST(:group AS varchar) IS NULL OR EXISTS (
        SELECT FROM memberships
        WHERE memberships.member = members.id AND memberships.group_code = :group
          AND (memberships.left_at IS NULL OR memberships.left_at = members.left_at)))
"""
_PAGE = text(f"{_SHOWN} WHERE {_MATCHING} AND members.id > :after ORDER BY members.id LIMIT :limit")
_TOTAL = text(f"""
    SELECT count(*) FROM members LEFT JOIN addresses ON addresses.id = members.address_id WHERE {_MATCHING}
""")  # noqa: S608
_POSTERS = text(f"""
    {_SHOWN} JOIN posters ON posters.member = members.id
    WHERE posters.unit = :unit AND posters.group_code = :group AND members.left_at IS NULL ORDER BY members.id
""")
_CHILDREN = text("""
    SELECT guardians.member, guardians.child, guardians.group_code, guardians.relation, children.class_number,
           children.name_key_id, children.name
    FROM guardians JOIN children ON children.id = guardians.child
    WHERE guardians.member = ANY(CAST(:members AS bigint[]))
    ORDER BY guardians.member, guardians.child, guardians.group_code
""")
_MEMBER_NAMES = text("""
    SELECT id, name_key_id, name FROM members
    WHERE unit = :unit AND id = ANY(CAST(:numbers AS bigint[])) AND name IS NOT NULL
""")
_CHILD_NAMES = text("""
    SELECT id, name_key_id, name FROM children WHERE unit = :unit AND id = ANY(CAST(:numbers AS bigint[]))
""")
_LOG = text("""
    INSERT INTO access_log (at, actor, action, unit, subject, count, granted)
    VALUES (:at, :actor, :action, :unit, :subject, :count, :granted)
""")


async def page(
    connection: AsyncConnection, crypto: PersonCrypto, ask: MembersAsk, *, named: bool
) -> tuple[list[MemberView], bool, int]:
    """The members asked for, whether there are more, and how many match in all. Names only with `named`."""
    matching = {"unit": ask.unit, "state": ask.state, "group": ask.group}
    total: int = (await connection.execute(_TOTAL, matching)).scalar_one()
    rows = (await connection.execute(_PAGE, {**matching, "after": ask.after, "limit": ask.limit + 1})).all()
    return await _views(connection, crypto, rows[: ask.limit], named=named), len(rows) > ask.limit, total


async def posters(
    connection: AsyncConnection, crypto: PersonCrypto, unit: str, group: str, *, named: bool
) -> list[MemberView]:
    """Who may post to a group."""
    rows = (await connection.execute(_POSTERS, {"unit": unit, "group": group})).all()
    return await _views(connection, crypto, rows, named=named)


async def names(
    connection: AsyncConnection, crypto: PersonCrypto, unit: str, members: Sequence[int], children: Sequence[int]
) -> Names:
    """The names of these, of that unit only."""
    found: list[dict[int, str]] = []
    for statement, numbers, column in ((_MEMBER_NAMES, members, NAME), (_CHILD_NAMES, children, CHILD_NAME)):
        rows = await connection.execute(statement, {"unit": unit, "numbers": list(numbers)}) if numbers else ()
        found.append({row.id: crypto.decrypt(row.name_key_id, row.name, column, row.id) for row in rows})
    return Names(members=found[0], children=found[1])


async def log_access(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    unit: str,
    subject: int | None = None,
    count: int = 0,
    granted: bool = True,
) -> None:
    """Write down who read or changed what, in the transaction that does it. `subject`: the one concerned, if one."""
    row = {"at": at, "actor": actor, "action": action, "unit": unit, "subject": subject}
    await connection.execute(_LOG, {**row, "count": count, "granted": granted})


async def _views(
    connection: AsyncConnection, crypto: PersonCrypto, rows: Sequence[Any], *, named: bool
) -> list[MemberView]:
    children: dict[int, list[ChildView]] = {}
    if named and rows:
        for row in await connection.execute(_CHILDREN, {"members": [row.id for row in rows]}):
            children.setdefault(row.member, []).append(
                ChildView(
                    child=row.child,
                    name=crypto.decrypt(row.name_key_id, row.name, CHILD_NAME, row.child),
                    class_number=row.class_number,
                    relation=row.relation,
                    group=row.group_code,
                )
            )
    return [
        MemberView(
            member=row.id,
            name=crypto.decrypt_optional(row.name_key_id, row.name, NAME, row.id) if named else None,
            groups=tuple(row.groups),
            children=tuple(children.get(row.id, ())),
            since=row.since,
            state=row.state,
            reason={"undeliverable": row.reason, "left": row.left_reason}.get(row.state),
        )
        for row in rows
    ]
