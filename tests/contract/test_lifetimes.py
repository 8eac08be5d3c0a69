"""How long a copy is tried: once in contracts, told in the docs as it is, and outlasted by what is kept about copies."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import lifetimes
from contracts.base import LANES
from contracts.streams import CONTENT, DELIVERY, PROGRESS, STOPPED_MESSAGES

GUIDE = Path(__file__).parents[2] / "docs" / "delivery.md"
UNITS = {"hours": timedelta(hours=1), "days": timedelta(days=1)}
START = datetime(2026, 4, 1, 8, 10, tzinfo=UTC)
USUAL = timedelta(hours=6)


def documented() -> list[tuple[str, timedelta]]:
    """Lane and time of each row of the table."""
    chapter = (
        GUIDE.read_text(encoding="utf-8").partition("### How long a copy is tried\n")[2].partition("\nA report")[0]
    )
    rows = re.findall(r"^\| (?:`(\w+)`|any) \|[^|]*\| (\d+) (\w+) \|$", chapter, re.MULTILINE)
    return [(lane, int(number) * UNITS[unit]) for lane, number, unit in rows]


def test_the_table_in_the_docs_is_that_of_the_code() -> None:
    by_lane = list(lifetimes.BY_LANE.items())
    occasions = [("prompt", lifetimes.NEWS), ("prompt", lifetimes.POST_CONFIRMATION)]
    assert sorted(documented()) == sorted([*by_lane, *occasions, ("", lifetimes.LONGEST)])


def test_every_lane_has_its_time_and_none_is_longer_than_any_copy_is_tried() -> None:
    assert set(lifetimes.BY_LANE) == set(LANES)
    assert max(*lifetimes.BY_LANE.values(), lifetimes.NEWS, lifetimes.POST_CONFIRMATION) == lifetimes.LONGEST


@pytest.mark.parametrize(
    ("asked", "ends"),
    [
        (None, USUAL),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(hours=20), timedelta(hours=20)),  # whoever says so knows better than the lane
        (timedelta(days=9), lifetimes.LONGEST),
    ],
)
def test_an_end_that_a_sender_names_takes_the_place_of_the_usual_one_up_to_the_longest(
    asked: timedelta | None, ends: timedelta
) -> None:
    assert lifetimes.ends_at(START, None if asked is None else START + asked, USUAL) == START + ends


@pytest.mark.parametrize("seconds", [STOPPED_MESSAGES.ttl, PROGRESS.max_age, DELIVERY.max_age, CONTENT.ttl])
def test_what_is_known_of_a_copy_is_kept_for_longer_than_it_is_tried(seconds: float) -> None:
    assert timedelta(seconds=seconds) > lifetimes.LONGEST
