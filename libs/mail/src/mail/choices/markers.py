"""Markers: expressions that tell what a sentence makes of the choice that it mentions, each with examples beside it.

In an example the mention stands in 〔〕: "〔出席〕は無理です". A marker has a place, where it is looked
for: right behind the mention, anywhere after it, right before it, or anywhere in the sentence. The tables are
`denial_markers` and `doubt_markers`; a test walks them and tries every example.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from mail.choices.normal_form import BLANK, normal

_EXAMPLE = re.compile(r"(.*?)〔(.*)〕(.*)", re.DOTALL)


class Position(Enum):
    """Where a marker is looked for."""

    BEHIND = "right behind the mention"
    AFTER = "anywhere after the mention"
    BEFORE = "right before the mention"
    SENTENCE = "anywhere in the sentence"


@dataclass(frozen=True, slots=True)
class Marker:
    """An expression and what it means, with texts, as people write them, that it matches or doesn't."""

    meaning: str
    place: Position
    pattern: re.Pattern[str]
    matches: tuple[str, ...]
    not_matches: tuple[str, ...]

    def is_in(self, example: str) -> bool:
        """Whether the marker stands at its place in an example."""
        text = normal(example)
        found = _EXAMPLE.fullmatch(text)
        before, mention, after = found.groups() if found else (text, "", "")
        match self.place:
            case Position.BEHIND:
                return self.pattern.match(after) is not None
            case Position.AFTER:
                return self.pattern.search(after) is not None
            case Position.BEFORE:
                return self.pattern.search(before) is not None
            case Position.SENTENCE:
                return self.pattern.search(before + BLANK * len(mention) + after) is not None


def marker(
    place: Position, meaning: str, *alternatives: str, matches: tuple[str, ...], not_matches: tuple[str, ...]
) -> Marker:
    """A marker that is any of the regular expressions."""
    return Marker(meaning, place, re.compile("|".join(alternatives)), matches, not_matches)


def any_of(*markers: Marker) -> re.Pattern[str]:
    """One pattern for several markers, tried in their order."""
    return re.compile("|".join(each.pattern.pattern for each in markers))


def markers_in(table: dict[str, object]) -> Iterator[tuple[str, Marker]]:
    """The markers of a module, by their names."""
    for name, value in table.items():
        if isinstance(value, Marker):
            yield name, value
