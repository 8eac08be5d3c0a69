"""When a copy is tried again: soon, then with patience, never too late."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from contracts.base import LANES, Lane
from dispatcher import retry
from dispatcher.carriers import CARRIERS
from dispatcher.verdicts import Pace

START = datetime(2026, 4, 1, 8, 0, tzinfo=UTC)
lanes = st.sampled_from(LANES)
paces = st.sampled_from(("soon", "later"))
chances = st.floats(0, 1)
steps_of = st.sampled_from([policy.retry for policy in CARRIERS.values()])


def seconds(attempt: int, pace: Pace = "soon", lane: Lane = "ordinary", override: tuple[float, ...] = ()) -> float:
    wait = retry.delay(attempt, pace, lane, (60.0, 300.0, 3600.0), override=override or None, chance=0.0)
    return wait.total_seconds()


def test_greylisting_is_answered_soon_and_outages_with_patience() -> None:
    assert [seconds(attempt) for attempt in (1, 2, 3, 4, 50)] == [60, 300, 3600, 3600, 3600]


def test_who_is_full_or_asked_us_to_slow_down_is_given_time() -> None:
    assert seconds(1, "later") == retry.LATER.total_seconds()


def test_urgent_mail_is_never_put_off_for_long() -> None:
    assert max(seconds(attempt, pace, "urgent") for attempt in (1, 2, 9) for pace in ("soon", "later")) == 300


def test_the_operators_plan_replaces_all_rules() -> None:
    assert [seconds(attempt, "later", override=(2, 5)) for attempt in (1, 2, 3)] == [2, 5, 5]


@given(attempt=st.integers(1, 200), pace=paces, lane=lanes, steps=steps_of, chance=chances)
def test_chance_only_spreads_towards_later(
    attempt: int, pace: Pace, lane: Lane, steps: tuple[float, ...], chance: float
) -> None:
    earliest = retry.delay(attempt, pace, lane, steps, override=None, chance=0.0)
    wait = retry.delay(attempt, pace, lane, steps, override=None, chance=chance)
    assert earliest <= wait <= earliest * 1.2 + timedelta(microseconds=1)
    assert wait >= timedelta(seconds=60)


@given(
    lane=lanes,
    pace=paces,
    steps=steps_of,
    chance=chances,
    useful=st.one_of(st.none(), st.integers(1, 4 * 86_400)),
)
def test_every_copy_comes_to_an_end_and_none_goes_out_late(
    lane: Lane, pace: Pace, steps: tuple[float, ...], chance: float, useful: int | None
) -> None:
    until = retry.deadline(lane, START, None if useful is None else START + timedelta(seconds=useful))
    assert until <= START + retry.GIVE_UP[lane]
    now, attempt = START, 1
    while True:
        wait = retry.delay(attempt, pace, lane, steps, override=None, chance=chance)
        again = retry.next_attempt(now, wait, until)
        if again is None:
            break
        assert now < again < until
        now, attempt = again, attempt + 1
        assert attempt < 2000
    assert until - now < timedelta(seconds=30) or attempt == 1


def test_a_plan_that_would_jump_over_the_end_gets_a_last_chance_before_it() -> None:
    until = START + timedelta(minutes=10)
    assert retry.next_attempt(START, timedelta(hours=1), until) == until - timedelta(seconds=5)
    assert retry.next_attempt(until - timedelta(seconds=5), timedelta(minutes=1), until) is None
