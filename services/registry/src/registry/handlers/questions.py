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
    PosterChange,
    Posters,
    PostersAsk,
)
from registry.context import Context
from registry.store import addresses, freezing, members, pending, views
from registry.store.freezing import Selection
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
        people, copies = await freezing.size(connection, Selection(ask.unit, ask.groups, ask.members, ask.about_child))
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


async def posters(context: Context, ask: PostersAsk) -> Posters:
    """Who may post to a group."""
    named = await context.has_receipts(ask.unit)
    async with context.engine.begin() as connection:
        found = await views.posters(connection, context.crypto, ask.unit, ask.group, named=named)
        await views.log_access(
            connection, at=context.clock(), actor=ask.actor, action="posters", unit=ask.unit, count=len(found)
        )
    return Posters(members=tuple(found))


async def change_poster(context: Context, ask: PosterChange) -> None:
    """Enrol a member of the unit as poster, or end it. PermanentError for somebody who isn't here."""
    if ask.enrolled and not await context.group_exists(ask.unit, ask.group):
        raise PermanentError("unknown-group")
    async with context.engine.begin() as connection:
        member = await members.by_id(connection, ask.unit, ask.member)
        if member is not None and member.address_id is not None:
            # Locked, so that he doesn't leave at this very moment and keep the right to post.
            await addresses.lock_by_id(connection, context.crypto, member.address_id)
            member = await members.by_id(connection, ask.unit, ask.member)
        if member is None or not member.here:
            raise PermanentError("unknown-member")
        now = context.clock()
        await members.change_poster(
            connection, unit=ask.unit, group=ask.group, member=ask.member, enrolled=ask.enrolled, at=now
        )
        action = "poster-enrolled" if ask.enrolled else "poster-ended"
        await views.log_access(
            connection, at=now, actor=ask.actor, action=action, unit=ask.unit, subject=ask.member, count=1
        )
