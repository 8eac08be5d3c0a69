"""/v1/units: the tenants and their groups."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from admin_api.commands.views import accepted, no_content
from admin_api.kernel.context import Context
from admin_api.kernel.paging import PageRequest
from admin_api.units import handlers
from admin_api.units.model import Unit
from admin_api.units.views import (
    GroupChange,
    GroupList,
    GroupView,
    NewGroup,
    NewUnit,
    PostAddress,
    UnitChange,
    UnitPage,
    UnitView,
)
from admin_api.web.access import ContextHere, GroupChanger, UnitChanger, UnitManager, UnitReader
from admin_api.web.paging import LimitQuery
from admin_api.web.problems import documented
from admin_api.web.types import GroupPath, UnitPath
from contracts.base import UNIT_PATTERN

router = APIRouter(prefix="/v1/units")


@router.get("", tags=["units"], summary="List units (operator)", responses=documented(401, 403))
async def list_units(
    _: UnitManager,
    context: ContextHere,
    after: Annotated[str | None, Query(pattern=UNIT_PATTERN, description="The `next` of the page before.")] = None,
    limit: LimitQuery = 50,
) -> UnitPage:
    """All tenants, by code."""
    found = await handlers.page(context.database, PageRequest(limit, after))
    return UnitPage(items=[_shown(context, unit) for unit in found.items], next=found.next)


@router.post(
    "", status_code=201, tags=["units"], summary="Create a unit (operator)", responses=documented(401, 403, 409)
)
async def create_unit(body: NewUnit, who: UnitManager, context: ContextHere) -> UnitView:
    """It has no groups yet."""
    unit = await handlers.create(context.database, who.actor, body.code, body.name, receipts=body.receipts)
    return _shown(context, unit)


@router.get("/{unit}", tags=["units"], summary="One unit", responses=documented(401, 403, 404))
async def get_unit(unit: UnitPath, _: UnitReader, context: ContextHere) -> UnitView:
    """With its options and its mail domain."""
    return _shown(context, await handlers.get(context.database, unit))


@router.patch("/{unit}", tags=["units"], summary="Change a unit (operator)", responses=documented(401, 403, 404))
async def change_unit(unit: UnitPath, body: UnitChange, who: UnitChanger, context: ContextHere) -> UnitView:
    """A unit that is not active takes no mail and sends none."""
    return _shown(context, await handlers.change(context.database, who.actor, unit, body.model_dump(exclude_none=True)))


@router.get("/{unit}/groups", tags=["groups"], summary="Groups of a unit", responses=documented(401, 403, 404))
async def list_groups(unit: UnitPath, _: UnitReader, context: ContextHere) -> GroupList:
    """In the order of their places, with their public mail addresses."""
    return GroupList(
        items=[GroupView.of(group, context.domain(unit)) for group in await handlers.groups(context.database, unit)]
    )


@router.post(
    "/{unit}/groups",
    status_code=201,
    tags=["groups"],
    summary="Create a group",
    responses=documented(401, 403, 404, 409),
)
async def create_group(unit: UnitPath, body: NewGroup, who: GroupChanger, context: ContextHere) -> GroupView:
    """Its mail addresses work at once, but for the post address, which has to be made."""
    group = await handlers.create_group(context.database, who.actor, unit, body.code, body.name, body.position)
    return GroupView.of(group, context.domain(unit))


@router.patch("/{unit}/groups/{group}", tags=["groups"], summary="Change a group", responses=documented(401, 403, 404))
async def change_group(
    unit: UnitPath, group: GroupPath, body: GroupChange, who: GroupChanger, context: ContextHere
) -> GroupView:
    """Fields that are left out stay as they are."""
    values = body.model_dump(exclude_none=True)
    changed = await handlers.change_group(context.database, who.actor, unit, group, values)
    return GroupView.of(changed, context.domain(unit))


@router.delete(
    "/{unit}/groups/{group}",
    status_code=204,
    tags=["groups"],
    summary="Delete an empty group",
    responses={**documented(401, 403, 404, 409), **accepted()},
)
async def delete_group(unit: UnitPath, group: GroupPath, who: GroupChanger, context: ContextHere) -> Response:
    """Refused while the group still has members. 202 while registry has not said whether it has."""
    return no_content(await handlers.delete_group(context, who, unit, group))


@router.post(
    "/{unit}/groups/{group}/post-address",
    status_code=201,
    tags=["groups"],
    summary="Give a group a new secret post address",
    responses=documented(401, 403, 404),
)
async def roll_post_address(unit: UnitPath, group: GroupPath, who: GroupChanger, context: ContextHere) -> PostAddress:
    """The address is shown this once; an earlier one ends."""
    return PostAddress(address=await handlers.roll_post_address(context, who, unit, group))


def _shown(context: Context, unit: Unit) -> UnitView:
    return UnitView.of(unit, context.domain(unit.code))
