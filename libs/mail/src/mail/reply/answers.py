"""Answers: the words that a person wrote in a reply, without the quotation, and the choice that they mean.

    mail.reply.comparison     finds our own text again in the reply, with or without marks, wrapped or filled
    mail.reply.quotation      the marks of quotations
    mail.reply.introductions  the lines with which mail programs begin one
    mail.reply.signatures     what stands below a person's words without being any
    mail.reply.subjects       the answer that stands in the subject only

`_sort` puts every line where it belongs: to a stretch of the person's own lines, or to what is quoted. Top, bottom and
interleaved posting all come out as the person's lines in their order. Whatever is in doubt stays, since losing what
somebody wrote is worse than leaving a line. `recognise` (see `mail.choices.recognition`) never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mail.choices.recognition import Choice, recognise
from mail.mime.reading import ParsedMail
from mail.reply import introductions, quotation, signatures, subjects
from mail.reply.comparison import Comparison, plain

__all__ = ["Choice", "answer_text", "recognise", "redact"]

_MAX_LINES = 5000
_MAX_COPIED = 60  # so many characters somebody may copy to answer; more is a quotation
_MAX_ADDRESSED = 2
_MAX_INSIDE = 3
_NEAR = 12  # lines between an introduction and the quotation
_BLANK_LINES = re.compile(r"\n{3,}")
_ARROW = re.compile(r"(?:←|⇐|⬅|◀|<[-=]{1,3})")
_AT = re.compile(r"\s?(?:[@＠﹫]|[(\[（［](?:at|アット|あっと)[)\]）］])\s?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9Ａ-Ｚａ-ｚ０-９.．!#$%&'*+/=?^_＿`{|}~＋－\"-]*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9Ａ-Ｚａ-ｚ０-９－-]{1,63}[.．。｡,，]){1,8}[A-Za-zＡ-Ｚａ-ｚ]{2,24}")
_OMITTED = "〔アドレス省略〕"


def answer_text(mail: ParsedMail, sent: str | None, *, sent_subject: str | None = None) -> str:
    """Return what the person wrote, with LF line ends and without blank ends; "" when there is nothing.

    `sent` is the text that the reply is to, where it is known; placeholders in it (``{{child}}``) stand for whatever a
    copy has in their place. An answer that stands in the subject only is found when the subject differs from
    `sent_subject`, which may hold placeholders too (or, that unknown, when it doesn't even start with Re:).
    """
    lines = mail.text.split("\n")[:_MAX_LINES]
    original = Comparison(sent or "", lines)
    sorted_lines = _sort(lines, original)
    return (
        _tidy(_written(sorted_lines))
        # Somebody who only copies one of our lines, or deletes all the others, means it.
        or _tidy(sorted_lines.copied)
        or _tidy(_only_quoted(sorted_lines, original))
        or subjects.answer_in(mail.subject, sent_subject)
    )


@dataclass(slots=True)
class _Sorted:
    """The lines of a reply. `blocks`: the person's own, a block between each two quotations; the first `above` stand
    before everything quoted. `copied`: ours, but short enough to be copied as an answer. `marked`: behind marks."""

    blocks: list[list[str]] = field(default_factory=lambda: [[]])
    copied: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)  # of those what isn't ours, but stands below what is
    foreign: bool = False  # something behind a mark isn't ours
    ours: int = 0  # so many are
    depth: int = -1  # so many marks are in front of them

    def quoted(self) -> None:
        """What follows is another stretch of own lines."""
        if self.blocks[-1]:
            self.blocks.append([])

    @property
    def any_own(self) -> bool:
        return any(line.strip() for block in self.blocks for line in block)


def _sort(lines: Sequence[str], original: Comparison) -> _Sorted:
    found = _Sorted()
    addressed = _addressed(lines, original) if original.known else frozenset()
    rare = quotation.rare_marks(lines, original.ours if original.known else None)
    introduced = False
    unmarked = False  # the introduction was to a quotation without marks: what is ours after it is quoted
    fresh = False  # nothing but blank lines since that introduction
    finished = False  # all of our text was quoted without marks, so that what follows is the person's
    waiting = False  # below the person's words and an introduction: nothing is own before our text was seen
    before = ""  # the content of the marked line just before
    at = 0
    while at < len(lines):
        line = lines[at]
        begun, fresh = fresh, fresh and not line.strip()
        marked, before = before, ""
        if not line or line.isspace():
            if not waiting:
                found.blocks[-1].append("")
            at += 1
        elif (
            at not in addressed and (content := _behind_marks(lines, at, original, rare, introduced=begun)) is not None
        ):
            if begun and (mark := quotation.rare_mark(line)):
                rare |= {mark[0]}
            _add_marked(found, content, quotation.depth(line), original)
            before, at = content, at + 1
        elif marked and original.wraps(marked, at):
            before, at = marked + line, at + 1
        elif run := original.run(at, introduced=begun):
            if not (unmarked or run.whole or run.length > _MAX_COPIED):
                found.copied.extend(lines[at : at + run.lines])
            introduced, finished, waiting = True, run.last, False
            found.quoted()
            at += run.lines
        elif introduction := _introduction(lines, at, original, rare):
            if introduction.before:
                found.blocks[-1].append(introduction.before)
            at += introduction.lines
            is_marked = _marked(lines, at, original, rare)
            if found.any_own and not is_marked:
                if not original.known or waiting:
                    break
                waiting = True
            introduced, unmarked, fresh = True, not is_marked, True
            found.quoted()
        elif (introduced or original.throughout) and not finished and (length := original.holds(at)):
            if len(line) <= _MAX_COPIED:
                found.copied.extend(lines[at : at + length])
            at += length
        else:
            if not waiting:
                found.blocks[-1].append(line)
            at += 1
    return found


def _addressed(lines: Sequence[str], original: Comparison) -> frozenset[int]:
    """The lines with a mark that is the person's own, as in "＞山田先生": none of those that bear it is ours."""
    places: dict[str, list[int]] = {}
    quoting: set[str] = set()
    for number, line in enumerate(lines):
        if quotation.is_quoted(line):
            content = quotation.without_marks(line)
            mark = line[: len(line) - len(content)].strip()
            places.setdefault(mark, []).append(number)
            if original.ours(content) or original.written_on(content) or introductions.find([content], 0):
                quoting.add(mark)
    own = [
        number
        for mark, numbers in places.items()
        if mark not in quoting and len(numbers) <= _MAX_ADDRESSED
        for number in numbers
        if lines[number].strip().startswith(mark) and not lines[number].strip().startswith(f"{mark} ")
    ]
    if not own or any(introductions.find(lines, number) for number in range(max(own))):
        return frozenset()
    return frozenset(own)


def _behind_marks(
    lines: Sequence[str], at: int, original: Comparison, rare: frozenset[str], *, introduced: bool
) -> str | None:
    """What stands behind the marks of a quoted line; None for a line that isn't quoted."""
    line = lines[at]
    if quotation.is_quoted(line):
        return quotation.without_marks(line)
    if not (found := quotation.rare_mark(line)):
        return None
    mark, content = found
    return content if introduced or mark in rare or (content and original.ours(content)) else None


def _add_marked(found: _Sorted, content: str, depth: int, original: Comparison) -> None:
    if written := original.written_on(content):
        found.blocks[-1].append(written)
        return
    found.quoted()
    if not content.strip():
        return
    found.marked.append(content)
    if original.known and original.foreign(content):
        if found.ours > 1 and depth == found.depth:
            found.inside.append(content)
        if introductions.find([content], 0):
            found.depth = -1  # another mail begins
        found.foreign = True
    else:
        found.ours += 1
        found.depth = depth if found.ours == 1 else found.depth


def _introduction(
    lines: Sequence[str], at: int, original: Comparison, rare: frozenset[str]
) -> introductions.Introduction | None:
    found = introductions.find(lines, at)
    if found and (found.certain or _quotation_follows(lines, at + found.lines, original, rare)):
        return found
    return None


def _quotation_follows(lines: Sequence[str], at: int, original: Comparison, rare: frozenset[str]) -> bool:
    for number in range(at, min(at + _NEAR, len(lines))):
        if lines[number].strip():
            return _behind_marks(lines, number, original, rare, introduced=True) is not None or bool(
                original.run(number, introduced=True)
            )
    return False


def _marked(lines: Sequence[str], at: int, original: Comparison, rare: frozenset[str]) -> bool:
    """Whether a quotation that starts at `at` bears marks, so that what is unmarked after it is the person's own."""
    for number in range(at, min(at + _NEAR, len(lines))):
        if lines[number].strip():
            return _behind_marks(lines, number, original, rare, introduced=True) is not None
    return False


def _written(found: _Sorted) -> list[str]:
    """The person's own lines without signatures, all blocks one after the other."""
    filled = [block for block in found.blocks if any(line.strip() for line in block)]
    own = [signatures.strip_block(block, alone=len(filled) == 1) for block in filled]
    own = [block for block in own if block]
    if len(own) > 1 and signatures.is_signature(own[-1]):
        own.pop()
    return [line for block in own for line in (*block, "")]


def _only_quoted(found: _Sorted, original: Comparison) -> list[str]:
    """The marked lines that mean something by themselves: those with an arrow, or the few that were not deleted."""
    pointed = [line for line in found.marked if _ARROW.search(line)]
    if pointed and not original.known:
        return pointed if len(pointed) <= 2 else []
    if found.inside and found.depth >= 0:
        # A person wrote behind the mark itself, as in a page where the cursor stood in the quotation.
        return signatures.strip_block(found.inside, alone=True) if len(found.inside) <= _MAX_INSIDE else []
    if not original.known or found.foreign:
        return []
    left = sum(len(plain(line)) for line in found.marked)
    return found.marked if 0 < left <= min(_MAX_COPIED, original.length // 2) else []


def _tidy(lines: Sequence[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


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
