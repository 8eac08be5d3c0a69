"""Japanese text as phones put it on the wire: cp50221, cp932, UTF-8; base64, quoted-printable, 7bit; encoded words.

Python has no cp50221 (ISO-2022-JP as everybody really sends it, with NEC row 13 and half-width kana), so it is made
here from cp932. Text that a charset cannot hold goes out as UTF-8, as the phones do.
"""

from __future__ import annotations

import base64
import quopri
from functools import lru_cache
from typing import NamedTuple

ASCII_SHIFT = b"\x1b(B"
KANJI_SHIFT = b"\x1b$B"
KANA_SHIFT = b"\x1b(I"


class Encoded(NamedTuple):
    """A body ready for the wire and the two header values that describe it."""

    content_type_charset: str
    transfer_encoding: str
    payload: bytes


def encode_text(text: str, charset: str) -> bytes:
    """Text in `charset` (`iso-2022-jp`, `shift_jis`, or any of Python's); raises UnicodeEncodeError."""
    if charset.lower() == "iso-2022-jp":
        return _encode_cp50221(text)
    return text.encode("cp932" if charset.lower() == "shift_jis" else charset)


def body(text: str, charset: str, transfer_encoding: str) -> Encoded:
    """The text with CRLF line ends under the transfer encoding; falls back to UTF-8 base64."""
    wire = text.replace("\r\n", "\n").replace("\n", "\r\n")
    try:
        octets = encode_text(wire, charset)
    except UnicodeEncodeError:
        charset, transfer_encoding = "UTF-8", "base64"
        octets = wire.encode()
    if transfer_encoding == "base64":
        return Encoded(charset, "base64", base64.encodebytes(octets).replace(b"\n", b"\r\n"))
    if transfer_encoding == "quoted-printable":
        quoted = quopri.encodestring(octets.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
        return Encoded(charset, "quoted-printable", quoted)
    return Encoded(charset, transfer_encoding, octets)


def header(text: str, charset: str, *, letters_per_word: int = 10) -> str:
    """An unstructured header value: ASCII as it is, other text as folded encoded words (RFC 2047, 'B')."""
    if text.isascii():
        return text
    try:
        encode_text(text, charset)
    except UnicodeEncodeError:
        charset = "UTF-8"
    pieces = [text[i : i + letters_per_word] for i in range(0, len(text), letters_per_word)]
    words = [f"=?{charset}?B?{base64.b64encode(encode_text(piece, charset)).decode()}?=" for piece in pieces]
    return "\r\n ".join(words)


def _encode_cp50221(text: str) -> bytes:
    out = bytearray()
    current = ASCII_SHIFT
    for char in text:
        shift, octets = _cp50221_char(char)
        if shift != current:
            out += shift
            current = shift
        out += octets
    if current != ASCII_SHIFT:
        out += ASCII_SHIFT
    return bytes(out)


@lru_cache(maxsize=4096)
def _cp50221_char(char: str) -> tuple[bytes, bytes]:
    if char.isascii():
        return ASCII_SHIFT, char.encode()
    octets = char.encode("cp932")
    if len(octets) == 1:
        return KANA_SHIFT, bytes([octets[0] & 0x7F])
    if octets[0] >= 0xFA:
        octets = _nec_selected_ibm().get(char, octets)
    if octets[0] >= 0xF0:
        raise UnicodeEncodeError("cp50221", char, 0, 1, "outside of the 94 rows of JIS")
    return KANJI_SHIFT, _shift_jis_to_jis(octets[0], octets[1])


@lru_cache(maxsize=1)
def _nec_selected_ibm() -> dict[str, bytes]:
    """Where the IBM extensions (髙 﨑 …) lie in rows 89 to 92, the only place JIS shifting can reach."""
    table: dict[str, bytes] = {}
    for lead in (0xED, 0xEE):
        for trail in range(0x40, 0xFD):
            octets = bytes([lead, trail])
            char = octets.decode("cp932", "ignore")
            if len(char) == 1:
                table[char] = octets
    return table


def _shift_jis_to_jis(lead: int, trail: int) -> bytes:
    row = (lead - (0x70 if lead < 0xA0 else 0xB0)) << 1
    if trail < 0x9F:
        return bytes([row - 1, trail - (0x20 if trail > 0x7F else 0x1F)])
    return bytes([row, trail - 0x7E])
