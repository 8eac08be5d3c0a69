"""Freezing an audience: decide once, in one statement, who gets a message and in which batches.

Choice, numbers of the copies and division into batches are one INSERT ... SELECT on the server: a row of arrays for
each hundred copies. A message to a quarter of a million people costs no memory here, and some 2,500 rows there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import TextClause, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from registry.store.copies import BATCH
from runtime.errors import TransientError
from runtime.ids import new_id

_HERE = "members.left_at IS NULL"
_REACHABLE = "addresses.id = members.address_id AND addresses.state = 'active'"
_IN_GROUPS = """EXISTS (
    SELECT FROM memberships WHERE memberships.member = members.id AND memberships.left_at IS NULL
      AND memberships.group_code = ANY(CAST(:groups AS varchar[])))"""


@dataclass(frozen=True, slots=True)
class AudienceSelection:
    """Who is meant, as `MessageApproved` says it: `members` if given, else `groups`, else everybody."""

    unit: str
    groups: Sequence[str] | None
    members: Sequence[int] | None
    about_child: bool

    def query(self) -> str:
        """Columns member, child, carrier of everybody who is here and whose address works; in one unit an address
        belongs to one member. A question about children goes out once for each child in the groups, and once to a
        member who has none there. Spelt out for each case, because one text for all could be planned for none."""
        by_group = self.members is None and self.groups is not None
        conditions = ["members.unit = :unit", _HERE]
        if self.members is not None:
            conditions.append("members.id = ANY(CAST(:members AS bigint[]))")
        if by_group:
            conditions.append(_IN_GROUPS)
        columns, guardians = "members.id AS member, CAST(NULL AS bigint) AS child", ""
        if self.about_child:
            columns = "DISTINCT members.id AS member, guardians.child"
            guardians = "LEFT JOIN guardians ON guardians.member = members.id"
            if by_group:
                guardians += " AND guardians.group_code = ANY(CAST(:groups AS varchar[]))"
        return (
            f"SELECT {columns}, addresses.carrier FROM members JOIN addresses ON {_REACHABLE} {guardians} "  # noqa: S608
            f"WHERE {' AND '.join(conditions)}"
        )

    def parameters(self) -> dict[str, object]:
        """What the query asks for."""
        values: dict[str, object] = {"unit": self.unit}
        if self.members is not None:
            values["members"] = list(self.members)
        elif self.groups is not None:
            values["groups"] = list(self.groups)
        return values


@dataclass(frozen=True, slots=True)
class Frozen:
    """How large an audience is."""

    copies: int
    batches: int


_OPEN = text("""
    INSERT INTO audiences (message, wave, unit, frozen_at, copies, batches, published)
    VALUES (:message, :wave, :unit, :at, 0, 0, 0) ON CONFLICT DO NOTHING
""")
# The same statement serves a class of thirty and a town: it is planned for the audience at hand, sorts in memory, and
# takes it that members are in memory or on a disk without arms, so that a class isn't looked for in all of the town;
# compiling it would take longer than running it.
_FOR_THIS_ONE = text("""
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '32MB', true),
           set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)
""")
_COPIES_OF_MESSAGE = f"""
    SELECT copy.copy_ref, copy.member, copy.child, addresses.carrier
    FROM audiences
    JOIN batches USING (message, wave)
    CROSS JOIN LATERAL unnest(batches.copies, batches.members, batches.children) AS copy(copy_ref, member, child)
    JOIN members ON members.id = copy.member AND {_HERE}
    JOIN addresses ON {_REACHABLE}
    WHERE audiences.message = :message AND audiences.wave = 1 AND audiences.unit = :unit
"""  # noqa: S608
_OF_THESE = " AND copy.copy_ref = ANY(CAST(:copies AS bigint[]))"

# Numbers of a batch's copies: the block of `BATCH` that is its own.
_FIRST = f"CAST(:base AS bigint) + (number - 1) * {BATCH}"
_NEW_COPIES = f"ARRAY(SELECT generate_series({_FIRST}, {_FIRST} + cardinality(members) - 1))"
_CHILDREN = """
    ARRAY(SELECT nullif(child, 0) FROM unnest(children) WITH ORDINALITY AS each(child, place) ORDER BY place)
"""
_NO_CHILDREN = "array_fill(CAST(NULL AS bigint), ARRAY[cardinality(members)])"


async def size(connection: AsyncConnection, selection: AudienceSelection) -> tuple[int, int]:
    """People and copies that a message would reach now."""
    statement = f"SELECT count(DISTINCT member) AS people, count(*) AS copies FROM ({selection.query()}) AS chosen"  # noqa: S608
    row = (await connection.execute(text(statement), selection.parameters())).one()
    return row.people, row.copies


async def freeze(
    connection: AsyncConnection,
    selection: AudienceSelection,
    *,
    message: int,
    wave: int,
    resend_to: Sequence[int] | None,
    at: datetime,
) -> Frozen | None:
    """Decide once who gets this wave and in which batches; None when that was done before.

    The first wave makes the copies; a later one sends copies that exist (`resend_to`, None = all of the message).
    Raises TransientError when another message took the same numbers at the very same moment."""
    key = {"message": message, "wave": wave}
    if (await connection.execute(_OPEN, {**key, "unit": selection.unit, "at": at})).rowcount == 0:
        return None
    await connection.execute(_FOR_THIS_ONE)
    if wave == 1:
        statement = _divide(selection.query(), new=True, children=selection.about_child)
        values = {**selection.parameters(), "base": new_id()}
    elif resend_to is None:
        statement, values = _divide(_COPIES_OF_MESSAGE, new=False, children=True), {"unit": selection.unit}
    else:
        statement = _divide(_COPIES_OF_MESSAGE + _OF_THESE, new=False, children=True)
        values = {"unit": selection.unit, "copies": list(resend_to)}
    try:
        row = (await connection.execute(statement, {**key, **values})).one()
    except IntegrityError:
        raise TransientError("copy_numbers_taken") from None
    return Frozen(row.copies, row.batches)


def _divide(chosen: str, *, new: bool, children: bool) -> TextClause:
    """Write the batches of those chosen, who have copies already unless they are `new`; without `children` nobody's
    child is asked about. Batches take turns between the carriers, so that all of them begin at once.

    Gathered into one array a carrier and cut into pieces, because sorting and grouping row by row costs more. An array
    is quickly cut as long as it holds no NULL: 0 stands for no child meanwhile. Each step is MATERIALIZED, or the whole
    arrays would be copied for each piece."""
    columns = {"members": "member"}
    if not new:
        columns["copies"] = "copy_ref"
    if children:
        columns["children"] = "coalesce(child, 0)"
    gathered = ", ".join(f"array_agg({column}) AS {name}" for name, column in columns.items())
    pieces = ", ".join(f"{name}[part * {BATCH} + 1 : part * {BATCH} + {BATCH}] AS {name}" for name in columns)
    return text(f"""
        WITH pooled AS MATERIALIZED (
            SELECT carrier, count(*) AS copies_of_all, {gathered} FROM ({chosen}) AS chosen GROUP BY carrier
        ),
        parted AS MATERIALIZED (
            SELECT carrier, part, {pieces} FROM pooled, generate_series(0, (copies_of_all - 1) / {BATCH}) AS part
        ),
        ordered AS (
            SELECT *, row_number() OVER (ORDER BY part, carrier) AS number FROM parted
        ),
        added AS (
            INSERT INTO batches (message, wave, batch, carrier, copies, members, children)
            SELECT CAST(:message AS bigint), CAST(:wave AS integer), number, carrier,
                   {_NEW_COPIES if new else "copies"}, members, {_CHILDREN if children else _NO_CHILDREN}
            FROM ordered
            RETURNING cardinality(members) AS size
        )
        UPDATE audiences
        SET copies = total.copies, batches = total.batches, first_copy = {"CAST(:base AS bigint)" if new else "NULL"}
        FROM (SELECT coalesce(sum(size), 0) AS copies, count(*) AS batches FROM added) AS total
        WHERE message = :message AND wave = :wave
        RETURNING audiences.copies, audiences.batches
    """)  # noqa: S608 (nothing but texts of this module goes in)
