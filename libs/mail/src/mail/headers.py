"""Header fields as octets: taking them apart, and reading them with all that real senders do wrong.

`split` cuts the header block off, `decode_words` reads encoded words (RFC 2047) beside raw 8-bit text, `parameters`
reads Content-Type and Content-Disposition (RFC 2045, RFC 2231). All total and linear in the size of the input.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mail import charsets

Fields = list[tuple[str, bytes]]
"""(lower-case name, raw unfolded value) in the order of the mail."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_CONTROL = re.compile("[\x00-\x1f\x7f\u2028\u2029]+")
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_PARAMETER = re.compile(r';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)')
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")


def split(raw: bytes, max_octets: int, max_fields: int) -> tuple[Fields, int]:
    """Return the header fields and where the body starts.

    Fields beyond `max_fields` are passed over. A line that can't be a field ends the block, as it does for most
    programs, except an mbox "From " line at the top.
    """
    found: list[tuple[str, list[bytes]]] = []
    continued: list[bytes] | None = None  # the field that a line starting with a blank belongs to
    position = 0
    limit = min(len(raw), max_octets)
    while position < limit:
        end = _LINE_END.search(raw, position)
        stop, following = (end.start(), end.end()) if end else (len(raw), len(raw))
        line = raw[position:stop]
        if not line:
            return _joined(found), following
        if line[:1] in b" \t" and continued is not None:
            continued.append(line)
        elif field := _FIELD.match(line):
            continued = [line[field.end() :]]
            if len(found) < max_fields:
                found.append((field[1].decode("ascii").lower(), continued))
        elif not (position == 0 and line.startswith((b"From ", b">From "))) and line.strip():
            return _joined(found), position
        position = following
    return _joined(found), _after_blank_line(raw, position)


def _joined(found: list[tuple[str, list[bytes]]]) -> Fields:
    return [(name, b"\n".join(lines)) for name, lines in found]


def _after_blank_line(raw: bytes, position: int) -> int:
    # Only for a header block that is longer than we read.
    if position >= len(raw):
        return len(raw)
    found = [at + 2 * len(end) for end in (b"\r\n", b"\n") if (at := raw.find(end * 2, position)) >= 0]
    return min(found, default=len(raw))


def decode_base64(raw: bytes) -> bytes:
    """base64 of whatever quality: foreign characters dropped, padding in the middle, a cut end."""
    pieces = []
    for chunk in _NOT_BASE64.sub(b"", raw).split(b"="):
        if len(chunk) % 4 == 1:
            chunk = chunk[:-1]
        if chunk:
            pieces.append(binascii.a2b_base64(chunk + b"=" * (-len(chunk) % 4)))
    return b"".join(pieces)


def decode_words(raw: bytes) -> str:
    """Return a header value as text on one line: encoded words and raw 8-bit octets in any mixture.

    Adjacent words of one charset are joined before decoding, because many programs split characters.
    """
    text = raw.decode("latin-1")
    runs: list[tuple[str | None, bytes]] = []
    position = 0
    for word in _WORD.finditer(text):
        between = text[position : word.start()]
        if between and (between.strip() or not runs or runs[-1][0] is None):
            runs.append((None, between.encode("latin-1")))
        label = word[1].partition("*")[0].lower()
        octets = word[3].encode("latin-1")
        octets = decode_base64(octets) if word[2] in "bB" else _decode_q(octets)
        if runs and runs[-1][0] == label:
            runs[-1] = (label, runs[-1][1] + octets)
        else:
            runs.append((label, octets))
        position = word.end()
    if position < len(text):
        runs.append((None, text[position:].encode("latin-1")))
    return _CONTROL.sub(" ", "".join(charsets.decode(octets, label)[0] for label, octets in runs)).strip()


def _decode_q(octets: bytes) -> bytes:
    return binascii.a2b_qp(octets.replace(b"\n", b""), header=True)


def parameters(raw: bytes) -> tuple[str, dict[str, str]]:
    """Return the main value in lower case and the parameters (RFC 2231 continuations and charsets resolved)."""
    text = raw[:10_000].decode("latin-1").replace("\r", " ").replace("\n", " ")
    main = text.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, bytes]] = {}
    labels: dict[str, str] = {}
    for name, value in _pairs(text):
        found = _SECTION.fullmatch(name)
        if not found or not (found[2] or found[3]):
            plain.setdefault(name, decode_words(value.encode("latin-1", "replace")))
            continue
        key, number = found[1], int(found[2] or 0)
        octets = value.encode("latin-1", "replace")
        if found[3]:
            if number == 0 and value.count("'") >= 2:
                label, _, rest = value.split("'", 2)
                labels[key] = label
                octets = rest.encode("latin-1", "replace")
            octets = unquote_to_bytes(octets)
        sections.setdefault(key, {}).setdefault(number, octets)
    for key, numbered in sections.items():
        joined = b"".join(numbered[number] for number in sorted(numbered))
        plain[key] = _CONTROL.sub(" ", charsets.decode(joined, labels.get(key))[0])
    return main, plain


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    start = text.find(";")
    for found in _PARAMETER.finditer(text, start) if start >= 0 else ():
        value = found[2].strip()
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value.strip('"'))
        yield found[1].lower(), value
