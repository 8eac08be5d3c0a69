"""Marks: which lines of a reply bear the mark of a quotation, and what stands behind it.

Each function looks at a bounded number of characters, so the whole is linear. Who wrote the line is not told by the
mark alone: a face (``>_<``) begins like one, and a person may write on behind it (``> 1 良好 ←これです``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

_MAX = 500

_FACE = r"(?!\s?[_.。ωдД∀□人oOε▽△;；^´`xX×]{0,3}\s?[<＜](?!https?:|mailto:|[\w.+\"-]{1,64}@)|[_.。][>＞])"
_MARK = rf"(?:>|＞|&gt;|≫|》|»|›){_FACE}"
_QUOTED = re.compile(rf"[ \t\u3000\xa0]{{0,3}}{_MARK}")
_MARKS = re.compile(r"(?:[ \t\u3000\xa0]{0,3}(?:>|＞|&gt;|≫|》|»|›))+[ \t\u3000\xa0]?")
_BARRED = re.compile(r"\s{0,3}[|｜│┃]\s?")
_NAMED = re.compile(r"\s{0,3}([\w.@・ー-]{1,16})[>＞](?![>＞<＜_])[ \u3000]?")
_INDENTED = re.compile(r"(?:\t| {4,8}|\u3000{2,4})(?=\S)")


def is_quoted(line: str) -> bool:
    """Whether a line bears a quotation mark (``>``, ``＞``). ``>_<`` is a face."""
    return bool(_QUOTED.match(line))


def without_marks(line: str) -> str:
    """The line without its quotation marks (``>``)."""
    found = _MARKS.match(line)
    return line[found.end() :] if found else line


def depth(line: str) -> int:
    """How many marks (``>``) a line bears."""
    found = _MARKS.match(line)
    return sum(char in ">＞≫》»›" for char in found[0]) if found else 0


def rare_mark(line: str) -> tuple[str, str] | None:
    """A mark that is one only in company (``|``, ``taro>``, an indent) and what stands behind it; None without."""
    if (found := _BARRED.match(line)) and not line.rstrip().endswith(("|", "｜"), found.end()):
        return "|", line[found.end() :]
    if found := _NAMED.match(line):
        return found[1], line[found.end() :]
    if found := _INDENTED.match(line):
        return "", line[found.end() :]
    return None


def rare_marks(lines: Sequence[str], is_ours: Callable[[str], bool] | None) -> frozenset[str]:
    """The rare marks that quote in a reply: those in front of what `is_ours`, or, that unknown, of lines in a row."""
    marks: set[str] = set()
    before = ""
    for line in lines:
        found = rare_mark(line)
        mark, content = found or ("", "")
        if mark and content and mark not in marks and (is_ours(content) if is_ours else mark == before):
            marks.add(mark)
        before = mark
    return frozenset(marks)
