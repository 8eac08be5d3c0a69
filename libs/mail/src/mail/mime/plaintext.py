"""HTML mail and flowed text to plain lines, as a reader would see them.

Quotations (`blockquote`) come out with `> ` in front, so that they look like those of plain mail; what is hidden (see
`mail.mime.visibility`), styles and scripts are dropped; pictures only stay where they stand for a character. A small
linear tokenizer, because `html.parser` takes quadratic time on hostile input.
"""

from __future__ import annotations

import html
import re

from mail.mime.visibility import Sight, attributes

_TAG = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:]{0,60})")
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_RAW = frozenset(
    {"script", "style", "title", "textarea", "xml", "noscript", "noframes", "template", "svg", "math", "object",
     "iframe", "select"}
)  # fmt: skip
_VOID = frozenset(
    {"br", "img", "hr", "meta", "link", "input", "area", "base", "col", "wbr", "source", "embed", "param", "track"}
)
_BLOCK = frozenset(
    {"address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset",
     "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main", "nav", "ol",
     "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"}
)  # fmt: skip
_MAX_OPEN = 200
_MAX_SHEETS = 5
_MAX_EMOJI = 16


class _Page:
    """The lines written so far, and the elements that are open."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        self.lines: list[str] = []
        self.pieces: list[str] = []  # of the line being written; joined once, a string would grow in quadratic time
        self.written = False  # whether the line holds more than blanks
        self.open: list[tuple[str, bool, str]] = []  # name, hidden, the background around it
        self.counts: dict[str, int] = {}
        self.background = sight.background
        self.hidden = 0

    def text(self, text: str) -> None:
        if self.hidden or not text:
            return
        if "&" in text:
            text = html.unescape(text)
        if self.counts.get("pre"):
            first, *others = text.replace("\r\n", "\n").split("\n")
            self._write(first)
            for other in others:
                self.break_line()
                self._write(other)
            return
        text = _SPACE.sub(" ", text)
        self._write(text if self.pieces else text.lstrip(" "))

    def _write(self, text: str) -> None:
        if text:
            self.pieces.append(text)
            self.written = self.written or not text.isspace()

    def break_line(self) -> None:
        self.lines.append("> " * min(self.counts.get("blockquote", 0), 8) + "".join(self.pieces).rstrip())
        self.pieces, self.written = [], False

    def block(self) -> None:
        if self.written:
            self.break_line()
        self.pieces = []

    def start(self, name: str, tag: str) -> None:
        if name in _BLOCK:
            if self.open and self.open[-1][0] == "p":
                self.end("p")
            self.block()
        if name == "br":
            if not self.hidden:
                self.break_line()
            return
        if name == "img":
            self._picture(tag)
        if name in ("td", "th") and self.written:
            self.pieces.append(" ")
        if name in _VOID or tag.endswith("/") or len(self.open) >= _MAX_OPEN:
            return
        before = self.background
        hidden = False
        if len(tag) > len(name) + 1:
            hidden, self.background = self.sight.look(attributes(tag), before)
        self.open.append((name, hidden, before))
        self.hidden += hidden
        self.counts[name] = self.counts.get(name, 0) + 1

    def _picture(self, tag: str) -> None:
        """A picture that a mail program put in the place of an emoji says which one."""
        if self.hidden:
            return
        text = html.unescape(attributes(tag).get("alt", "")[: 4 * _MAX_EMOJI])
        if len(text) <= _MAX_EMOJI and not text.isascii() and not any(char.isalpha() for char in text):
            self._write(text)

    def end(self, name: str) -> None:
        if name in _BLOCK:
            self.block()
        if not self.counts.get(name):
            return
        while self.open:
            other, hidden, self.background = self.open.pop()
            self.hidden -= hidden
            self.counts[other] -= 1
            if other == name:
                return


def from_html(source: str) -> str:
    """Return what a reader sees of an HTML page, with LF line ends. Never raises."""
    lower = source.lower() if source.isascii() else _ascii_lower(source)
    page = _Page(Sight(_style_sheets(source, lower)))
    position = 0
    while position < len(source):
        opening = source.find("<", position)
        if opening < 0:
            break
        page.text(source[position:opening])
        if source.startswith("<!--", opening):
            closing = source.find("-->", opening + 2)
            position = closing + 3 if closing >= 0 else len(source)
            continue
        found = _TAG.match(source, opening + 1)
        if not found and source[opening + 1 : opening + 2] not in ("!", "?", "/"):
            page.text("<")
            position = opening + 1
            continue
        closing = source.find(">", opening)
        if closing < 0:
            page.text(source[opening:])
            position = len(source)
            break
        position = closing + 1
        if not found:
            continue
        name = found[1].lower()
        if source[opening + 1] == "/":
            page.end(name)
        elif name in _RAW:
            if not source.endswith("/", opening, closing):
                closing = lower.find(f"</{name}", position)
                position = closing if closing >= 0 else len(source)
        else:
            page.start(name, source[opening + 1 : closing])
    page.text(source[position:])
    page.block()
    return "\n".join(page.lines).strip("\n") + "\n" if page.lines else ""


def _ascii_lower(text: str) -> str:
    """Lower case of the same length, which `lower` isn't for every character."""
    return text.translate({code: code + 32 for code in range(ord("A"), ord("Z") + 1)})


def _style_sheets(source: str, lower: str) -> str:
    found = []
    position = 0
    for _ in range(_MAX_SHEETS):
        opening = lower.find("<style", position)
        start = lower.find(">", opening) + 1 if opening >= 0 else 0
        if not start:
            break
        position = lower.find("</style", start)
        position = len(lower) if position < 0 else position
        found.append(source[start:position])
    return "\n".join(found)


def unflow(text: str, delete_space: bool) -> str:
    """Join the soft line breaks of format=flowed (RFC 3676); quoted lines keep their marks."""
    lines: list[list[str]] = []
    depth_before: int | None = None  # of the line before, where that ended softly
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        soft = content.endswith(" ") and content != "-- "
        body = content[:-1] if soft and delete_space else content
        if depth_before == depth and content != "-- ":
            lines[-1].append(body)
        else:
            lines.append([(">" * depth + " " if depth else "") + body])
        depth_before = depth if soft else None
    return "\n".join("".join(pieces) for pieces in lines)
