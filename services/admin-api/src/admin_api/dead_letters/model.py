"""A dead letter as the operator sees it, and what is read out of one. Pure."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from contracts.base import UNIT_PATTERN
from contracts.events import DeadLetter
from runtime.redaction import redact

State = Literal["undecided", "retried", "dropped"]
Decision = Literal["retried", "dropped"]

_CODE: Final = re.compile(r"[a-z][a-z0-9_]{1,60}")
_CLASS: Final = re.compile(r"[A-Za-z]\w{0,60}")


@dataclass(frozen=True, slots=True)
class DeadLetterEntry:
    """A message that a service gave up, as it is shown. `first`: id of its first dead letter. `at`: when it was given
    up first, `last_at`: last; `kept`: its message is still here."""

    id: int
    first: str
    at: datetime
    last_at: datetime
    service: str
    consumer: str
    subject: str
    reason: str
    detail: str
    attempts: int
    unit: str | None
    message: int | None
    size: int
    state: State
    times_back: int
    decided_at: datetime | None
    decided_by: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many came for a reason, ever; how many of them are undecided; how many rows were deleted for want of room."""

    service: str
    reason: str
    total: int
    undecided: int
    let_go: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters; None: any."""

    service: str | None = None
    reason: str | None = None
    unit: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class RowLimits:
    """Rows of a reason at most: of those that anybody outside can cause, and of the rest."""

    anybodys: int = 1_000
    ours: int = 100_000


@dataclass(frozen=True, slots=True)
class Decided:
    """Of a decision about many: how many it was about, how many that fit are undecided, and the number of the last of
    them (None: there was none)."""

    done: int
    left: int
    last: int | None


def entry_of(letter: DeadLetter, number: int) -> DeadLetterEntry:
    """The entry of a dead letter, undecided, under this number."""
    try:
        message = letter.message()
    except ValueError:
        message = b""
    unit, about = _what_it_says(message)
    return DeadLetterEntry(
        id=number,
        first=letter.first,
        at=letter.occurred_at,
        last_at=letter.occurred_at,
        service=letter.service,
        consumer=letter.consumer,
        subject=letter.subject,
        reason=code_of(letter.reason),
        detail=redact(letter.reason)[:500],
        attempts=letter.attempts,
        unit=unit,
        message=about,
        size=len(message),
        state="undecided",
        times_back=0 if letter.retry_of is None else 1,
        decided_at=None,
        decided_by=None,
        kept=bool(message),
    )


def code_of(reason: str) -> str:
    """What dead letters are counted by: an error's static code, or for surprises its class."""
    name, _, code = reason.partition(": ")
    if _CODE.fullmatch(code):
        return code
    found = _CLASS.match(name)
    return found.group() if found else "unknown"


def _what_it_says(message: bytes) -> tuple[str | None, int | None]:
    """Unit and message that an event names in clear."""
    try:
        said: Any = json.loads(message)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(said, dict):
        return None, None
    unit, number = said.get("unit"), said.get("message")
    known_unit = unit if isinstance(unit, str) and re.fullmatch(UNIT_PATTERN, unit) else None
    known_number = number if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**63 else None
    return known_unit, known_number
