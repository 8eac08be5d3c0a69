"""/v1/units/{unit}/messages: write, send, approve, cancel, send again; lists with live counts."""

import dataclasses
from typing import Annotated, Any, Self, TypeVar

from fastapi import APIRouter
from pydantic import Field, model_validator

from admin_api.kernel.context import Office
from admin_api.kernel.roles import Asks, MessageKind, MessageState, OfficeLane
from admin_api.messages.handlers import corrections, reading
from admin_api.messages.handlers import sending as messages
from admin_api.messages.handlers.reading import Seen
from admin_api.messages.handlers.sending import Draft
from admin_api.messages.store import Message
from admin_api.results.store import Counts
from admin_api.web.access import MessageReader, OfficeHere, Sender
from admin_api.web.problems import documented
from admin_api.web.types import (
    AfterQuery,
    AuthenticationView,
    Body,
    GroupText,
    KeyHeader,
    LimitQuery,
    Line,
    Moment,
    Number,
    NumberPath,
    Page,
    PlainText,
    UnitPath,
    View,
)

router = APIRouter(prefix="/v1/units/{unit}", tags=["messages"])

T = TypeVar("T")

Groups = Annotated[list[GroupText], Field(min_length=1, max_length=30)]
Choices = Annotated[
    tuple[Annotated[Line, Field(max_length=40)], ...],
    Field(max_length=9, examples=[["良好", "せきあり", "発熱あり"]]),
]
Synonyms = Annotated[
    tuple[Annotated[tuple[Annotated[Line, Field(max_length=40)], ...], Field(max_length=20)], ...],
    Field(max_length=9, examples=[[["元気", "異常なし"], [], ["熱あり"]]]),
]
Members = Annotated[list[Number], Field(min_length=1, max_length=1000)]


class Recipients(Body):
    """`groups` null and `members` null: everybody in the unit. `about_child`: a copy for each child."""

    groups: Groups | None = None
    members: Members | None = None
    about_child: bool = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.groups is not None and self.members is not None:
            raise ValueError("groups and members exclude each other")
        return self


class NewMessage(Recipients):
    """`asks`: receipt (any reply), choice (one of `choices`), text. `publish` pins it to the public notice board, too.
    `send`: at once, else it waits as a draft.

    `synonyms`: for each of the choices, in their order, words that count as it in an answer, up to 20; or nothing at
    all. Spellings and polite forms need none. Refused: a number, and what stands for another choice as well.

    `expires_at`: from then on nothing of it is sent any more, at most 30 days ahead; without it 6 hours after it was
    sent when urgent, 2 days otherwise. `supersedes`: it corrects that message, of which nothing more is sent from the
    moment on in which this one is. It goes to the same people where it names no groups or members, and goes first
    (urgent when that one was)."""

    subject: Annotated[Line, Field(max_length=100, examples=["本日の下校について"])]
    text: Annotated[PlainText, Field(max_length=10_000, examples=["台風のため、本日は正午に下校します。"])]
    lane: OfficeLane = "ordinary"
    asks: Asks = "none"
    choices: Choices = ()
    synonyms: Synonyms = ()
    expires_at: Moment | None = None
    publish: bool = False
    supersedes: Number | None = None
    send: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.asks == "choice") != bool(self.choices):
            raise ValueError("choices belong to a message that asks for a choice, and to no other")
        if len(set(self.choices)) != len(self.choices) or len(self.choices) == 1:
            raise ValueError("choices must be at least two different ones")
        if self.synonyms and len(self.synonyms) != len(self.choices):
            raise ValueError("synonyms have to be a list for each choice, in the same order; it may be empty")
        if self.about_child and self.asks == "none":
            raise ValueError("a message about each child has to ask something")
        if self.publish and (self.members is not None or self.about_child):
            raise ValueError("what is for some people only cannot be published")
        return self


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


class MessageView(View):
    """A message. `created_by` is an account, `posted_by` the member who wrote it on a phone. `sent_until`: copies of
    its newest wave are tried until then. `supersedes`: the message that it corrects; `superseded_by`: the one that
    corrects it. `authentication`: of the mail that it was written in; null for the others. `synonyms`: a list for each
    choice."""

    id: Number
    subject: str
    text: str
    groups: list[str] | None
    members: list[Number] | None
    lane: OfficeLane
    kind: MessageKind
    asks: Asks
    choices: list[str]
    synonyms: list[list[str]]
    about_child: bool
    publish: bool
    state: MessageState
    created_by: Number | None
    posted_by: Number | None
    created_at: Moment
    approved_at: Moment | None
    expires_at: Moment | None
    waves: int
    last_sent_at: Moment | None
    sent_until: Moment | None
    stopped_at: Moment | None
    supersedes: Number | None
    superseded_by: Number | None
    authentication: AuthenticationView | None
    counts: CountsView


class Corrected(View):
    """The message that this one corrects, with its counts: `delivered` of its copies had gone out, as far as is known
    right now. Null when they cannot be read; look again."""

    id: Number
    counts: CountsView | None


class MessageDetail(MessageView):
    """With the text exactly as it goes out, the tallies of answers, and for a correction what it corrects."""

    sent_text: str
    tallies: list[TallyView]
    corrects: Corrected | None


class Stopped(View):
    """It is not sent any further. `counts`: `delivered` of its copies had gone out, as far as is known right now. Null
    when they cannot be read; look again."""

    id: Number
    stopped_at: Moment
    superseded_by: Number | None
    counts: CountsView | None


class DeadLetterRetry(Body):
    """`expires_at`: a new end, needed when the message's own has passed."""

    expires_at: Moment | None = None


class Resent(View):
    """`copies` were sent again as this `wave`."""

    wave: int
    copies: int


class Audience(View):
    """People reached, and copies (more than people for a question about each child)."""

    people: int
    copies: int


@router.post("/audience", summary="How many a message would reach", responses=documented(401, 403, 404, 409))
async def count_audience(unit: UnitPath, body: Recipients, who: Sender, office: OfficeHere) -> Audience:
    size = await messages.audience(
        office,
        who,
        unit,
        groups=_tuple(body.groups),
        members=_tuple(body.members),
        about_child=body.about_child,
    )
    return Audience(people=size.people, copies=size.copies)


@router.post(
    "/messages", status_code=201, summary="Write a message, and send it", responses=documented(401, 403, 404, 409)
)
async def create(
    unit: UnitPath, body: NewMessage, who: Sender, office: OfficeHere, key: KeyHeader = None
) -> MessageDetail:
    draft = Draft(
        subject=body.subject,
        text=body.text,
        groups=_tuple(body.groups),
        members=_tuple(body.members),
        lane=body.lane,
        asks=body.asks,
        choices=body.choices,
        synonyms=body.synonyms,
        about_child=body.about_child,
        expires_at=body.expires_at,
        publish=body.publish,
        supersedes=body.supersedes,
    )
    return await _fresh(office, await messages.create(office, who, unit, draft, send=body.send, key=key))


@router.get("/messages", summary="Messages, newest first", responses=documented(401, 403, 404))
async def list_messages(
    unit: UnitPath,
    who: MessageReader,
    office: OfficeHere,
    state: MessageState | None = None,
    after: AfterQuery = None,
    limit: LimitQuery = 50,
) -> Page[MessageView]:
    found = await reading.page(office, who, unit, state=state, before=after, limit=limit + 1)
    shown = found[:limit]
    following = shown[-1].message.id if len(found) > limit else None
    return Page[MessageView](items=[MessageView.model_validate(_fields(seen)) for seen in shown], next=following)


@router.get(
    "/messages/{message}", summary="One message with live counts and tallies", responses=documented(401, 403, 404)
)
async def get_message(unit: UnitPath, message: NumberPath, who: MessageReader, office: OfficeHere) -> MessageDetail:
    return _detail(await reading.one(office, who, unit, message))


@router.post(
    "/messages/{message}/approve", summary="Send a draft or a held post", responses=documented(401, 403, 404, 409)
)
async def approve(unit: UnitPath, message: NumberPath, who: Sender, office: OfficeHere) -> MessageDetail:
    return await _fresh(office, await messages.approve(office, who, unit, message))


@router.post(
    "/messages/{message}/cancel", summary="Never send a draft or a held post", responses=documented(401, 403, 404, 409)
)
async def cancel(unit: UnitPath, message: NumberPath, who: Sender, office: OfficeHere) -> MessageDetail:
    return await _fresh(office, await messages.cancel(office, who, unit, message))


@router.post(
    "/messages/{message}/stop", summary="Send nothing more of a message", responses=documented(401, 403, 404, 409)
)
async def stop(unit: UnitPath, message: NumberPath, who: Sender, office: OfficeHere) -> Stopped:
    """For a message that went out by mistake. What has arrived stays where it is; a correction can follow. Harmless to
    repeat."""
    stopped = await corrections.stop(office, who, unit, message)
    counts = await reading.counts_now(office, message)
    return Stopped.model_validate(
        {
            "id": message,
            "stopped_at": stopped.stopped_at,
            "superseded_by": stopped.superseded_by,
            "counts": _counts(counts),
        }
    )


@router.post(
    "/messages/{message}/resend",
    summary="Send it again to those who have not answered",
    responses=documented(401, 403, 404, 409),
)
async def resend(
    unit: UnitPath,
    message: NumberPath,
    who: Sender,
    office: OfficeHere,
    body: DeadLetterRetry | None = None,
    key: KeyHeader = None,
) -> Resent:
    """A child for whom one guardian answered counts as answered. A message whose time is over needs a new one."""
    expires_at = None if body is None else body.expires_at
    wave, copies = await messages.resend(office, who, unit, message, expires_at=expires_at, key=key)
    return Resent(wave=wave, copies=copies)


def _tuple(values: list[T] | None) -> tuple[T, ...] | None:
    return None if values is None else tuple(values)


async def _fresh(office: Office, message: Message) -> MessageDetail:
    """A message that was changed right now. The ledger isn't needed for it: it may be away, and the change has
    happened."""
    corrected = None if message.supersedes is None else await reading.counts_now(office, message.supersedes)
    return _detail(Seen(message, Counts(), corrected=corrected))


def _counts(counts: Counts | None) -> dict[str, int] | None:
    return None if counts is None else dataclasses.asdict(counts)


def _fields(seen: Seen) -> dict[str, Any]:
    message = seen.message
    shown = {name: getattr(message, name) for name in MessageView.model_fields if name != "counts"}
    shown["authentication"] = AuthenticationView.of(message.authentication)
    synonyms = message.synonyms or ((),) * len(message.choices)
    return {**shown, "synonyms": [list(words) for words in synonyms], "counts": _counts(seen.counts)}


def _detail(seen: Seen) -> MessageDetail:
    choices = seen.message.choices
    tallies = [TallyView(choice=number, label=label, count=0, needs_look=0) for number, label in enumerate(choices, 1)]
    found = {tally.choice: tally for tally in seen.tallies}
    tallies += [TallyView(choice=None, label=None, count=0, needs_look=0)] if None in found else []
    counted = [
        tally.model_copy(update={"count": found[tally.choice].count, "needs_look": found[tally.choice].needs_look})
        if tally.choice in found
        else tally
        for tally in tallies
    ]
    first = seen.message.supersedes
    corrects = None if first is None else {"id": first, "counts": _counts(seen.corrected)}
    return MessageDetail.model_validate(
        {**_fields(seen), "sent_text": seen.message.sent_text, "tallies": counted, "corrects": corrects}
    )
