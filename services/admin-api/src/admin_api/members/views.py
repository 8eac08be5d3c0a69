"""Bodies and answers about members and posters."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator

from admin_api.members.explanations import explain_member
from admin_api.web.paging import Page
from admin_api.web.types import Body, ExplanationView, GroupText, Number, Timestamp, View
from contracts.requests import MemberView
from mail.addresses import AddressError, normalise

MemberState = Literal["active", "undeliverable", "left"]


class Child(View):
    """A child as its guardian named it."""

    id: Number
    name: str
    class_number: str | None
    relation: str | None
    group: GroupText


class Member(View):
    """A member. Names only where the unit has the receipts option; `reason` is a code for why mail doesn't reach him,
    or for why he left (`complaint`: he reported a mail as spam); `explanation` says it in words, with what helps."""

    id: Number
    name: str | None
    groups: list[str]
    children: list[Child]
    since: Timestamp
    state: MemberState
    reason: str | None
    explanation: ExplanationView | None

    @classmethod
    def of(cls, member: MemberView) -> "Member":
        """A member as registry tells of him."""
        return cls(
            id=member.member,
            name=member.name,
            groups=list(member.groups),
            children=[
                Child(
                    id=child.child,
                    name=child.name,
                    class_number=child.class_number,
                    relation=child.relation,
                    group=child.group,
                )
                for child in member.children
            ],
            since=member.since,
            state=member.state,
            reason=member.reason,
            explanation=ExplanationView.of(explain_member(member.reason)),
        )


class MemberPage(Page[Member]):
    """`total` counts all that match."""

    total: int


class MemberList(View):
    """Members, all of them."""

    items: list[Member]


class Invitation(Body):
    """An address that an administrator typed. It is sealed for registry at once and never shown again."""

    group: GroupText
    address: Annotated[SecretStr, Field(min_length=3, max_length=320)]
    name: Annotated[SecretStr | None, Field(max_length=100)] = None

    @field_validator("address")
    @classmethod
    def _sendable(cls, value: SecretStr) -> SecretStr:
        try:
            return SecretStr(normalise(value.get_secret_value()))
        except AddressError:
            raise ValueError("is not a mail address") from None


class Invited(View):
    """The guide mail is on its way; the owner's reply makes the member."""

    request: Number


class NewPoster(Body):
    """A member who shall post from a phone."""

    member: Number
