"""When a copy is tried again, and when it no longer is: pure functions of attempt, age, hint, lane and carrier.

    delay          how long to wait after an attempt that failed for now
    next_attempt   when that is; or None: it would be too late
Greylisting wants a second attempt soon, an outage wants patience: the carrier's plan grows with the attempts, and what
is old already is tried no more often than its age makes sensible. A copy that is of no use any more
(contracts.lifetimes) is not sent late; the last attempt is put just before that moment if the plan would jump over it.
Ordinary mail keeps clear of the full hour, when everybody's scheduled mail jams the carriers.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from contracts.base import Lane
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.reply_rules import RetryHint

MOST: Mapping[Lane, timedelta] = {
    "urgent": timedelta(minutes=5),
    "prompt": timedelta(minutes=20),
    "correction": timedelta(minutes=20),
}
"""A copy of this lane is never put off for longer."""

QUICK = (timedelta(seconds=60), timedelta(seconds=120), timedelta(seconds=240))
"""The first waits after greylisting: hosts ask for one to five minutes, and few remember a sender for long."""

QUICK_UNTIL = timedelta(minutes=15)
"""A copy older than this is beyond greylisting, whatever the server calls it."""

LATER = timedelta(minutes=15)
"""The least wait when the other side is full or asked us to slow down."""

AGE_SHARE = 10
"""A copy waits for at least this part of its age, up to the last step of its plan."""

BEFORE_THE_HOUR = timedelta(seconds=30)
"""Ordinary mail keeps clear of the full hour from this long before it (clocks differ) until the carrier's
`full_hour_spread` after it."""

_LAST_CHANCE = timedelta(seconds=30)
_BEFORE_DEADLINE = timedelta(seconds=5)
_JITTER = 0.2


def delay(
    tries: int,
    age: timedelta,
    hint: RetryHint,
    lane: Lane,
    policy: CarrierPolicy,
    *,
    override: Sequence[float] | None,
    chance: float,
) -> timedelta:
    """How long to wait after a copy's attempt number `tries` (1 = first) failed for now, `age` after it was planned.

    `hint`: of the disposition. `override` (RENRAKUMO_RETRY_PLAN, seconds) takes the place of all rules. `chance` (0..1)
    spreads the attempts of many batches by up to a fifth, never earlier."""
    if override:
        return _step(override, tries)
    if hint == "soon" and tries <= len(QUICK) and age < QUICK_UNTIL:
        wait = QUICK[tries - 1]
    else:
        wait = max(_step(policy.retry, tries), min(age / AGE_SHARE, _step(policy.retry, len(policy.retry))))
    if hint == "later":
        wait = max(wait, LATER)
    most = MOST.get(lane)
    if most is not None:
        wait = min(wait, most)
    return wait * (1 + _JITTER * chance)


def next_attempt(
    now: datetime, wait: timedelta, until: datetime, lane: Lane, policy: CarrierPolicy, chance: float
) -> datetime | None:
    """When to try again, or None when it would be too late. `until` is the deadline."""
    if now + wait < until:
        planned = now + wait
    elif until - now >= _LAST_CHANCE:
        planned = until - _BEFORE_DEADLINE
    else:
        return None
    if lane == "ordinary" and policy.full_hour_spread > 0:
        return off_the_hour(planned, now, until, timedelta(seconds=policy.full_hour_spread), chance)
    return planned


def off_the_hour(planned: datetime, now: datetime, until: datetime, spread: timedelta, chance: float) -> datetime:
    """`planned`, moved off the full hour: behind it, or before it where behind would be too late; as it is where there
    is no room at all, since arriving goes before good manners. `chance` (0..1) spreads what is moved."""
    hour = (planned + BEFORE_THE_HOUR).astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    starts, ends = hour - BEFORE_THE_HOUR, hour + spread
    if not starts <= planned < ends:
        return planned
    behind = ends + chance * spread
    if behind < until:
        return behind
    if ends < until:
        return ends
    if starts - now < _LAST_CHANCE:
        return planned
    earliest = max(now, starts - BEFORE_THE_HOUR)
    return earliest + (starts - earliest) * (0.1 + 0.8 * chance)


def _step(plan: Sequence[float], tries: int) -> timedelta:
    """Wait number `tries` of a plan in seconds; the last one repeats."""
    return timedelta(seconds=plan[min(tries, len(plan)) - 1])
