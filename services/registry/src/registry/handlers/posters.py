"""Posters: members who may send to a group from a phone."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.requests import Posters, PostersAsk
from registry.context import Context
from registry.handlers.refused import Refused
from registry.inverses import RestorePoster
from registry.store import members, persons, views


async def posters(context: Context, ask: PostersAsk) -> Posters:
    """Who may post to a group."""
    named = await context.has_receipts(ask.unit)
    async with context.engine.begin() as connection:
        found = await views.posters(connection, context.crypto, ask.unit, ask.group, named=named)
        await views.log_access(
            connection, at=context.clock(), actor=ask.actor, action="posters", unit=ask.unit, count=len(found)
        )
    return Posters(members=tuple(found))


async def change(
    context: Context,
    connection: AsyncConnection,
    *,
    unit: str,
    group: str,
    member: int,
    enrolled: bool,
    at: datetime,
) -> RestorePoster | None:
    """Enrol a member of the unit as poster, or end it; what undoes that, None when it was so already. Refused for
    somebody who isn't here, and for a group that there isn't."""
    # He is locked, so that he doesn't leave at this very moment and keep the right to post.
    found, _ = await persons.lock(connection, context.crypto, unit, member)
    if found is None or not found.here:
        raise Refused("unknown-member")
    if enrolled and not await context.takes_members(connection, unit, group):
        raise Refused("unknown-group")
    since = await members.poster_since(connection, unit, group, member)
    if enrolled == (since is not None):
        return None
    await members.change_poster(connection, unit=unit, group=group, member=member, enrolled=enrolled, at=at)
    return RestorePoster(member=member, group=group, enrolled=enrolled, since=since or at)
