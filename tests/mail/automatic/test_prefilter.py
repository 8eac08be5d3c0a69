"""A pattern that is only tried where it can match finds what it would find anyway."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.automatic import phrases
from mail.automatic.prefilter import PrefilteredPattern, folded, needed

ALL = [
    pattern
    for value in vars(phrases).values()
    for pattern in (value if isinstance(value, tuple) else (value,))
    if isinstance(pattern, PrefilteredPattern)
]
WORDS = sorted({word for pattern in ALL for word in pattern.needed_words or ()})


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("hello", {"hello"}),
        ("(?:in|on) vacation", {" vacation"}),
        ("cats?|dogs", {"cat", "dogs"}),
        ("(?:out of )?office", {"office"}),
        ("x{0,3}", None),
        ("[ab]+", None),
        ("(?:red|[0-9])", None),
        ("A(?:uto|UTO)matic", {"matic"}),
        ("(?!not)reply", {"reply"}),
    ],
)
def test_the_words_that_a_pattern_cannot_do_without(pattern: str, words: set[str] | None) -> None:
    assert needed(pattern) == words


def test_every_pattern_of_machines_words_has_such_words() -> None:
    assert [pattern for pattern in ALL if pattern.needed_words is None] == []


@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=12),
    st.sampled_from(["", " ", ".", ": "]),
    st.booleans(),
)
def test_nothing_is_overlooked(parts: list[str], between: str, upper: bool) -> None:
    text = between.join(parts)
    where = folded(text.upper() if upper else text)
    for pattern in ALL:
        assert (pattern.search(where) is None) == (pattern._pattern.search(where.text) is None)
        assert [m[0] for m in pattern.finditer(where)] == [m[0] for m in pattern._pattern.finditer(where.text)]


def test_a_pattern_without_such_words_is_always_tried() -> None:
    assert PrefilteredPattern("[0-9]+").search(folded("a1")) is not None
    assert PrefilteredPattern("a|[0-9]").match(folded("1")) is not None
    assert PrefilteredPattern("HELLO", re.IGNORECASE).search(folded("say hello")) is not None
