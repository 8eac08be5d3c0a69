"""Messages: recognised posts from phones, held, approved."""

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from contracts.base import Event, GroupCode, Lane, Ref, UnitCode
from contracts.events.inbound import Authentication
from contracts.events.membership import Addressee
from contracts.sealed import Sealed


class PostRecognised(Event):
    """An enrolled poster wrote to his group's post address. admin-api fetches the text by `asks.registry.post`."""

    name: ClassVar[str] = "post.recognised"

    unit: UnitCode
    group: GroupCode
    post: Ref
    poster: Ref
    to: Addressee
    authentication: Authentication | None = None


class PostRefused(Event):
    """Somebody who is no poster, or a robot, wrote to a post address, or a mail whose From can't be true
    (`not_authentic`). Nobody gets a mail; administrators see it."""

    name: ClassVar[str] = "post.refused"

    unit: UnitCode
    group: GroupCode
    reason: Literal["not_enrolled", "automatic", "empty", "not_authentic"]
    authentication: Authentication | None = None


class PostHeld(Event):
    """A post waits for its sender's reply; the confirmation mail is due. `excerpt` is `CardFields` for dispatcher with
    `subject` and `excerpt`. `recipients` people would get it."""

    name: ClassVar[str] = "post.held"

    unit: UnitCode
    group: GroupCode
    message: Ref
    poster: Ref
    recipients: Annotated[int, Field(ge=0)]
    excerpt: Sealed
    to: Addressee


class PostClosed(Event):
    """What became of a held post; the poster is told."""

    name: ClassVar[str] = "post.closed"

    unit: UnitCode
    group: GroupCode
    message: Ref
    poster: Ref
    outcome: Literal["sent", "expired", "already_sent", "cancelled"]
    recipients: Annotated[int, Field(ge=0)]
    to: Addressee


class MessageApproved(Event):
    """A message may go out. Its content is in the bucket `content` under `content_key`, sealed for dispatcher.

    Recipients: `groups` (None = everybody in the unit), or `members` when given. `copies` names existing copies to send
    again; then `wave` is above 1. `supersedes`: the message that this one corrects; what is left of that one is not
    sent any more (the bucket `stopped-messages` has it already), and this one's first wave goes before ordinary mail.
    """

    name: ClassVar[str] = "message.approved"

    unit: UnitCode
    message: Ref
    wave: Annotated[int, Field(ge=1)] = 1
    lane: Lane
    groups: tuple[GroupCode, ...] | None = None
    members: tuple[Ref, ...] | None = None
    copies: tuple[Ref, ...] | None = None
    about_child: bool = False
    content_key: str
    expires_at: AwareDatetime | None = None
    supersedes: Ref | None = None
