"""Transfer encodings taken off (RFC 2045 6), of whatever quality; and files that were typed into the text, left out.

`decode` never raises: what can't be decoded comes out as well as it can be, and a body that isn't in the encoding that
its label names is taken as it is.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_FOREIGN = re.compile(rb"[^A-Za-z0-9+/=\s]| (?=[A-Za-z])")
_FOOTER = re.compile(rb"\n[ \t]*+\r?\n(?=[^\r\n]*?[^A-Za-z0-9+/=\s])")  # appended as plain text by a list or a scanner
_UU_BEGIN = re.compile(r"^begin(?:-base64)? [0-7]{3,4} [^\n]{1,200}$", re.MULTILINE)
_UU_LINE = re.compile(r"[!-`][ -`]{0,84}|`|[A-Za-z0-9+/]{1,76}={0,2}")
_BINHEX = "(This file must be converted with BinHex 4.0)"
_MAX_FILES = 1000


def decode(body: bytes, encoding: bytes) -> bytes:
    """Take the encoding off that a Content-Transfer-Encoding field names; an unknown one is none."""
    name = encoding.partition(b";")[0].strip(b" \t\r\n\"'").lower()
    if name in (b"base64", b"b"):
        footer = _FOOTER.search(body)
        encoded = body[: footer.start()] if footer else body
        return decode_base64(encoded) if _looks_like_base64(encoded) else body
    if name in (b"quoted-printable", b"quotedprintable", b"quoted/printable", b"q"):
        return binascii.a2b_qp(body)
    if name in (b"x-uuencode", b"uuencode", b"x-uue", b"uue"):
        return decode_uu(body) or body
    return body


def _looks_like_base64(body: bytes) -> bool:
    """Whether the beginning is base64 at all: some programs put the label on plain text."""
    start = body[:2000].lstrip()[:200]
    return len(_FOREIGN.findall(start)) * 10 <= len(start)


def decode_base64(raw: bytes) -> bytes:
    """base64 of whatever quality: foreign characters dropped, padding in the middle, a cut end."""
    pieces = []
    for chunk in raw.translate(None, _NOT_BASE64).split(b"="):
        if len(chunk) % 4 == 1:
            chunk = chunk[:-1]
        if chunk:
            pieces.append(binascii.a2b_base64(chunk + b"=" * (-len(chunk) % 4)))
    return b"".join(pieces)


def decode_uu(raw: bytes) -> bytes:
    """The content of uuencoded lines; b"" where there are none, and what comes before a line that is none of them."""
    pieces: list[bytes] = []
    _, _, rest = raw.partition(b"begin ")
    for line in rest.splitlines()[1:]:
        if line.strip() in (b"end", b"`", b""):
            break
        length = (line[0] - 32) & 63
        try:
            pieces.append(binascii.a2b_uu(line[: 1 + (length + 2) // 3 * 4]))
        except binascii.Error:
            break
    return b"".join(pieces)


def without_files(text: str) -> str:
    """Text without files in the manner of old times, uuencode and BinHex: nobody typed them."""
    if _BINHEX in text:
        text = _without(text, lambda done: text.find(_BINHEX, done), _after_binhex)
    if "begin" in text:
        text = _without(text, lambda done: found.start() if (found := _UU_BEGIN.search(text, done)) else -1, _after_uu)
    return text


def _without(text: str, find: Callable[[int], int], after: Callable[[str, int], int]) -> str:
    pieces: list[str] = []
    done = 0
    for _ in range(_MAX_FILES):
        start = find(done)
        if start < 0:
            break
        pieces.append(text[done:start])
        done = after(text, start)
        if done <= start:
            done = text.find("\n", start) + 1 or len(text)
            pieces.append(text[start:done])
    return "".join((*pieces, text[done:]))


def _after_binhex(text: str, start: int) -> int:
    """Where the lines of a BinHex file end, its last colon included; -1 where none are."""
    opening = text.find(":", start + len(_BINHEX), start + len(_BINHEX) + 10)
    closing = text.find(":", opening + 1) if opening >= 0 else -1
    return closing + 1 if closing >= 0 else -1


def _after_uu(text: str, start: int) -> int:
    """Where the lines of a uuencoded file end, its "end" included; -1 where none are."""
    position = text.find("\n", start) + 1 or len(text)
    lines = 0
    while position < len(text):
        stop = text.find("\n", position)
        stop = len(text) if stop < 0 else stop
        line = text[position : min(stop, position + 100)].rstrip()
        if line in ("end", "===="):
            return min(stop + 1, len(text))
        if line and not _UU_LINE.fullmatch(line):
            break
        lines += bool(line)
        position = stop + 1
    return min(position, len(text)) if lines > 1 else -1
