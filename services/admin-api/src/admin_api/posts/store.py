"""Refused posts in the database."""

import dataclasses
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from admin_api.kernel.paging import PageRequest, Slice
from admin_api.posts.model import PostAttempt
from admin_api.posts.tables import post_attempts
from contracts.events.inbound import Authentication

_COLUMNS = [post_attempts.c[field.name].label(field.name) for field in dataclasses.fields(PostAttempt)]


async def add_attempt(connection: AsyncConnection, attempt: PostAttempt) -> None:
    """Keep an attempt that was refused."""
    values = {field.name: getattr(attempt, field.name) for field in dataclasses.fields(attempt)}
    if attempt.authentication is not None:
        values["authentication"] = attempt.authentication.model_dump()
    await connection.execute(post_attempts.insert().values(values))


async def attempts_page(connection: AsyncConnection, unit: str, wanted: PageRequest[int]) -> Slice[PostAttempt, int]:
    """Attempts at a unit's post addresses, newest first."""
    query = wanted.newest_first(select(*_COLUMNS).where(post_attempts.c.unit == unit), post_attempts.c.id)
    return wanted.cut([_attempt(row) for row in await connection.execute(query)], lambda attempt: attempt.id)


def _attempt(row: Any) -> PostAttempt:
    shown = None if row.authentication is None else Authentication.model_validate(row.authentication)
    return PostAttempt(**{**row._mapping, "authentication": shown})
