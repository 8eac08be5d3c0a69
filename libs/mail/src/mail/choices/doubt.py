"""Doubt: what makes a choice uncertain that is mentioned and not denied: conditions, questions, hedges, yesterday.

Nearly all of it is about the sentence in which the mention stands; what a parent adds in other sentences (thanks,
questions about lunch boxes) leaves it certain. The expressions are in `doubt_markers`, each with examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mail.choices.denial_markers import DENIED_IN_WORDS
from mail.choices.doubt_markers import (
    CONDITION,
    CONTRAST,
    FIRM_AFTER_PAST,
    HEDGE,
    PARTLY,
    PAST,
    POLITE_CONDITION,
    QUESTION,
    REQUEST,
    SIBLING,
    UNDECIDED,
    WISHED,
)
from mail.choices.mentions import Mention
from mail.choices.normal_form import blank

_SENTENCE = re.compile(r"[^。!?\n.]*(?:\.(?=\S)[^。!?\n.]*)*[。!?\n.]*")
_FILLED = "〃"
"""Stands in the place of a condition that is none."""


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a normal text begin and end."""
    for found in _SENTENCE.finditer(text):
        if found.end() > found.start():
            yield found.span()


def is_partly(text: str) -> bool:
    """Whether somebody comes later or leaves earlier, without the word for it: 3時間目から, 途中で帰ります."""
    return PARTLY.pattern.search(text) is not None


def doubt(text: str, mentions: Sequence[Mention]) -> str:
    """Why the mentions are doubtful, as static text; "" when they are not."""
    hidden = text
    for mention in mentions:
        hidden = blank(hidden, mention.start, mention.end)
    if UNDECIDED.pattern.search(hidden):
        return "undecided"
    if len({found[0] for found in SIBLING.pattern.finditer(hidden)}) > 1 and len(mentions) < 2:
        return "more than one person"
    for start, end in sentences(hidden):
        sentence = hidden[start:end]
        inside = [mention for mention in mentions if start <= mention.start < end]
        if inside:
            if why := _doubt_in(sentence, inside[0].start - start, inside[-1].end - start):
                return why
        elif _is_contrary(sentence):
            return "in doubt"
    return ""


def _doubt_in(sentence: str, start: int, end: int) -> str:
    """Why the mentions from `start` to `end` of a sentence are doubtful; "" when they are not."""
    if QUESTION.pattern.search(sentence) and not REQUEST.pattern.search(sentence):
        return "a question"
    if _is_conditional(sentence, end):
        return "on a condition"
    if WISHED.pattern.search(sentence, end):
        return "about another day"
    if _is_hedged(sentence, start):
        return "in doubt"
    if PAST.pattern.search(sentence[:start]):
        return "about another day"
    return ""


def _is_conditional(sentence: str, end: int) -> bool:
    """Whether a condition stands before the end of the mentions, or ends the sentence ("2で、都合がつけば")."""
    unconditional = POLITE_CONDITION.pattern.sub(lambda found: _FILLED * len(found[0]), sentence)
    if any(condition.start() < end for condition in CONDITION.pattern.finditer(unconditional)):
        return True
    return any(not re.search(r"\w", sentence[found.end() :]) for found in CONDITION.pattern.finditer(sentence))


def _is_hedged(sentence: str, start: int) -> bool:
    """Whether anything is less than firm; "昨日お送りしましたが、2です" is firm."""
    return any(
        hedge.start() >= start or not FIRM_AFTER_PAST.pattern.match(hedge[0]) for hedge in HEDGE.finditer(sentence)
    )


def _is_contrary(sentence: str) -> bool:
    """Whether a sentence without a mention takes back what was said: "でも行けないかも"."""
    if not CONTRAST.pattern.match(sentence):
        return False
    return bool(HEDGE.search(sentence) or DENIED_IN_WORDS.search(sentence))
