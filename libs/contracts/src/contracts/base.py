"""What every event has in common. A command is one, too, as far as the bus is concerned.

An event is a frozen model with an id, a version and a time. Its id is made from what caused it, so that doing the same
work twice gives the same id and the bus drops the second (`Nats-Msg-Id`). Unknown fields are ignored on reading, so a
newer writer never breaks an older reader.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

UNIT_PATTERN = r"^[a-z][a-z0-9]{1,19}$"
GROUP_PATTERN = r"^[a-z0-9]{1,12}$"

UnitCode = Annotated[str, StringConstraints(pattern=UNIT_PATTERN)]
"""Code of a unit (school, PTA ...): its sub-domain of the mail domain."""

GroupCode = Annotated[str, StringConstraints(pattern=GROUP_PATTERN)]
"""Code of a group, unique in its unit: the first part of the group's mail addresses."""

Ref = Annotated[int, Field(gt=0, lt=2**63)]
"""Opaque number of a member, child, copy, message, registration or post."""

Lane = Literal["urgent", "prompt", "correction", "ordinary"]
LANES: tuple[Lane, ...] = ("urgent", "prompt", "correction", "ordinary")
"""First to last: emergencies, answers to a mail somebody just sent, corrections of an ordinary message, the rest."""

Carrier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,20}$")]
CARRIERS: tuple[str, ...] = (
    "docomo",
    "au",
    "softbank",
    "rakuten",
    "gmail",
    "yahoo",
    "icloud",
    "outlook",
    "other",
)
"""Groups of destination domains that share mail servers and policy; each has a queue of its own in every lane."""


class Contract(BaseModel):
    """A frozen model that ignores what it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def formerly(name: str, old: str) -> Any:
    """Part of a field's annotation: release 0.1 wrote it as `old`. What it wrote lies on the bus, in outboxes and in
    dead letters, so both names are read; the new one is written."""
    return Field(validation_alias=AliasChoices(name, old))


class Event(Contract):
    """Something that happened. `name` is its subject on the bus unless `bus_subject` says otherwise."""

    name: ClassVar[str]

    id: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    version: int = 1
    occurred_at: AwareDatetime

    @field_validator("version")
    @classmethod
    def _the_version_it_is(cls, value: int) -> int:
        if value != cls.model_fields["version"].default:
            raise ValueError("another version of this event")
        return value

    def bus_subject(self) -> str:
        return self.name
