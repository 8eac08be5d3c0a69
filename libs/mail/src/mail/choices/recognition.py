"""Choices: which of the offered answers a person's words mean. Either it is certain, or a human looks.

answer -> `normal_form` -> mentions of choices: their words (`vocabulary`), days and times (`dates`), `numbers` and,
beside these, words with a typo (`typos`) -> what follows affirms it (`affirmations`), or it is denied or doubtful
(`denials`, `doubt`) -> the one choice that all mentions fit. Two different ones, a number that isn't offered, a
denial, a condition, a question: a human looks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mail.choices import dates, doubt, numbers, typos, vocabulary
from mail.choices.affirmations import affirms, is_topic
from mail.choices.dates import Moment
from mail.choices.denials import Denial, denial
from mail.choices.mentions import Mention, MentionKind
from mail.choices.normal_form import blank, normal, without_lookalikes
from mail.choices.vocabulary import Spelling, Vocabulary

__all__ = ["Choice", "Clash", "clash", "recognise"]


@dataclass(frozen=True, slots=True)
class Choice:
    """`number` counts from 1; None where it isn't certain. `why` is static text, nothing from the answer."""

    number: int | None
    needs_look: bool
    why: str


@dataclass(frozen=True, slots=True)
class Clash:
    """A synonym of one choice that stands for another one, too; `other` None: it says nothing, or is a number."""

    choice: int
    synonym: str
    other: int | None


@dataclass(frozen=True, slots=True)
class _Offer:
    count: int
    vocabulary: Vocabulary
    moments: tuple[Moment, ...]
    partly: bool  # one of them is to be there for a part only
    values: tuple[int | None, ...]


_MAX_TEXT = 4000
_BESIDE = re.compile(r"[^\W0-9]")
_RING = re.compile(r"\s?[:は]?\s?([○×])")
_YEAR = re.compile(r"20[0-9]{2}[年/.-]")  # a day with its year is when something was written
_OTHER_DAY = re.compile(
    r"\s?(?:は|も|だけは|にも|の件|に(?:頂|いただ|届|もら)|付|の(?:お|ご)?(?:手紙|連絡|案内|めーる|ぷりんと))"
)  # "10日は仕事です"
_COUNTED = re.compile(r"(?<![0-9.])([0-9]{1,3})(名|人|個|本|枚|台|回|口|冊|泊|食)(?![目前])")
_CROSS = re.compile("[×△▲]")
_MARK = re.compile("[○✓✔☑✅◎●←]")


def recognise(answer: str, choices: Sequence[str], synonyms: Sequence[Sequence[str]] = ()) -> Choice:
    """Return the choice that an answer means. `synonyms`: for each choice, what means the same.

    Without choices there is nothing to recognise and nothing to look at."""
    if not choices:
        return Choice(None, False, "no choices offered")
    if len(answer) > _MAX_TEXT:
        return _look("too long")
    text = without_lookalikes(normal(answer))
    if not text:
        return _look("empty")
    offer = _offer(tuple(choices), tuple(tuple(each) for each in synonyms))
    found, forms = _mentions(text, offer)
    if marked := _ringed(text, found) or _marked(text, found, offer.count):
        return Choice(marked, False, "marked in a list")
    # Beside what is clear, a typo can only cast doubt: on a choice that it isn't.
    mistyped = typos.find(_without(text, found), offer.vocabulary.literals())
    found = sorted((*found, *mistyped), key=lambda mention: mention.start)
    affirmed: list[Mention] = []
    absent: set[int] = set()
    denied = False
    for mention, following in zip(found, [*found[1:], None], strict=False):
        end = following.start if following else len(text)
        how = denial(text, mention, end)
        opposite = _opposite(mention, offer)
        if is_topic(text, mention):
            continue
        if not how and not affirms(text, mention, end):
            return _look("other words around it")
        if not how:
            affirmed.append(mention)
        elif how is Denial.PLAIN and opposite:
            affirmed.append(Mention(mention.start, mention.end, frozenset({opposite}), MentionKind.WORDS))
        elif how is Denial.PLAIN and (form := forms.get(mention.start)) and form.symptom:
            absent |= mention.choices
        else:
            denied = True
    if denied:
        return _look("a choice is denied")
    if not affirmed:
        return _look("a choice is denied" if absent else "no choice found")
    return _decide(text, affirmed, absent, offer)


def clash(choices: Sequence[str], synonyms: Sequence[Sequence[str]]) -> Clash | None:
    """The first synonym that can't be one: it says nothing, it is a number, or stands for another choice as well."""
    own = [vocabulary.core_text(choice) for choice in choices]
    seen: dict[str, int] = {form: number for number, text in enumerate(own, 1) for form in vocabulary.whole_forms(text)}
    for number, of_choice in enumerate(synonyms, 1):
        for word in of_choice:
            text = normal(word).replace("\n", " ")
            if not re.search(r"[^\W_]|[○×]", text) or numbers.mentions(text, 99):
                return Clash(number, word, None)
            for form in vocabulary.whole_forms(text):
                if seen.setdefault(form, number) != number:
                    return Clash(number, word, seen[form])
    return None


@lru_cache(maxsize=256)
def _offer(choices: tuple[str, ...], synonyms: tuple[tuple[str, ...], ...]) -> _Offer:
    texts = [normal(choice).replace("\n", " ") for choice in choices]
    moments = tuple(dates.whole(vocabulary.core_text(choice)) for choice in choices)
    values = tuple(None if moment.day else numbers.values(text) for moment, text in zip(moments, texts, strict=True))
    partly = any(word in text for text in texts for word in ("遅刻", "早退", "途中"))
    return _Offer(len(choices), vocabulary.vocabulary(choices, synonyms), moments, partly, values)


def _mentions(text: str, offer: _Offer) -> tuple[list[Mention], dict[int, Spelling]]:
    """All mentions in order, and the forms of those that are words, by their place."""
    found: list[Mention] = []
    forms: dict[int, Spelling] = {}
    for mention, form in vocabulary.mentions(text, offer.vocabulary):
        if not any(other.start < mention.end and mention.start < other.end for other in found):
            found.append(mention)
            forms[mention.start] = form
    rest = _without(text, found)
    days = [
        mention for mention in dates.mentions(rest, offer.moments)
        if mention.choices or not (_OTHER_DAY.match(rest, mention.end) or _YEAR.match(rest, mention.start))
    ]  # fmt: skip
    ordinals = numbers.mentions(_without(rest, days), offer.count, beside=bool(found or days))
    return sorted((*found, *days, *ordinals), key=lambda mention: mention.start), forms


def _without(text: str, found: Sequence[Mention]) -> str:
    for mention in found:
        text = blank(text, mention.start, mention.end)
    return text


def _decide(text: str, affirmed: Sequence[Mention], absent: set[int], offer: _Offer) -> Choice:
    if any(not mention.choices for mention in affirmed):
        return _look("a choice that isn't offered")
    common = frozenset.intersection(*(mention.choices for mention in affirmed)) - absent
    if not common:
        return _look("more than one choice")
    if len(common) > 1:
        return _look("more than one choice fits")
    (number,) = common
    if not any(_is_clearly_the_place(text, mention) for mention in affirmed) and any(
        value == number and place != number for place, value in enumerate(offer.values, 1)
    ):
        # "2" may be the second choice or the choice that says 2.
        return _look("the choices are numbers themselves")
    if _counts_otherwise(text, affirmed):
        return _look("another number of the same")
    if offer.partly and any(mention.kind is not MentionKind.NUMBER for mention in affirmed) and doubt.is_partly(text):
        return _look("for a part of the time")
    if why := doubt.doubt(text, affirmed):
        return _look(why)
    if _CROSS.search(text) and not any(_CROSS.search(text, mention.start, mention.end) for mention in affirmed):
        return _look("a cross beside it")
    return Choice(number, False, affirmed[0].kind.value)


def _counts_otherwise(text: str, mentions: Sequence[Mention]) -> bool:
    """Whether beside the words of a choice, as "1名", another number of the same is told: 大人2名子供1名."""
    for mention in mentions:
        said = _COUNTED.search(text[mention.start : mention.end]) if mention.kind is MentionKind.WORDS else None
        if said and {found[1] for found in _COUNTED.finditer(text) if found[2] == said[2]} - {said[1]}:
            return True
    return False


def _is_clearly_the_place(text: str, mention: Mention) -> bool:
    if mention.kind is not MentionKind.NUMBER:
        return True
    return text[mention.start : mention.end].endswith(("番", "ばん", "目", "め"))


def _marked(text: str, found: Sequence[Mention], count: int) -> int | None:
    """The one choice with a mark, where somebody copied the whole list and marked a line of it."""
    lines: dict[int, set[int]] = {}
    marks: set[int] = set()
    start = 0
    for at, line in enumerate(text.split("\n")):
        end = start + len(line)
        inside = [mention for mention in found if start <= mention.start < end]
        if inside and (common := frozenset.intersection(*(mention.choices for mention in inside))):
            if _BESIDE.search(_without(text, inside)[start:end]):
                return None  # more than a copy of the list
            lines[at] = set(common)
            if _MARK.search(line):
                marks.add(at)
        elif inside:
            return None
        start = end + 1
    if len(lines) != count or len(marks) != 1 or any(len(choices) != 1 for choices in lines.values()):
        return None
    every = [next(iter(choices)) for choices in lines.values()]
    return lines[marks.pop()].pop() if len(set(every)) == len(every) else None


def _ringed(text: str, found: Sequence[Mention]) -> int | None:
    """The one choice with a ring behind it, where all the others have a cross: 出席○ 欠席×."""
    marks = [_RING.match(text, mention.end) for mention in found]
    if len(found) < 2 or not all(marks) or any(len(mention.choices) != 1 for mention in found):
        return None
    ringed = {next(iter(m.choices)) for m, mark in zip(found, marks, strict=True) if mark and mark[1] == "○"}
    crossed = {next(iter(m.choices)) for m, mark in zip(found, marks, strict=True) if mark and mark[1] == "×"}
    return ringed.pop() if len(ringed) == 1 and crossed and not ringed & crossed else None


def _opposite(mention: Mention, offer: _Offer) -> int | None:
    if mention.kind is not MentionKind.WORDS or len(mention.choices) != 1:
        return None
    return offer.vocabulary.opposites.get(next(iter(mention.choices)))


def _look(why: str) -> Choice:
    return Choice(None, True, why)
