"""The body of a mail: which parts of the MIME tree a person wrote, and their text.

`written` walks the parts in reading order. Of alternatives the plain one is taken, unless it is empty or only says that
the mail is HTML; attachments, forwarded mails, pictures, signatures and calendars are no part of it. Each part
is decoded once, and all of them together only so far.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from mail.mime import charsets, headers, plaintext, tnef, transfer
from mail.mime.parts import SIGNED_WHOLE, Limits, Part, clean

_HTML = frozenset({"text/html", "text/xhtml", "application/xhtml+xml", "text/enriched", "text/richtext"})
_PLAIN = frozenset({"text/plain", "text/"})
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
_FOR_PROGRAMS = frozenset(
    {"text/calendar", "text/vcard", "text/x-vcard", "text/directory", "text/css", "text/javascript", "text/xml",
     "text/csv", "text/x-amp-html", "text/rfc822-headers"}
)  # fmt: skip
_FIRST_CHILD_ONLY = frozenset({"multipart/report", "multipart/related"})
_VISIBLE = re.compile("[^\\s\u00ad\u200b-\u200f\u2060\ufeff\u3164]")
_REFERS_TO_HTML = re.compile(
    r"html.{0,80}(?:メール|形式|表示|対応|閲覧|ご覧|mail|message|view|format|version|part|display|enabled|capable"
    r"|compatible|support)|(?:メール|mail|message|view|display).{0,80}html",
    re.IGNORECASE | re.DOTALL,
)
_MAX_NOTICE = 400
_PAGE = re.compile(r"\s{0,100}(?:<!doctype html\b|<html\b)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{1,200}?charset\s{0,5}=\s{0,5}[\"']?([A-Za-z0-9_:.-]{2,40})", re.IGNORECASE)
_META_WITHIN = 4000


@dataclass(frozen=True, slots=True)
class Written:
    """Text, the charset really used, and whether all of it was made from HTML."""

    text: str
    charset: str
    from_html: bool


NOTHING = Written("", "us-ascii", False)


def written(top: Part, limits: Limits) -> Written:
    """What a person wrote in a mail. Never raises."""
    reader = _Reader(top, limits)
    found = _once([each for part in reader.chosen(top) if not _is_blank((each := reader.text_of(part)).text)])
    if not found:
        found = [each for part in reader.left() if not _is_blank((each := reader.text_of(part)).text)][:1]
    if not found:
        return NOTHING
    text = "\n".join(each.text.rstrip("\n") for each in found) + "\n"
    text = _broken(transfer.without_files(text)[: limits.text], limits.line)
    return Written(text, found[0].charset, all(each.from_html for each in found))


def _once(texts: list[Written]) -> list[Written]:
    """Without pages that say what stands in plain text as well: some programs send both one after the other."""
    plain = {" ".join(each.text.split()) for each in texts if not each.from_html}
    return [each for each in texts if not (each.from_html and " ".join(each.text.split()) in plain)]


def _is_blank(text: str) -> bool:
    return not _VISIBLE.search(text)


def _broken(text: str, longest: int) -> str:
    """Text whose lines are only so long."""
    if len(text) <= longest or all(len(line) <= longest for line in text.split("\n")):
        return text
    pieces: list[str] = []
    for line in text.split("\n"):
        pieces.extend(line[at : at + longest] for at in range(0, max(len(line), 1), longest))
    return "\n".join(pieces)


class _Reader:
    """Reads the parts of one mail, each once, until there has been enough text."""

    def __init__(self, top: Part, limits: Limits) -> None:
        self._top = top
        self._left = limits.text
        self._texts: dict[int, Written] = {}
        self._chosen: dict[int, list[Part]] = {}

    def text_of(self, part: Part) -> Written:
        """A part's text; nothing once there has been enough."""
        if id(part) not in self._texts:
            self._texts[id(part)] = self._read(part)
        return self._texts[id(part)]

    def _read(self, part: Part) -> Written:
        if self._left <= 0:
            return NOTHING
        octets = part.payload(self._left)
        self._left -= min(max(part.end - part.start, 1), self._left)
        kind = part.content_type
        if kind in _TNEF:
            text, charset = tnef.text_in(octets)
            return Written(clean(text), charset, False)
        label = part.parameters.get("charset")
        if kind in _HTML and not label and (found := _META_CHARSET.search(octets[:_META_WITHIN])):
            label = found[1].decode("ascii")
        text, charset = _decoded(octets, label)
        if kind in _HTML or (not part.raw("content-type") and _PAGE.match(text)):
            return Written(clean(plaintext.from_html(text)), charset, True)
        if part.parameters.get("format", "").lower() == "flowed":
            text = plaintext.unflow(text, part.parameters.get("delsp", "").lower() == "yes")
        return Written(text, charset, False)

    def left(self) -> Iterator[Part]:
        """Text of an unusual kind, with a name of its own, or in a winmail.dat, for a mail with no other."""
        for part in self._top.walk():
            if part.content_type.startswith("message/"):
                return
            kind = part.content_type
            is_text = kind.startswith("text/") and kind not in _FOR_PROGRAMS and not part.children
            if kind in _TNEF or (is_text and (part is self._top or not part.is_sent_as_file)):
                yield part

    def chosen(self, top: Part) -> list[Part]:
        """The parts that together are the text, in reading order."""
        for part in reversed(list(top.walk())):  # children before their parents, so that nothing recurses
            self._chosen[id(part)] = self._of(part)
        return self._chosen[id(top)]

    def _of(self, part: Part) -> list[Part]:
        kind = part.content_type
        if (kind.startswith("multipart/") or kind in SIGNED_WHOLE) and part.children:
            below = [self._chosen[id(child)] for child in part.children]
            if kind == "multipart/alternative":
                return self._best(below)
            if kind in _FIRST_CHILD_ONLY:
                return below[_root(part)] or next((parts for parts in below if parts), [])
            return [each for parts in below for each in parts]
        if kind in _HTML or kind in _PLAIN or kind.startswith("multipart/"):
            # A multipart without a boundary line in it is read as the text that it really is.
            return [part] if part is self._top or not part.is_attachment else []
        return []

    def _best(self, options: list[list[Part]]) -> list[Part]:
        """Of alternatives the first plain one that says something, else the first that does."""
        said = [parts for parts in options if any(not _is_blank(self.text_of(each).text) for each in parts)]
        plain = [parts for parts in said if any(each.content_type in _PLAIN for each in parts)]
        others = [parts for parts in said if not any(each.content_type in _PLAIN for each in parts)]
        if plain and others and _only_refers_to_html([self.text_of(each).text for each in plain[0]]):
            return others[0]
        return next(iter(plain or others), [])


def _decoded(octets: bytes, label: str | None) -> tuple[str, str]:
    text, charset = charsets.decode(octets, label)
    return clean(text), charset


def _only_refers_to_html(texts: list[str]) -> bool:
    text = "".join(text[: _MAX_NOTICE + 1] for text in texts[:2]).strip()
    return len(text) <= _MAX_NOTICE and bool(_REFERS_TO_HTML.search(unicodedata.normalize("NFKC", text)))


def _root(part: Part) -> int:
    """Which child of a multipart/related is the text itself (RFC 2387)."""
    start = part.parameters.get("start", "").strip("<> ")
    if start:
        for number, child in enumerate(part.children):
            if headers.decode_words(child.raw("content-id")).strip("<> ") == start:
                return number
    return 0
