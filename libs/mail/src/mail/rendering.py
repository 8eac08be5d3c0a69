"""Rendering: the octets of every copy of a message, with all that the copies share encoded only once.

A `Rendering` is compiled from subject, text and sender; `copy` then joins byte strings, because an EmailMessage per
recipient costs a thousand times more. A text or subject with placeholders (``{{name}}``) is filled in and encoded
per copy; placeholders without a field stay as they are, since a teacher may have typed them.

UTF-8 throughout. base64 where most of the text is Japanese, quoted-printable where it is mostly ASCII, so that no
line is longer than 76 octets (RFC 2045); encoded words of at most 75 octets that never split a character (RFC 2047).
Control characters never get into a header: they become blanks in display text and an error in addresses.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime

from mail.addresses import wire_form

PLACEHOLDER = re.compile(r"\{\{\s*([a-z][a-z0-9_]{0,39})\s*\}\}")
_HEADER_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TEXT_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_STRUCTURED = re.compile(r"[\x21-\x7e]+")
_HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,59}")
_NO_FIELDS: Mapping[str, str] = {}
_LINE = 76
_WORD_OCTETS = 45  # 60 characters of base64 and 12 of =?UTF-8?B??= : 72 of the 75 that are allowed


class RenderingError(ValueError):
    """A value can't stand in a header. The message names the header, never the value."""


@dataclass(frozen=True, slots=True)
class Rendering:
    """What all copies of a message share.

    `text` has LF line ends; `date` is aware; `from_address` and the addresses given to `copy` are normalised ones;
    `list_id` is the bare identifier (RFC 2919), `list_name` what people call the list; `auto_submitted` is the
    RFC 3834 value where one is due; `extra_headers` are (name, value) pairs.
    """

    subject: str = field(repr=False)
    text: str = field(repr=False)
    from_name: str = field(repr=False)
    from_address: str
    date: datetime
    list_id: str | None = None
    auto_submitted: str | None = None
    extra_headers: tuple[tuple[str, str], ...] = ()
    list_name: str | None = None
    _shared: bytes = field(init=False, repr=False, compare=False)
    _subject: bytes | None = field(init=False, repr=False, compare=False)
    _content: bytes | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lines = [
            _mailbox("From", self.from_name, self.from_address),
            b"Date: " + format_datetime(self.date).encode("ascii"),
        ]
        if self.list_id:
            lines.append(_mailbox("List-Id", self.list_name or "", self.list_id.strip("<>")))
        if self.auto_submitted:
            lines.append(b"Auto-Submitted: " + _exact("Auto-Submitted", self.auto_submitted))
        lines.extend(_unstructured(name, value) for name, value in self.extra_headers)
        lines.extend((b"X-Renrakumo: 1", b"MIME-Version: 1.0"))  # the first is the mark by which we know our own loops
        varies = PLACEHOLDER.search
        object.__setattr__(self, "_shared", b"\r\n".join(lines) + b"\r\n")
        object.__setattr__(self, "_subject", None if varies(self.subject) else _unstructured("Subject", self.subject))
        object.__setattr__(self, "_content", None if varies(self.text) else _content(self.text))

    def copy(
        self,
        to_address: str,
        message_id: str,
        reply_to: str | None = None,
        list_unsubscribe_mail: str | None = None,
        list_unsubscribe_url: str | None = None,
        fields: Mapping[str, str] = _NO_FIELDS,
    ) -> bytes:
        """Return one recipient's copy, whole, with CRLF line ends and not dot-stuffed.

        `message_id` may have its angle brackets or not; `list_unsubscribe_mail` is an address, `list_unsubscribe_url`
        an https URL (both RFC 2369; the URL gets RFC 8058 one-click). Raises RenderingError.
        """
        subject = self._subject
        if subject is None:
            subject = _unstructured("Subject", _fill(self.subject, fields))
        content = self._content
        if content is None:
            content = _content(_fill(self.text, fields))
        head = [b"To: <", _exact("To", wire_form(to_address)), b">\r\n"]
        if reply_to:
            head += (b"Reply-To: <", _exact("Reply-To", wire_form(reply_to)), b">\r\n")
        head += (b"Message-ID: <", _exact("Message-ID", message_id.removeprefix("<").removesuffix(">")), b">\r\n")
        ways = []
        if list_unsubscribe_mail:
            ways.append(b"<mailto:" + _exact("List-Unsubscribe", list_unsubscribe_mail) + b">")
        if list_unsubscribe_url:
            ways.append(b"<" + _exact("List-Unsubscribe", list_unsubscribe_url) + b">")
        if ways:
            head += (b"List-Unsubscribe: ", b",\r\n ".join(ways), b"\r\n")
        if list_unsubscribe_url:
            head.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
        return b"".join((*head, subject, b"\r\n", self._shared, content))


def _fill(pattern: str, fields: Mapping[str, str]) -> str:
    # One pass: a placeholder that stands inside a field's value is not looked at again.
    return PLACEHOLDER.sub(lambda found: fields.get(found[1], found[0]), pattern)


def _content(text: str) -> bytes:
    """Content headers, blank line and encoded body."""
    text = _TEXT_CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.endswith("\n"):
        text += "\n"
    raw = text.encode("utf-8", "replace")
    foreign = sum(octet > 0x7F for octet in raw)
    if not foreign and all(len(line) <= _LINE for line in raw.split(b"\n")):
        charset, encoding, body = b"us-ascii", b"7bit", raw.replace(b"\n", b"\r\n")
    elif foreign * 6 < len(raw):
        charset, encoding = b"utf-8", b"quoted-printable"
        body = binascii.b2a_qp(raw, istext=True).replace(b"\n", b"\r\n")
    else:
        charset, encoding = b"utf-8", b"base64"
        body = base64.encodebytes(raw.replace(b"\n", b"\r\n")).replace(b"\n", b"\r\n")
    return b"".join(
        (
            b"Content-Type: text/plain; charset=", charset, b"\r\n",
            b"Content-Transfer-Encoding: ", encoding, b"\r\n\r\n",
            body,
        )
    )  # fmt: skip


def _exact(header: str, value: str) -> bytes:
    if not _STRUCTURED.fullmatch(value) or "<" in value or ">" in value:
        raise RenderingError(f"{header}: only visible ASCII without angle brackets can stand here")
    return value.encode("ascii")


def _display(value: str) -> str:
    return _HEADER_CONTROL.sub(" ", value).strip().encode("utf-8", "replace").decode("utf-8")


def _unstructured(name: str, value: str) -> bytes:
    if not _HEADER_NAME.fullmatch(name):
        raise RenderingError("not a header's name")
    value = _display(value)
    start = f"{name}: "
    if value.isascii() and "=?" not in value and len(start) + len(value) <= _LINE:
        return (start + value).encode("ascii")
    return start.encode("ascii") + b"\r\n ".join(_words(value, len(start)))


def _mailbox(name: str, display: str, address: str) -> bytes:
    exact = b"<" + _exact(name, address) + b">"
    display = _display(display)
    start = f"{name}: ".encode("ascii")
    if not display:
        return start + exact
    if display.isascii() and "=?" not in display and len(display) <= _LINE - 12:
        quoted = display.replace("\\", "\\\\").replace('"', '\\"')
        return start + b'"' + quoted.encode("ascii") + b'"\r\n ' + exact
    return start + b"\r\n ".join((*_words(display, len(start)), exact))


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
