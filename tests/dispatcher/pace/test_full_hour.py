"""Ordinary mail does not all begin on the full hour, when carriers are jammed."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.pace.full_hour import hour_wait, steady_chance


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
