"""/v1/units/{unit}/members and .../posters: people, by number. No answer ever holds an address."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field, SecretStr, field_validator

from admin_api.members import handlers as members
from admin_api.results.explanations import explain_member
from admin_api.web.access import MemberChanger, MemberReader, OfficeHere
from admin_api.web.problems import documented
from admin_api.web.types import (
    AfterQuery,
    Body,
    ExplanationView,
    GroupPath,
    GroupText,
    Moment,
    Number,
    NumberPath,
    Page,
    UnitPath,
    View,
)
from contracts.base import GROUP_PATTERN
from contracts.requests import MembersAsk, MemberView
from contracts.sealed import AddressCard
from mail.addresses import AddressError, normalise

router = APIRouter(prefix="/v1/units/{unit}")

MemberState = Literal["active", "undeliverable", "left"]
GroupQuery = Annotated[str | None, Query(pattern=GROUP_PATTERN)]


class Child(View):
    """A child as its guardian named it."""

    id: Number
    name: str
    class_number: str | None
    relation: str | None
    group: GroupText


class Member(View):
    """A member. Names only where the unit has the receipts option; `reason` is a code for why mail doesn't reach him,
    or for why he left (`complaint`: he reported a mail as spam); `explanation` says it in words, with what helps."""

    id: Number
    name: str | None
    groups: list[str]
    children: list[Child]
    since: Moment
    state: MemberState
    reason: str | None
    explanation: ExplanationView | None


class MemberPage(Page[Member]):
    """`total` counts all that match."""

    total: int


class MemberList(View):
    items: list[Member]


class Invitation(Body):
    """An address that an administrator typed. It is sealed for registry at once and never shown again."""

    group: GroupText
    address: Annotated[SecretStr, Field(min_length=3, max_length=320)]
    name: Annotated[SecretStr | None, Field(max_length=100)] = None

    @field_validator("address")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        try:
            return SecretStr(normalise(value.get_secret_value()))
        except AddressError:
            raise ValueError("is not a mail address") from None


class Invited(View):
    """The guide mail is on its way; the owner's reply makes the member."""

    request: Number


class PosterBody(Body):
    member: Number


@router.get("/members", tags=["members"], summary="Members of a unit", responses=documented(401, 403, 404, 409))
async def list_members(
    unit: UnitPath,
    who: MemberReader,
    office: OfficeHere,
    group: GroupQuery = None,
    state: MemberState | None = None,
    after: AfterQuery = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> MemberPage:
    ask = MembersAsk(unit=unit, actor=who.actor, group=group, state=state, after=after or 0, limit=limit)
    page = await members.page(office, who, ask)
    return MemberPage(items=[_member(member) for member in page.members], next=page.next, total=page.total)


@router.post(
    "/members",
    status_code=202,
    tags=["members"],
    summary="Invite an address into a group",
    responses=documented(401, 403, 404, 409),
)
async def invite(unit: UnitPath, body: Invitation, who: MemberChanger, office: OfficeHere) -> Invited:
    name = body.name.get_secret_value() if body.name else ""
    card = office.sealer.seal(AddressCard(address=body.address.get_secret_value(), name=name), "registry")
    return Invited(request=await members.invite(office, who, unit, body.group, card))


@router.delete(
    "/members/{member}",
    status_code=204,
    tags=["members"],
    summary="Take a member out of the unit or of one group",
    responses=documented(401, 403, 404, 409),
)
async def remove(
    unit: UnitPath, member: NumberPath, who: MemberChanger, office: OfficeHere, group: GroupQuery = None
) -> None:
    await members.remove(office, who, unit, member, group)


@router.get(
    "/groups/{group}/posters",
    tags=["posters"],
    summary="Who may post to a group by mail",
    responses=documented(401, 403, 404, 409),
)
async def list_posters(unit: UnitPath, group: GroupPath, who: MemberChanger, office: OfficeHere) -> MemberList:
    found = await members.posters(office, who, unit, group)
    return MemberList(items=[_member(member) for member in found])


@router.post(
    "/groups/{group}/posters",
    status_code=204,
    tags=["posters"],
    summary="Let a member post to a group by mail",
    responses=documented(401, 403, 404, 409),
)
async def enrol(unit: UnitPath, group: GroupPath, body: PosterBody, who: MemberChanger, office: OfficeHere) -> None:
    await members.change_poster(office, who, unit, group, body.member, enrolled=True)


@router.delete(
    "/groups/{group}/posters/{member}",
    status_code=204,
    tags=["posters"],
    summary="End a member's right to post",
    responses=documented(401, 403, 404, 409),
)
async def end_poster(
    unit: UnitPath, group: GroupPath, member: NumberPath, who: MemberChanger, office: OfficeHere
) -> None:
    await members.change_poster(office, who, unit, group, member, enrolled=False)


def _member(member: MemberView) -> Member:
    return Member(
        id=member.member,
        name=member.name,
        groups=list(member.groups),
        children=[
            Child(
                id=child.child,
                name=child.name,
                class_number=child.class_number,
                relation=child.relation,
                group=child.group,
            )
            for child in member.children
        ],
        since=member.since,
        state=member.state,
        reason=member.reason,
        explanation=ExplanationView.of(explain_member(member.reason)),
    )
