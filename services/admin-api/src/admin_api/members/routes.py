"""/v1/units/{unit}/members and .../posters: people, by number. No answer ever holds an address."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from admin_api.commands.views import CommandView, accepted, no_content, waiting
from admin_api.members import handlers
from admin_api.members.views import Invitation, Invited, Member, MemberList, MemberPage, MemberState, NewPoster
from admin_api.web.access import ContextHere, MemberChanger, MemberReader
from admin_api.web.paging import LongPageQuery
from admin_api.web.problems import documented
from admin_api.web.types import GroupPath, NumberPath, UnitPath
from contracts.base import GROUP_PATTERN
from contracts.requests import MembersAsk
from contracts.sealed import AddressCard

router = APIRouter(prefix="/v1/units/{unit}")

GroupQuery = Annotated[str | None, Query(pattern=GROUP_PATTERN)]


@router.get("/members", tags=["members"], summary="Members of a unit", responses=documented(401, 403, 404, 409))
async def list_members(
    unit: UnitPath,
    who: MemberReader,
    context: ContextHere,
    wanted: LongPageQuery,
    group: GroupQuery = None,
    state: MemberState | None = None,
) -> MemberPage:
    """A sender who is limited to groups has to name one of them."""
    ask = MembersAsk(unit=unit, actor=who.actor, group=group, state=state, after=wanted.after or 0, limit=wanted.limit)
    page = await handlers.page(context, who, ask)
    return MemberPage(items=[Member.of(member) for member in page.members], next=page.next, total=page.total)


@router.post(
    "/members",
    status_code=202,
    tags=["members"],
    summary="Invite an address into a group",
    response_model=Invited | CommandView,
    responses={**documented(401, 403, 404, 409), **accepted(Invited | CommandView)},
)
async def invite(unit: UnitPath, body: Invitation, who: MemberChanger, context: ContextHere) -> Invited | Response:
    """The guide mail goes to the address; only its owner's reply makes a member. While registry has not answered, the
    answer is the command, with where to look for what comes of it."""
    name = body.name.get_secret_value() if body.name else ""
    card = context.sealer.seal(AddressCard(address=body.address.get_secret_value(), name=name), "registry")
    given = await handlers.invite(context, who, unit, body.group, card)
    return waiting(given) if given.state == "waiting" else Invited(request=given.id)


@router.delete(
    "/members/{member}",
    status_code=204,
    tags=["members"],
    summary="Take a member out of the unit or of one group",
    responses={**documented(401, 403, 404, 409), **accepted()},
)
async def remove(
    unit: UnitPath, member: NumberPath, who: MemberChanger, context: ContextHere, group: GroupQuery = None
) -> Response:
    """Nothing is sent to this member any more; nobody is told by mail. 202 while registry has not answered."""
    return no_content(await handlers.remove(context, who, unit, member, group))


@router.get(
    "/groups/{group}/posters",
    tags=["posters"],
    summary="Who may post to a group by mail",
    responses=documented(401, 403, 404, 409),
)
async def list_posters(unit: UnitPath, group: GroupPath, who: MemberChanger, context: ContextHere) -> MemberList:
    """Members whose mails to the group's post address become messages."""
    found = await handlers.posters(context, who, unit, group)
    return MemberList(items=[Member.of(member) for member in found])


@router.post(
    "/groups/{group}/posters",
    status_code=204,
    tags=["posters"],
    summary="Let a member post to a group by mail",
    responses={**documented(401, 403, 404, 409), **accepted()},
)
async def enrol(
    unit: UnitPath, group: GroupPath, body: NewPoster, who: MemberChanger, context: ContextHere
) -> Response:
    """From now on a mail of this member to the group's post address becomes a message, once he confirms it. 202 while
    registry has not answered."""
    return no_content(await handlers.change_poster(context, who, unit, group, body.member, enrolled=True))


@router.delete(
    "/groups/{group}/posters/{member}",
    status_code=204,
    tags=["posters"],
    summary="End a member's right to post",
    responses={**documented(401, 403, 404, 409), **accepted()},
)
async def end_poster(
    unit: UnitPath, group: GroupPath, member: NumberPath, who: MemberChanger, context: ContextHere
) -> Response:
    """Mails of this member to the group's post address are refused from now on. 202 while registry has not answered."""
    return no_content(await handlers.change_poster(context, who, unit, group, member, enrolled=False))
