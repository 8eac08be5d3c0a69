"""What undoes a command: facts from before it, with what must still be so for them to come back. Kept as JSON."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True)


class RestoreMember(_Facts):
    """A member whom a command took off `groups` at `removed_at`, and with `unit_since` off the unit, of which he had
    been a member since then.

    `address` is his, normalised, if he left the unit: there it may have been erased. `groups` and `poster_of`: group
    and since when; `guardian_of`: child, group, relation."""

    kind: Literal["restore-member"] = "restore-member"
    member: int
    removed_at: AwareDatetime
    unit_since: AwareDatetime | None = None
    address: str | None = Field(default=None, repr=False)
    deliverable: bool = True
    groups: tuple[tuple[str, AwareDatetime], ...] = ()
    poster_of: tuple[tuple[str, AwareDatetime], ...] = ()
    guardian_of: tuple[tuple[int, str, str | None], ...] = ()


class RestorePoster(_Facts):
    """A member who was enrolled as poster at `since` by a command (`enrolled`), or had been since then until a command
    ended it."""

    kind: Literal["restore-poster"] = "restore-poster"
    member: int
    group: str
    enrolled: bool
    since: AwareDatetime


class ReopenGroup(_Facts):
    """A group that a command closed."""

    kind: Literal["reopen-group"] = "reopen-group"
    group: str


Inverse = RestoreMember | RestorePoster | ReopenGroup

_ANY: TypeAdapter[Inverse] = TypeAdapter(Annotated[Inverse, Field(discriminator="kind")])


def to_json(inverse: Inverse) -> str:
    """As it is stored (encrypted)."""
    return inverse.model_dump_json()


def from_json(text: str) -> Inverse:
    """What was stored. Raises ValidationError (a ValueError) for anything else."""
    return _ANY.validate_json(text)
