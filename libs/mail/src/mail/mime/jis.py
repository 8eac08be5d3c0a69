"""ISO-2022-JP and EUC-JP with everything that senders put into them, which Python's codecs refuse.

Python has no cp50220 or cp50221, so each double-octet character is moved to its CP932 place, which knows NEC row 13,
the NEC-selected IBM rows, and the carriers' emoji as private-use characters. JIS X 0201 kana, JIS X 0212, JIS X 0213
and SoftBank's webcodes are read as well. Never raises; linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

_ESCAPE = re.compile(rb"\x1b(\([BJIHA]|\$[@B]|\$\([@BDOPQ]|\$[GEFOPQ](?=[\x21-\x7a]+\x0f)|&@)|[\x0e\x0f]|\n")
_ESCAPED = re.compile(rb"\x1b[$(]")
_WITHOUT_ESCAPES = re.compile(rb"(\$[@B])((?:[!-~]{2}){1,60}?)(\([BJ])")
_PLAIN_PAIRS = re.compile(rb"(?:[\x21-\x7e][\x21-\x7e])+")
_WEBCODE_BASE = {b"G": 0xE001, b"E": 0xE101, b"F": 0xE201, b"O": 0xE301, b"P": 0xE401, b"Q": 0xE501}
# au writes its emoji into JIS rows of its own, which stand for these lead octets of its Shift_JIS.
_AU_LEADS = {0xEB: 0xF6, 0xEC: 0xF7}
_LOST = "\ufffd"


def is_escaped(raw: bytes) -> bool:
    """Whether there are escape sequences of ISO-2022-JP."""
    return b"\x1b" in raw and bool(_ESCAPED.search(raw))


def with_escapes(raw: bytes) -> bytes:
    """ISO-2022-JP whose escape characters some program took away, with them put back."""
    return _WITHOUT_ESCAPES.sub(b"\x1b\\1\\2\x1b\\3", raw) if b"$B" in raw or b"$@" in raw else raw


def from_iso2022(raw: bytes, eight_bit: Callable[[bytes], str]) -> str:
    """Return the text; `eight_bit` reads what stands in 8-bit octets where ASCII should."""
    pieces: list[str] = []
    mode = b"(B"
    start = 0
    for escape in _ESCAPE.finditer(raw):
        pieces.append(_segment(raw[start : escape.start()], mode, eight_bit))
        start = escape.end()
        if escape[1]:
            mode = escape[1]
        elif escape[0] == b"\n":
            pieces.append("\n")
            mode = b"(B"
        else:
            mode = b"(I" if escape[0] == b"\x0e" else b"(B"
    pieces.append(_segment(raw[start:], mode, eight_bit))
    return "".join(pieces)


def _segment(raw: bytes, mode: bytes, eight_bit: Callable[[bytes], str]) -> str:
    if not raw:
        return ""
    if mode in (b"(B", b"(J", b"(H", b"(A", b"&@"):
        return raw.decode("ascii") if raw.isascii() else eight_bit(raw)
    if mode == b"(I":
        return bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in raw).decode("cp932", "replace")
    if mode[1:] in _WEBCODE_BASE:
        return "".join(chr(_WEBCODE_BASE[mode[1:]] + octet - 0x21) for octet in raw if octet >= 0x21)
    if mode == b"$(D":
        return _pairs(raw, lambda high, low: bytes((0x8F, high | 0x80, low | 0x80)).decode("euc_jp", "replace"))
    if mode in (b"$(O", b"$(P", b"$(Q"):
        return _pairs(raw, lambda high, low: (b"\x1b$(Q" + bytes((high, low))).decode("iso2022_jp_2004", "replace"))
    if _PLAIN_PAIRS.fullmatch(raw):
        return raw.decode("utf-16-be").translate(_jis0208_table())
    return _pairs(raw, _jis0208)


def _pairs(raw: bytes, convert: Callable[[int, int], str]) -> str:
    pieces = []
    position = 0
    while position < len(raw):
        high = raw[position]
        if position + 1 < len(raw) and high > 0x20 and raw[position + 1] > 0x20:
            pieces.append(convert(high & 0x7F, raw[position + 1] & 0x7F))
            position += 2
        else:
            pieces.append(chr(high) if high <= 0x20 else _LOST)
            position += 1
    return "".join(pieces)


@cache
def _jis0208_table() -> dict[int, str]:
    """Every double-octet character by its two octets as one number."""
    return {high << 8 | low: _jis0208(high, low) for high in range(0x21, 0x7F) for low in range(0x21, 0x7F)}


def _jis0208(high: int, low: int) -> str:
    if not (0x21 <= high <= 0x7E and 0x21 <= low <= 0x7E):
        return _LOST
    lead = ((high - 0x21) >> 1) + 0x81
    if lead > 0x9F:
        lead += 0x40
    trail = low + 0x7E if high % 2 == 0 else low + (0x1F if low < 0x60 else 0x20)
    text = bytes((lead, trail)).decode("cp932", "replace")
    if _LOST not in text:
        return text
    if lead in _AU_LEADS:
        return bytes((_AU_LEADS[lead], trail)).decode("cp932", "replace")
    # Shown as a private-use character, never lost.
    return chr(0xE758 + ((high - 0x21) * 94 + low - 0x21) % 0x0EA0)


def from_eucjp(raw: bytes) -> str | None:
    """Return EUC-JP with the Windows extensions (cp51932, eucJP-ms) as text, or None if it is none."""
    pieces = []
    position = 0
    while position < len(raw):
        octet = raw[position]
        width = 1 if octet < 0x80 else 3 if octet == 0x8F else 2
        char = raw[position : position + width]
        if width > 1 and (len(char) < width or any(byte < 0xA1 for byte in char[1:])):
            return None
        if width == 1:
            pieces.append(chr(octet))
        elif octet >= 0xA1:
            pieces.append(_jis0208(octet & 0x7F, char[1] & 0x7F))
        else:
            try:
                pieces.append(char.decode("euc_jp"))
            except UnicodeError:
                return None
        position += width
    return "".join(pieces)
