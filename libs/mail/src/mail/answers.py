"""Answers: the words that a person wrote in a reply, without the quotation, and the choice that they mean.

We know the text that we sent, so it is taken out by comparing; what mail programs add around it (marks, attribution
lines, signatures) by its shape. Top, bottom and interleaved posting all come out as the person's lines in their order.
`recognise` (see `mail.choices`) never guesses: what is in doubt is for a human to look at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mail import quotation
from mail.choices import Choice, recognise
from mail.comparison import Comparison, Pattern, plain, plain_places
from mail.reading import Letter

__all__ = ["Choice", "answer_text", "recognise", "redact"]

_MAX_LINES = 5000
_MAX_SUBJECT = 1000
_MAX_COPIED = 60  # so many characters somebody may copy to answer; more is a quotation
_REPLY_MARK = re.compile(
    r"\s*(?:(?:re|ｒｅ|fw|fwd|aw|sv|返信|転送)\s*(?:\[\d+\]|\^\d+)?\s*[:：]|【?返信】?(?=\s))\s*", re.IGNORECASE
)
_BLANK_LINES = re.compile(r"\n{3,}")
_AT = re.compile(r"\s?(?:[@＠﹫]|[(\[（［](?:at|アット|あっと)[)\]）］])\s?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9Ａ-Ｚａ-ｚ０-９.．!#$%&'*+/=?^_＿`{|}~＋－\"-]*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9Ａ-Ｚａ-ｚ０-９－-]{1,63}[.．。｡,，]){1,8}[A-Za-zＡ-Ｚａ-ｚ]{2,24}")
_OMITTED = "〔アドレス省略〕"


def answer_text(letter: Letter, sent: str | None, *, sent_subject: str | None = None) -> str:
    """Return what the person wrote, with LF line ends and without blank ends; "" when there is nothing.

    `sent` is the text that the reply is to, where it is known; placeholders in it (``{{child}}``) stand for whatever a
    copy has in their place. An answer that stands in the subject only is found when the subject differs from
    `sent_subject`, which may hold placeholders too (or, that unknown, when it doesn't even start with Re:).
    """
    lines = letter.text.split("\n")[:_MAX_LINES]
    written, copied = _own_lines(lines, Comparison(sent or "", lines))
    # Somebody who only copies one of our lines means it.
    return _tidy(written) or _tidy(copied) or _from_subject(letter.subject, sent_subject)


def _own_lines(lines: Sequence[str], original: Comparison) -> tuple[list[str], list[str]]:
    """What the person wrote, and the lines that are ours but may have been copied to say something."""
    own: list[str] = []
    below: list[str] = []  # after an attribution: the person's own only in bottom or interleaved posting
    copied: list[str] = []
    introduced = False
    unmarked = False  # the introduction was to a quotation without marks: what is ours after it is quoted
    fresh = False  # nothing but blank lines since that introduction
    finished = False  # all of our text was quoted without marks, so that what follows is the person's
    at = 0
    while at < len(lines):
        line = lines[at]
        begun, fresh = fresh, fresh and not line.strip()
        if length := _introduction(lines, at, original):
            marked = _marked(lines, at + length)
            if any(other.strip() for other in own) and not marked:
                break
            introduced, unmarked, fresh = True, not marked, not marked
            at += length
        elif quotation.is_quoted(line) or _is_barred(lines, at):
            at += 1
        elif length := quotation.signature(lines, at):
            at += length
        elif quotation.is_phone_signature(line):
            at += 1
        elif run := original.run(at, introduced=begun):
            if not (unmarked or run.whole or run.length > _MAX_COPIED):
                copied.extend(lines[at : at + run.lines])
            introduced, finished = True, run.last
            at += run.lines
        elif introduced and not finished and (length := original.holds(at)):
            if len(line) <= _MAX_COPIED:
                copied.extend(lines[at : at + length])
            at += length
        else:
            (below if introduced else own).append(line)
            at += 1
    while own and (quotation.is_rule(own[-1]) or not own[-1].strip()):
        own.pop()
    if own and quotation.has_contact_data(below):
        below = []
    return [*own, *below], copied


def _introduction(lines: Sequence[str], at: int, original: Comparison) -> int:
    line = lines[at]
    if quotation.separator(line) or quotation.is_rule(line):
        blank = 1 if at + 1 < len(lines) and not lines[at + 1].strip() else 0
        block = quotation.header_block(lines, at + 1 + blank)
        return 1 + blank + block if block else int(quotation.separator(line))
    if length := quotation.header_block(lines, at) or quotation.attribution(lines, at):
        return length
    length = quotation.bare_attribution(lines, at)
    return length if length and _quotation_follows(lines, at + length, original) else 0


def _quotation_follows(lines: Sequence[str], at: int, original: Comparison) -> bool:
    for number in range(at, min(at + 12, len(lines))):
        if lines[number].strip():
            return quotation.is_quoted(lines[number]) or bool(original.run(number, introduced=True))
    return False


def _marked(lines: Sequence[str], at: int) -> bool:
    """Whether a quotation that starts at `at` bears marks, so that what is unmarked after it is the person's own."""
    following = [line for line in lines[at : at + 12] if line.strip()]
    return bool(following) and quotation.is_quoted(following[0])


def _is_barred(lines: Sequence[str], at: int) -> bool:
    near = (*lines[max(at - 1, 0) : at], *lines[at + 1 : at + 2])
    return quotation.is_barred(lines[at]) and any(quotation.is_barred(line) for line in near)


def _tidy(lines: Sequence[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def _from_subject(subject: str, sent_subject: str | None) -> str:
    bare, marks = _without_reply_marks(subject[:_MAX_SUBJECT])
    if sent_subject is None:
        return "" if marks else bare.strip()
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


def redact(text: str) -> str:
    """Return the text with everything that looks like a mail address replaced by 〔アドレス省略〕."""
    pieces: list[str] = []
    done = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        # Backwards from the at sign, so that hostile text costs no more than friendly one.
        backwards = _LOCAL.match(text[max(done, at.start() - 64) : at.start()][::-1])
        length = backwards.end() if backwards else 0
        if not domain or not length or at.start() < done:
            continue
        pieces.extend((text[done : at.start() - length], _OMITTED))
        done = domain.end()
    return "".join((*pieces, text[done:]))
