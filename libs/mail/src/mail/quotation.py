"""Marks: which lines of a reply bear the mark of a quotation, and what stands behind it.

Each function looks at a bounded number of characters, so the whole is linear. Who wrote the line is not told by the
mark alone: a face (``>_<``) begins like one, and a person may write on behind it (``> 1 良好 ←これです``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MAX = 500

_FACE = r"(?!\s?[_.。ωдД∀□人oOε▽△;；^´`xX×]{0,3}\s?[<＜](?![^\s<>＜＞]{1,300}[>＞])|[_.。][>＞])"
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


def rarely_marked(line: str) -> str | None:
    """What stands behind a mark that is one only in company (``|``, ``taro>``, a tab); None where there is none."""
    found = _BARRED.match(line) or _NAMED.match(line) or _INDENTED.match(line)
    return line[found.end() :] if found else None


def marked_like_its_neighbour(lines: Sequence[str], at: int) -> bool:
    """Whether a line and one beside it bear the same mark of those that are marks only in company; no indent is."""
    mark = _mark(lines[at])
    if mark is None:
        return False
    return any(_mark(line) == mark for line in (*lines[max(at - 1, 0) : at], *lines[at + 1 : at + 2]))


def is_indented(line: str) -> bool:
    """Whether a line is indented as some programs quote."""
    return bool(_INDENTED.match(line))


def _mark(line: str) -> str | None:
    if _BARRED.match(line):
        return "|"
    found = _NAMED.match(line)
    return found[1] if found else None
