"""Header blocks: the header fields of an original mail, written as text above it ("差出人: ...", "件名: ...").

    lines -> fields, as far as they reach (`_collect`) -> are they a mail's, or did a person write so? (`_is_of_a_mail`)

A parent may well write "From: 10時" and "To: 11時", or "日時: ... 件名: ...". So one of the fields must say who wrote,
and the others or its value must be those of a mail, unless a separator announced the block; below a mere rule three
fields are enough.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from mail.reply import client_dates, client_phrases

_MAX = 500
_MAX_FIELDS = 24  # lines
_MAX_CONTINUED = 3  # lines below the last field that are its value
_FIELD = re.compile(r"[\s*_>|]{0,6}([^\s:*_>|][^:*]{0,24}?)\s{0,3}\*{0,2}\s{0,3}:\s?\*{0,2}")
_ONCE = frozenset({"origin", "date", "subject"})
_SENTENCE = re.compile(r"(?:です|ます|ました|ません|ください|下さい|でした|。|！|？|!|\?|[a-z]{4}\.)\s*$")


@dataclass(slots=True)
class _Block:
    """Header fields that follow one another: the first value of each kind, and how many lines they take."""

    values: dict[str, str] = field(default_factory=dict)
    length: int = 0
    blanks: int = 0  # programs that make text from HTML leave a blank line after each field, or after none


def header_block(lines: Sequence[str], at: int, *, announced: bool = False, ruled: bool = False) -> int:
    """How many lines from `at` are the header fields of an original ("差出人: ...", "件名: ..."); 0 for none.

    `announced`: a separator stands above ("-----Original Message-----"); `ruled`: at least a drawn rule does.
    """
    block = _collect(lines, at)
    if block is None or not _is_of_a_mail(block, announced=announced, ruled=ruled):
        return 0
    return block.length


def field_kind(line: str) -> str:
    """What a line says as a header field (origin, date, to, copy, subject, other); "" when it is none."""
    return _field(line)[0]


def _collect(lines: Sequence[str], at: int) -> _Block | None:
    """The fields from `at` on; None where the first one is a line that a person wrote above the block."""
    block = _Block()
    last = ""
    for count, line in enumerate(lines[at : at + _MAX_FIELDS], 1):
        kind, value = _field(line)
        if kind in _ONCE and kind in block.values:
            return None
        gap = count - block.length - 1
        if kind:
            block.values.setdefault(kind, value)
            block.blanks += gap and not lines[at + count - 2].strip()
            block.length, last = count, kind
        elif not _may_go_on(block, line, last, gap):
            break
    if block.values:
        block.length += _continued(lines[at + block.length : at + block.length + _MAX_CONTINUED])
    return block


def _may_go_on(block: _Block, line: str, last: str, gap: int) -> bool:
    """Whether fields may follow below a line that is none: it is blank, or the wrapped value of the `last` one."""
    if not block.values or gap:
        return False
    if not line.strip():
        return "origin" in block.values
    if line.startswith((" ", "\t", "<")):
        return True
    wrapped = "origin" in block.values and last in ("subject", "to", "copy")
    return wrapped and not _SENTENCE.search(line[:_MAX])


def _continued(lines: Sequence[str]) -> int:
    """How many lines go on with the value above them."""
    count = 0
    for line in lines:
        if not line.startswith((" ", "\t")) or not line.strip():
            break
        count += 1
    return count


def _is_of_a_mail(block: _Block, *, announced: bool, ruled: bool) -> bool:
    """Whether fields are those of a mail, rather than lines of a person who writes like that."""
    fields = len(block.values)
    if fields < 2 or (block.blanks and block.blanks + 1 < fields):
        return False
    if announced:
        return True
    if next(iter(block.values)) not in _ONCE:
        return False
    date = unicodedata.normalize("NFKC", block.values.get("date", ""))
    dated = bool(client_dates.YEAR.search(date) or (client_dates.DAY.search(date) and client_dates.TIME.search(date)))
    origin = block.values.get("origin")
    if origin is None:
        return fields > 2 and dated
    if "@" in origin or "＠" in origin or dated:
        return True
    return ruled and fields > 2 and not origin.lstrip()[:1].isdigit()


def _field(line: str) -> tuple[str, str]:
    """What a line says as a header field, and its value; ("", "") when it is none."""
    if len(line) > 4 * _MAX or not (":" in line[:60] or "：" in line[:60]):
        return "", ""
    text = unicodedata.normalize("NFKC", line[:300])
    found = _FIELD.match(text)
    if not found:
        return "", ""
    return client_phrases.FIELDS.get(found[1].strip().casefold(), ""), text[found.end() :]
