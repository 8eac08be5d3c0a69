"""/v1/held-mail: what could not be processed, why, and what is to become of it. For operators; texts stay sealed."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from admin_api.dead_letters import handlers as held
from admin_api.dead_letters.explanations import explain
from admin_api.dead_letters.store import Filter, HeldMail, State
from admin_api.kernel.context import Office
from admin_api.kernel.roles import Caller
from admin_api.web.access import HeldMailKeeper, OfficeHere
from admin_api.web.problems import documented
from admin_api.web.types import (
    AfterQuery,
    Body,
    ExplanationView,
    LimitQuery,
    Moment,
    Number,
    NumberPath,
    Page,
    UnitText,
    View,
)

router = APIRouter(prefix="/v1/held-mail", tags=["held mail"])

ServiceText = Annotated[str, Field(pattern="^[a-z][a-z-]{1,30}$", examples=["receipts"])]
ReasonText = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]{0,60}$", examples=["token_not_ours"])]
ServiceQuery = Annotated[ServiceText | None, Query(description="Only of this service.")]
ReasonQuery = Annotated[ReasonText | None, Query(description="Only for this reason.")]
UnitQuery = Annotated[UnitText | None, Query(description="Only about this unit.")]
StateQuery = Annotated[State | None, Query(description="Only in this state; left out: in any.")]


class HeldMailView(View):
    """A message that a service gave up on. `reason`: static code, or the class of an unforeseen error; `explanation`:
    the same in words, and what helps. `at`: given up first, `last_at`: last. `unit` and `message`: what it is about,
    where it says so in clear. `state`: `held` (waits for a decision), `retried` (handled once more; it is held again if
    that fails), `dropped`. `times_back`: how often it was held again. `kept`: its message is still here, sealed.
    `decided_by`: `account/` and a number, `command-line`, or `time` when nobody decided."""

    id: Number
    at: Moment
    last_at: Moment
    service: Annotated[str, Field(examples=["receipts"])]
    consumer: Annotated[str, Field(examples=["receipts-inbound"])]
    subject: Annotated[str, Field(examples=["inbound.reply"])]
    reason: Annotated[str, Field(examples=["token_not_ours"])]
    detail: Annotated[str, Field(examples=["PermanentError: token_not_ours"])]
    explanation: ExplanationView
    attempts: int
    unit: str | None
    message: Number | None
    size: Annotated[int, Field(description="Octets of the message on the bus.")]
    state: State
    times_back: int
    kept: bool
    decided_at: Moment | None
    decided_by: str | None


class CountView(View):
    """How many came for a reason: `total` ever, `held` of them wait now. `let_go`: the oldest of them, of which no row
    is left because there were too many."""

    service: Annotated[str, Field(examples=["receipts"])]
    reason: Annotated[str, Field(examples=["token_not_ours"])]
    explanation: ExplanationView
    total: int
    held: int
    let_go: int
    first_at: Moment
    last_at: Moment


class CountList(View):
    items: list[CountView]


class Many(Body):
    """Which held mail: at least one of `service` and `reason`. `after`: the `next` of the answer before."""

    service: ServiceText | None = None
    reason: ReasonText | None = None
    unit: UnitText | None = None
    after: Number | None = None

    def filter(self) -> Filter:
        return Filter(self.service, self.reason, self.unit)


class DecidedView(View):
    """`done`: so many were decided about (the oldest, at most 500); `left`: so many that fit are held, those included
    that failed again meanwhile; `next`: the `after` of the request that goes on, null when there were no more."""

    done: int
    left: int
    next: Number | None


@router.get("", summary="What could not be processed, newest first (operator)", responses=documented(401, 403))
async def list_held_mail(
    _: HeldMailKeeper,
    office: OfficeHere,
    service: ServiceQuery = None,
    reason: ReasonQuery = None,
    unit: UnitQuery = None,
    state: StateQuery = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> Page[HeldMailView]:
    which = Filter(service, reason, unit, state)
    rows = await held.page(office.books, which, before=after, limit=limit + 1)
    shown = rows[:limit]
    return Page[HeldMailView](
        items=[_view(row) for row in shown], next=shown[-1].id if len(rows) > limit and shown else None
    )


@router.get("/counts", summary="How much is held, by service and reason (operator)", responses=documented(401, 403))
async def count_held_mail(_: HeldMailKeeper, office: OfficeHere) -> CountList:
    """Everything is counted, also what anybody outside can cause without end, of which only the newest is listed."""
    found = await held.counts(office.books)
    return CountList(
        items=[
            CountView(
                service=each.service,
                reason=each.reason,
                explanation=_explained(each.reason, ""),
                total=each.total,
                held=each.held,
                let_go=each.let_go,
                first_at=each.first_at,
                last_at=each.last_at,
            )
            for each in found
        ]
    )


@router.get("/{number}", summary="One of them (operator)", responses=documented(401, 403, 404))
async def get_held_mail(number: NumberPath, _: HeldMailKeeper, office: OfficeHere) -> HeldMailView:
    return _view(await held.one(office.books, number))


@router.post("/retry", summary="Have many handled once more (operator)", responses=documented(401, 403))
async def retry_many_held_mail(body: Many, who: HeldMailKeeper, office: OfficeHere) -> DecidedView:
    """For when the cause is mended. At most 500 at once, oldest first: ask again, with `after`, until `next` is
    null. Without it, those come first that failed again."""
    return await _decide(body, who, office, "retried")


@router.post("/drop", summary="Drop many (operator)", responses=documented(401, 403))
async def drop_many_held_mail(body: Many, who: HeldMailKeeper, office: OfficeHere) -> DecidedView:
    """Their messages are erased. At most 500 at once, oldest first: ask again until `left` is 0."""
    return await _decide(body, who, office, "dropped")


@router.post(
    "/{number}/retry", summary="Have it handled once more (operator)", responses=documented(401, 403, 404, 409)
)
async def retry_held_mail(number: NumberPath, who: HeldMailKeeper, office: OfficeHere) -> HeldMailView:
    """By the service that gave it up. Asked for again meanwhile, it is not handled twice. If it fails again, it is held
    again, as the same entry."""
    return _view(await held.retry(office.books, who.actor, number))


@router.post("/{number}/drop", summary="Drop it (operator)", responses=documented(401, 403, 404, 409))
async def drop_held_mail(number: NumberPath, who: HeldMailKeeper, office: OfficeHere) -> HeldMailView:
    """Its message is erased, and nobody can bring it back. Copies of a delivery batch are shown as not delivered."""
    return _view(await held.drop(office.books, who.actor, number))


async def _decide(body: Many, who: Caller, office: Office, decision: held.Decision) -> DecidedView:
    done = await held.decide_many(office.books, who.actor, body.filter(), decision, after=body.after or 0)
    return DecidedView(done=done.done, left=done.left, next=done.last)


def _view(row: HeldMail) -> HeldMailView:
    return HeldMailView(
        id=row.id,
        at=row.at,
        last_at=row.last_at,
        service=row.service,
        consumer=row.consumer,
        subject=row.subject,
        reason=row.reason,
        detail=row.detail,
        explanation=_explained(row.reason, row.detail),
        attempts=row.attempts,
        unit=row.unit,
        message=row.message,
        size=row.size,
        state=row.state,
        times_back=row.times_back,
        kept=row.kept,
        decided_at=row.decided_at,
        decided_by=row.decided_by,
    )


def _explained(reason: str, detail: str) -> ExplanationView:
    words = explain(reason, detail)
    return ExplanationView(ja=words.ja, en=words.en)
