"""What the office may ask about persons. Every answer about persons is in the access log before it is given."""

from contracts.requests import (
    AudienceAsk,
    AudienceSize,
    MembersAsk,
    MembersPage,
    Names,
    NamesAsk,
    PostAsk,
    PostContent,
)
from registry.context import Context
from registry.store import freezing, pending, views
from registry.store.freezing import AudienceSelection
from runtime.errors import PermanentError


async def page(context: Context, ask: MembersAsk) -> MembersPage:
    """A page of members; names only where the unit has the receipts option."""
    named = await context.has_receipts(ask.unit)
    async with context.engine.begin() as connection:
        found, more, total = await views.page(connection, context.crypto, ask, named=named)
        await views.log_access(
            connection, at=context.clock(), actor=ask.actor, action="members", unit=ask.unit, count=len(found)
        )
    return MembersPage(members=tuple(found), next=found[-1].member if more else None, total=total)


async def names(context: Context, ask: NamesAsk) -> Names:
    """Names of members and children of the unit; none without the receipts option."""
    if not await context.has_receipts(ask.unit):
        return Names()
    async with context.engine.begin() as connection:
        found = await views.names(connection, context.crypto, ask.unit, ask.members, ask.children)
        await views.log_access(
            connection,
            at=context.clock(),
            actor=ask.actor,
            action="names",
            unit=ask.unit,
            count=len(found.members) + len(found.children),
        )
    return found


async def audience(context: Context, ask: AudienceAsk) -> AudienceSize:
    """How many a message would reach; says nothing about anybody."""
    async with context.engine.connect() as connection:
        people, copies = await freezing.size(
            connection, AudienceSelection(ask.unit, ask.groups, ask.members, ask.about_child)
        )
    return AudienceSize(people=people, copies=copies)


async def post(context: Context, ask: PostAsk) -> PostContent:
    """The text of a recognised post. PermanentError when it is not known (any more)."""
    async with context.engine.begin() as connection:
        found = await pending.post(connection, context.crypto, ask.unit, ask.post)
        await views.log_access(
            connection,
            at=context.clock(),
            actor=ask.actor,
            action="post",
            unit=ask.unit,
            subject=ask.post,
            count=0 if found is None else 1,
            granted=found is not None,
        )
    if found is None:
        raise PermanentError("unknown-post")
    return PostContent(subject=found.subject, text=found.text)
