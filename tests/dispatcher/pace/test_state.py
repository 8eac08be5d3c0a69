"""The pace: half as much at once when a carrier has enough, more again carefully, and never beyond what is allowed."""

from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pace import PaceOrder
from dispatcher.pace.state import FORGIVEN_AFTER, LONGEST_PAUSE, Pace, Sign
from dispatcher.pace.token_bucket import burst
from dispatcher.policy.carrier_table import CarrierPolicy
from tests.dispatcher.pace.pace_world import Clock, policy

STEP = 0.25
"""Of the clock in these tests: a power of two, so that sums are exact."""


def new(clock: Clock, **values: Any) -> Pace:
    return Pace(policy(**values), clock)


def send(pace: Pace, clock: Clock, seconds: float) -> int:
    """Offer as many copies as are let through (one a step without a rate), all of them accepted."""
    end, sent = clock.now + seconds, 0
    while clock.now < end:
        if pace.wait() == 0:
            pace.started()
            pace.accepted()
            sent += 1
        clock.forward(STEP)
    return sent


# -- signs


@pytest.mark.parametrize("sign", [Sign.BUSY, Sign.RESET])
def test_a_busy_or_torn_connection_halves_the_connections_and_pauses_all(sign: Sign) -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(sign)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (4, 10.0, 10.0)
    clock.forward(10)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (4, 0.0, 0.0)


def test_what_the_other_connections_say_of_the_same_trouble_counts_once() -> None:
    clock = Clock()
    pace = new(clock)
    for _ in range(8):
        pace.slow_down(Sign.BUSY)
        clock.forward(1)
    assert (pace.connections, pace.wait()) == (4, 2.0)


def test_trouble_that_comes_again_makes_longer_pauses_up_to_a_bound() -> None:
    clock = Clock()
    pace = new(clock)
    pauses = []
    for _ in range(8):
        pace.slow_down(Sign.BUSY)
        pauses.append(pace.wait())
        clock.forward(pace.wait())
    assert pauses == [10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert pace.connections == 1


def test_no_room_for_a_further_connection_leaves_those_that_are_open_at_work() -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(Sign.NO_ROOM, open_connections=3)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (3, 0.0, 10.0)
    clock.forward(10)
    pace.slow_down(Sign.NO_ROOM)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (2, 0.0, 20.0)


def test_who_is_asked_to_send_slower_sends_half_as_fast_as_it_did() -> None:
    clock = Clock()
    pace = new(clock)
    for _ in range(200):
        pace.started()
        pace.accepted()
        clock.forward(0.0625)
    pace.slow_down(Sign.SLOWER)
    assert pace.rate == pytest.approx(8, rel=0.1)
    assert pace.connections == 8
    pace.slow_down(Sign.SLOWER)
    assert pace.rate == pytest.approx(8, rel=0.1)


def test_a_single_connection_that_is_too_much_sends_slower() -> None:
    clock = Clock()
    pace = new(clock, connections=1)
    pace.slow_down(Sign.BUSY)
    assert pace.connections == 1
    assert pace.rate is not None


# -- back again


def test_connections_come_back_one_by_one() -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(Sign.BUSY)
    clock.forward(10)
    seen = []
    for _ in range(5):
        send(pace, clock, 11)
        seen.append(pace.connections)
    assert seen == [5, 6, 7, 8, 8]


def test_quiet_alone_or_copies_alone_bring_nothing_back() -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(Sign.BUSY)
    clock.forward(100)
    assert pace.connections == 4
    pace = new(clock)
    pace.slow_down(Sign.BUSY)
    clock.forward(10)
    for _ in range(1000):
        pace.accepted()
    assert pace.connections == 4


def test_a_rate_that_only_trouble_has_set_goes_again() -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(Sign.SLOWER)
    assert pace.rate == 0.5
    send(pace, clock, 600)
    assert pace.rate is None


def test_an_hour_without_a_sign_forgives_even_who_sends_nothing() -> None:
    clock = Clock()
    pace = new(clock, rate=4.0)
    for _ in range(5):
        pace.slow_down(Sign.BUSY)
        clock.forward(pace.wait())
    clock.forward(FORGIVEN_AFTER)
    assert (pace.connections, pace.rate, pace.wait()) == (8, 4.0, 0.0)
    pace.slow_down(Sign.BUSY)
    assert pace.wait() == 10.0


signs = st.sampled_from(list(Sign))
moves = st.lists(
    st.one_of(
        st.tuples(st.just("sign"), signs, st.one_of(st.none(), st.integers(0, 9))),
        st.tuples(st.just("copies"), st.integers(1, 60), st.none()),
        st.tuples(st.just("quiet"), st.integers(1, 400), st.none()),
    ),
    max_size=60,
)
policies = st.builds(
    policy,
    connections=st.integers(1, 12),
    rate=st.one_of(st.none(), st.sampled_from([0.05, 0.5, 3.0, 20.0])),
    pause_after_421=st.sampled_from([0.0, 1.0, 10.0, 600.0]),
)


def act(pace: Pace, clock: Clock, move: tuple[str, Any, Any]) -> None:
    kind, value, open_connections = move
    if kind == "sign":
        pace.slow_down(value, open_connections=open_connections)
    elif kind == "quiet":
        clock.forward(value * STEP)
    else:
        for _ in range(value):
            pace.accepted()


@given(policies, moves)
def test_it_is_never_beyond_the_policy_nor_at_a_standstill(limits: CarrierPolicy, sequence: list[Any]) -> None:
    clock = Clock()
    pace = Pace(limits, clock)
    for move in sequence:
        act(pace, clock, move)
        assert 1 <= pace.connections <= limits.connections
        assert pace.wait() < inf
        if limits.rate is not None:
            assert pace.rate is not None
            assert 0 < pace.rate <= limits.rate
        elif pace.rate is not None:
            assert pace.rate > 0


@given(policies, moves)
@settings(max_examples=30)
def test_after_long_calm_with_accepted_copies_it_is_back_at_the_full_limits(
    limits: CarrierPolicy, sequence: list[Any]
) -> None:
    clock = Clock()
    pace = Pace(limits, clock)
    for move in sequence:
        act(pace, clock, move)
    clock.forward(pace.opening_wait())
    # Less than the hour after which everything is forgiven anyway, where a rate doesn't make copies rare.
    send(pace, clock, FORGIVEN_AFTER - 1 if (limits.rate or 1) >= 0.5 else FORGIVEN_AFTER + 1)
    assert (pace.connections, pace.rate, pace.opening_wait()) == (limits.connections, limits.rate, 0.0)


@given(policies, moves, signs.filter(lambda sign: sign is not Sign.SLOWER), st.integers(0, 200))
def test_success_never_cuts_a_pause_short_nor_speeds_up_in_it(
    limits: CarrierPolicy, sequence: list[Any], sign: Sign, accepted: int
) -> None:
    clock = Clock()
    pace = Pace(limits, clock)
    for move in sequence:
        act(pace, clock, move)
    pace.slow_down(sign)
    ends = clock.now + pace.opening_wait()
    before = (pace.connections, pace.rate)
    while clock.now < ends:
        for _ in range(accepted):
            pace.accepted()
        assert clock.now + pace.opening_wait() == ends
        assert (pace.connections, pace.rate) == before
        clock.forward(max(STEP, (ends - clock.now) / 8))


@given(
    st.sampled_from([0.5, 2.0, 16.0, 64.0]),
    st.lists(st.one_of(st.integers(0, 40), signs), max_size=150),
)
def test_no_window_ever_holds_more_than_rate_and_burst(rate: float, sequence: list[Any]) -> None:
    clock = Clock()
    pace = new(clock, rate=rate, pause_after_421=1.0)
    starts: list[float] = []
    for step in sequence:
        if isinstance(step, Sign):
            pace.slow_down(step)
        else:
            clock.forward(step * 0.0625)
        while pace.wait() == 0:
            pace.started()
            pace.accepted()
            starts.append(clock.now)
    for first in range(len(starts)):
        for last in range(first, len(starts)):
            assert last - first + 1 <= burst(rate) + rate * (starts[last] - starts[first]) + 1e-6


def test_a_rate_is_used_up() -> None:
    clock = Clock()
    pace = new(clock, rate=2.0)
    assert send(pace, clock, 60) in range(119, 122)


# -- by override


def test_a_pause_by_override_lasts_until_it_is_undone() -> None:
    clock = Clock()
    pace = new(clock)
    pace.override(PaceOrder(paused=True))
    clock.forward(1e6)
    assert (pace.wait(), pace.opening_wait()) == (inf, inf)
    pace.override(None)
    assert (pace.wait(), pace.opening_wait(), pace.connections) == (0.0, 0.0, 8)


def test_what_is_set_by_override_holds_at_once_even_beyond_the_policy() -> None:
    clock = Clock()
    pace = new(clock, rate=5.0)
    pace.slow_down(Sign.BUSY)
    pace.override(PaceOrder(connections=12, rate=50.0))
    assert (pace.connections, pace.connections_per_hop, pace.rate) == (12, 12, 50.0)
    pace.override(PaceOrder(connections=2, rate=50.0))
    assert (pace.connections, pace.rate) == (2, 50.0)
    pace.override(None)
    assert (pace.connections, pace.rate) == (8, 5.0)


def test_an_order_does_not_make_us_deaf_to_trouble() -> None:
    clock = Clock()
    pace = new(clock)
    pace.override(PaceOrder(connections=12))
    pace.slow_down(Sign.BUSY)
    assert (pace.connections, pace.wait()) == (6, 10.0)
    clock.forward(10)
    send(pace, clock, 200)
    assert pace.connections == 12
    pace.slow_down(Sign.BUSY)
    pace.override(None)
    assert (pace.connections, pace.wait()) == (6, 10.0)


# -- shared with other dispatchers


@pytest.mark.parametrize("of", [1, 2, 3, 5, 8])
def test_shares_add_up_to_the_limits(of: int) -> None:
    shares = [new(Clock(), rate=10.0) for _ in range(of)]
    for place, pace in enumerate(shares):
        pace.share(of, place)
    assert sum(pace.connections for pace in shares) == 8
    assert sum(pace.rate or 0 for pace in shares) == pytest.approx(10.0)


def test_everybody_has_at_least_one_connection() -> None:
    pace = new(Clock(), connections=2)
    pace.share(3, 2)
    assert pace.connections == 1


def test_a_share_that_grows_is_used_at_once_but_by_who_is_slowed_down() -> None:
    clock = Clock()
    calm, slowed = new(clock), new(clock)
    for pace in (calm, slowed):
        pace.share(2, 0)
    slowed.slow_down(Sign.BUSY)
    for pace in (calm, slowed):
        pace.share(1, 0)
    assert (calm.connections, slowed.connections) == (8, 2)
    clock.forward(10)
    send(slowed, clock, 100)
    assert slowed.connections == 8
