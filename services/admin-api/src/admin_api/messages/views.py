"""Bodies and answers about messages."""

import dataclasses
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from admin_api.messages.model import Asks, CountedMessage, Draft, MessageKind, MessageState, OfficeLane
from admin_api.results.views import CountsView, TallyView
from admin_api.web.types import AuthenticationField, Body, GroupText, Line, Number, PlainText, Timestamp, View

Groups = Annotated[tuple[GroupText, ...], Field(min_length=1, max_length=30)]
Choices = Annotated[
    tuple[Annotated[Line, Field(max_length=40)], ...],
    Field(max_length=9, examples=[["良好", "せきあり", "発熱あり"]]),
]
Synonyms = Annotated[
    tuple[Annotated[tuple[Annotated[Line, Field(max_length=40)], ...], Field(max_length=20)], ...],
    Field(max_length=9, examples=[[["元気", "異常なし"], [], ["熱あり"]]]),
]
Members = Annotated[tuple[Number, ...], Field(min_length=1, max_length=1000)]


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
    """`asks`: receipt (any reply), choice (one of `choices`), text. `publish` puts it on the public board, too.
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
    expires_at: Timestamp | None = None
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

    def draft(self) -> Draft:
        """The message that is asked for."""
        return Draft(**{field.name: getattr(self, field.name) for field in dataclasses.fields(Draft)})


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
    created_at: Timestamp
    approved_at: Timestamp | None
    expires_at: Timestamp | None
    waves: int
    last_sent_at: Timestamp | None
    sent_until: Timestamp | None
    stopped_at: Timestamp | None
    supersedes: Number | None
    superseded_by: Number | None
    authentication: AuthenticationField
    counts: CountsView

    @classmethod
    def of(cls, counted: CountedMessage) -> Self:
        """A message with its counts."""
        return cls.model_validate(_shown_of(counted))


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

    @classmethod
    def of(cls, counted: CountedMessage) -> Self:
        """A message with its counts, tallies, and what it corrects."""
        message = counted.message
        corrects = None if message.supersedes is None else {"id": message.supersedes, "counts": counted.corrected}
        tallies = TallyView.all_of(message.choices, counted.tallies)
        return cls.model_validate(
            {**_shown_of(counted), "sent_text": message.sent_text, "tallies": tallies, "corrects": corrects}
        )


class Stopped(View):
    """It is not sent any further. `counts`: `delivered` of its copies had gone out, as far as is known right now. Null
    when they cannot be read; look again."""

    id: Number
    stopped_at: Timestamp
    superseded_by: Number | None
    counts: CountsView | None


class ResendRequest(Body):
    """`expires_at`: a new end, needed when the message's own has passed."""

    expires_at: Timestamp | None = None


class Resent(View):
    """`copies` were sent again as this `wave`."""

    wave: int
    copies: int


class Audience(View):
    """People reached, and copies (more than people for a question about each child)."""

    people: int
    copies: int


def _shown_of(counted: CountedMessage) -> dict[str, Any]:
    message = counted.message
    shown = {name: getattr(message, name) for name in MessageView.model_fields if name != "counts"}
    synonyms = message.synonyms or ((),) * len(message.choices)
    return {**shown, "synonyms": synonyms, "counts": counted.counts}
