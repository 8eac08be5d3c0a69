"""Header fields as octets: taking them apart, and reading them with all that real senders do wrong.

`split` cuts the header block off, `decode_words` reads encoded words (RFC 2047) beside raw 8-bit text, `parameters`
reads Content-Type and Content-Disposition (RFC 2045, RFC 2231). All total and linear in the size of the input.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mail.mime import charsets
from mail.mime.transfer import decode_base64

Fields = list[tuple[str, bytes]]
"""(lower-case name, raw unfolded value) in the order of the mail."""

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\r\n]*+(?:(?:\r\n|\n|\r)[ \t][^\r\n]*+)*+)(?:\r\n|\n|\r|\Z)")
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r|\Z)")
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\r?\n|\r\r")
_LINE_ENDS = re.compile(rb"[\r\n]+")
_KNOWN_FIELD = re.compile(
    rb"(?:from|to|cc|subject|date|message-id|in-reply-to|references|mime-version|content-type|received|reply-to"
    rb"|content-transfer-encoding|content-disposition|return-path|x-mailer|sender)[ \t]{0,5}:",
    re.IGNORECASE,
)
_BLANK_START = re.compile(rb"(?:\xef\xbb\xbf|[ \t]*+(?:\r\n|\n|\r))++(?=[!-9;-~]{1,60}+[ \t]*+:)")
_WORD = re.compile(r"=\?([^?\s=]{1,80})\?([bBqQ])\?")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_BLANK = re.compile(r"[ \t]")
_UNDIVIDED = re.compile(r"\s*([^\s;=\"]{1,200})\s+(?=[^\s=;\"]{1,60}\s{0,5}=)")  # "text/plain charset=utf-8"
_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"?|[^;]*+)', re.DOTALL)
_SECTION = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?")
_MAX_PARAMETERS = 50
_MAX_PARAMETER_OCTETS = 10_000
_MAX_WORDS = 2000


def with_a_clear_start(raw: bytes, header_octets: int) -> bytes:
    """Return a mail with what some programs put before or into its header taken away: a byte order mark, blank lines,
    NULs; and with line feeds where it has nothing but carriage returns."""
    if blank := _BLANK_START.match(raw[:4000]):
        raw = raw[blank.end() :]
    if b"\r" in raw[:header_octets] and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    if b"\0" in raw[:header_octets]:
        end = _BLANK_LINE.search(raw, 0, header_octets)
        stop = end.start() if end else min(header_octets, len(raw))
        if b"\0" in raw[:stop]:
            raw = raw[:stop].replace(b"\0", b"") + raw[stop:]
    return raw


def split(
    raw: bytes, max_octets: int, max_fields: int, *, start: int = 0, end: int | None = None, longest: int = 1_000_000
) -> tuple[Fields, int]:
    """Return the header fields of `raw[start:end]` and where the body starts.

    Fields beyond `max_fields` are passed over, and what a field has beyond `longest` octets (of References the
    beginning, as its end is the nearest). A line that can't be a field ends the block, as it does for most programs,
    except an mbox "From " line at the top, and a broken line with a well-known field after it.
    """
    end = len(raw) if end is None else end
    limit = min(end, start + max_octets)
    fields: Fields = []
    position = start
    while position < limit and len(fields) < max_fields:
        if found := _FIELD.match(raw, position, limit):
            name = found[1].decode("ascii").lower()
            value = _LINE_ENDS.sub(b"", found[2])
            if len(value) > longest:
                value = value[-longest:] if name == "references" else value[:longest]
            fields.append((name, value))
            position = found.end()
            continue
        line = _LINE.match(raw, position, limit)
        assert line is not None  # matches anything
        content = line[0].rstrip(b"\r\n")
        if not content:
            return fields, line.end()
        at_top = position == start and content.startswith((b"From ", b">From "))
        broken = fields and content[:1] not in b" \t" and _KNOWN_FIELD.match(raw, line.end(), limit)
        if content.strip() and not at_top and not broken:
            return fields, position
        position = line.end()
    return fields, _after_blank_line(raw, position, end)


def _after_blank_line(raw: bytes, position: int, end: int) -> int:
    # Only for a header block that is longer than we read.
    if position >= end:
        return end
    found = _BLANK_LINE.search(raw, max(position - 2, 0), end)
    return found.end() if found else end


def decode_words(raw: bytes) -> str:
    """Return a header value as text on one line: encoded words and raw 8-bit octets in any mixture.

    Adjacent words of one charset are joined before decoding, because many programs split characters. A word without
    its end goes to the next blank; one with blanks in it goes to its end.
    """
    if b"=?" not in raw:
        text = raw.decode("ascii") if raw.isascii() and b"\x1b" not in raw else charsets.decode(raw)[0]
        return _one_line(text)
    text = raw.decode("latin-1")
    runs: list[_Run] = []
    position = 0
    for _ in range(_MAX_WORDS):
        word = _WORD.search(text, position)
        if not word:
            break
        between = text[position : word.start()]
        if between and (between.strip() or not runs or runs[-1].label is None):
            runs.append(_Run(None, "", between))
        stop, position = _word_end(text, word.end(), word[2])
        label, encoding, content = word[1].partition("*")[0].lower(), word[2].lower(), text[word.end() : stop]
        if not (runs and runs[-1].joins(label, encoding, content)):
            runs.append(_Run(label, encoding, content))
    if position < len(text):
        runs.append(_Run(None, "", text[position:]))
    pieces: list[tuple[str | None, bytes]] = []
    for run in runs:
        octets = run.octets()
        if pieces and run.label is not None and pieces[-1][0] == run.label:
            pieces[-1] = (run.label, pieces[-1][1] + octets)
        else:
            pieces.append((run.label, octets))
    return _one_line("".join(charsets.decode(octets, label)[0] for label, octets in pieces))


def _one_line(text: str) -> str:
    if _ODD.search(text):
        text = _CONTROL.sub(" ", text).replace("\ufeff", "")
    return text.strip()


class _Run:
    """A stretch of a header value: raw text (no label), or an encoded word and those that continue its base64."""

    __slots__ = ("content", "encoding", "label")

    def __init__(self, label: str | None, encoding: str, content: str) -> None:
        self.label, self.encoding, self.content = label, encoding, [content]

    def joins(self, label: str, encoding: str, content: str) -> bool:
        """Take a word up, if base64 was split between two words without regard to its groups of four."""
        last = self.content[-1].strip()
        if (self.label, self.encoding, encoding) != (label, "b", "b") or last.endswith("=") or len(last) % 4 == 0:
            return False
        if len(self.content) == 1 or len("".join(self.content)) % 4:
            self.content.append(content)
            return True
        return False

    def octets(self) -> bytes:
        octets = "".join(self.content).encode("latin-1")
        if self.encoding == "b":
            return decode_base64(octets)
        if self.encoding == "q":
            return binascii.a2b_qp(octets.replace(b"\n", b""), header=True)
        return octets


def _word_end(text: str, start: int, encoding: str) -> tuple[int, int]:
    """Where an encoded word's content ends, and where what follows it starts."""
    stop = text.find("?=", start)
    if encoding in "qQ":
        # A question mark that was not encoded, with an encoded octet after it: `what?=E3`.
        for _ in range(20):
            if stop < 0 or not re.fullmatch("[0-9A-F]{2}", text[stop + 2 : stop + 4]):
                break
            following = text.find("?=", stop + 2)
            if following < 0 or _BLANK.search(text, stop, following):
                break
            stop = following
    next_word = text.find("=?", start)
    while next_word >= 0 and not _WORD.match(text, next_word) and next_word < stop:
        next_word = text.find("=?", next_word + 2)
    if stop < 0 or (0 <= next_word < stop - 1 and text[next_word - 1 : next_word].isspace()):
        blank = _BLANK.search(text, start)
        stop = blank.start() if blank else len(text)
        return stop, stop
    return stop, stop + 2


def parameters(raw: bytes) -> tuple[str, dict[str, str]]:
    """Return the main value in lower case and the parameters (RFC 2231 continuations and charsets resolved)."""
    text = raw[:_MAX_PARAMETER_OCTETS].decode("latin-1").replace("\r", " ").replace("\n", " ")
    if undivided := _UNDIVIDED.match(text):
        text = f"{undivided[1]};{text[undivided.end() :]}"
    main = next(iter(_CONTROL.sub("", text.partition(";")[0]).split()), "").strip("\"'").lower()
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, bytes]] = {}
    labels: dict[str, str] = {}
    for name, value in _pairs(text):
        found = _SECTION.fullmatch(name)
        if not found or not (found[2] or found[3]):
            if name == "boundary":
                plain.setdefault(name, value)  # octets, one character each
            elif name not in plain:
                plain[name] = decode_words(value.encode("latin-1"))
            continue
        key, number = found[1], int(found[2] or 0)
        octets = value.encode("latin-1")
        if found[3]:
            if number == 0 and value.count("'") >= 2:
                label, _, rest = value.split("'", 2)
                labels[key] = label
                octets = rest.encode("latin-1")
            octets = unquote_to_bytes(octets)
        sections.setdefault(key, {}).setdefault(number, octets)
    for key, numbered in sections.items():
        joined = b"".join(numbered[number] for number in sorted(numbered))
        plain[key] = _CONTROL.sub(" ", charsets.decode(joined, labels.get(key))[0])
    return main, plain


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    start = text.find(";")
    if start < 0:
        return
    for number, found in enumerate(_PARAMETER.finditer(text, start)):
        if number >= _MAX_PARAMETERS:
            break
        value = found[2].strip()
        if value.startswith('"'):
            value = value[1:-1] if len(value) > 1 and value.endswith('"') else value[1:]
            if "\\" in value:
                value = re.sub(r"\\(.)", r"\1", value)
        yield found[1].lower(), value
