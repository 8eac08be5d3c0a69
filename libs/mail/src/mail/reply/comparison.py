"""Comparison: finding the text that we sent again in the lines of a reply.

Lines are compared without blanks, width and case, in sequence, so that a mail program may wrap them anew. A copy's
placeholders (``{{key}}``) were filled in with words that we don't know here: each is a gap that matches anything, as
long as the fixed parts around it match. A line that is nothing but gaps matches only between lines that match too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from mail.placeholders import PLACEHOLDER
from mail.reply.plain_form import GAP, Pattern, plain, plain_places, plain_sent

_MAX_SENT = 100_000
_MAX_LINE = 4000
_MAX_PATTERNS = 50
_MAX_RUN = 400
_TAIL = 300
_MAX_PLACES = 20
_MAX_GAPS = 4  # so many lines in a row may be nothing but gaps
_LONG = 12  # so many characters are ours where they stand within one of our lines
_TELLING = 8  # so many fixed characters make a filled line ours without a neighbour
_LINK = re.compile(r"<(?:https?|mailto|tel):[^<>]{0,500}>")  # Outlook puts them behind what it makes a link
_BLANKS = re.compile(  # where people fill in a form
    r"(?<=\()\s*(?=\))|(?<=【)\s*(?=】)|(?<=\[)\s*(?=\])|(?<=「)\s*(?=」)|(?<=:)\s{2,}(?=\S)|_{2,}|\.{4,}|・{4,}|…{2,}"
)
_FILL_MARKS = re.compile(r"[(\[【<]{0,2}[○◯〇◎●⭕✓✔☑✅✕×✖❌レv→⇒➡►▶☞👉★☆※◆■*]{1,3}[)\]】>:\ufe0f]{0,3}")
_NOISE = re.compile(r"[\s*_<>\[\]().。、,:|-]*|[<\[(]?(?:https?:|mailto:|tel:|image|cid).*")
_MAX_EXTENDED = 200
_MAX_SENT_LINES = 2000


@dataclass(frozen=True, slots=True)
class Run:
    """Lines that follow one another in the reply as they do in the sent text."""

    lines: int
    length: int  # in compared characters
    whole: bool  # they are all of the sent text
    last: bool  # they reach its end


class Comparison:
    """A reply's lines beside the text that we sent ("" where that is unknown)."""

    def __init__(self, sent: str, lines: Sequence[str]) -> None:
        sent_lines = [plain_sent(line) for line in sent[:_MAX_SENT].split("\n")]
        self._sent = "".join(sent_lines)
        self._sent_lines = set(sent_lines)
        self._sent_text = "\n".join(["", *sent_lines, ""])
        self._ends = set(accumulate(map(len, sent_lines)))
        self._forms = [form for line in sent[:_MAX_SENT].split("\n")[:_MAX_SENT_LINES] if (form := _form(line))]
        self._plain_forms: dict[str, str] = {}
        self._lines = [self._compared(line) for line in lines]
        self._filled: dict[int, tuple[str, int]] = {}  # line: the sent line that it fills in, over how many lines
        found = self._sent_lines.intersection(self._lines) - {""}
        self._throughout = len(found) > 2 and len(found) * 2 >= len(self._sent_lines - {""})
        patterns = {line: Pattern(tuple(line.split(GAP))) for line in sent_lines if GAP in line and line != GAP}
        if patterns:
            self._find_filled(list(patterns.items())[:_MAX_PATTERNS])

    def _find_filled(self, patterns: Sequence[tuple[str, Pattern]]) -> None:
        # Backwards from the end of each, fewest lines first: what a person wrote above a filled line isn't part of it.
        for at, line in enumerate(self._lines):
            if line in self._sent_lines:
                continue
            joined = ""
            for start in range(at, max(at - 3, -1), -1):
                if not self._lines[start]:
                    break
                joined = self._lines[start] + joined
                found = next((text for text, pattern in patterns if pattern.matches(joined)), None)
                if found is not None:
                    self._filled.setdefault(start, (found, at - start + 1))
                    break

    def _compared(self, line: str) -> str:
        """The plain form of a line; each is needed several times, by itself and behind its mark."""
        compared = self._plain_forms.get(line)
        if compared is None:
            text = line[:_MAX_LINE]
            compared = plain(_LINK.sub("", text) if "<" in text else text)
            self._plain_forms[line] = compared
        return compared

    @property
    def known(self) -> bool:
        """Whether there is a sent text to compare with."""
        return bool(self._sent)

    @property
    def throughout(self) -> bool:
        """Whether so many lines stand in the reply as they were sent, without a mark, that it quotes all of them."""
        return self._throughout

    @property
    def length(self) -> int:
        """Of the sent text, in compared characters."""
        return len(self._sent)

    def ours(self, content: str) -> bool:
        """Whether what stands behind a mark is of the sent text."""
        text = self._compared(content)
        return not text or text in self._sent_lines or (len(text) >= 2 and text in self._sent)

    def written_on(self, content: str) -> str:
        """What somebody wrote on a line of ours that stands behind a mark ("1 良好 ←これです"), "" for nothing.

        Where our line is a sentence, it is what comes after it; else the whole line, which may be an option.
        """
        text = self._compared(content)
        if not self._sent or len(text) > _MAX_EXTENDED or self.ours(content):
            return ""
        for length in range(len(text) - 1, 1, -1):
            if text[:length] in self._sent_lines and not _NOISE.fullmatch(text[length:]):
                return _behind(content, length) if text[length - 1] in "。!?" else content
            if text[-length:] in self._sent_lines and _FILL_MARKS.fullmatch(text[:-length]):
                return content
        return content if any(form.fixed > 1 and form.matches(text) for form in self._forms[:_MAX_PATTERNS]) else ""

    def foreign(self, content: str) -> bool:
        """Whether what stands behind a mark can't be of the sent text, nor anything that was filled in there."""
        text = self._compared(content)
        return bool(text) and not self.ours(content) and GAP not in self._sent

    def wraps(self, marked: str, at: int) -> bool:
        """Whether a line is the end of the marked line before it, which a mail program wrapped without a mark."""
        line, before = self._lines[at], self._compared(marked)
        if not line or not before or not self._sent or len(before) + len(line) > _MAX_LINE:
            return False
        joined = before + line
        return before not in self._sent_lines and joined in self._sent_text  # within one line of ours

    def holds(self, at: int) -> int:
        """How many lines from `at` are, taken by themselves, part of the sent text; 0 for none."""
        line = self._lines[at]
        if line and self._sent and (line in self._sent_lines or (len(line) >= _LONG and line in self._sent)):
            return 1
        filled, count = self._filled.get(at, ("", 0))
        return count if len(filled) - filled.count(GAP) >= _TELLING else 0

    def run(self, at: int, *, introduced: bool) -> Run | None:
        """The unmarked lines from `at` on that follow one another in the sent text; None where that proves nothing.

        It takes two lines, or all of the sent text; one at its beginning where a quotation was just `introduced`.
        """
        if not self._sent or not self._lines[at]:
            return None
        for start, count in self._ways(at):
            if GAP not in start and f"\n{start}" not in self._sent_text:
                continue  # it begins in the middle of a line of ours
            if introduced and self._sent.startswith(start):
                run = self._follow(at, start, count, enough=1)
            elif not start.startswith(GAP) or start == self._filled.get(at, ("", 0))[0]:
                run = self._follow(at, start, count, enough=2)
            else:
                continue  # nothing but a gap at the beginning may as well be the person's answer
            if run:
                return run
        return None

    def _follow(self, at: int, start: str, count: int, *, enough: int) -> Run | None:
        if start not in self._sent:
            return None
        joined, total, matched, pending = start, len(start), 0, 0
        position = at + count
        used = 0
        if start != GAP:
            matched, used = 1, count
        while position < min(at + _MAX_RUN, len(self._lines)) and not joined.endswith(GAP * _MAX_GAPS):
            if not self._lines[position]:
                position += 1
                continue
            step = next((way for way in self._ways(position) if _end(joined, way[0]) in self._sent), None)
            if step is None:
                break
            following, count = step
            joined = _end(joined, following)
            total += len(following)
            position += count
            if following != GAP:
                pending += 1
                if len(following) >= _TELLING or self._ends_a_line(joined):
                    matched, pending, used = matched + pending, 0, position - at
                # else it may be the person's "1" above our "1 良好"
            elif self._sent.endswith(joined):
                used = position - at
        last = self._sent.endswith(joined)
        whole = last and total == len(self._sent)
        if last and start == GAP and not used:
            used = 1  # the sent text is one gap, and this stands in its place
        proven = matched >= enough and (enough == 1 or total >= 12)
        return Run(used, total, whole, last) if used and (proven or whole) else None

    def _ends_a_line(self, joined: str) -> bool:
        tail, start = joined[-_TAIL:], 0
        for _ in range(_MAX_PLACES):
            start = self._sent.find(tail, start)
            if start < 0:
                return False
            if start + len(tail) in self._ends:
                return True
            start += 1
        return False

    def _ways(self, at: int) -> Iterator[tuple[str, int]]:
        """What a line may be in the sent text, and how many lines that takes: itself, filled in, after an empty gap,
        or all of it in the place of a gap."""
        line = self._lines[at]
        filled = self._filled.get(at)
        yield line, 1
        if filled:
            yield filled
        yield GAP + line, 1
        if filled:
            yield GAP + filled[0], filled[1]
        yield GAP, 1


def _form(line: str) -> Pattern | None:
    """The pattern of a line with places to fill in; None where it has none."""
    text = unicodedata.normalize("NFKC", line[:_MAX_EXTENDED])
    if PLACEHOLDER.search(text) or not _BLANKS.search(text):
        return None
    return Pattern(tuple(plain(part) for part in _BLANKS.split(text)))


def _behind(text: str, length: int) -> str:
    """What follows so many compared characters."""
    _, places = plain_places(text)
    return text[places[length - 1][1] :].strip() if length <= len(places) else text


def _end(joined: str, following: str) -> str:
    """What is looked for: a bounded end of what was matched so far, and what follows."""
    return joined[-_TAIL:] + following
