"""Attributions: the lines that tell whose words follow ("2026年4月8日(水) 9:00 X <a@b>:", "On ... wrote:").

They are known by their shape, whatever their language: a date, an address, a colon or "wrote" at the end; the words are
in mail.reply.client_phrases. A mail program may wrap one over several lines, write it behind a person's sentence, or
the quotation's first words behind it. `FORMS` is the table of shapes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from mail.reply import client_phrases
from mail.reply.client_dates import DAY, TIME, YEAR
from mail.reply.header_blocks import field_kind
from mail.reply.quotation import is_quoted, without_marks
from mail.reply.separators import is_separator

_MAX = 500
_MAX_LINES = 4
_MAX_NAMED = 160  # characters of a date and a name
_ADDRESS = re.compile(r"[^\s<>()@:\[\]\"]{1,100}@[^\s<>()@]{1,200}")
_MAILBOX = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,200}", re.ASCII)
_STARTS = re.compile(rf"(?:{client_phrases.BEGINNINGS})\b|[在于於]", re.IGNORECASE)
_WROTE = re.compile(rf"(?:{client_phrases.WROTE})\s?:?$", re.IGNORECASE)
_WROTE_SOMEBODY = re.compile(rf"\b(?:{client_phrases.WROTE_SOMEBODY})\b.{{1,160}}:$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:です|ます|ました|ません|ください|下さい|でした|。|！|？|!|\?|[a-z]{4}\.)\s*$")
_SAID = re.compile(r"です|ます|ました|ません|ください|下さい")
_FROM_OR_UNTIL = re.compile(r"\d(?:日|分|時半?)?(?:\(.\))?(?:から|まで|頃|ごろ|より|以|は|も|を|の(?! )|へ)")
_JAPANESE = re.compile(r"[ぁ-んァ-ヶ]")
_SURELY = re.compile(
    r"\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} (?:GMT|UTC)[+-]\d{1,2}:\d{2} \S.*"
    r"|\d{4}[/-]\d{1,2}[/-]\d{1,2} [^<>]*<[^<>\s]+@[^<>\s]+>"
    r"|\S.* via \S.* (?:wrote|schrieb):",
    re.IGNORECASE,
)
_GLUED = re.compile(
    r"[。！？!?]\s{0,3}(?=(?:On|Le|Am|El) \S{1,20}[ ,]|\d{4}年\d{1,2}月\d{1,2}日|\d{4}/\d{1,2}/\d{1,2})"
)


@dataclass(frozen=True, slots=True)
class Introduction:
    """So many `lines` introduce a quotation; `certain` is False where it needs a quotation below to be one.

    `before` is what a person wrote on the same line in front of it.
    """

    lines: int
    certain: bool = True
    before: str = ""


class Meaning(Enum):
    """What text of a certain shape is."""

    CERTAIN = "certainly an attribution"
    NEEDS_QUOTATION = "one where a quotation follows"
    PROSE = "something that a person wrote"


class Shape:
    """What a text shows of an attribution."""

    __slots__ = ("_text", "addressed", "colon", "day", "time", "wrote", "year")

    def __init__(self, text: str, *, wrote: bool) -> None:
        self._text = text
        self.wrote = wrote  # it ends with a word for it
        self.colon = text.endswith(":")
        self.day, self.year, self.time = bool(DAY.search(text)), bool(YEAR.search(text)), bool(TIME.search(text))
        self.addressed = "@" in text and bool(_ADDRESS.search(text))

    @property
    def dated(self) -> bool:
        """It tells a day, and of which year or at what time."""
        return self.day and (self.year or self.time)

    @property
    def identified(self) -> bool:
        """It tells who wrote, by an address, and enough beside that."""
        return self.addressed and (self.dated or self.wrote or (self.colon and (self.day or self.year)))

    @property
    def prose(self) -> bool:
        """A person speaks in it, or of times: "9:00から"."""
        return _is_prose(_WROTE.sub("", self._text))

    @property
    def japanese(self) -> bool:
        return bool(_JAPANESE.search(self._text))

    @property
    def wrote_somebody(self) -> bool:
        """A word for "wrote" stands in the middle, and a name or the time behind it."""
        return self.colon and bool(_WROTE_SOMEBODY.search(self._text[-200:]))


class AttributionForm(NamedTuple):
    """A shape that text may have: its name, an example of it, what such text is, and how it is told."""

    name: str
    example: str
    meaning: Meaning
    holds: Callable[[Shape], bool]


FORMS = (
    AttributionForm(
        "prose around an address and a date",
        "4月8日 9:00から a@b.jp で受け付けます:",
        Meaning.PROSE,
        lambda shape: shape.identified and shape.prose,
    ),
    AttributionForm(
        "address, date and colon",
        "2026年4月8日(水) 9:00 緑小学校 <a@b.jp>:",
        Meaning.CERTAIN,
        lambda shape: shape.identified and shape.colon,
    ),
    AttributionForm(
        "address, year and time",
        "2026年4月8日(水) 9:00 緑小学校 <a@b.jp>",
        Meaning.CERTAIN,
        lambda shape: shape.identified and shape.year and shape.time,
    ),
    AttributionForm(
        "address and date",
        "4月8日 9:00 緑小学校 <a@b.jp>",
        Meaning.NEEDS_QUOTATION,
        lambda shape: shape.identified,
    ),
    AttributionForm(
        "date and wrote",
        "On Apr 8, 2026, at 9:00, Midori wrote:",
        Meaning.CERTAIN,
        lambda shape: shape.wrote and shape.colon and shape.dated,
    ),
    AttributionForm(
        "year and wrote, the rest in another language",
        "суббота, 14 марта 2026 г. пользователь midori написал:",
        Meaning.CERTAIN,
        lambda shape: shape.wrote and shape.colon and shape.year and not shape.japanese,
    ),
    AttributionForm(
        "name or address, and wrote",
        "緑小学校 さんは書きました:",
        Meaning.NEEDS_QUOTATION,
        lambda shape: shape.wrote and (shape.colon or shape.addressed),
    ),
    AttributionForm(
        "wrote, and no more",
        "先生が書いた",
        Meaning.PROSE,
        lambda shape: shape.wrote,
    ),
    AttributionForm(
        "date or address around wrote",
        "Am 08.04.2026 um 09:00 schrieb Midori:",
        Meaning.CERTAIN,
        lambda shape: shape.wrote_somebody and (shape.day or shape.addressed),
    ),
    AttributionForm(
        "name behind wrote",
        "Gestern schrieb Midori:",
        Meaning.NEEDS_QUOTATION,
        lambda shape: shape.wrote_somebody,
    ),
    AttributionForm(
        "date and colon",
        "2026年4月8日 9:00、緑小学校:",
        Meaning.NEEDS_QUOTATION,
        lambda shape: shape.colon and (shape.dated or (shape.year and shape.time)),
    ),
)
"""The shapes, tried in this order: the first that holds tells what a text is; where none does, a person wrote it."""


def attribution(lines: Sequence[str], at: int) -> Introduction | None:
    """The attribution that begins at a line, alone, wrapped, or on one line with something else."""
    return _shared_line(lines[at]) or _over_lines(lines, at)


def meaning_of(text: str) -> Meaning:
    """What a text of one line, in normal width, is by its shape."""
    if len(text) < _MAX_NAMED and _SURELY.fullmatch(text):
        return Meaning.CERTAIN  # nobody writes so
    form = form_of(text)
    return form.meaning if form else Meaning.PROSE


def form_of(text: str) -> AttributionForm | None:
    """The form that a text of one line, in normal width, has; None where it has none."""
    wrote = bool(_WROTE.search(text[-60:]))
    if not wrote and not text.endswith((":", ">")):
        return None
    shape = Shape(text, wrote=wrote)
    return next((form for form in FORMS if form.holds(shape)), None)


def _over_lines(lines: Sequence[str], at: int) -> Introduction | None:
    """An attribution that takes up to four lines of its own."""
    joined = ""
    for count, line in enumerate(lines[at : at + _MAX_LINES], 1):
        if len(line) > _MAX or not line.strip() or (count > 1 and _is_something_else(line, lines[at])):
            break
        joined = f"{joined} {without_marks(line)}".strip(" *_\t\u3000")
        text = unicodedata.normalize("NFKC", joined)[: 2 * _MAX].strip(" -*_")
        meaning = meaning_of(text)
        if meaning is not Meaning.PROSE:
            if count > 1 and _stands_without_its_first_line(lines, at, count):
                break
            length = count + _goes_on_with_a_word(lines, at + count, text)
            return Introduction(length, meaning is Meaning.CERTAIN)
        if _ends_as_prose(text, line, first=count == 1):
            break
    return None


def _is_something_else(line: str, first: str) -> bool:
    """Whether a line can't go on with what the first one began."""
    return is_quoted(line) != is_quoted(first) or is_separator(line) or bool(field_kind(line))


def _ends_as_prose(text: str, line: str, *, first: bool) -> bool:
    """Whether the lines so far can't be the beginning of an attribution."""
    if first:
        return not _goes_on(text) or bool(field_kind(line))
    return bool(_SENTENCE.search(text))


def _goes_on(text: str) -> bool:
    """Whether a line may be the first of a wrapped attribution."""
    if text.endswith(":") or _SENTENCE.search(text) or _is_prose(text):
        return False
    return bool(_STARTS.match(text) or DAY.search(text[:24]) or _MAILBOX.search(text))


def _goes_on_with_a_word(lines: Sequence[str], at: int, text: str) -> int:
    """1 where the line at `at` is the "wrote:" that an attribution without a colon wants."""
    if text.endswith(":") or at >= len(lines):
        return 0
    line = unicodedata.normalize("NFKC", lines[at][:80]).strip()
    return int(line.endswith(":") and bool(_WROTE.fullmatch(line)))


def _stands_without_its_first_line(lines: Sequence[str], at: int, count: int) -> bool:
    """Whether what follows the first line is an attribution with a date of its own, so that the first line is prose."""
    rest = " ".join(without_marks(line).strip() for line in lines[at + 1 : at + count])
    text = unicodedata.normalize("NFKC", rest)[:_MAX].strip(" -*_")
    meaning = meaning_of(text)
    if meaning is Meaning.PROSE:
        return False
    first = unicodedata.normalize("NFKC", without_marks(lines[at])).strip(" -*_")
    dated = bool(_STARTS.match(first) or DAY.search(first[:24]))
    if meaning is Meaning.CERTAIN and not dated:
        return True
    return bool(DAY.search(text) and TIME.search(text)) or bool(_SENTENCE.search(first))


def _shared_line(line: str) -> Introduction | None:
    """An attribution behind a person's sentence, or with the quotation's beginning behind it, on the same line."""
    wrote, text = line.find(" wrote: "), without_marks(line).strip()
    if wrote >= 0 and _STARTS.match(text) and "@" in line[:wrote] and _is_certain(text[: text.find(" wrote: ") + 7]):
        return Introduction(1)
    if text.endswith((":", "：")):
        for found in _GLUED.finditer(line):
            if _is_certain(unicodedata.normalize("NFKC", line[found.end() :]).strip(" -*_")):
                return Introduction(1, before=line[: found.end()])
    return None


def _is_certain(text: str) -> bool:
    return meaning_of(text) is Meaning.CERTAIN


def _is_prose(text: str) -> bool:
    return bool(_SAID.search(text) or _FROM_OR_UNTIL.search(text))
