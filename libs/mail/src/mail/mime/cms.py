"""The mail inside an S/MIME mail that was signed as a whole (RFC 8551 3.5.2), for reading it; nothing is verified.

Some programs send `application/pkcs7-mime` instead of `multipart/signed`; then the mail lies in a CMS structure
(RFC 5652): SignedData, whose content follows the identifier of plain data, in one octet string or in pieces.
"""

from __future__ import annotations

_DATA = bytes.fromhex("06092a864886f70d010701")  # OBJECT IDENTIFIER 1.2.840.113549.1.7.1
_WITHIN = 10_000
_MAX_PIECES = 100_000
_EXPLICIT, _OCTETS, _OCTETS_IN_PIECES = 0xA0, 0x04, 0x24


def signed_content(structure: bytes) -> bytes:
    """The content that was signed; empty where there is none, as in an encrypted mail. Never raises."""
    found = structure.find(_DATA, 0, _WITHIN)
    if found < 0:
        return b""
    tag, _, position = _header(structure, found + len(_DATA))
    if tag != _EXPLICIT:
        return b""
    tag, length, position = _header(structure, position)
    if tag == _OCTETS:
        return structure[position : position + (length or 0)]
    if tag != _OCTETS_IN_PIECES:
        return b""
    end = len(structure) if length is None else min(position + length, len(structure))
    pieces = []
    for _ in range(_MAX_PIECES):
        if position >= end:
            break
        tag, length, start = _header(structure, position)
        if tag != _OCTETS or length is None:
            break
        pieces.append(structure[start : min(start + length, end)])
        position = start + length
    return b"".join(pieces)


def _header(structure: bytes, position: int) -> tuple[int, int | None, int]:
    """Tag, length (None: until its end mark) and where the contents start; tag -1 past the end."""
    if position + 2 > len(structure):
        return -1, 0, len(structure)
    tag, first = structure[position], structure[position + 1]
    position += 2
    if first < 0x80:
        return tag, first, position
    count = first & 0x7F
    if count == 0:
        return tag, None, position
    return tag, int.from_bytes(structure[position : position + count], "big"), position + count
