"""A received mail as its signatures see it: header lines with their folding, a body of CRLF lines. Bounded and linear.

dkimpy would take the mail apart line by line and search its body with expressions that need quadratic time on long
runs of blanks. So it gets the parts ready made, and for signatures over the relaxed body (RFC 6376 3.4.4) the body as
it is after relaxing: relaxing twice changes nothing.
"""

from __future__ import annotations

import re
from functools import cached_property

MOST_HEADER_OCTETS = 262_144
MOST_FIELDS = 1_000
LONGEST_SIGNATURE = 8_192
"""Octets of a header line that is taken for a signature; real ones have hundreds."""

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:(.*)\Z", re.DOTALL)
_LINE = re.compile(rb"[^\n]*+(?:\n[ \t][^\n]*+)*+(?:\n|\Z)")
_LONE_LF = re.compile(rb"(?<!\r)\n")
_BLANKS = re.compile(rb"[ \t]+")
_LONG_BLANK = re.compile(rb"\s{200}")


class SignedMail:
    """`fields`: (name as spelled, everything after the colon with its line end), from the top. `broken`: the header
    has something in it that is no header, or is longer than we read, so that no signature can be told right."""

    def __init__(self, raw: bytes) -> None:
        limit = min(len(raw), MOST_HEADER_OCTETS)
        end = _HEADER_END.search(raw, 0, limit)
        if raw.startswith((b"\r\n", b"\n")):
            header, self._body = b"", raw
        elif end is not None:
            header, self._body = raw[: end.start()] + b"\r\n", raw[end.end() :]
        else:
            header, self._body = raw[:limit], raw[limit:]
        self.fields: list[tuple[bytes, bytes]] = []
        self.broken = end is None and len(raw) > limit
        self._read(_crlf(header))

    def _read(self, header: bytes) -> None:
        position = 0
        while position < len(header):
            line = _LINE.match(header, position)
            assert line is not None  # matches anything
            position = max(line.end(), position + 1)
            if not line[0].strip() or (not self.fields and line[0].startswith(b"From ")):
                continue
            field = _FIELD.match(line[0])
            if field is None or len(self.fields) >= MOST_FIELDS:
                self.broken = True
                return
            self.fields.append((field[1], field[2]))

    def named(self, name: bytes) -> list[bytes]:
        """The values of all fields with this name (lower case), from the top."""
        return [value for key, value in self.fields if key.lower() == name]

    @cached_property
    def body(self) -> bytes:
        return _without_empty_end(_crlf(self._body))

    @cached_property
    def relaxed_body(self) -> bytes:
        """The body without what relaxing takes away from its lines."""
        body = self.body
        if b"\t" in body or b"  " in body or b" \r\n" in body:
            body = _without_empty_end(_BLANKS.sub(b" ", body).replace(b" \r\n", b"\r\n"))
        return body


def is_sound(value: bytes) -> bool:
    """May dkimpy's expressions be let loose on this signature?"""
    return len(value) <= LONGEST_SIGNATURE and value.isascii() and _LONG_BLANK.search(value) is None


def _without_empty_end(body: bytes) -> bytes:
    """Empty lines at the end are not signed (3.4.3), and dkimpy would take them away one by one."""
    text = body.rstrip(b"\r\n")
    pairs, odd = divmod(len(body) - len(text), 2)
    return text + b"\r\n" if not odd and body.endswith(b"\r\n" * pairs) else body


def _crlf(octets: bytes) -> bytes:
    return octets if octets.count(b"\n") == octets.count(b"\r\n") else _LONE_LF.sub(b"\r\n", octets)
