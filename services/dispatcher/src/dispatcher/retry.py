"""When a copy is tried again, and when it no longer is: pure functions of attempt, time, lane and the carrier's plan.

Greylisting wants a second attempt soon, an outage wants patience: a plan's steps grow. A copy that is of no use any
more (its message expired, or its lane's patience is over) is not sent late; the last attempt is put just before that
moment if the plan would jump over it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.base import Lane
from dispatcher.verdicts import Pace

GIVE_UP: dict[Lane, timedelta] = {
    "urgent": timedelta(hours=6),
    "prompt": timedelta(days=1),
    "ordinary": timedelta(days=2),
}
"""How long after it was planned a copy is worth trying."""

LATER = timedelta(minutes=15)
"""The least delay when the other side is full or asked us to slow down."""

URGENT_MOST = timedelta(minutes=5)
"""An urgent copy is never put off for longer."""

_LAST_CHANCE = timedelta(seconds=30)
_BEFORE_DEADLINE = timedelta(seconds=5)
_JITTER = 0.2


def deadline(lane: Lane, first_planned_at: datetime, expires_at: datetime | None) -> datetime:
    """From when on a copy is not sent any more."""
    patience = first_planned_at + GIVE_UP[lane]
    return patience if expires_at is None else min(patience, expires_at)


def delay(
    attempt: int, pace: Pace, lane: Lane, steps: Sequence[float], *, override: Sequence[float] | None, chance: float
) -> timedelta:
    """How long to wait after `attempt` (1 = first) failed for now.

    `steps` are the carrier's, in seconds, the last one repeats; `override` (RENRAKUMO_RETRY_PLAN) takes the place of
    all rules. `chance` (0..1) spreads the attempts of many batches by up to a fifth, never earlier."""
    plan = override or steps
    wait = timedelta(seconds=plan[min(attempt, len(plan)) - 1])
    if override:
        return wait
    if pace == "later":
        wait = max(wait, LATER)
    if lane == "urgent":
        wait = min(wait, URGENT_MOST)
    return wait * (1 + _JITTER * chance)


def next_attempt(now: datetime, wait: timedelta, until: datetime) -> datetime | None:
    """When to try again, or None when it would be too late."""
    if now + wait < until:
        return now + wait
    if until - now >= _LAST_CHANCE:
        return until - _BEFORE_DEADLINE
    return None
