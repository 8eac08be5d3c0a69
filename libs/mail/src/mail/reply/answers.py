"""Answers: the words that a person wrote in a reply, without the quotation, and the choice that they mean.

    mail.reply.sorting        puts every line where it belongs: to the person's own, or to what is quoted; it uses
      .comparison             which finds our own text again in the reply, with or without marks, wrapped or filled
      .quotation              the marks of quotations
      .introductions          the lines with which mail programs begin one
    mail.reply.signatures     what stands below a person's words without being any
    mail.reply.subjects       the answer that stands in the subject only

Whatever is in doubt stays, since losing what somebody wrote is worse than leaving a line. `recognise` (see
`mail.choices.recognition`) never guesses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mail.choices.recognition import Choice, recognise
from mail.mime.reading import ParsedMail
from mail.reply import signatures, subjects
from mail.reply.comparison import Comparison
from mail.reply.plain_form import plain
from mail.reply.sorting import MAX_COPIED, SortedLines, sort_lines

__all__ = ["Choice", "answer_text", "recognise", "redact"]

_MAX_LINES = 5000
_MAX_INSIDE = 3
_BLANK_LINES = re.compile(r"\n{3,}")
_ARROW = re.compile(r"(?:←|⇐|⬅|◀|<[-=]{1,3})")
_AT = re.compile(r"\s?(?:[@＠﹫]|[(\[（［](?:at|アット|あっと)[)\]）］])\s?", re.IGNORECASE)
_LOCAL = re.compile(r"[A-Za-z0-9Ａ-Ｚａ-ｚ０-９.．!#$%&'*+/=?^_＿`{|}~＋－\"-]*")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9Ａ-Ｚａ-ｚ０-９－-]{1,63}[.．。｡,，]){1,8}[A-Za-zＡ-Ｚａ-ｚ]{2,24}")
_OMITTED = "〔アドレス省略〕"


def answer_text(mail: ParsedMail, sent: str | None, *, sent_subject: str | None = None) -> str:
    """Return what the person wrote, with LF line ends and without blank ends; "" when there is nothing.

    `sent` is the text that the reply is to, where it is known; placeholders in it (``{{child}}``) stand for whatever a
    copy has in their place. An answer that stands in the subject only is found when the subject differs from
    `sent_subject`, which may hold placeholders too (or, that unknown, when it doesn't even start with Re:).
    """
    lines = mail.text.split("\n")[:_MAX_LINES]
    original = Comparison(sent or "", lines)
    sorted_lines = sort_lines(lines, original)
    return (
        _tidy(_written(sorted_lines))
        # Somebody who only copies one of our lines, or deletes all the others, means it.
        or _tidy(sorted_lines.copied)
        or _tidy(_only_quoted(sorted_lines, original))
        or subjects.answer_in(mail.subject, sent_subject)
    )


def _written(found: SortedLines) -> list[str]:
    """The person's own lines without signatures, all blocks one after the other."""
    filled = [block for block in found.blocks if any(line.strip() for line in block)]
    own = [signatures.strip_block(block, alone=len(filled) == 1) for block in filled]
    own = [block for block in own if block]
    if len(own) > 1 and signatures.is_signature(own[-1]):
        own.pop()
    return [line for block in own for line in (*block, "")]


def _only_quoted(found: SortedLines, original: Comparison) -> list[str]:
    """The marked lines that mean something by themselves: those with an arrow, or the few that were not deleted."""
    pointed = [line for line in found.marked if _ARROW.search(line)]
    if pointed and not original.known:
        return pointed if len(pointed) <= 2 else []
    if found.inside and found.depth >= 0:
        # A person wrote behind the mark itself, as in a page where the cursor stood in the quotation.
        return signatures.strip_block(found.inside, alone=True) if len(found.inside) <= _MAX_INSIDE else []
    if not original.known or found.foreign:
        return []
    left = sum(len(plain(line)) for line in found.marked)
    return found.marked if 0 < left <= min(MAX_COPIED, original.length // 2) else []


def _tidy(lines: Sequence[str]) -> str:
    return _BLANK_LINES.sub("\n\n", "\n".join(line.rstrip() for line in lines)).strip()


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
