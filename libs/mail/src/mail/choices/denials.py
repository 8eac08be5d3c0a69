"""Denials: whether the sentence in which a choice is mentioned says that it is not meant.

What stands before the mention counts first, then what the mention is (of talking, of others, yes, no), then what
follows it in the same part of the sentence. The expressions are in `denial_markers`, each with examples.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mail.choices.affirmations import behind_number
from mail.choices.denial_markers import (
    CORRECTED,
    DENIED_BEFORE,
    DENIED_IN_ENGLISH,
    DENIED_IN_WORDS,
    NEGATED,
    NEGATED_TWICE,
    NEGATIVE,
    NO_AND_YET,
    NO_DENIAL,
    NOTHING_ELSE,
    NUMBER_DENIED_AT_ONCE,
    OF_SOMETHING_ELSE,
    OF_THE_NUMBER,
    ON_CONDITION_OF_IT,
    SCOPE_END,
    WITH_SOMEBODY,
    YES_BUT_NOT,
)
from mail.choices.mentions import Mention, MentionKind
from mail.choices.vocabulary import refuses

_MAX_BEHIND = 60
_MAX_BEFORE = 30
_TALK = ("相談", "ご相談")
_OTHERS = ("その他", "そのほか", "他", "ほか")
_NOES = ("いいえ", "いえ", "いや", "no")
_YESES = ("はい", "ええ", "うん", "yes", "はーい")
_STOPS = "、,。.! "
_GOES_ON = re.compile(r"[、,。.! ]|です(?:が|けど)")


class Denial(StrEnum):
    """How a mention is denied: not at all, by its own negation (参加しません), or in other words (参加は無理です)."""

    NONE = ""
    PLAIN = "plainly"
    IN_WORDS = "in words"


def denial(text: str, mention: Mention, following: int) -> Denial:
    """How a mention is denied. `following`: where the next mention starts."""
    said = text[mention.start : mention.end]
    before = text[max(0, mention.start - _MAX_BEFORE) : mention.start]
    behind = NO_DENIAL.pattern.sub("", text[mention.end : following][:_MAX_BEHIND])
    if mention.kind is MentionKind.NUMBER:
        behind = behind_number(behind)
    if refuses(behind) or _is_denied_before(text, mention, before) or ON_CONDITION_OF_IT.pattern.match(behind):
        return Denial.IN_WORDS
    if said in _OTHERS and NOTHING_ELSE.pattern.match(behind):
        return Denial.IN_WORDS
    if said in _NOES and behind[:1] in _STOPS:
        return _in_words_if(NO_AND_YET.pattern.match(behind))
    if said in _YESES and _GOES_ON.match(behind):
        return _in_words_if(YES_BUT_NOT.pattern.match(behind))
    if negated := NEGATED.pattern.match(behind):
        corrected = CORRECTED.pattern.search(negated[0])
        twice = NEGATED_TWICE.pattern.match(behind, negated.end())
        return Denial.IN_WORDS if corrected or twice else Denial.PLAIN
    if DENIED_IN_ENGLISH.pattern.match(behind):
        return Denial.IN_WORDS
    if mention.kind is MentionKind.NUMBER and behind[:1] in "、, ":
        return _in_words_if(NUMBER_DENIED_AT_ONCE.pattern.match(behind))
    return _in_words_if(_is_denied_after(mention, behind))


def _in_words_if(found: object) -> Denial:
    return Denial.IN_WORDS if found else Denial.NONE


def _is_denied_before(text: str, mention: Mention, before: str) -> bool:
    if DENIED_BEFORE.pattern.search(before) or OF_SOMETHING_ELSE.pattern.search(before):
        return True
    return text.startswith(_TALK, mention.start) and bool(WITH_SOMEBODY.pattern.search(before))


def _is_denied_after(mention: Mention, behind: str) -> bool:
    """Whether the part of the sentence that is about the mention denies it."""
    end = SCOPE_END.pattern.search(behind)
    scope = behind[: end.start()] if end else behind
    of_it = mention.kind in (MentionKind.NUMBER, MentionKind.DATE) and OF_THE_NUMBER.pattern.match(scope)
    return bool((of_it and NEGATIVE.pattern.search(scope)) or DENIED_IN_WORDS.search(scope))
