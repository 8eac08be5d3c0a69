"""/v1/units: the tenants and their groups."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from admin_api.kernel.context import Office
from admin_api.units import handlers as units
from admin_api.units.store import Group, Unit
from admin_api.web.access import GroupChanger, OfficeHere, UnitChanger, UnitManager, UnitReader
from admin_api.web.problems import documented
from admin_api.web.types import Body, GroupPath, GroupText, LimitQuery, Line, Moment, UnitPath, UnitText, View
from contracts.base import UNIT_PATTERN

router = APIRouter(prefix="/v1/units")

Name = Annotated[Line, Field(max_length=60, examples=["さくら小学校"])]
GroupName = Annotated[Line, Field(max_length=40, examples=["1年1組"])]
Position = Annotated[int, Field(ge=0, le=1000, description="Place in lists.")]


class NewUnit(Body):
    code: UnitText
    name: Name
    receipts: bool = False


class UnitChange(Body):
    """Fields that are left out stay as they are."""

    name: Name | None = None
    receipts: bool | None = None
    active: bool | None = None


class UnitView(View):
    """`receipts`: the option of names and answers. `mail_domain`: what comes after the @ in its addresses."""

    code: UnitText
    name: str
    receipts: bool
    active: bool
    mail_domain: str
    created_at: Moment


class UnitPage(View):
    """`next` is the `after` of the next page, null on the last."""

    items: list[UnitView]
    next: str | None = None


class NewGroup(Body):
    code: GroupText
    name: GroupName
    position: Position | None = None


class GroupChange(Body):
    """Fields that are left out stay as they are."""

    name: GroupName | None = None
    position: Position | None = None


class GroupView(View):
    """A group and its public mail addresses. The secret post address is shown only when it is made."""

    code: GroupText
    name: str
    position: int
    entry_address: Annotated[str, Field(examples=["xx1-entry@sakura.renrakumo.example"])]
    leave_address: str
    info_address: str
    has_post_address: bool


class GroupList(View):
    items: list[GroupView]


class PostAddress(View):
    """Shown once. Whoever is enrolled as poster sends a message to the group by writing to it."""

    address: Annotated[str, Field(examples=["xx1-k7wq2m9d4hnp@sakura.renrakumo.example"])]


@router.get("", tags=["units"], summary="List units (operator)", responses=documented(401, 403))
async def list_units(
    _: UnitManager,
    office: OfficeHere,
    after: Annotated[str | None, Query(pattern=UNIT_PATTERN, description="The `next` of the page before.")] = None,
    limit: LimitQuery = 50,
) -> UnitPage:
    found = await units.page(office.books, after, limit + 1)
    shown = found[:limit]
    return UnitPage(items=[_unit(office, unit) for unit in shown], next=shown[-1].code if len(found) > limit else None)


@router.post(
    "", status_code=201, tags=["units"], summary="Create a unit (operator)", responses=documented(401, 403, 409)
)
async def create_unit(body: NewUnit, who: UnitManager, office: OfficeHere) -> UnitView:
    unit = await units.create(office.books, who.actor, body.code, body.name, receipts=body.receipts)
    return _unit(office, unit)


@router.get("/{unit}", tags=["units"], summary="One unit", responses=documented(401, 403, 404))
async def get_unit(unit: UnitPath, _: UnitReader, office: OfficeHere) -> UnitView:
    return _unit(office, await units.get(office.books, unit))


@router.patch("/{unit}", tags=["units"], summary="Change a unit (operator)", responses=documented(401, 403, 404))
async def change_unit(unit: UnitPath, body: UnitChange, who: UnitChanger, office: OfficeHere) -> UnitView:
    """A unit that is not active takes no mail and sends none."""
    return _unit(office, await units.change(office.books, who.actor, unit, body.model_dump(exclude_none=True)))


@router.get("/{unit}/groups", tags=["groups"], summary="Groups of a unit", responses=documented(401, 403, 404))
async def list_groups(unit: UnitPath, _: UnitReader, office: OfficeHere) -> GroupList:
    return GroupList(items=[_group(office, group) for group in await units.groups(office.books, unit)])


@router.post(
    "/{unit}/groups",
    status_code=201,
    tags=["groups"],
    summary="Create a group",
    responses=documented(401, 403, 404, 409),
)
async def create_group(unit: UnitPath, body: NewGroup, who: GroupChanger, office: OfficeHere) -> GroupView:
    group = await units.create_group(office.books, who.actor, unit, body.code, body.name, body.position)
    return _group(office, group)


@router.patch("/{unit}/groups/{group}", tags=["groups"], summary="Change a group", responses=documented(401, 403, 404))
async def change_group(
    unit: UnitPath, group: GroupPath, body: GroupChange, who: GroupChanger, office: OfficeHere
) -> GroupView:
    values = body.model_dump(exclude_none=True)
    return _group(office, await units.change_group(office.books, who.actor, unit, group, values))


@router.delete(
    "/{unit}/groups/{group}",
    status_code=204,
    tags=["groups"],
    summary="Delete an empty group",
    responses=documented(401, 403, 404, 409),
)
async def delete_group(unit: UnitPath, group: GroupPath, who: GroupChanger, office: OfficeHere) -> None:
    await units.delete_group(office, who, unit, group)


@router.post(
    "/{unit}/groups/{group}/post-address",
    status_code=201,
    tags=["groups"],
    summary="Give a group a new secret post address",
    responses=documented(401, 403, 404),
)
async def roll_post_address(unit: UnitPath, group: GroupPath, who: GroupChanger, office: OfficeHere) -> PostAddress:
    """The address is shown this once; an earlier one ends."""
    return PostAddress(address=await units.roll_post_address(office, who, unit, group))


def _unit(office: Office, unit: Unit) -> UnitView:
    return UnitView(
        code=unit.code,
        name=unit.name,
        receipts=unit.receipts,
        active=unit.active,
        mail_domain=office.domain(unit.code),
        created_at=unit.created_at,
    )


def _group(office: Office, group: Group) -> GroupView:
    domain = office.domain(group.unit)
    return GroupView(
        code=group.code,
        name=group.name,
        position=group.position,
        entry_address=f"{group.code}-entry@{domain}",
        leave_address=f"{group.code}-leave@{domain}",
        info_address=f"{group.code}-info@{domain}",
        has_post_address=group.post_secret_hash is not None,
    )
