"""/v1/units/{unit}/events: the calendar of a unit."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query

from admin_api.calendar import handlers
from admin_api.calendar.views import EventView, NewEvent
from admin_api.web.access import ContextHere, NewsChanger, NewsReader
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import NumberPath, UnitPath

router = APIRouter(prefix="/v1/units/{unit}/events", tags=["news"])


@router.get("", summary="Calendar", responses=documented(401, 403, 404))
async def list_events(
    unit: UnitPath,
    _: NewsReader,
    context: ContextHere,
    wanted: PageQuery,
    first: Annotated[date | None, Query(description="Events of this day and later.")] = None,
    last: Annotated[date | None, Query(description="Events of this day and earlier.")] = None,
) -> Page[EventView]:
    """Events of a unit, newest entered first."""
    found = await handlers.page(context.database, unit, first=first, last=last, wanted=wanted)
    return Page[EventView].of(found, EventView.model_validate)


@router.post("", status_code=201, summary="Enter an event", responses=documented(401, 403, 404))
async def add_event(unit: UnitPath, body: NewEvent, who: NewsChanger, context: ContextHere) -> EventView:
    """Anybody can read it at once."""
    return EventView.model_validate(await handlers.add(context.database, who, body.event(unit)))


@router.delete("/{event}", status_code=204, summary="Take an event out", responses=documented(401, 403, 404))
async def delete_event(unit: UnitPath, event: NumberPath, who: NewsChanger, context: ContextHere) -> None:
    """It is gone from the board as well."""
    await handlers.delete(context.database, who, unit, event)
