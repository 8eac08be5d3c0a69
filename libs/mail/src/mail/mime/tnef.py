"""The text in a `winmail.dat` (TNEF, [MS-OXTNEF]), for mail of Exchange that has it nowhere else.

Header, then attributes: level, id and type, length, data, checksum. The text is an attribute of its own, or one of the
MAPI properties. What it holds as compressed RTF only is not read. Never raises; linear.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from mail.mime import charsets, plaintext

_SIGNATURE = 0x223E9F78
_BODY, _PROPERTIES, _CODEPAGE = 0x0002800C, 0x00069003, 0x00069007
_TEXT, _HTML = 0x1000, 0x1013  # PidTagBody, PidTagBodyHtml
_SIZES = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_OF_ANY_LENGTH = (0x0D, 0x1E, 0x1F, 0x102)
_UNICODE, _MANY, _NAMED = 0x1F, 0x1000, 0x8000
_MAX_ATTRIBUTES, _MAX_PROPERTIES, _MAX_VALUES = 2000, 2000, 50


def text_in(raw: bytes) -> tuple[str, str]:
    """The text and the charset it was in; empty where there is none."""
    codepage, plain, page = "cp1252", b"", b""
    of_message: dict[int, tuple[int, bytes]] = {}
    try:
        for kind, data in _attributes(raw):
            if kind == _CODEPAGE:
                codepage = f"cp{_number(data, 0)}"
            elif kind == _BODY:
                plain = data.rstrip(b"\0")
            elif kind == _PROPERTIES:
                of_message.update(_properties(data))
    except (struct.error, IndexError):
        pass  # cut short: what came before counts
    for name in (_TEXT, _HTML):
        kind, data = of_message.get(name, (0, b""))
        if name == _HTML:
            page = data.rstrip(b"\0")
        elif data:
            plain, codepage = data, "utf-16-le" if kind == _UNICODE else codepage
    if plain.strip():
        text, charset = charsets.decode(plain, codepage)
        return text.rstrip("\0"), charset
    text, charset = charsets.decode(page, codepage)
    return plaintext.from_html(text), charset


def _number(data: bytes, position: int) -> int:
    number: int = struct.unpack_from("<I", data, position)[0]
    return number


def _attributes(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Those of the message itself, as id with type, and data."""
    if len(raw) < 6 or _number(raw, 0) != _SIGNATURE:
        return
    position = 6
    for _ in range(_MAX_ATTRIBUTES):
        if position + 9 > len(raw):
            return
        kind, length = _number(raw, position + 1), _number(raw, position + 5)
        if raw[position] == 1:  # of the message, not of an attachment
            yield kind, raw[position + 9 : position + 9 + length]
        position += 9 + length + 2


def _properties(data: bytes) -> dict[int, tuple[int, bytes]]:
    """The MAPI properties of any length, by id; each as type and (first) value."""
    found: dict[int, tuple[int, bytes]] = {}
    position = 4
    for _ in range(min(_number(data, 0), _MAX_PROPERTIES)):
        if position + 4 > len(data):
            break
        kind, name = struct.unpack_from("<HH", data, position)
        position += 4
        if name >= _NAMED:
            position += 16 + 8 if _number(data, position + 16) == 0 else 20 + 4 + _padded(_number(data, position + 20))
        single = kind & ~_MANY
        values = 1
        if kind & _MANY or single in _OF_ANY_LENGTH:
            values = _number(data, position)
            position += 4
        if values > _MAX_VALUES:
            return found
        for _ in range(values):
            length = _SIZES.get(single, 0)
            if single in _OF_ANY_LENGTH:
                length = _number(data, position)
                position += 4
                found.setdefault(name, (single, data[position : position + length]))
            elif not length:
                return found  # a type that isn't known has a length that isn't known
            position += _padded(length)
    return found


def _padded(length: int) -> int:
    return (length + 3) // 4 * 4
