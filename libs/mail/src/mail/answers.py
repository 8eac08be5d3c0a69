"""Answers: the words that a person wrote in a reply, without the quotation, and the choice that they mean.

We know the text that we sent, so it is taken out by comparing; what mail programs add around it (marks, attribution
lines, signatures) by its shape. Top, bottom and interleaved posting all come out as the person's lines in their order.
`recognise` (see `mail.choices`) never guesses: what is in doubt is for a human to look at.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from mail import quotation
from mail.choices import Choice, recognise
from mail.reading import Letter

__all__ = ["Choice", "answer_text", "recognise", "redact"]

_MAX_LINES = 5000
_SPACE = re.compile(r"\s+")
_REPLY_MARK = re.compile(
    r"\s*(?:(?:re|fw|fwd|aw|sv|返信|転送)\s*(?:\[\d+\]|\^\d+)?\s*[:：]|【?返信】?(?=\s))\s*", re.IGNORECASE
)
_BLANK_LINES = re.compile(r"\n{3,}")
_AT = re.compile(r"\s?(?:[@＠﹫]|[(\[（［](?:at|アット|あっと)[)\]）］])\s?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9Ａ-Ｚａ-ｚ０-９.．!#$%&'*+/=?^_＿`{|}~＋－\"-]*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9Ａ-Ｚａ-ｚ０-９－-]{1,63}[.．。｡,，]){1,8}[A-Za-zＡ-Ｚａ-ｚ]{2,24}")
_OMITTED = "〔アドレス省略〕"


def answer_text(letter: Letter, sent: str | None, *, sent_subject: str | None = None) -> str:
    """Return what the person wrote, with LF line ends and without blank ends; "" when there is nothing.

    `sent` is the text that the reply is to, where it is known. An answer that stands in the subject only is found when
    the subject differs from `sent_subject` (or, that unknown, when it doesn't even start with Re:).
    """
    lines = letter.text.split("\n")[:_MAX_LINES]
    original = _Original(sent or "")
    written = _tidy(_own_lines(lines, original))
    if not written and sent:
        # Somebody who only copies one of our lines means it: compare less strictly before saying that nothing is there.
        written = _tidy(_own_lines(lines, _Original("")))
        if original.holds(written) and len(_plain(written)) > 60:
            written = ""
    return written or _from_subject(letter.subject, sent_subject)


class _Original:
    """The text that we sent, as one string without blanks and variants, to find lines of it again."""

    def __init__(self, sent: str) -> None:
        self.known = bool(sent.strip())
        self._joined = _plain(sent[:100_000])
        self._lines = {_plain(line) for line in sent[:100_000].split("\n")}

    def holds(self, line: str) -> bool:
        plain = _plain(line[:1000])
        return plain in self._lines or (len(plain) >= 4 and plain in self._joined)

    def run(self, lines: Sequence[str], at: int) -> int:
        """How many unmarked lines from `at` follow one another in the original just so; 0 if fewer than two."""
        joined, count, used = "", 0, 0
        for number, line in enumerate(lines[at : at + 400], 1):
            plain = _plain(line[:1000])
            if plain:
                joined = (joined + plain)[-300:]
                if joined not in self._joined:
                    break
                count += 1
                used = number
            elif not count:
                break
        return used if count >= 2 and len(joined) >= 12 else 0


def _plain(text: str) -> str:
    return _SPACE.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _own_lines(lines: Sequence[str], original: _Original) -> list[str]:
    own: list[str] = []
    below: list[str] = []  # after an attribution: the person's own only in bottom or interleaved posting
    introduced = False
    at = 0
    while at < len(lines):
        line = lines[at]
        if length := _introduction(lines, at):
            if any(other.strip() for other in own) and not _marked(lines, at + length):
                break
            introduced = True
            at += length
        elif quotation.is_quoted(line) or _is_barred(lines, at):
            at += 1
        elif length := quotation.signature(lines, at):
            at += length
        elif quotation.is_phone_signature(line):
            at += 1
        elif original.known and (length := original.run(lines, at)):
            introduced = True
            at += length
        elif introduced and original.known and line.strip() and original.holds(line):
            at += 1
        else:
            (below if introduced else own).append(line)
            at += 1
    while own and (quotation.is_rule(own[-1]) or not own[-1].strip()):
        own.pop()
    if own and quotation.has_contact_data(below):
        below = []
    return [*own, *below]


def _introduction(lines: Sequence[str], at: int) -> int:
    line = lines[at]
    if quotation.separator(line) or quotation.is_rule(line):
        blank = 1 if at + 1 < len(lines) and not lines[at + 1].strip() else 0
        block = quotation.header_block(lines, at + 1 + blank)
        return 1 + blank + block if block else int(quotation.separator(line))
    return quotation.header_block(lines, at) or quotation.attribution(lines, at)


def _marked(lines: Sequence[str], at: int) -> bool:
    """Whether a quotation that starts at `at` bears marks, so that what is unmarked after it is the person's own."""
    following = [line for line in lines[at : at + 12] if line.strip()]
    return bool(following) and quotation.is_quoted(following[0])


def _is_barred(lines: Sequence[str], at: int) -> bool:
    near = lines[max(at - 1, 0) : at] + lines[at + 1 : at + 2]  # type: ignore[operator]
    return quotation.is_barred(lines[at]) and any(quotation.is_barred(line) for line in near)


def _tidy(lines: Sequence[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


def _from_subject(subject: str, sent_subject: str | None) -> str:
    bare = subject
    marks = 0
    while (mark := _REPLY_MARK.match(bare)) and marks < 10:
        bare = bare[mark.end() :]
        marks += 1
    if sent_subject is None:
        return "" if marks else bare.strip()
    wanted, found = _plain(sent_subject), _plain(bare)
    if not found or (wanted and found in wanted and len(found) > 8) or found == wanted:
        return ""
    stated = unicodedata.normalize("NFKC", sent_subject).strip()
    rest = unicodedata.normalize("NFKC", bare)
    return _REPLY_MARK.sub(" ", rest.replace(stated, " ") if stated else rest).strip()


def redact(text: str) -> str:
    """Return the text with everything that looks like a mail address replaced by 〔アドレス省略〕."""
    pieces: list[str] = []
    done = 0
    for at in _AT.finditer(text):
        domain = _DOMAIN.match(text, at.end())
        # Backwards from the at sign, so that hostile text costs no more than friendly one.
        backwards = _LOCAL.match(text[max(done, at.start() - 64) : at.start()][::-1])
        length = backwards.end() if backwards else 0
        if not domain or not length or at.start() < done:
            continue
        pieces.extend((text[done : at.start() - length], _OMITTED))
        done = domain.end()
    return "".join((*pieces, text[done:]))
