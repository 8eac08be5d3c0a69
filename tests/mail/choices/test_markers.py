"""Each expression that denies a choice or leaves it in doubt matches its examples, and not its counterexamples."""

from __future__ import annotations

import pytest

from mail.choices import denial_markers, doubt_markers
from mail.choices.markers import Marker, markers_in

MARKERS = [*markers_in(vars(denial_markers)), *markers_in(vars(doubt_markers))]
MATCHES = [(name, marker, example) for name, marker in MARKERS for example in marker.matches]
NOT_MATCHES = [(name, marker, example) for name, marker in MARKERS for example in marker.not_matches]


@pytest.mark.parametrize(("name", "marker", "example"), MATCHES, ids=[f"{n}-{text}" for n, _, text in MATCHES])
def test_an_example_bears_the_marker(name: str, marker: Marker, example: str) -> None:
    assert marker.is_in(example), f"{name}: {marker.meaning}"


@pytest.mark.parametrize(("name", "marker", "example"), NOT_MATCHES, ids=[f"{n}-{text}" for n, _, text in NOT_MATCHES])
def test_a_counterexample_does_not_bear_the_marker(name: str, marker: Marker, example: str) -> None:
    assert not marker.is_in(example), f"{name}: {marker.meaning}"


def test_every_marker_has_examples_of_both_kinds() -> None:
    assert [name for name, marker in MARKERS if not (marker.matches and marker.not_matches and marker.meaning)] == []
