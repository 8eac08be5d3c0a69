"""/v1/dead-letters: what could not be processed, why, and what is to become of it. For operators; texts stay sealed."""

from typing import Annotated

from fastapi import APIRouter, Query

from admin_api.dead_letters import handlers
from admin_api.dead_letters.model import Decision, Filter, State
from admin_api.dead_letters.views import (
    DeadLetterSelection,
    DeadLetterView,
    DecidedView,
    ReasonCountList,
    ReasonCountView,
    ReasonText,
    ServiceText,
)
from admin_api.kernel.context import Context
from admin_api.kernel.roles import Caller
from admin_api.web.access import ContextHere, DeadLetterKeeper
from admin_api.web.paging import Page, PageQuery
from admin_api.web.problems import documented
from admin_api.web.types import NumberPath, UnitText

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])

ServiceQuery = Annotated[ServiceText | None, Query(description="Only of this service.")]
ReasonQuery = Annotated[ReasonText | None, Query(description="Only for this reason.")]
UnitQuery = Annotated[UnitText | None, Query(description="Only about this unit.")]
StateQuery = Annotated[State | None, Query(description="Only in this state; left out: in any.")]


@router.get("", summary="What could not be processed, newest first (operator)", responses=documented(401, 403))
async def list_dead_letters(
    _: DeadLetterKeeper,
    context: ContextHere,
    wanted: PageQuery,
    service: ServiceQuery = None,
    reason: ReasonQuery = None,
    unit: UnitQuery = None,
    state: StateQuery = None,
) -> Page[DeadLetterView]:
    """Each with its reason in words, and what helps."""
    found = await handlers.page(context.database, Filter(service, reason, unit, state), wanted)
    return Page[DeadLetterView].of(found, DeadLetterView.of)


@router.get(
    "/counts", summary="How many are undecided, by service and reason (operator)", responses=documented(401, 403)
)
async def count_dead_letters(_: DeadLetterKeeper, context: ContextHere) -> ReasonCountList:
    """Everything is counted, also what anybody outside can cause without end, of which only the newest is listed."""
    found = await handlers.counts(context.database)
    return ReasonCountList(items=[ReasonCountView.of(each) for each in found])


@router.get("/{number}", summary="One of them (operator)", responses=documented(401, 403, 404))
async def get_dead_letter(number: NumberPath, _: DeadLetterKeeper, context: ContextHere) -> DeadLetterView:
    """With its reason in words, and what helps."""
    return DeadLetterView.of(await handlers.one(context.database, number))


@router.post("/retry", summary="Have many handled once more (operator)", responses=documented(401, 403))
async def retry_many_dead_letters(
    body: DeadLetterSelection, who: DeadLetterKeeper, context: ContextHere
) -> DecidedView:
    """For when the cause is mended. At most 500 at once, oldest first: ask again, with `after`, until `next` is
    null. Without it, those come first that failed again."""
    return await _decide(body, who, context, "retried")


@router.post("/drop", summary="Drop many (operator)", responses=documented(401, 403))
async def drop_many_dead_letters(body: DeadLetterSelection, who: DeadLetterKeeper, context: ContextHere) -> DecidedView:
    """Their messages are erased. At most 500 at once, oldest first: ask again until `left` is 0."""
    return await _decide(body, who, context, "dropped")


@router.post(
    "/{number}/retry", summary="Have it handled once more (operator)", responses=documented(401, 403, 404, 409)
)
async def retry_dead_letter(number: NumberPath, who: DeadLetterKeeper, context: ContextHere) -> DeadLetterView:
    """By the service that gave it up. Asked for again meanwhile, it is not handled twice. If it fails again, it is
    undecided again, as the same entry."""
    return DeadLetterView.of(await handlers.retry(context.database, who.actor, number))


@router.post("/{number}/drop", summary="Drop it (operator)", responses=documented(401, 403, 404, 409))
async def drop_dead_letter(number: NumberPath, who: DeadLetterKeeper, context: ContextHere) -> DeadLetterView:
    """Its message is erased, and nobody can bring it back. Copies of a delivery batch are shown as not delivered."""
    return DeadLetterView.of(await handlers.drop(context.database, who.actor, number))


async def _decide(body: DeadLetterSelection, who: Caller, context: Context, decision: Decision) -> DecidedView:
    done = await handlers.decide_many(context.database, who.actor, body.filter(), decision, after=body.after or 0)
    return DecidedView(done=done.done, left=done.left, next=done.last)
