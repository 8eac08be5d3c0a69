"""The MIME tree of a mail, read in a bounded way: no mail makes this raise, recurse deeply, or take long.

`parse` gives the top `Part`; each knows its own header fields, its body as octets and its children. The readers of
bodies and of delivery reports walk it. Written here rather than taken from the `email` package because that
raises on hostile mail and takes seconds over thousands of headers or parts.

One pass over the octets notes every line that starts with two dashes; each multipart then looks its boundary up among
them. So the cost does not grow with nesting, and a part is only a place in the octets: nothing is copied until a body
is asked for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from mail.mime import charsets, cms, headers, transfer

_DASHES = re.compile(rb"[\r\n]--([^\r\n]{0,4000}+)(?=[\r\n]|\Z)")
_CONTENT = re.compile(rb"\r?\n?content-[a-z-]{2,30}+[ \t]*+:", re.IGNORECASE)
SIGNED_WHOLE = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
"""Types of a part that may hold the mail that was signed, as its one child."""
_PACKED = (b"base64", b"quoted-printable")
_MAX_DASHES = 100_000  # lines that may be boundaries; what comes after so many of them is not taken apart
_MAX_BOUNDARY = 3990
_SNIFFED = 20
# What a line of text ends with, in any client's opinion; and what nobody sees: NUL and its kind, byte order marks.
_UNSEEN: dict[int, str | None] = {
    **dict.fromkeys((*range(0x09), *range(0x0E, 0x20), *range(0x7F, 0xA0), 0xFEFF)),
    **dict.fromkeys((0x0B, 0x0C, 0x85, 0x2028, 0x2029), "\n"),
}
_SEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a mail is looked at; the rest is passed over, never refused.

    `size` and `text` in octets (the whole mail; all of its text before the transfer encoding is off), `parts` and
    `depth` (of nesting) and `headers` (fields of one part) in number, `line` in characters: a longer header field is
    cut, a longer line of text broken.
    """

    size: int = 10_000_000
    parts: int = 300
    depth: int = 150
    headers: int = 1000
    line: int = 20_000
    text: int = 1_000_000

    @property
    def header_octets(self) -> int:
        """Of one part's whole header."""
        return max(256 * 1024, self.line)


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Part:
    """One entity of a mail: the whole mail itself, or what lies between two boundaries."""

    fields: headers.Fields = field(repr=False)
    content_type: str
    parameters: dict[str, str] = field(repr=False)
    children: tuple[Part, ...] = field(repr=False)
    source: bytes = field(repr=False)
    start: int
    end: int

    @property
    def body(self) -> bytes:
        """What stands below the header, its transfer encoding still on."""
        return self.source[self.start : self.end]

    def raw(self, name: str) -> bytes:
        """The first field of a name (lower case), unfolded and undecoded; empty if there is none."""
        return next((value for key, value in self.fields if key == name), b"").strip()

    @property
    def is_sent_as_file(self) -> bool:
        """Whether its sender meant it as a file, beyond doubt."""
        return self.raw("content-disposition")[:10].lower() == b"attachment"

    @property
    def is_attachment(self) -> bool:
        """Whether a client shows it as a file rather than as part of the text."""
        disposition, parameters = headers.parameters(self.raw("content-disposition"))
        return disposition == "attachment" or "filename" in parameters or "name" in self.parameters

    def payload(self, limit: int | None = None) -> bytes:
        """The body with its transfer encoding taken off, from at most `limit` octets."""
        end = self.end if limit is None else min(self.start + limit, self.end)
        return transfer.decode(self.source[self.start : end], self.raw("content-transfer-encoding"))

    def text(self, limit: int | None = None) -> tuple[str, str]:
        """The body as text with LF line ends, and the charset that was really used."""
        text, charset = charsets.decode(self.payload(limit), self.parameters.get("charset"))
        return clean(text), charset

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order of the mail."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def clean(text: str) -> str:
    """Text with LF line ends only, and without what nobody sees."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.translate(_UNSEEN) if _SEEN.search(text) else text


def parse(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Part:
    """Return the tree of a mail. Never raises."""
    return _Parser(limits).tree(headers.with_a_clear_start(raw[: limits.size], limits.header_octets))


class _Dashes:
    """The lines of some octets that start with two dashes, by what follows the dashes."""

    def __init__(self, source: bytes, budget: int) -> None:
        self.starts: list[int] = []
        self.places: dict[bytes, list[tuple[int, int]]] = {}
        if source.startswith(b"--") and (first := _DASHES.match(b"\n" + source[:4010])):
            self._add(first[1], 0, first.end() - 1)
        for found in _DASHES.finditer(source):
            self._add(found[1], found.start() + 1, found.end())
            if len(self.starts) >= budget:
                break

    def _add(self, text: bytes, start: int, end: int) -> None:
        self.starts.append(start)
        text = text.rstrip()
        if text.endswith(b"--"):
            text = text[:-2].rstrip() + b"--"
        self.places.setdefault(text, []).append((start, end))

    def between(self, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
        """The lines in a range that consist of a boundary; each as (start of line, end of line without its end)."""
        places = self.places.get(boundary, [])
        return places[bisect_left(places, (start, 0)) : bisect_left(places, (end, 0))]

    def sniff(self, source: bytes, start: int, end: int) -> bytes:
        """What is used as a boundary in a range, although nothing tells of it; empty if nothing is."""
        first = bisect_left(self.starts, start)
        for position in self.starts[first : first + _SNIFFED]:
            if position >= end:
                break
            found = _DASHES.match(b"\n" + source[position : position + 4010])
            if found and found[1].strip(b"- \t") and _CONTENT.match(source, position + found.end() - 1, end):
                return found[1].rstrip()
        return b""


@dataclass(slots=True)
class _Node:
    """A part that is still being taken apart: where it lies, how deep, and what it is by default."""

    source: bytes
    dashes: _Dashes
    start: int
    end: int
    depth: int
    default: str
    parent: int


class _Parser:
    """Takes one mail apart, without recursion: nodes wait in a list, parents before their children."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nodes: list[_Node] = []
        self.waiting: list[_Node] = []
        self.unpacked = limits.size  # so many octets may still be copied out of encodings and structures

    def tree(self, raw: bytes) -> Part:
        self.waiting.append(_Node(raw, _Dashes(raw, _MAX_DASHES), 0, len(raw), 0, "text/plain", -1))
        made: list[tuple[headers.Fields, str, dict[str, str], int]] = []
        while self.waiting and len(self.nodes) < max(self.limits.parts, 1):
            node = self.waiting.pop()
            self.nodes.append(node)
            made.append(self._open(node, len(self.nodes) - 1))
        children: list[list[Part]] = [[] for _ in made]
        part = None
        for number in range(len(made) - 1, -1, -1):
            node, (fields, main, parameters, body) = self.nodes[number], made[number]
            below = tuple(reversed(children[number]))
            part = Part(fields, main, parameters, below, node.source, min(body, node.end), node.end)
            if node.parent >= 0:
                children[node.parent].append(part)
        assert part is not None  # a mail is at least one part
        return part

    def _open(self, node: _Node, number: int) -> tuple[headers.Fields, str, dict[str, str], int]:
        """Read a part's header; what lies in it waits for its turn."""
        limits = self.limits
        fields, start = headers.split(
            node.source, limits.header_octets, limits.headers, start=node.start, end=node.end, longest=limits.line
        )
        main, parameters = headers.parameters(next((value for key, value in fields if key == "content-type"), b""))
        kind, slash, _ = main.partition("/")
        if not slash or not kind:
            main = "text/plain" if main == "text" else node.default
        if node.depth < limits.depth:
            if main.startswith("multipart/"):
                self._open_multipart(node, number, fields, main, parameters, start)
            elif main in ("message/rfc822", "message/global") or main in SIGNED_WHOLE:
                self._open_mail(node, number, Part(fields, main, parameters, (), node.source, start, node.end))
        return fields, main, parameters, start

    def _open_multipart(
        self, node: _Node, number: int, fields: headers.Fields, main: str, parameters: dict[str, str], start: int
    ) -> None:
        default = "message/rfc822" if main == "multipart/digest" else "text/plain"
        boundary = parameters.get("boundary", "").encode("latin-1", "replace").rstrip()[:_MAX_BOUNDARY]
        source, dashes, end = node.source, node.dashes, node.end
        pieces = _pieces(source, dashes, boundary, start, end) if boundary else []
        if not pieces:
            pieces = _pieces(source, dashes, dashes.sniff(source, start, end), start, end)
        if not pieces:
            # Against RFC 2045 6.4, but seen: the encoding is that of the multipart itself.
            whole = Part(fields, main, parameters, (), source, start, end)
            if _is_encoded(whole) and (unpacked := self._unpack(whole)):
                source, dashes = unpacked
                pieces = _pieces(source, dashes, boundary, 0, len(source))
        room = max(self.limits.parts - len(self.nodes), 0)
        nodes = [_Node(source, dashes, at, until, node.depth + 1, default, number) for at, until in pieces[:room]]
        self.waiting.extend(reversed(nodes))

    def _open_mail(self, node: _Node, number: int, whole: Part) -> None:
        """A mail within a mail, as it lies there or packed."""
        source, dashes, start = whole.source, node.dashes, whole.start
        if whole.content_type in SIGNED_WHOLE or _is_encoded(whole):
            if not (unpacked := self._unpack(whole)):
                return
            (source, dashes), start = unpacked, 0
        end = len(source) if source is not whole.source else whole.end
        self.waiting.append(_Node(source, dashes, start, end, node.depth + 1, "text/plain", number))

    def _unpack(self, whole: Part) -> tuple[bytes, _Dashes] | None:
        """A part's content in octets of its own; nothing when there is none, or enough was unpacked already."""
        size = whole.end - whole.start
        if size > self.unpacked:
            return None
        self.unpacked -= size
        content = whole.payload()
        if whole.content_type in SIGNED_WHOLE:
            content = cms.signed_content(content)
        return (content, _Dashes(content, _MAX_DASHES)) if content else None


def _is_encoded(part: Part) -> bool:
    return part.raw("content-transfer-encoding").lower() in _PACKED


def _pieces(source: bytes, dashes: _Dashes, boundary: bytes, start: int, end: int) -> list[tuple[int, int]]:
    """What lies between the delimiter lines (RFC 2046 5.1.1); a missing last one is forgiven."""
    opening = dashes.between(boundary, start, end) if boundary else []
    if not opening:
        return []
    closing = next((at for at, _ in dashes.between(boundary + b"--", start, end) if at > opening[0][0]), end)
    opening = [place for place in opening if place[0] < closing]
    ends = [*(_before_line_end(source, at) for at, _ in opening[1:]), closing]
    if closing < end:
        ends[-1] = _before_line_end(source, closing)
    pieces = []
    for (_, line_end), until in zip(opening, ends, strict=True):
        at = _after_line_end(source, line_end, end)
        if at < until or until < end:
            pieces.append((min(at, until), until))
    return pieces


def _before_line_end(source: bytes, position: int) -> int:
    """Where the line ends that stands before a position; its line end belongs to the delimiter."""
    if position >= 2 and source[position - 2 : position] == b"\r\n":
        return position - 2
    return position - 1 if position and source[position - 1] in b"\r\n" else position


def _after_line_end(source: bytes, position: int, end: int) -> int:
    if source[position : position + 2] == b"\r\n":
        return min(position + 2, end)
    return min(position + 1, end)
