"""The MIME tree of a mail, read in a bounded way: no mail makes this raise, recurse deeply, or take long.

`parse` gives the top `Part`; each knows its own header fields, its body as octets and its children. The reader of
letters and the judge of bounces both walk it. Written here rather than taken from the `email` package because that
raises on hostile mail and takes seconds over thousands of headers or parts.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from mail import charsets, headers

_UNSEEN = dict.fromkeys((0x00, 0xFEFF))  # NUL, and byte order marks that a client put in the middle


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mail is looked at; the rest is passed over."""

    size: int = 40 * 1024 * 1024
    header_octets: int = 256 * 1024
    fields: int = 1000
    parts: int = 300
    depth: int = 12
    text_octets: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Part:
    """One entity of a mail: the whole mail itself, or what lies between two boundaries."""

    fields: headers.Fields = field(repr=False)
    content_type: str
    parameters: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    children: tuple[Part, ...] = ()

    def raw(self, name: str) -> bytes:
        """The first field of a name (lower case), unfolded and undecoded; empty if there is none."""
        return next((value for key, value in self.fields if key == name), b"").strip()

    @property
    def is_attachment(self) -> bool:
        disposition, parameters = headers.parameters(self.raw("content-disposition"))
        return disposition == "attachment" or "filename" in parameters or "name" in self.parameters

    def payload(self, limit: int | None = None) -> bytes:
        """The body with its transfer encoding taken off, from at most `limit` octets."""
        encoding = self.raw("content-transfer-encoding").partition(b";")[0].strip().lower()
        body = self.body if limit is None else self.body[:limit]
        if encoding == b"base64":
            return headers.decode_base64(body)
        if encoding in (b"quoted-printable", b"quotedprintable"):
            return binascii.a2b_qp(body)
        return body

    def text(self, limit: int | None = None) -> tuple[str, str]:
        """The body as text with LF line ends, and the charset that was really used."""
        text, charset = charsets.decode(self.payload(limit), self.parameters.get("charset"))
        return text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNSEEN), charset

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        yield self
        for child in self.children:
            yield from child.walk()


class _Budget:
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.parts = limits.parts


def parse(raw: bytes, limits: Limits) -> Part:
    """Return the tree of a mail. Never raises."""
    return _parse(raw[: limits.size], _Budget(limits), 0, "text/plain")


def _parse(raw: bytes, budget: _Budget, depth: int, default: str) -> Part:
    budget.parts -= 1
    limits = budget.limits
    fields, start = headers.split(raw, limits.header_octets, limits.fields)
    main, parameters = headers.parameters(next((value for key, value in fields if key == "content-type"), b""))
    kind, slash, _ = main.partition("/")
    if not slash or not kind:
        main = "text/plain" if main == "text" else default
    body = raw[start:]
    children: tuple[Part, ...] = ()
    if depth < limits.depth:
        if main.startswith("multipart/") and (boundary := parameters.get("boundary")):
            inner = "message/rfc822" if main == "multipart/digest" else "text/plain"
            children = _children(body, boundary.encode("utf-8", "replace"), budget, depth, inner)
        elif main in ("message/rfc822", "message/global") and budget.parts > 0:
            unpacked = Part(fields, main, parameters, body).payload()
            children = (_parse(unpacked, budget, depth + 1, "text/plain"),)
    return Part(fields, main, parameters, body, children)


def _children(body: bytes, boundary: bytes, budget: _Budget, depth: int, default: str) -> tuple[Part, ...]:
    children = []
    for piece in _pieces(body, b"--" + boundary.rstrip()):
        if budget.parts <= 0:
            break
        children.append(_parse(piece, budget, depth + 1, default))
    return tuple(children)


def _pieces(body: bytes, delimiter: bytes) -> Iterator[bytes]:
    """What lies between the delimiter lines (RFC 2046 5.1.1); a missing last one is forgiven."""
    start: int | None = None
    position = body.find(delimiter)
    while position >= 0:
        after = position + len(delimiter)
        closing = body[after : after + 2] == b"--"
        stop = body.find(b"\n", after, after + 200)
        rest = body[after : stop if stop >= 0 else after + 200].strip()
        if (position == 0 or body[position - 1] in b"\r\n") and rest in (b"", b"--"):
            if start is not None:
                yield _without_last_line_end(body[start:position])
            if closing:
                return
            start = stop + 1 if stop >= 0 else len(body)
        position = body.find(delimiter, after)
    if start is not None and start < len(body):
        yield body[start:]


def _without_last_line_end(piece: bytes) -> bytes:
    if piece.endswith(b"\r\n"):
        return piece[:-2]
    return piece[:-1] if piece.endswith((b"\n", b"\r")) else piece
