"""When a copy is tried again: soon, then with patience, off the full hour, never too late."""

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from contracts.base import LANES, Lane
from contracts.lifetimes import LONGEST, ends_at
from dispatcher.attempt import retry
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.carriers_file import load_carriers
from dispatcher.policy.reply_rules import RetryHint

START = datetime(2026, 4, 1, 8, 10, tzinfo=UTC)
PLAN = CarrierPolicy("test", 1, 1, retry=(60.0, 300.0, 3600.0))
SPREAD = CarrierPolicy("spread", 1, 1, retry=(60.0, 300.0, 3600.0), full_hour_spread=120.0)

lanes = st.sampled_from(LANES)
hints: st.SearchStrategy[RetryHint] = st.sampled_from(get_args(RetryHint))
chances = st.floats(0, 1)
policies = st.sampled_from(list(load_carriers().policies.values()))
ages = st.timedeltas(timedelta(0), timedelta(days=2))
moments = st.datetimes(datetime(2026, 4, 1), datetime(2026, 4, 2), timezones=st.just(UTC))  # noqa: DTZ001


def seconds(
    tries: int,
    hint: RetryHint = "planned",
    lane: Lane = "ordinary",
    *,
    age: timedelta = timedelta(0),
    override: tuple[float, ...] = (),
) -> float:
    return retry.delay(tries, age, hint, lane, PLAN, override=override or None, chance=0.0).total_seconds()


def on_the_hour(moment: datetime, policy: CarrierPolicy) -> bool:
    past = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)
    return past < timedelta(seconds=policy.full_hour_spread) or past >= timedelta(hours=1) - retry.BEFORE_THE_HOUR


def test_an_outage_is_met_with_patience() -> None:
    assert [seconds(tries) for tries in (1, 2, 3, 4, 50)] == [60, 300, 3600, 3600, 3600]


def test_greylisting_is_answered_with_quick_attempts_first() -> None:
    assert [seconds(tries, "soon") for tries in (1, 2, 3, 4)] == [60, 120, 240, 3600]


def test_what_a_server_still_calls_greylisting_after_a_while_is_tried_as_planned() -> None:
    assert seconds(1, "soon", age=timedelta(minutes=20)) == 120
    assert seconds(2, "soon", age=timedelta(minutes=20)) == 300


def test_who_is_full_or_asked_us_to_slow_down_is_given_time() -> None:
    assert seconds(1, "later") == retry.LATER.total_seconds()


def test_what_is_old_is_tried_no_more_often_than_its_age_makes_sensible() -> None:
    # Few attempts, because nothing was sent for hours.
    assert seconds(1, age=timedelta(hours=5)) == 1800
    assert seconds(1, age=timedelta(days=2)) == 3600


def test_urgent_mail_is_never_put_off_for_long_answers_and_corrections_not_for_very_long() -> None:
    longest = {
        lane: max(seconds(tries, pace, lane, age=age) for tries in (1, 9) for pace in ("soon", "later") for age in (timedelta(0), timedelta(days=1)))
        for lane in LANES
    }  # fmt: skip
    assert longest == {"urgent": 300, "prompt": 1200, "correction": 1200, "ordinary": 3600}


def test_the_operators_plan_replaces_all_rules() -> None:
    assert [seconds(tries, "later", override=(2, 5), age=timedelta(days=1)) for tries in (1, 2, 3)] == [2, 5, 5]


@given(tries=st.integers(1, 200), age=ages, hint=hints, lane=lanes, policy=policies, chance=chances)
def test_chance_only_spreads_towards_later(
    tries: int, age: timedelta, hint: RetryHint, lane: Lane, policy: CarrierPolicy, chance: float
) -> None:
    earliest = retry.delay(tries, age, hint, lane, policy, override=None, chance=0.0)
    wait = retry.delay(tries, age, hint, lane, policy, override=None, chance=chance)
    assert earliest <= wait <= earliest * 1.2 + timedelta(microseconds=1)
    assert timedelta(seconds=60) <= wait <= timedelta(hours=1.2) + timedelta(microseconds=1)


@given(tries=st.integers(1, 200), age=ages, older=ages, lane=lanes, policy=policies)
def test_no_attempt_and_no_hour_makes_the_next_wait_shorter(
    tries: int, age: timedelta, older: timedelta, lane: Lane, policy: CarrierPolicy
) -> None:
    wait = retry.delay(tries, age, "planned", lane, policy, override=None, chance=0.5)
    assert retry.delay(tries + 1, age + older, "planned", lane, policy, override=None, chance=0.5) >= wait


@given(
    lane=lanes,
    hint=hints,
    policy=policies,
    chance=chances,
    useful=st.one_of(st.none(), st.integers(1, 4 * 86_400)),
    start=moments,
)
def test_every_copy_comes_to_an_end_and_none_goes_out_late(
    lane: Lane, hint: RetryHint, policy: CarrierPolicy, chance: float, useful: int | None, start: datetime
) -> None:
    until = ends_at(start, None if useful is None else start + timedelta(seconds=useful), LONGEST)
    now, tries = start, 1
    while True:
        wait = retry.delay(tries, now - start, hint, lane, policy, override=None, chance=chance)
        again = retry.next_attempt(now, wait, until, lane, policy, chance)
        if again is None:
            break
        assert now < again < until
        now, tries = again, tries + 1
        assert tries < 1000
    # The end comes because there is nothing left to wait for, not because the plan jumped over it.
    assert until - now <= wait


@given(
    lane=lanes, now=moments, policy=policies, chance=chances, left=st.integers(31, 86_400), wait=st.integers(1, 3600)
)
def test_there_is_always_a_last_chance_when_half_a_minute_is_left(
    lane: Lane, now: datetime, policy: CarrierPolicy, chance: float, left: int, wait: int
) -> None:
    until = now + timedelta(seconds=left)
    again = retry.next_attempt(now, timedelta(seconds=wait), until, lane, policy, chance)
    assert again is not None
    assert now < again < until


def test_a_plan_that_would_jump_over_the_end_gets_a_last_chance_before_it() -> None:
    until = START + timedelta(minutes=10)
    assert retry.next_attempt(START, timedelta(hours=1), until, "ordinary", PLAN, 0.0) == until - timedelta(seconds=5)
    late = until - timedelta(seconds=5)
    assert retry.next_attempt(late, timedelta(minutes=1), until, "ordinary", PLAN, 0.0) is None


@given(now=moments, wait=st.integers(1, 7200), chance=chances)
def test_ordinary_mail_never_comes_back_on_the_full_hour(now: datetime, wait: int, chance: float) -> None:
    until = now + timedelta(days=2)
    again = retry.next_attempt(now, timedelta(seconds=wait), until, "ordinary", SPREAD, chance)
    assert again is not None
    assert not on_the_hour(again, SPREAD)
    assert again >= now + timedelta(seconds=wait)
    assert again - (now + timedelta(seconds=wait)) <= timedelta(seconds=30 + 2 * 120)


@given(now=moments, left=st.integers(31, 7200), chance=chances)
def test_a_last_chance_keeps_off_the_hour_when_there_is_any_other_moment(
    now: datetime, left: int, chance: float
) -> None:
    until = now + timedelta(seconds=left)
    again = retry.next_attempt(now, timedelta(days=1), until, "ordinary", SPREAD, chance)
    assert again is not None
    assert now < again < until
    if on_the_hour(again, SPREAD):
        # From now, or half a minute later, until the end it is the full hour.
        assert on_the_hour(now + timedelta(seconds=30), SPREAD)
        assert until - now <= timedelta(seconds=30 + 30 + 120) + timedelta(microseconds=1)


@given(now=moments, wait=st.integers(1, 7200), lane=st.sampled_from(("urgent", "prompt", "correction")), chance=chances)
def test_the_hour_holds_up_nothing_but_ordinary_mail(now: datetime, wait: int, lane: Lane, chance: float) -> None:
    until = now + timedelta(days=2)
    again = retry.next_attempt(now, timedelta(seconds=wait), until, lane, SPREAD, chance)
    assert again == now + timedelta(seconds=wait)


def test_what_would_come_back_on_the_hour_is_spread_after_it() -> None:
    now = datetime(2026, 4, 1, 8, 50, tzinfo=UTC)
    until = now + timedelta(days=1)
    moved = [retry.next_attempt(now, timedelta(minutes=10), until, "ordinary", SPREAD, chance) for chance in (0, 0.5)]
    assert moved == [datetime(2026, 4, 1, 9, 2, tzinfo=UTC), datetime(2026, 4, 1, 9, 3, tzinfo=UTC)]
    unspread = retry.next_attempt(now, timedelta(minutes=10), until, "ordinary", PLAN, 0.5)
    assert unspread == datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
