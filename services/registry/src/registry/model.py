"""The rules of registering, leaving and of living and dead addresses, pure: facts and the time in, a decision out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from contracts.base import Lane
from contracts.events import CopyBounced, CopyOutcome, MessageApproved

MAX_WORDS: Final = 4_000
"""Characters kept of a mail that asks to register; more is no name."""

EntryDecision = Literal["open", "already_member", "closed"]
RegistrationDecision = Literal["complete", "expired", "already_done", "closed"]
RegistrationRefusal = Literal["already_member", "expired", "already_done", "closed"]
LeaveDecision = Literal["complete", "expired", "already_done"]
PostDecision = Literal["recognised", "automatic", "not_enrolled", "not_authentic", "empty"]
GUIDE_PAUSE: Final = timedelta(hours=1)
NEXT_GUIDES: Final = 3
Finding = Literal["alive", "certainly_dead", "dead", "soft", "nothing"]

_SOFT: Final = frozenset({"filtered", "full", "expired", "failed"})
DEAD_MESSAGES: Final = 2
DEAD_APART: Final = timedelta(days=3)
"""How many messages, and how far apart, must be refused as to a dead address when each refusal alone leaves a doubt: a
carrier whose directory is out of order says such things for hours, sometimes over a weekend."""

_QUIET: Final = timedelta(days=1)
UNKNOWN_USER: Final = "unknown_user"


def decide_entry(*, group_exists: bool, in_group: bool, deliverable: bool, new_child: bool) -> EntryDecision:
    """Somebody wrote to an entry address. A member whose address counts as dead may enter again: his reply proves that
    it lives. A member who names one more child registers the child."""
    if not group_exists:
        return "closed"
    return "already_member" if in_group and deliverable and not new_child else "open"


def may_guide(*, unanswered_since: datetime | None, proven: bool, now: datetime) -> bool:
    """May this address get a guide mail now? Anybody can ask in anybody's name, so as long as a guide is unanswered
    (`unanswered_since`: when the last such one was written, to whichever unit or group), one an hour is all that a
    person gets; who answers is there, and asks for himself. `proven`: it did come from that address."""
    return proven or unanswered_since is None or now - unanswered_since >= GUIDE_PAUSE


def decide_registration(
    *,
    state: str,
    opened_at: datetime,
    replied_at: datetime,
    life: timedelta,
    expired: bool,
    still_member: bool,
    group_exists: bool,
) -> RegistrationDecision:
    """Somebody replied to a guide mail. `replied_at` counts, not when we come to it: the reply may have waited.
    `expired`: the reply's token was too old; `still_member`: of the group."""
    if state == "done" and still_member:
        return "already_done"
    if state != "open" or expired or replied_at - opened_at > life:
        return "expired"
    return "complete" if group_exists else "closed"


def decide_leave(
    *, state: str, opened_at: datetime, replied_at: datetime, life: timedelta, expired: bool, still_member: bool
) -> LeaveDecision:
    """Somebody replied to the mail that asks whether he wants to leave."""
    if state != "open" or not still_member:
        return "already_done"
    return "expired" if expired or replied_at - opened_at > life else "complete"


def decide_post(*, reply_allowed: bool, enrolled: bool, authentic: bool, subject: str, text: str) -> PostDecision:
    """Somebody wrote to a group's secret post address. Not `authentic`: the domain that the mail names as its own says
    that it can't be, so not even the poster is asked. Who it would be is not told then: anybody can forge anything."""
    if not authentic:
        return "not_authentic"
    if not reply_allowed:
        return "automatic"
    if not enrolled:
        return "not_enrolled"
    return "recognised" if subject.strip() or text.strip() else "empty"


def lane_of_copies(message: MessageApproved) -> Lane:
    """The lane in which a wave travels: the correction of an ordinary message goes before what is ordinary; sending it
    again has no such hurry."""
    return "correction" if message.lane == "ordinary" and message.supersedes and message.wave == 1 else message.lane


def find(outcome: CopyOutcome) -> Finding:
    """What an attempt says of the address. Whether a carrier's words are beyond doubt (`sure`) the dispatcher's table
    knows; here only follows what is done about it."""
    if outcome.outcome == "delivered":
        return "alive"
    if outcome.outcome == "dead":
        return "certainly_dead" if outcome.sure else "dead"
    return "soft" if outcome.outcome in _SOFT else "nothing"


def find_in_bounce(bounce: CopyBounced, *, names_it: bool | None) -> Finding:
    """What a late report says of the address. `names_it`: the report names this address; None: it names nobody.

    A report that names another address tells of one that the parent has his mail forwarded to: his own lives."""
    if bounce.classification == "dead":
        if names_it is False:
            return "nothing"
        return "certainly_dead" if bounce.hard and names_it else "dead"
    return "soft" if bounce.classification in _SOFT else "nothing"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an address stands. `hard_count` deaths in doubt were counted since the last sign of life, the last one of
    `hard_message`, said at `hard_at`."""

    state: Literal["active", "undeliverable"] = "active"
    reason: str | None = None
    hard_count: int = 0
    soft_count: int = 0
    hard_message: int | None = None
    hard_at: datetime | None = None
    last_outcome_at: datetime | None = None


def decide_standing(before: Standing, finding: Finding, *, message: int, at: datetime) -> Standing:
    """Where an address stands after a finding.

    It becomes undeliverable by one death beyond doubt, or by deaths in doubt of DEAD_MESSAGES different messages with
    DEAD_APART between them. A delivered copy takes all doubt away (as does the parent's own mail: addresses.revive).
    Soft failures never make it undeliverable, and what is said of an earlier time undoes nothing newer. Repeating a
    finding changes nothing but `soft_count`."""
    if finding == "nothing" or (before.last_outcome_at is not None and at < before.last_outcome_at):
        return before
    if finding == "alive":
        return Standing(before.state, before.reason, last_outcome_at=at)
    if finding == "soft":
        return replace(before, soft_count=before.soft_count + 1, last_outcome_at=at)
    if finding == "certainly_dead":
        return replace(before, state="undeliverable", reason=UNKNOWN_USER, last_outcome_at=at)
    same_trouble = before.hard_message == message or (before.hard_at is not None and at - before.hard_at < DEAD_APART)
    if before.hard_count and same_trouble:
        return replace(before, last_outcome_at=at)
    doubted = replace(before, hard_count=before.hard_count + 1, hard_message=message, hard_at=at, last_outcome_at=at)
    if doubted.hard_count >= DEAD_MESSAGES:
        return replace(doubted, state="undeliverable", reason=UNKNOWN_USER)
    return doubted


def worth_writing(before: Standing, after: Standing) -> bool:
    """Is the difference worth a write? That an address which works worked again is, once a day."""
    if (before.state, before.hard_count, before.soft_count, before.hard_message) != (
        after.state,
        after.hard_count,
        after.soft_count,
        after.hard_message,
    ):
        return True
    if before.last_outcome_at is None or after.last_outcome_at is None:
        return before.last_outcome_at != after.last_outcome_at
    return after.last_outcome_at - before.last_outcome_at > _QUIET
