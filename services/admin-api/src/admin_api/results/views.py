"""Bodies and answers about what became of a message."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from admin_api.results.explanations import explain_copy
from admin_api.results.model import Answer, Copy, Tally
from admin_api.web.types import AuthenticationView, Body, ExplanationView, Number, Timestamp, View
from contracts.requests import Names


class CountsView(View):
    """Copies by what became of them. `expired` and `superseded` ones were held back on purpose (too late to be of use;
    stopped or corrected) and are not among those that `failed`. `children` and `children_answered`: for a question
    about each child."""

    planned: int
    delivered: int
    deferred: int
    failed: int
    expired: int
    superseded: int
    answered: int
    children: int
    children_answered: int


class TallyView(View):
    """Last answers by choice; `choice` and `label` null: no choice recognised. `needs_look`: how many a person should
    read."""

    choice: int | None
    label: str | None
    count: int
    needs_look: int

    @classmethod
    def all_of(cls, choices: Sequence[str], tallies: Sequence[Tally]) -> "list[TallyView]":
        """A tally for each of the choices, chosen or not, and one for answers without a choice, if there are any."""
        found = {tally.choice: tally for tally in tallies}
        labels: list[tuple[int | None, str | None]] = [*enumerate(choices, 1)]
        if None in found:
            labels.append((None, None))
        views = []
        for choice, label in labels:
            tally = found.get(choice, Tally(choice, 0, 0))
            views.append(cls(choice=choice, label=label, count=tally.count, needs_look=tally.needs_look))
        return views


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
    updated_at: Timestamp
    answered: bool
    settled: bool

    @classmethod
    def of(cls, copy: Copy, names: Names, domain: str) -> "CopyView":
        """A copy, with the names that are known; `domain` is its unit's mail domain."""
        return cls(
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
            explanation=ExplanationView.of(explain_copy(copy.state, copy.reason, domain=domain)),
            attempts=copy.attempts,
            updated_at=copy.updated_at,
            answered=copy.answered,
            settled=copy.settled,
        )


class AnswerView(View):
    """One answer. `latest` is the one that counts for its copy; earlier ones stay. `needs_look`: no choice was
    recognised beyond doubt, so a person should read `text`. `authentication`: what the mail showed of its origin;
    an answer counts by the address that it came to, whatever that says. `chosen_by`: the account that set `choice`,
    at `chosen_at`; null where it is as it was read."""

    id: Number
    copy_ref: Number
    member: Number | None
    member_name: str | None
    child: Number | None
    child_name: str | None
    received_at: Timestamp
    choice: int | None
    label: Annotated[str | None, Field(examples=["良好"])]
    needs_look: bool
    text: str
    latest: bool
    authentication: AuthenticationView | None
    chosen_by: Number | None
    chosen_at: Timestamp | None

    @classmethod
    def of(cls, answer: Answer, choices: Sequence[str], names: Names) -> "AnswerView":
        """An answer to a message that offers these choices, with the names that are known."""
        return cls(
            id=answer.id,
            copy_ref=answer.copy_ref,
            member=answer.member,
            member_name=names.members.get(answer.member or 0),
            child=answer.child,
            child_name=names.children.get(answer.child or 0),
            received_at=answer.received_at,
            choice=answer.choice,
            label=dict(enumerate(choices, 1)).get(answer.choice or 0),
            needs_look=answer.needs_look,
            text=answer.text,
            latest=answer.latest,
            authentication=AuthenticationView.of(answer.authentication),
            chosen_by=answer.chosen_by,
            chosen_at=answer.chosen_at,
        )


class Chosen(Body):
    """`choice`: what the answer means, counted from 1; null: as it was read."""

    choice: Annotated[int | None, Field(ge=1, le=9)]
