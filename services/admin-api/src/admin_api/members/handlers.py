"""Members and posters, as registry tells of them: numbers, groups, states, names where the unit has that option. Never
an address: one that an administrator types goes sealed to registry, which writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager

from admin_api.kernel.context import Context
from admin_api.kernel.errors import Forbidden, NotFound
from admin_api.kernel.roles import Caller
from admin_api.units.handlers import require_group
from contracts.requests import MembersAsk, MembersPage, MemberView
from contracts.sealed import Sealed
from runtime.errors import RequestRefused
from runtime.ids import new_id


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


async def invite(context: Context, who: Caller, unit: str, group: str, card: Sealed) -> int:
    """Have registry send the guide mail to an address; only its owner's reply makes a member. Returns the number of
    the request."""
    await _group(context, unit, group)
    number = new_id()
    await context.registry.invite(unit, who.actor, group, number, card)
    async with context.database.change(
        who.actor, "member.invited", f"request/{number}", unit=unit, detail={"group": group}
    ):
        pass
    return number


async def remove(context: Context, who: Caller, unit: str, member: int, group: str | None) -> None:
    """Take a member out of the unit, or of one group. NotFound for nobody of this unit."""
    if group is not None:
        await _group(context, unit, group)
    with _known():
        await context.registry.remove(unit, who.actor, member, group)
    async with context.database.change(
        who.actor, "member.removed", f"member/{member}", unit=unit, detail={"group": group}
    ):
        pass


async def posters(context: Context, who: Caller, unit: str, group: str) -> tuple[MemberView, ...]:
    """Members who may post to the group from a phone."""
    await _group(context, unit, group)
    return await context.registry.posters(unit, who.actor, group)


async def change_poster(context: Context, who: Caller, unit: str, group: str, member: int, *, enrolled: bool) -> None:
    """Let a member post to the group from a phone, or end it."""
    await _group(context, unit, group)
    with _known():
        await context.registry.change_poster(unit, who.actor, group, member, enrolled=enrolled)
    action = "poster.enrolled" if enrolled else "poster.ended"
    async with context.database.change(who.actor, action, f"member/{member}", unit=unit, detail={"group": group}):
        pass


async def _group(context: Context, unit: str, group: str) -> None:
    async with context.database.engine.connect() as connection:
        await require_group(connection, unit, group)


@contextmanager
def _known() -> Iterator[None]:
    """Registry's word that it knows no such member is a plain 'not found' here."""
    try:
        yield
    except RequestRefused as refusal:
        if refusal.code.startswith("unknown"):
            raise NotFound("The unit has no such member.") from None
        raise


def _within(member: MemberView, groups: tuple[str, ...]) -> MemberView:
    return member.model_copy(
        update={
            "groups": tuple(group for group in member.groups if group in groups),
            "children": tuple(child for child in member.children if child.group in groups),
        }
    )
