"""Questions that registry answers at once (request/reply), and only to admin-api: what they hold is never stored on the
bus. `actor` is the account that asks; registry writes it into its access log."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract, GroupCode, Ref, UnitCode

MEMBERS = "ask.registry.members"
NAMES = "ask.registry.names"
AUDIENCE = "ask.registry.audience"
POST = "ask.registry.post"
POSTERS = "ask.registry.posters"

REGISTRY: tuple[str, ...] = (MEMBERS, NAMES, AUDIENCE, POST, POSTERS)


class Ask(Contract):
    """Who asks, about which unit."""

    unit: UnitCode
    actor: str


class ChildView(Contract):
    """A child as its guardian named it; only with the unit's receipts option."""

    child: Ref
    name: str
    class_number: str | None = None
    relation: str | None = None
    group: GroupCode


class MemberView(Contract):
    """A member as an administrator may see him: never an address."""

    member: Ref
    name: str | None = None
    groups: tuple[GroupCode, ...]
    children: tuple[ChildView, ...] = ()
    since: AwareDatetime
    state: Literal["active", "undeliverable", "left"]
    reason: str | None = None


class MembersAsk(Ask):
    """A page of members, in the order of their numbers, after `after`."""

    group: GroupCode | None = None
    state: Literal["active", "undeliverable", "left"] | None = None
    after: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class MembersPage(Contract):
    """`next` is the `after` of the next page, None on the last; `total` counts all that match."""

    members: tuple[MemberView, ...]
    next: int | None = None
    total: int


class NamesAsk(Ask):
    """The names of these members and children, for a table of answers. At most 500 of each."""

    members: Annotated[tuple[Ref, ...], Field(max_length=500)] = ()
    children: Annotated[tuple[Ref, ...], Field(max_length=500)] = ()


class Names(Contract):
    """Names by number; who has none is left out."""

    members: dict[int, str] = Field(default_factory=dict)
    children: dict[int, str] = Field(default_factory=dict)


class AudienceAsk(Ask):
    """How many would a message reach? Same selectors as `MessageApproved`."""

    groups: tuple[GroupCode, ...] | None = None
    members: tuple[Ref, ...] | None = None
    about_child: bool = False


class AudienceSize(Contract):
    """People reached, and copies (more than people for a question about children)."""

    people: int
    copies: int


class PostAsk(Ask):
    """The text of a recognised post."""

    post: Ref


class PostContent(Contract):
    """A recognised post's subject and text."""

    subject: str
    text: str


class PostersAsk(Ask):
    """Who may post to this group from a phone?"""

    group: GroupCode


class Posters(Contract):
    """Members who may post."""

    members: tuple[MemberView, ...]
