"""Sorting: every line of a reply is put where it belongs, to the person's own lines or to what is quoted.

From top to bottom each line is one of these, tried in this order, by what it shows and by what stood above it:

    blank         belongs to what is around it
    quoted        bears a mark; on a line of ours somebody may have written something
    wrapped       the rest of the marked line above, which a mail program broke without a mark
    our text      follows on in the text that we sent, as unmarked quotations do
    introduction  with which a mail program begins a quotation
    copied        one line of ours by itself, where our text is already known to be quoted
    own           everything else: whatever is in doubt stays the person's

Top, bottom and interleaved posting all come out as the person's lines in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from mail.reply import introductions, quotation
from mail.reply.comparison import Comparison, Run
from mail.reply.introductions import Introduction

MAX_COPIED = 60
"""So many characters somebody may copy to answer; more is a quotation."""
_MAX_ADDRESSED = 2
_NEAR = 12  # lines between an introduction and the quotation


@dataclass(slots=True)
class SortedLines:
    """The lines of a reply.

    `blocks` are the person's own, a block between each two quotations; `copied` are ours, but short enough to be copied
    as an answer; `marked` stand behind marks, and `inside` are those of them that aren't ours, but stand below what is.
    """

    blocks: list[list[str]] = field(default_factory=lambda: [[]])
    copied: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    foreign: bool = False  # something behind a mark isn't ours
    ours: int = 0  # so many of the marked lines are ours
    depth: int = -1  # so many marks are in front of those

    @property
    def any_own(self) -> bool:
        """Whether anything but blank lines is the person's own."""
        return any(line.strip() for block in self.blocks for line in block)

    def add_own(self, line: str) -> None:
        """Take a line as the person's."""
        self.blocks[-1].append(line)

    def end_block(self) -> None:
        """Something quoted comes: own lines below it are another block."""
        if self.blocks[-1]:
            self.blocks.append([])

    def add_marked(self, content: str, depth: int, original: Comparison) -> None:
        """Take what stands behind `depth` marks of a line."""
        if written := original.written_on(content):
            self.add_own(written)
            return
        self.end_block()
        if not content.strip():
            return
        self.marked.append(content)
        if original.known and original.foreign(content):
            if self.ours > 1 and depth == self.depth:
                self.inside.append(content)
            if introductions.find([content], 0):
                self.depth = -1  # another mail begins
            self.foreign = True
        else:
            self.ours += 1
            self.depth = depth if self.ours == 1 else self.depth


def sort_lines(lines: Sequence[str], original: Comparison) -> SortedLines:
    """Sort the lines of a reply. `original` compares them with the text that we sent."""
    return _Sorter(lines, original).sort()


class _Quotation(IntEnum):
    """What is known of the quotation that the lines so far lead to."""

    NOT_SEEN = 0
    SEEN = 1
    UNMARKED = 2
    """It was introduced and bears no marks: what is ours below the introduction is quoted, never copied."""


class _Sorter:
    """One way down the lines of a reply. Each attribute is something that lines above tell of those below."""

    def __init__(self, lines: Sequence[str], original: Comparison) -> None:
        self._lines = lines
        self._original = original
        self._addressed = _addressed(lines, original) if original.known else frozenset[int]()
        self._rare_marks = quotation.rare_marks(lines, original.ours if original.known else None)
        self._sorted = SortedLines()
        self._at = 0
        self._quotation = _Quotation.NOT_SEEN
        self._just_introduced = False  # nothing but blank lines since an introduction
        self._marked_above = ""  # what stands behind the marks of the line just above
        self._all_quoted = False  # our text came to its end, so that what follows is the person's
        self._awaiting_ours = False  # below own words and an introduction: nothing is own before our text was seen
        self._ended = False

    def sort(self) -> SortedLines:
        while self._at < len(self._lines) and not self._ended:
            self._take_next()
        return self._sorted

    def _take_next(self) -> None:
        line = self._lines[self._at]
        blank = not line or line.isspace()
        introduced, self._just_introduced = self._just_introduced, self._just_introduced and blank
        marked_above, self._marked_above = self._marked_above, ""
        if blank:
            self._take_blank()
        elif (content := self._behind_own_marks(introduced=introduced)) is not None:
            self._take_quoted(line, content, introduced=introduced)
        elif marked_above and self._original.wraps(marked_above, self._at):
            self._take_wrapped(marked_above + line)
        elif run := self._original.run(self._at, introduced=introduced):
            self._take_our_text(run)
        elif introduction := self._introduction():
            self._take_introduction(introduction)
        elif count := self._held_by_ours():
            self._take_copied(line, count)
        else:
            self._take_own(line)

    def _take_blank(self) -> None:
        if not self._awaiting_ours:
            self._sorted.add_own("")
        self._at += 1

    def _take_quoted(self, line: str, content: str, *, introduced: bool) -> None:
        if introduced and (mark := quotation.rare_mark(line)):
            self._rare_marks |= {mark[0]}
        self._sorted.add_marked(content, quotation.depth(line), self._original)
        self._marked_above = content
        self._at += 1

    def _take_wrapped(self, joined: str) -> None:
        self._marked_above = joined
        self._at += 1

    def _take_our_text(self, run: Run) -> None:
        quoted = self._quotation is _Quotation.UNMARKED or run.whole or run.length > MAX_COPIED
        if not quoted:
            self._sorted.copied.extend(self._lines[self._at : self._at + run.lines])
        self._quotation = max(self._quotation, _Quotation.SEEN)
        self._all_quoted, self._awaiting_ours = run.last, False
        self._sorted.end_block()
        self._at += run.lines

    def _take_introduction(self, introduction: Introduction) -> None:
        if introduction.before:
            self._sorted.add_own(introduction.before)
        self._at += introduction.lines
        marked = self._quotation_at(self._at) is _Quotation.SEEN
        if self._sorted.any_own and not marked:
            if not self._original.known or self._awaiting_ours:
                self._ended = True  # nothing tells the person's words from those of the quotation any more
                return
            self._awaiting_ours = True
        self._quotation = _Quotation.SEEN if marked else _Quotation.UNMARKED
        self._just_introduced = True
        self._sorted.end_block()

    def _take_copied(self, line: str, count: int) -> None:
        if len(line) <= MAX_COPIED:
            self._sorted.copied.extend(self._lines[self._at : self._at + count])
        self._at += count

    def _take_own(self, line: str) -> None:
        if not self._awaiting_ours:
            self._sorted.add_own(line)
        self._at += 1

    def _behind_own_marks(self, *, introduced: bool) -> str | None:
        """What stands behind the marks of this line, unless the mark is the person's own."""
        return None if self._at in self._addressed else self._behind_marks(self._at, introduced=introduced)

    def _behind_marks(self, at: int, *, introduced: bool) -> str | None:
        """What stands behind the marks of a quoted line; None for a line that isn't quoted."""
        line = self._lines[at]
        if quotation.is_quoted(line):
            return quotation.without_marks(line)
        if not (found := quotation.rare_mark(line)):
            return None
        mark, content = found
        is_mark = introduced or mark in self._rare_marks or (content and self._original.ours(content))
        return content if is_mark else None

    def _introduction(self) -> Introduction | None:
        found = introductions.find(self._lines, self._at)
        if not found or found.certain:
            return found
        return found if self._quotation_at(self._at + found.lines, or_ours=True) else None

    def _quotation_at(self, at: int, *, or_ours: bool = False) -> _Quotation:
        """Whether a quotation begins at a line or, below blank lines, soon after it."""
        for number in range(at, min(at + _NEAR, len(self._lines))):
            if self._lines[number].strip():
                if self._behind_marks(number, introduced=True) is not None:
                    return _Quotation.SEEN
                unmarked = or_ours and self._original.run(number, introduced=True)
                return _Quotation.UNMARKED if unmarked else _Quotation.NOT_SEEN
        return _Quotation.NOT_SEEN

    def _held_by_ours(self) -> int:
        """How many lines from here are ours by themselves, where our text is known to be quoted; 0 for none."""
        quoted = self._quotation is not _Quotation.NOT_SEEN or self._original.throughout
        return self._original.holds(self._at) if quoted and not self._all_quoted else 0


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
