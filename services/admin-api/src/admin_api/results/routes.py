"""/v1/units/{unit}/messages/{message}/copies and .../answers: the table of who got it and who answered what."""

from typing import Annotated

from fastapi import APIRouter, Query

from admin_api.kernel.paging import PageRequest
from admin_api.messages.handlers import looking_up as messages
from admin_api.results import handlers
from admin_api.results.views import AnswerView, Chosen, CopyView
from admin_api.web.access import ContextHere, MessageReader, Sender
from admin_api.web.paging import LongPageQuery, Page
from admin_api.web.problems import documented
from admin_api.web.types import NumberPath, UnitPath

router = APIRouter(prefix="/v1/units/{unit}/messages/{message}", tags=["results"])

StateQuery = Annotated[str | None, Query(pattern=r"^[a-z]{1,20}$", description="Only copies in this state.")]


@router.get("/copies", summary="Copies of a message", responses=documented(401, 403, 404, 409))
async def list_copies(
    unit: UnitPath,
    message: NumberPath,
    who: MessageReader,
    context: ContextHere,
    wanted: LongPageQuery,
    state: StateQuery = None,
    answered: Annotated[bool | None, Query(description="False: only those who still have to answer.")] = None,
) -> Page[CopyView]:
    """What became of each copy, and why."""
    asked = await messages.get(context, who, unit, message)
    found, names = await handlers.copies(context, who, asked, state=state, settled=answered, wanted=wanted)
    return Page[CopyView].of(found, lambda copy: CopyView.of(copy, names, context.domain(unit)))


@router.get("/answers", summary="Answers to a message", responses=documented(401, 403, 404, 409))
async def list_answers(
    unit: UnitPath,
    message: NumberPath,
    who: MessageReader,
    context: ContextHere,
    wanted: LongPageQuery,
    latest: Annotated[bool | None, Query(description="True: only those that count.")] = None,
) -> Page[AnswerView]:
    """In the order in which they came; the last one of a copy counts."""
    asked = await messages.get(context, who, unit, message)
    found, names = await handlers.answers(context, who, asked, latest=latest, wanted=wanted)
    return Page[AnswerView].of(found, lambda answer: AnswerView.of(answer, asked.choices, names))


@router.put(
    "/answers/{answer}/choice", summary="Say which choice an answer means", responses=documented(401, 403, 404, 409)
)
async def choose(
    unit: UnitPath, message: NumberPath, answer: NumberPath, body: Chosen, who: Sender, context: ContextHere
) -> AnswerView:
    """For an answer that needs a look, or was read wrongly. It counts in the tallies at once; null takes it back.
    An answer that comes later counts as usual."""
    asked = await messages.get(context, who, unit, message)
    await handlers.choose(context, who, asked, answer, body.choice)
    this = PageRequest(limit=1, after=answer - 1)
    found, names = await handlers.answers(context, who, asked, latest=None, wanted=this)
    return AnswerView.of(found.items[0], asked.choices, names)
