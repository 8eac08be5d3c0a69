"""A mention: a place in an answer that speaks of one or more of the choices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MentionKind(StrEnum):
    NUMBER = "number"
    WORDS = "words"
    DATE = "date"
    TYPO = "words with a slip"


@dataclass(frozen=True, slots=True)
class Mention:
    """From `start` to `end` of the normal text. `choices`: those that it fits, counted from 1; none: it speaks of a
    choice that isn't offered."""

    start: int
    end: int
    choices: frozenset[int]
    kind: MentionKind
