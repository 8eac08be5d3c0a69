"""The rules of registering, leaving and of living and dead addresses, pure: facts and the time in, a decision out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from contracts.events import CopyBounced, CopyOutcome

MAX_WORDS: Final = 4_000
"""Characters kept of a letter that asks to register; more is no name."""

EntryDecision = Literal["open", "already_member", "closed"]
RegistrationDecision = Literal["complete", "expired", "already_done", "closed"]
RegistrationRefusal = Literal["already_member", "expired", "already_done", "closed"]
LeaveDecision = Literal["complete", "expired", "already_done"]
PostDecision = Literal["recognised", "automatic", "not_enrolled", "empty"]
Finding = Literal["alive", "certainly_dead", "dead", "soft", "nothing"]

_NO_SUCH_USER: Final = frozenset({"5.1.1", "5.1.6", "5.1.10"})
_SOFT: Final = frozenset({"filtered", "full", "expired", "failed"})
_DEAD_MESSAGES: Final = 2
_QUIET: Final = timedelta(days=1)
UNKNOWN_USER: Final = "unknown_user"


def decide_entry(*, group_exists: bool, in_group: bool, deliverable: bool, new_child: bool) -> EntryDecision:
    """Somebody wrote to an entry address. A member whose address counts as dead may enter again: his reply proves that
    it lives. A member who names one more child registers the child."""
    if not group_exists:
        return "closed"
    return "already_member" if in_group and deliverable and not new_child else "open"


def decide_registration(
    *,
    state: str,
    opened_at: datetime,
    now: datetime,
    life: timedelta,
    expired: bool,
    still_member: bool,
    group_exists: bool,
) -> RegistrationDecision:
    """Somebody replied to a guide mail. `expired`: the reply's token was too old; `still_member`: of the group."""
    if state == "done" and still_member:
        return "already_done"
    if state != "open" or expired or now - opened_at > life:
        return "expired"
    return "complete" if group_exists else "closed"


def decide_leave(
    *, state: str, opened_at: datetime, now: datetime, life: timedelta, expired: bool, still_member: bool
) -> LeaveDecision:
    """Somebody replied to the mail that asks whether he wants to leave."""
    if state != "open" or not still_member:
        return "already_done"
    return "expired" if expired or now - opened_at > life else "complete"


def decide_post(*, reply_allowed: bool, enrolled: bool, subject: str, text: str) -> PostDecision:
    """Somebody wrote to a group's secret post address."""
    if not reply_allowed:
        return "automatic"
    if not enrolled:
        return "not_enrolled"
    return "recognised" if subject.strip() or text.strip() else "empty"


def find(outcome: CopyOutcome) -> Finding:
    """What an attempt says of the address. `dead` is the dispatcher's verdict after the carrier's own words; said to
    the recipient alone (RCPT), before any content, it leaves no doubt."""
    if outcome.outcome == "delivered":
        return "alive"
    if outcome.outcome == "dead":
        no_such_user = outcome.enhanced is None or outcome.enhanced in _NO_SUCH_USER
        certain = outcome.stage == "rcpt" and outcome.code == 550 and no_such_user
        return "certainly_dead" if certain else "dead"
    return "soft" if outcome.outcome in _SOFT else "nothing"


def find_in_bounce(bounce: CopyBounced) -> Finding:
    """What a late report says of the address."""
    if bounce.verdict == "dead":
        return "certainly_dead" if bounce.hard else "dead"
    return "soft" if bounce.verdict in _SOFT else "nothing"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where an address stands."""

    state: Literal["active", "undeliverable"] = "active"
    reason: str | None = None
    hard_count: int = 0
    soft_count: int = 0
    hard_message: int | None = None
    last_outcome_at: datetime | None = None


def judge(before: Judgement, finding: Finding, *, message: int, at: datetime) -> Judgement:
    """Where an address stands after a finding. Soft failures never make it undeliverable; old findings don't undo
    newer ones; doubtful deaths count once a message, and two take it off. Repeating a finding changes nothing but
    `soft_count`."""
    if finding == "nothing" or (before.last_outcome_at is not None and at < before.last_outcome_at):
        return before
    if finding == "alive":
        return Judgement(before.state, before.reason, 0, 0, None, at)
    if finding == "soft":
        return Judgement(before.state, before.reason, before.hard_count, before.soft_count + 1, before.hard_message, at)
    count = before.hard_count if before.hard_message == message else before.hard_count + 1
    if finding == "certainly_dead" or count >= _DEAD_MESSAGES:
        return Judgement("undeliverable", UNKNOWN_USER, count, before.soft_count, message, at)
    return Judgement(before.state, before.reason, count, before.soft_count, message, at)


def worth_writing(before: Judgement, after: Judgement) -> bool:
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
