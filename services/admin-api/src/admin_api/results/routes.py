"""/v1/units/{unit}/messages/{message}/copies and .../answers: the table of who got it and who answered what."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from admin_api.messages.handlers import reading
from admin_api.messages.store import Message
from admin_api.results import handlers as answers
from admin_api.results.explanations import explain
from admin_api.results.store import Answer
from admin_api.web.access import MessageReader, OfficeHere, Sender
from admin_api.web.problems import documented
from admin_api.web.types import (
    AfterQuery,
    AuthenticationView,
    Body,
    ExplanationView,
    Moment,
    Number,
    NumberPath,
    Page,
    UnitPath,
    View,
)
from contracts.requests import Names

router = APIRouter(prefix="/v1/units/{unit}/messages/{message}", tags=["results"])

StateQuery = Annotated[str | None, Query(pattern=r"^[a-z]{1,20}$", description="Only copies in this state.")]
ManyQuery = Annotated[int, Query(ge=1, le=500, description="Entries of a page at most.")]


class CopyView(View):
    """What became of one copy. `answered`: by a reply to this copy; `settled`: that, or another guardian answered for
    the same child. Names only where the unit has the receipts option. `reason` is a code for why it is not delivered
    (yet), if one was given; `explanation` says it in words, with what helps; null when nothing needs explaining."""

    copy_ref: Number
    member: Number | None
    member_name: str | None
    child: Number | None
    child_name: str | None
    carrier: str | None
    wave: int
    state: Annotated[str, Field(examples=["delivered"])]
    code: int | None
    enhanced: Annotated[str | None, Field(examples=["2.0.0"])]
    reason: Annotated[str | None, Field(examples=["mailbox full"])]
    explanation: ExplanationView | None
    attempts: int
    updated_at: Moment
    answered: bool
    settled: bool


class AnswerView(View):
    """One answer. `latest` is the one that counts for its copy; earlier ones stay. `needs_look`: no choice was
    recognised beyond doubt, so a person should read `text`. `authentication`: what the mail showed of its origin;
    an answer counts by the address that it came to, whatever that says. `chosen_by`: the account that set `choice` by
    hand, at `chosen_at`; null where it is as it was read."""

    id: Number
    copy_ref: Number
    member: Number | None
    member_name: str | None
    child: Number | None
    child_name: str | None
    received_at: Moment
    choice: int | None
    label: Annotated[str | None, Field(examples=["良好"])]
    needs_look: bool
    text: str
    latest: bool
    authentication: AuthenticationView | None
    chosen_by: Number | None
    chosen_at: Moment | None


class Chosen(Body):
    """`choice`: what the answer means, counted from 1; null: as it was read."""

    choice: Annotated[int | None, Field(ge=1, le=9)]


@router.get("/copies", summary="Copies of a message", responses=documented(401, 403, 404, 409))
async def list_copies(
    unit: UnitPath,
    message: NumberPath,
    who: MessageReader,
    office: OfficeHere,
    state: StateQuery = None,
    answered: Annotated[bool | None, Query(description="False: only those who still have to answer.")] = None,
    after: AfterQuery = None,
    limit: ManyQuery = 100,
) -> Page[CopyView]:
    found, names = await reading.copies(
        office, who, unit, message, state=state, settled=answered, after=after or 0, limit=limit + 1
    )
    shown = found[:limit]
    items = [
        CopyView(
            copy_ref=copy.copy_ref,
            member=copy.member,
            member_name=names.members.get(copy.member or 0),
            child=copy.child,
            child_name=names.children.get(copy.child or 0),
            carrier=copy.carrier,
            wave=copy.wave,
            state=copy.state,
            code=copy.code,
            enhanced=copy.enhanced,
            reason=copy.reason or None,
            explanation=ExplanationView.of(explain(copy.state, copy.reason, domain=office.domain(unit))),
            attempts=copy.attempts,
            updated_at=copy.updated_at,
            answered=copy.answered,
            settled=copy.settled,
        )
        for copy in shown
    ]
    return Page[CopyView](items=items, next=shown[-1].copy_ref if len(found) > limit else None)


@router.get("/answers", summary="Answers to a message", responses=documented(401, 403, 404, 409))
async def list_answers(
    unit: UnitPath,
    message: NumberPath,
    who: MessageReader,
    office: OfficeHere,
    latest: Annotated[bool | None, Query(description="True: only those that count.")] = None,
    after: AfterQuery = None,
    limit: ManyQuery = 100,
) -> Page[AnswerView]:
    asked, found, names = await reading.answers(
        office, who, unit, message, latest=latest, after=after or 0, limit=limit + 1
    )
    shown = found[:limit]
    items = [_answer(answer, asked, names) for answer in shown]
    return Page[AnswerView](items=items, next=shown[-1].id if len(found) > limit else None)


@router.put(
    "/answers/{answer}/choice", summary="Say which choice an answer means", responses=documented(401, 403, 404, 409)
)
async def choose(
    unit: UnitPath, message: NumberPath, answer: NumberPath, body: Chosen, who: Sender, office: OfficeHere
) -> AnswerView:
    """For an answer that needs a look, or was read wrongly. It counts in the tallies at once; null takes it back.
    An answer that comes later counts as usual."""
    await answers.choose(office, who, unit, message, answer, body.choice)
    asked, found, names = await reading.answers(office, who, unit, message, latest=None, after=answer - 1, limit=1)
    return _answer(found[0], asked, names)


def _answer(answer: Answer, asked: Message, names: Names) -> AnswerView:
    return AnswerView(
        id=answer.id,
        copy_ref=answer.copy_ref,
        member=answer.member,
        member_name=names.members.get(answer.member or 0),
        child=answer.child,
        child_name=names.children.get(answer.child or 0),
        received_at=answer.received_at,
        choice=answer.choice,
        label=dict(enumerate(asked.choices, 1)).get(answer.choice or 0),
        needs_look=answer.needs_look,
        text=answer.text,
        latest=answer.latest,
        authentication=AuthenticationView.of(answer.authentication),
        chosen_by=answer.chosen_by,
        chosen_at=answer.chosen_at,
    )
