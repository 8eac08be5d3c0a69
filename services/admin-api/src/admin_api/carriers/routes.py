"""/v1/carriers: how fast mail goes out to each carrier, and orders about it. For operators."""

from typing import Annotated

from fastapi import APIRouter, Path

from admin_api.carriers import handlers
from admin_api.carriers.views import CarrierList, CarrierView, NewPace, OrderView, Pause
from admin_api.web.access import ContextHere, PaceKeeper
from admin_api.web.problems import documented

router = APIRouter(prefix="/v1/carriers", tags=["carriers"])

CarrierPath = Annotated[str, Path(pattern="^[a-z0-9]{1,20}$", description="Name of the carrier.", examples=["docomo"])]


@router.get("", summary="How each carrier is treated right now (operator)", responses=documented(401, 403))
async def list_carriers(_: PaceKeeper, context: ContextHere) -> CarrierList:
    """Those of the operator's own included that a dispatcher tells of."""
    found = await handlers.overview(context.dispatchers, context.database.clock())
    return CarrierList(items=[CarrierView.of(carrier) for carrier in found])


@router.get("/{carrier}", summary="One carrier (operator)", responses=documented(401, 403, 404))
async def get_carrier(carrier: CarrierPath, _: PaceKeeper, context: ContextHere) -> CarrierView:
    """With its part at each dispatcher."""
    return CarrierView.of(await handlers.one(context.dispatchers, carrier, context.database.clock()))


@router.post(
    "/{carrier}/pause",
    summary="Offer a carrier nothing for a while (operator)",
    responses=documented(401, 403, 404, 409),
)
async def pause_carrier(
    carrier: CarrierPath, who: PaceKeeper, context: ContextHere, body: Pause | None = None
) -> OrderView:
    """Copies wait, and are tried when the pause ends. What is in flight at this moment is finished."""
    until = None if body is None else body.until
    return OrderView.model_validate(
        await handlers.pause(context.database, context.dispatchers, who.actor, carrier, until)
    )


@router.put(
    "/{carrier}/pace",
    summary="Set a carrier's rate and connections by hand (operator)",
    responses=documented(401, 403, 404, 409),
)
async def set_pace(carrier: CarrierPath, body: NewPace, who: PaceKeeper, context: ContextHere) -> OrderView:
    """They hold at once and may go beyond the policy; signs of the carrier still slow down below them."""
    order = await handlers.pace(
        context.database,
        context.dispatchers,
        who.actor,
        carrier,
        rate=body.rate,
        connections=body.connections,
        until=body.until,
    )
    return OrderView.model_validate(order)


@router.post(
    "/{carrier}/resume",
    status_code=204,
    summary="Undo all that is set by hand for a carrier (operator)",
    responses=documented(401, 403, 404, 409),
)
async def resume_carrier(carrier: CarrierPath, who: PaceKeeper, context: ContextHere) -> None:
    """The policy and the carrier's own signs decide again."""
    await handlers.resume(context.database, context.dispatchers, who.actor, carrier)
