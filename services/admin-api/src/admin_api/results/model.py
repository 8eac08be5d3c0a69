"""Copies, answers and their counts, as the ledger tells of them. Pure."""

from dataclasses import dataclass
from datetime import datetime

from contracts.events.inbound import Authentication


@dataclass(frozen=True, slots=True)
class Counts:
    """Copies by what became of them; `children`: how many a question is about. `expired` and `superseded` ones were
    held back on purpose, so they aren't among those that `failed`."""

    planned: int = 0
    delivered: int = 0
    deferred: int = 0
    failed: int = 0
    expired: int = 0
    superseded: int = 0
    answered: int = 0
    children: int = 0
    children_answered: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """Last answers by choice (None: no choice recognised), and how many of them a person should read."""

    choice: int | None
    count: int
    needs_look: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy. `settled`: answered, or another guardian answered for the same child. `reason`: why its last attempt
    ended as it did, or why it came back later (contracts.reasons)."""

    copy_ref: int
    member: int | None
    child: int | None
    carrier: str | None
    wave: int
    state: str
    code: int | None
    enhanced: str | None
    attempts: int
    updated_at: datetime
    answered: bool
    settled: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `latest`: the last one of its copy, which counts. `chosen_by`: the account that set `choice`."""

    id: int
    copy_ref: int
    member: int | None
    child: int | None
    received_at: datetime
    choice: int | None
    needs_look: bool
    text: str
    latest: bool
    authentication: Authentication | None = None
    chosen_by: int | None = None
    chosen_at: datetime | None = None
