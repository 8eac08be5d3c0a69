"""Bodies and answers of /v1/units."""

from typing import Annotated

from pydantic import Field

from admin_api.units.model import Group, Unit
from admin_api.web.types import Body, GroupText, Line, Timestamp, UnitText, View

Name = Annotated[Line, Field(max_length=60, examples=["さくら小学校"])]
GroupName = Annotated[Line, Field(max_length=40, examples=["1年1組"])]
Position = Annotated[int, Field(ge=0, le=1000, description="Place in lists.")]


class NewUnit(Body):
    """A unit to make. `receipts`: with names and answers."""

    code: UnitText
    name: Name
    receipts: bool = False


class UnitChange(Body):
    """Fields that are left out stay as they are."""

    name: Name | None = None
    receipts: bool | None = None
    active: bool | None = None


class UnitView(View):
    """`receipts`: the option of names and answers. `mail_domain`: what comes after the @ in its addresses."""

    code: UnitText
    name: str
    receipts: bool
    active: bool
    mail_domain: str
    created_at: Timestamp

    @classmethod
    def of(cls, unit: Unit, domain: str) -> "UnitView":
        """A unit; `domain` is its mail domain."""
        return cls(
            code=unit.code,
            name=unit.name,
            receipts=unit.receipts,
            active=unit.active,
            mail_domain=domain,
            created_at=unit.created_at,
        )


class UnitPage(View):
    """`next` is the `after` of the next page, null on the last."""

    items: list[UnitView]
    next: str | None = None


class NewGroup(Body):
    """A group to make. Without a `position` it comes last."""

    code: GroupText
    name: GroupName
    position: Position | None = None


class GroupChange(Body):
    """Fields that are left out stay as they are."""

    name: GroupName | None = None
    position: Position | None = None


class GroupView(View):
    """A group and its public mail addresses. The secret post address is shown only when it is made."""

    code: GroupText
    name: str
    position: int
    entry_address: Annotated[str, Field(examples=["xx1-entry@sakura.renrakumo.example"])]
    leave_address: str
    info_address: str
    has_post_address: bool

    @classmethod
    def of(cls, group: Group, domain: str) -> "GroupView":
        """A group; `domain` is its unit's mail domain."""
        return cls(
            code=group.code,
            name=group.name,
            position=group.position,
            entry_address=f"{group.code}-entry@{domain}",
            leave_address=f"{group.code}-leave@{domain}",
            info_address=f"{group.code}-info@{domain}",
            has_post_address=group.post_secret_hash is not None,
        )


class GroupList(View):
    """All groups of a unit."""

    items: list[GroupView]


class PostAddress(View):
    """Shown once. Whoever is enrolled as poster sends a message to the group by writing to it."""

    address: Annotated[str, Field(examples=["xx1-k7wq2m9d4hnp@sakura.renrakumo.example"])]
