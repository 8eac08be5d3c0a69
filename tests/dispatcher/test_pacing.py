"""The pace: half as much at once when a carrier has enough, more again carefully, and never beyond what is allowed."""

import gc
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pace import PaceOrder
from dispatcher.carriers import CarrierPolicy
from dispatcher.paces import Paces
from dispatcher.pacing import FORGIVEN_AFTER, LONGEST_PAUSE, Pace, Sign, hour_wait, steady_chance
from dispatcher.routes import Hop, Host
from dispatcher.throttle import burst

STEP = 0.25
"""Of the clock in these tests: a power of two, so that sums are exact."""


@dataclass
class Clock:
    """A clock that the test moves."""

    now: float = 1024.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


def policy(**values: Any) -> CarrierPolicy:
    return CarrierPolicy(
        **{"name": "docomo", "connections": 8, "connections_per_hop": 8, "pause_after_421": 10.0, **values}
    )


def apart(**values: Any) -> CarrierPolicy:
    return policy(**{"name": "other", "connections": 24, "connections_per_hop": 4, "each_hop_apart": True, **values})


def hop(name: str) -> Hop:
    return Hop(name, (Host(name),))


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
def test_a_busy_or_torn_session_halves_the_connections_and_pauses_all(sign: Sign) -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(sign)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (4, 10.0, 10.0)
    clock.forward(10)
    assert (pace.connections, pace.wait(), pace.opening_wait()) == (4, 0.0, 0.0)


def test_what_the_other_sessions_say_of_the_same_trouble_counts_once() -> None:
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


def test_no_room_for_a_further_session_leaves_those_that_are_open_at_work() -> None:
    clock = Clock()
    pace = new(clock)
    pace.slow_down(Sign.NO_ROOM, open_sessions=3)
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


def test_a_single_session_that_is_too_much_sends_slower() -> None:
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
    kind, value, open_sessions = move
    if kind == "sign":
        pace.slow_down(value, open_sessions=open_sessions)
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
@settings(max_examples=30, deadline=None)
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


# -- by hand


def test_a_pause_by_hand_lasts_until_it_is_undone() -> None:
    clock = Clock()
    pace = new(clock)
    pace.obey(PaceOrder(paused=True))
    clock.forward(1e6)
    assert (pace.wait(), pace.opening_wait()) == (inf, inf)
    pace.obey(None)
    assert (pace.wait(), pace.opening_wait(), pace.connections) == (0.0, 0.0, 8)


def test_what_is_set_by_hand_holds_at_once_even_beyond_the_policy() -> None:
    clock = Clock()
    pace = new(clock, rate=5.0)
    pace.slow_down(Sign.BUSY)
    pace.obey(PaceOrder(connections=12, rate=50.0))
    assert (pace.connections, pace.connections_per_hop, pace.rate) == (12, 12, 50.0)
    pace.obey(PaceOrder(connections=2, rate=50.0))
    assert (pace.connections, pace.rate) == (2, 50.0)
    pace.obey(None)
    assert (pace.connections, pace.rate) == (8, 5.0)


def test_an_order_does_not_make_us_deaf_to_trouble() -> None:
    clock = Clock()
    pace = new(clock)
    pace.obey(PaceOrder(connections=12))
    pace.slow_down(Sign.BUSY)
    assert (pace.connections, pace.wait()) == (6, 10.0)
    clock.forward(10)
    send(pace, clock, 200)
    assert pace.connections == 12
    pace.slow_down(Sign.BUSY)
    pace.obey(None)
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


# -- many paces


def test_a_carrier_has_one_pace_whichever_server_it_is() -> None:
    docomo = policy()
    paces = Paces([docomo, policy(name="au")], Clock())
    assert paces.of(docomo, hop("mx1")) is paces.of(docomo, hop("mx2"))
    assert paces.of(docomo, hop("mx1")) is not paces.of(policy(name="au"), hop("mx1"))


def test_trouble_with_one_server_of_the_others_slows_no_other() -> None:
    other = apart()
    paces = Paces([other], Clock())
    paces.of(other, hop("mx.a")).slow_down(Sign.BUSY)
    assert paces.of(other, hop("mx.a")).wait() == 10.0
    assert (paces.of(other, hop("mx.b")).wait(), paces.of(other, hop("mx.b")).connections) == (0.0, 4)
    view = paces.view("other")
    assert (view.throttles, view.slowed, view.pausing) == (2, 1, 1)


def test_limits_of_the_others_as_a_whole_are_shared_too() -> None:
    other = apart()
    paces = Paces([other], Clock())
    held = paces.of(other, hop("mx.a"))
    assert (held.connections, held.connections_per_hop, held.connections_in_all) == (4, 4, 24)
    paces.share(2, 1)
    assert (held.connections, held.connections_in_all) == (2, 12)
    view = paces.view("other")
    assert (view.per_server, view.pace.connections) == (2, 12)


def test_orders_and_shares_reach_who_is_there_and_who_comes_later() -> None:
    other, docomo = apart(), policy()
    paces = Paces([other, docomo], Clock())
    changed: list[str] = []
    paces.on_change(changed.append)
    early = paces.of(other, hop("mx.a"))
    paces.obey("other", PaceOrder(paused=True))
    paces.obey("other", PaceOrder(paused=True))
    paces.obey("unknown", PaceOrder(paused=True))
    assert (early.wait(), paces.of(other, hop("mx.b")).wait()) == (inf, inf)
    assert paces.of(docomo, hop("mx.c")).wait() == 0
    paces.share(2, 0)
    assert changed == ["other", "other", "docomo"]
    paces.obey("other", None)
    assert early.wait() == 0


def test_memory_of_servers_is_bounded_and_forgets_none_that_is_in_use_or_in_trouble() -> None:
    other = apart()
    paces = Paces([other], Clock(), most_hops=10)
    in_use = paces.of(other, hop("in use"))
    in_use.slow_down(Sign.BUSY)
    paces.of(other, hop("in trouble")).slow_down(Sign.BUSY)
    for number in range(1000):
        paces.of(other, hop(f"mx{number}"))
    gc.collect()
    assert paces.of(other, hop("in use")) is in_use
    assert paces.of(other, hop("in trouble")).wait() == 10.0
    assert paces.view("other").throttles <= 12


def test_memory_stays_bounded_when_all_are_in_trouble() -> None:
    other = apart()
    paces = Paces([other], Clock(), most_hops=10)
    held = deque[Pace](maxlen=3)
    for number in range(200):
        held.append(paces.of(other, hop(f"mx{number}")))
        held[-1].slow_down(Sign.BUSY)
    gc.collect()
    assert paces.view("other").throttles <= 13
    assert [paces.of(other, hop(f"mx{number}")) for number in (197, 198, 199)] == list(held)


# -- the full hour


def hours(*clock: str) -> Iterable[datetime]:
    return (datetime.fromisoformat(f"2026-04-08T{time}").replace(tzinfo=UTC) for time in clock)


def test_ordinary_mail_of_the_full_hour_is_spread_over_the_first_minutes() -> None:
    for now in hours("08:00:00", "23:00:00"):
        assert [hour_wait(now, 120, chance) for chance in (0, 0.5, 1)] == [0, 60, 120]
    for now in hours("08:01:30"):
        assert [hour_wait(now, 120, chance) for chance in (0, 0.5, 1)] == [0, 0, 30]


def test_what_has_waited_for_its_place_in_the_hour_goes() -> None:
    (now,) = hours("08:00:07")
    chance = steady_chance("7531-1-4")
    wait = hour_wait(now, 120, chance)
    assert wait > 0
    assert hour_wait(now + timedelta(seconds=wait), 120, steady_chance("7531-1-4")) == pytest.approx(0, abs=1e-5)


def test_the_batches_of_a_message_get_places_all_over_the_spread() -> None:
    (now,) = hours("08:00:00")
    waits = [hour_wait(now, 120, steady_chance(f"7531-1-{number}")) for number in range(1000)]
    quarters = [sum(start <= wait < start + 30 for wait in waits) for start in (0, 30, 60, 90)]
    assert all(200 <= quarter <= 300 for quarter in quarters)


def test_at_other_times_or_switched_off_nothing_waits() -> None:
    for now in hours("08:02:00", "08:30:00", "08:59:59"):
        assert hour_wait(now, 120, 0.9) == 0
    for now in hours("08:00:00"):
        assert hour_wait(now, 0, 0.9) == 0


@given(st.datetimes(timezones=st.just(UTC)), st.floats(0, 3600), st.floats(0, 1))
def test_nothing_waits_beyond_the_spread(now: datetime, spread: float, chance: float) -> None:
    wait = hour_wait(now, spread, chance)
    after = now.minute * 60 + now.second + now.microsecond / 1e6
    assert wait >= 0
    assert wait == 0 or after + wait <= spread + 1e-6
