"""Patterns of many words, tried only on texts that hold a word which they cannot do without.

A pattern with dozens of alternatives costs a millisecond on a page of text in which nothing of it occurs, which is
nearly every text. `needed` reads out of the pattern itself a set of words of which each match holds at least one; to
look whether any of them occurs costs next to nothing. So what is found stays the same, and nobody keeps lists of words.

    pattern -> its parsed form -> of a sequence the best part, of alternatives all of them -> words, or None: always try
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SHORTEST = 1
_MOST = 400


@dataclass(frozen=True, slots=True)
class Folded:
    """A text to be tried, and its lower case, in which needed words are looked for."""

    text: str
    lower: str


def folded(text: str) -> Folded:
    """A text to be tried, with a lower case in which characters that patterns take for the same are the same."""
    return Folded(text, text.lower().replace("\u0131", "i").replace("\u017f", "s").replace("\u0307", ""))


class PrefilteredPattern:
    """A pattern that is tried only on texts that hold one of the words which each of its matches holds."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._pattern = re.compile(pattern, flags)
        needed_words = needed(pattern, flags)
        self.needed_words = None if needed_words is None else tuple(sorted(needed_words, key=len))

    def search(self, where: Folded) -> "re.Match[str] | None":
        return self._pattern.search(where.text) if self._possible(where) else None

    def match(self, where: Folded) -> "re.Match[str] | None":
        return self._pattern.match(where.text) if self._possible(where) else None

    def finditer(self, where: Folded) -> "Iterator[re.Match[str]]":
        return self._pattern.finditer(where.text) if self._possible(where) else iter(())

    def _possible(self, where: Folded) -> bool:
        if self.needed_words is None:
            return True
        lower = where.lower
        return any(word in lower for word in self.needed_words)


def needed(pattern: str, flags: int = 0) -> frozenset[str] | None:
    """Words in lower case of which each match holds one; None when there are no such words, or too many."""
    # Any: the parser of patterns is there in every Python since 3.11, but has no types.
    parser: Any = importlib.import_module("re._parser")
    words = _of_sequence(parser.parse(pattern, flags))
    if words is None or len(words) > _MOST:
        return None
    # Who holds a longer word holds the shorter one in it.
    return frozenset(word for word in words if not any(other != word and other in word for other in words))


def _of_sequence(items: Any) -> frozenset[str] | None:
    found: list[frozenset[str]] = []
    run = ""
    for operation, value in items:
        name = str(operation)
        if name == "LITERAL":
            run += chr(value).lower()
            continue
        if run:
            found.append(frozenset({run}))
            run = ""
        part = _of_part(name, value)
        if part is not None:
            found.append(part)
    if run:
        found.append(frozenset({run}))
    good = [words for words in found if min(map(len, words)) >= _SHORTEST]
    return max(good, key=lambda words: (min(map(len, words)), -len(words)), default=None)


def _of_part(name: str, value: Any) -> frozenset[str] | None:
    match name:
        case "SUBPATTERN":
            return _of_sequence(value[-1])
        case "ATOMIC_GROUP":
            return _of_sequence(value)
        case "BRANCH":
            alternatives = [_of_sequence(each) for each in value[1]]
            known = [each for each in alternatives if each is not None]
            return frozenset().union(*known) if len(known) == len(alternatives) else None
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, _, inner = value
            return _of_sequence(inner) if least >= 1 else None
        case _:
            return None
