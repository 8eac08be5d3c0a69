"""Members and posters, as registry tells of them: numbers, groups, states, names where the unit has that option. Never
an address: one that an administrator types goes sealed to registry, which writes to it. What changes is a command."""

from admin_api.commands.handlers import giving
from admin_api.commands.model import GivenCommand
from admin_api.kernel.context import Context
from admin_api.kernel.errors import Forbidden
from admin_api.kernel.roles import Caller
from admin_api.units.handlers import require_group
from contracts.commands import ChangePoster, InviteMember, RemoveMember
from contracts.requests import MembersAsk, MembersPage, MemberView
from contracts.sealed import Sealed


async def page(context: Context, who: Caller, ask: MembersAsk) -> MembersPage:
    """A page of members. A sender who is limited to groups has to name one of them, and sees of a family only what
    belongs to his own groups."""
    if who.groups is not None and (ask.group is None or ask.group not in who.groups):
        raise Forbidden("Choose one of your own groups.")
    if ask.group is not None:
        await _group(context, ask.unit, ask.group)
    page = await context.registry.members(ask)
    if who.groups is None:
        return page
    return page.model_copy(update={"members": tuple(_within(member, who.groups) for member in page.members)})


async def invite(context: Context, who: Caller, unit: str, group: str, card: Sealed) -> GivenCommand:
    """Have registry send the guide mail to an address; only its owner's reply makes a member. Unacceptable for an
    address that registry can't write to."""
    await _group(context, unit, group)
    command = InviteMember(
        id=giving.new_command_id(),
        occurred_at=context.database.clock(),
        unit=unit,
        actor=who.actor,
        group=group,
        card=card,
    )
    return await giving.give(context, command)


async def remove(context: Context, who: Caller, unit: str, member: int, group: str | None) -> GivenCommand:
    """Take a member out of the unit, or of one group. NotFound for nobody of this unit."""
    if group is not None:
        await _group(context, unit, group)
    command = RemoveMember(
        id=giving.new_command_id(),
        occurred_at=context.database.clock(),
        unit=unit,
        actor=who.actor,
        member=member,
        group=group,
    )
    return await giving.give(context, command)


async def posters(context: Context, who: Caller, unit: str, group: str) -> tuple[MemberView, ...]:
    """Members who may post to the group from a phone."""
    await _group(context, unit, group)
    return await context.registry.posters(unit, who.actor, group)


async def change_poster(
    context: Context, who: Caller, unit: str, group: str, member: int, *, enrolled: bool
) -> GivenCommand:
    """Let a member post to the group from a phone, or end it. NotFound for nobody of this unit."""
    await _group(context, unit, group)
    command = ChangePoster(
        id=giving.new_command_id(),
        occurred_at=context.database.clock(),
        unit=unit,
        actor=who.actor,
        group=group,
        member=member,
        enrolled=enrolled,
    )
    return await giving.give(context, command)


async def _group(context: Context, unit: str, group: str) -> None:
    async with context.database.engine.connect() as connection:
        await require_group(connection, unit, group)


def _within(member: MemberView, groups: tuple[str, ...]) -> MemberView:
    return member.model_copy(
        update={
            "groups": tuple(group for group in member.groups if group in groups),
            "children": tuple(child for child in member.children if child.group in groups),
        }
    )
