"""Bodies and answers of /v1/dead-letters."""

from typing import Annotated

from pydantic import Field

from admin_api.dead_letters.explanations import explain_dead_letter
from admin_api.dead_letters.model import DeadLetterEntry, Filter, ReasonCount, State
from admin_api.web.types import Body, ExplanationView, Number, Timestamp, UnitText, View

ServiceText = Annotated[str, Field(pattern="^[a-z][a-z-]{1,30}$", examples=["receipts"])]
ReasonText = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]{0,60}$", examples=["token_not_ours"])]


class DeadLetterView(View):
    """A message that a service gave up on. `reason`: static code, or the class of an unforeseen error; `explanation`:
    the same in words, and what helps. `at`: given up first, `last_at`: last. `unit` and `message`: what it is about,
    where it says so in clear. `state`: `undecided` (waits for the operator), `retried` (handled once more; it is
    undecided again if that fails), `dropped`. `times_back`: how often it came back. `kept`: its message is still here,
    sealed. `decided_by`: `account/` and a number, `command-line`, or `time` when nobody decided."""

    id: Number
    at: Timestamp
    last_at: Timestamp
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
    decided_at: Timestamp | None
    decided_by: str | None

    @classmethod
    def of(cls, entry: DeadLetterEntry) -> "DeadLetterView":
        """An entry, with its reason in words."""
        shown = {name: getattr(entry, name) for name in cls.model_fields if name != "explanation"}
        return cls.model_validate({**shown, "explanation": explain_dead_letter(entry.reason, entry.detail)})


class ReasonCountView(View):
    """How many came for a reason: `total` ever, `undecided` of them wait now. `let_go`: the oldest of them, of which no
    row is left because there were too many."""

    service: Annotated[str, Field(examples=["receipts"])]
    reason: Annotated[str, Field(examples=["token_not_ours"])]
    explanation: ExplanationView
    total: int
    undecided: int
    let_go: int
    first_at: Timestamp
    last_at: Timestamp

    @classmethod
    def of(cls, count: ReasonCount) -> "ReasonCountView":
        """A count, with its reason in words."""
        shown = {name: getattr(count, name) for name in cls.model_fields if name != "explanation"}
        return cls.model_validate({**shown, "explanation": explain_dead_letter(count.reason, "")})


class ReasonCountList(View):
    """Counts of all reasons."""

    items: list[ReasonCountView]


class DeadLetterSelection(Body):
    """Which dead letters: at least one of `service` and `reason`. `after`: the `next` of the answer before."""

    service: ServiceText | None = None
    reason: ReasonText | None = None
    unit: UnitText | None = None
    after: Number | None = None

    def filter(self) -> Filter:
        """The selection as handlers take it."""
        return Filter(self.service, self.reason, self.unit)


class DecidedView(View):
    """`done`: so many were decided about (the oldest, at most 500); `left`: so many that fit are undecided, those
    included that failed again meanwhile; `next`: the `after` of the request that goes on, null when there were no
    more."""

    done: int
    left: int
    next: Number | None
