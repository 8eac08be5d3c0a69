"""Writing: header lines and bodies as octets that every mail server takes.

UTF-8 throughout. base64 where most of the text is Japanese, quoted-printable where it is mostly ASCII, so that no
line is longer than 76 octets (RFC 2045); encoded words of at most 75 octets that never split a character (RFC 2047).
Control characters never get into a header: they become blanks in display text and an error in addresses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

_HEADER_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TEXT_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STRUCTURED = re.compile(r"[\x21-\x3b\x3d\x3f-\x7e]+")
_LINE = 76
_WORD_OCTETS = 45  # 60 characters of base64 and 12 of =?UTF-8?B??= : 72 of the 75 that are allowed
_ASCII = bytes(range(128))


class RenderingError(ValueError):
    """A value can't stand in a header. The message names the header, never the value."""


def exact(header: str, value: str) -> str:
    """The value, if it can stand between angle brackets as it is. Raises RenderingError."""
    if not _STRUCTURED.fullmatch(value):
        raise RenderingError(f"{header}: only visible ASCII without angle brackets can stand here")
    return value


def display(value: str) -> str:
    """Text for people, without what could end a header line."""
    return _HEADER_CONTROL.sub(" ", value).strip().encode("utf-8", "replace").decode("utf-8")


def unstructured(name: str, value: str) -> bytes:
    """A header line of free text (Subject), folded, without the final line end."""
    value = display(value)
    start = f"{name}: "
    if value.isascii() and "=?" not in value and len(start) + len(value) <= _LINE:
        return (start + value).encode("ascii")
    return start.encode("ascii") + b"\r\n ".join(_words(value, len(start)))


def mailbox(name: str, shown: str, address: str) -> bytes:
    """A header line of one address (or list identifier) with its name. Raises RenderingError."""
    bracketed = b"<" + exact(name, address).encode("ascii") + b">"
    shown = display(shown)
    start = f"{name}: ".encode("ascii")
    if not shown:
        return start + bracketed
    if shown.isascii() and "=?" not in shown and len(shown) <= _LINE - 12:
        quoted = shown.replace("\\", "\\\\").replace('"', '\\"')
        return start + b'"' + quoted.encode("ascii") + b'"\r\n ' + bracketed
    return start + b"\r\n ".join((*_words(shown, len(start)), bracketed))


def _words(value: str, used: int) -> Iterator[bytes]:
    """Encoded words (RFC 2047), the first short enough for a line of which `used` columns are taken."""
    room = min(_WORD_OCTETS, (_LINE - used - 12) // 4 * 3)
    piece = b""
    for char in value:
        octets = char.encode("utf-8")
        if piece and len(piece) + len(octets) > room:
            yield b"=?UTF-8?B?" + base64.b64encode(piece) + b"?="
            piece, room = b"", _WORD_OCTETS
        piece += octets
    yield b"=?UTF-8?B?" + base64.b64encode(piece) + b"?="


def content(text: str) -> tuple[bytes, bytes]:
    """The content's header lines, each with its line end, and the encoded body."""
    text = _TEXT_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.endswith("\n"):
        text += "\n"
    raw = text.encode("utf-8", "replace")
    foreign = len(raw.translate(None, _ASCII))
    if not foreign and max(map(len, raw.split(b"\n"))) <= _LINE:
        charset, encoding, body = b"us-ascii", b"7bit", raw.replace(b"\n", b"\r\n")
    elif foreign * 6 < len(raw):
        charset, encoding = b"utf-8", b"quoted-printable"
        body = binascii.b2a_qp(raw, istext=True).replace(b"\n", b"\r\n")
    else:
        charset, encoding = b"utf-8", b"base64"
        body = base64_lines(raw.replace(b"\n", b"\r\n"))
    head = b"Content-Type: text/plain; charset=%b\r\nContent-Transfer-Encoding: %b\r\n" % (charset, encoding)
    return head, body


def base64_lines(octets: bytes) -> bytes:
    """base64 in lines of 76 (RFC 2045 6.8), each with its line end."""
    whole = binascii.b2a_base64(octets, newline=False)
    return b"\r\n".join([whole[at : at + _LINE] for at in range(0, len(whole), _LINE)]) + b"\r\n"
