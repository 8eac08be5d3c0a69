"""Copies, found by their numbers: whose they are.

The copies of a message are kept a batch in a row, as arrays. Its first wave numbers them one after the other from
`audiences.first_copy` on, a block of `BATCH` for each batch, so that a number says in which row it stands. Where
`first_copy` is missing (audiences from before that rule) all batches of the message are looked through.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

BATCH = 100
"""Most copies in a batch."""

# `asked` must be a list of rows before it in FROM, with a column copy_ref.
FOUND = f"""
    JOIN audiences ON audiences.message = :message AND audiences.wave = 1 AND audiences.unit = :unit
    JOIN LATERAL (
        SELECT members[array_position(copies, asked.copy_ref)] AS member FROM batches
        WHERE audiences.first_copy IS NOT NULL AND batches.message = :message AND batches.wave = 1
          AND batches.batch = (asked.copy_ref - audiences.first_copy) / {BATCH} + 1
        UNION ALL
        SELECT members[array_position(copies, asked.copy_ref)] FROM batches
        WHERE audiences.first_copy IS NULL AND batches.message = :message AND batches.wave = 1
          AND asked.copy_ref = ANY(copies)
    ) AS found ON found.member IS NOT NULL
"""  # noqa: S608

_MEMBER = text(
    f"SELECT found.member FROM (SELECT CAST(:copy AS bigint) AS copy_ref) AS asked {FOUND}"  # noqa: S608
)


async def member(connection: AsyncConnection, *, unit: str, message: int, copy_ref: int) -> int | None:
    """Whose copy that is; None when the message has no such copy in that unit."""
    key = {"unit": unit, "message": message, "copy": copy_ref}
    number: int | None = (await connection.execute(_MEMBER, key)).scalar_one_or_none()
    return number
