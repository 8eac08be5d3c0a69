"""The directory: every valid address, as ingress-smtp knows it.

admin-api writes one entry a unit into the key-value bucket `directory` (key `unit.<code>`); ingress-smtp, registry and
responder hold all of it in memory. A post secret is in it only as a keyed hash.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from contracts.base import Contract, GroupCode, UnitCode

BUCKET = "directory"
SECRET_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 (what secrets are made of)
"""Of post secrets: nothing in it is mistaken for another when it is read out."""
SECRET_LENGTH = 12


class GroupEntry(Contract):
    """One group. `post_secrets`: hex HMAC-SHA256 of `<unit>/<group>/<secret>`; two while a roll is under way."""

    name: str
    post_secrets: tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...] = ()


class UnitEntry(Contract):
    """One unit. `receipts`: the unit has the option of names and answers (F5)."""

    unit: UnitCode
    name: str
    receipts: bool = False
    active: bool = True
    groups: dict[GroupCode, GroupEntry] = Field(default_factory=dict)


def key(unit: str) -> str:
    return f"unit.{unit}"


def secret_text(unit: str, group: str, secret: str) -> str:
    """What is hashed for a post secret; the secret is lower-cased, as addresses are case-insensitive."""
    return f"{unit}/{group}/{secret.lower()}"


def could_be_secret(text: str) -> bool:
    """Has it the form of a post secret, so that trying it may be a guess?"""
    return len(text) == SECRET_LENGTH and all(char in SECRET_ALPHABET for char in text)
