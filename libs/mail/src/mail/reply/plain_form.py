"""The plain form in which a reply is compared with what we sent: without blanks, differences of width and of case.

A placeholder (``{{key}}``) of the sent text is a gap: it was filled in with words that we don't know here.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mail.placeholders import PLACEHOLDER

GAP = "\ufdd0"  # a noncharacter: never in text that people exchange
_GAPS = re.compile(f"{GAP}+")
# Ways through JIS, cp932 and UTF-8 turn these into one another, or drop them.
_ALIKE = str.maketrans(
    dict.fromkeys("〜∼˜", "~") | dict.fromkeys("−‐‑‒–—―─", "-") | dict.fromkeys("\u200b\u200d\ufe0e\ufe0f\ufeff\u00ad")
)
_MAX_FILL = 300


def plain(text: str) -> str:
    """The text as it is compared: without blanks, differences of width and of case."""
    text = unicodedata.normalize("NFKC", text.replace(GAP, "")).translate(_ALIKE)
    return "".join(text.split()).casefold()


def plain_sent(text: str) -> str:
    """A text that we sent as it is compared, with a gap in the place of each run of placeholders."""
    marked = PLACEHOLDER.sub(GAP, text.replace(GAP, ""))
    text = unicodedata.normalize("NFKC", marked).translate(_ALIKE)
    return _GAPS.sub(GAP, "".join(text.split()).casefold())


def plain_places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The plain text, and for each of its characters the start and end of what it comes from in `text`."""
    characters: list[str] = []
    places: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and (unicodedata.combining(text[end]) or text[end] in "ﾞﾟ"):
            end += 1  # half-width ｶﾞ is one character once it is normalised
        piece = plain(text[start:end])
        characters.append(piece)
        places.extend([(start, end)] * len(piece))
        start = end
    return "".join(characters), places


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fixed parts with a gap between each two: ``("", "について")`` for ``{{child}}について``."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Pattern:
        """The pattern of a text that may hold placeholders."""
        return cls(tuple(plain_sent(text).split(GAP)))

    @property
    def fixed(self) -> int:
        """How many fixed characters there are."""
        return sum(map(len, self.parts))

    def matches(self, text: str) -> bool:
        """Whether a plain text is, from end to end, the fixed parts in their order and short fillings."""
        first, *middle = self.parts
        if not middle:
            return text == first
        last = middle.pop()
        if not text.startswith(first) or not text.endswith(last) or not 0 <= len(text) - self.fixed <= _MAX_FILL:
            return False
        end = len(text) - len(last)
        at = len(first)
        for part in middle:
            found = text.find(part, at, end)
            if found < 0:
                return False
            at = found + len(part)
        return True

    def find(self, text: str) -> tuple[int, int] | None:
        """Where the pattern first stands in a plain text; gaps at its ends reach to the ends of the text."""
        start = end = -1
        for part in filter(None, self.parts):
            found = text.find(part, max(end, 0))
            if found < 0:
                return None
            start = found if start < 0 else start
            end = found + len(part)
        if end < 0:
            return None
        return start if self.parts[0] else 0, end if self.parts[-1] else len(text)
