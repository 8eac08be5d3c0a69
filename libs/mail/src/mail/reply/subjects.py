"""Subjects: the answer that stands in the subject only, as phones without a keyboard for more are used."""

from __future__ import annotations

import re
import unicodedata

from mail.reply.plain_form import Pattern, plain, plain_places

_MAX_SUBJECT = 1000
_REPLY_MARK = re.compile(
    r"\s*(?:(?:re|ｒｅ|fw|fwd|aw|sv|返信|転送)\s*(?:\[\d+\]|\^\d+)?\s*[:：]|【?返信】?(?=\s))\s*", re.IGNORECASE
)
_NUMBER = re.compile(r"[(【\[]?(?:\d{1,2}|[①-⑳❶-❿])(?:\ufe0f?\u20e3)?[)】\]]?(?:番|です|で|に|、|。|$).{0,12}")


def answer_in(subject: str, sent_subject: str | None) -> str:
    """What a person added to the subject that was sent, or wrote in its place; "" for nothing.

    `sent_subject` may hold placeholders. Where it is unknown, behind a Re: only a number is surely an answer.
    """
    bare, marks = _without_reply_marks(subject[:_MAX_SUBJECT])
    if sent_subject is None:
        return bare.strip() if not marks or _NUMBER.fullmatch(unicodedata.normalize("NFKC", bare.strip())) else ""
    wanted = Pattern.of(_without_reply_marks(sent_subject)[0])
    if not wanted.fixed:
        # Nothing to compare with: all of it is filled in, or there was none.
        return "" if marks and len(wanted.parts) > 1 else bare.strip()
    rest = bare
    for _ in range(5):
        found = plain(rest)
        all_of_it = wanted.matches(found) and (len(wanted.parts) == 1 or not _REPLY_MARK.search(rest))
        if not found or all_of_it or (len(found) > 8 and any(found in part for part in wanted.parts)):
            return ""
        if not (place := _place(wanted, rest)):
            break
        rest = f"{rest[: place[0]]} {rest[place[1] :]}"
    return _REPLY_MARK.sub(" ", rest).strip()


def _without_reply_marks(subject: str) -> tuple[str, bool]:
    start = 0
    for _ in range(10):
        if not (mark := _REPLY_MARK.match(subject, start)):
            break
        start = mark.end()
    return subject[start:], start > 0


def _place(wanted: Pattern, subject: str) -> tuple[int, int] | None:
    """Where in a subject our own one stands; a filling at its beginning starts after the last reply mark."""
    text, places = plain_places(subject)
    if not (found := wanted.find(text)):
        return None
    start, end = places[found[0]][0], places[found[1] - 1][1]
    if not wanted.parts[0]:
        start = max((mark.end() for mark in _REPLY_MARK.finditer(subject, 0, end)), default=0)
    return (start, end) if start < end else None
