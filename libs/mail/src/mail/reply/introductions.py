"""Introductions: the lines with which mail programs begin a quotation.

Attribution lines ("2026年4月8日(水) 9:00 X <a@b>:", "On ... wrote:"), separators ("-----Original Message-----") and
blocks of header fields ("差出人: ... 件名: ..."). Most are known by their shape (a date, an address, a colon at the
end), whatever their language; the words are in mail.reply.client_phrases. What people write may look alike, so each
says whether it is certain or needs a quotation below it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mail.reply import client_phrases
from mail.reply.quotation import is_quoted, without_marks

_MAX = 500
_MAX_ATTRIBUTION = 4  # lines
_MAX_FIELDS = 24  # lines
_MAX_NAMED = 160  # characters of a date and a name

_MONTH = (
    r"(?:jan|feb|fév|mar|mär|apr|avr|abr|may|mai|mag|maj|jun|juin|giu|jul|juil|lug|aug|aoû|ago|sep|set|oct|okt|out"
    r"|ott|nov|dec|déc|dez|dic|des)[a-zé]*\.?"
)
_DAY = re.compile(
    r"\d{4}\s?[/.年년-]\s?\d{1,2}\s?[/.月월-]\s?\d{1,2}|\b\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}\b|\d{1,2}月\s?\d{1,2}日"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th|\.)?,? (?:de |of )?{_MONTH}(?:,? (?:de )?\d{{4}})?\b"
    rf"|\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?\b|\d{{1,2}} thg \d{{1,2}}|\d{{1,2}} tháng \d{{1,2}}",
    re.IGNORECASE,
)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?[:時h]\s?\d{2}|(?<!\d)\d{1,2}\.\d{2}(?![\d.])|(?<!\d)\d{1,2}時")
_ADDRESS = re.compile(r"[^\s<>()@:\[\]\"]{1,100}@[^\s<>()@]{1,200}")
_MAILBOX = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,200}", re.ASCII)
_STARTS = re.compile(rf"(?:{client_phrases.BEGINNINGS})\b|[在于於]", re.IGNORECASE)
_PROSE = re.compile(r"\d(?:日|分|時半?)?(?:\(.\))?(?:から|まで|頃|ごろ|より|以|は|も|を|の(?! )|へ)")
_WROTE = re.compile(rf"(?:{client_phrases.WROTE})\s?:?$", re.IGNORECASE)
_WROTE_SOMEBODY = re.compile(rf"\b(?:{client_phrases.WROTE_SOMEBODY})\b.{{1,160}}:$", re.IGNORECASE)
_SENTENCE = re.compile(r"(?:です|ます|ました|ません|ください|下さい|でした|。|！|？|!|\?|[a-z]{4}\.)\s*$")
_SAID = re.compile(r"です|ます|ました|ません|ください|下さい")
_JAPANESE = re.compile(r"[ぁ-んァ-ヶ]")
_SURELY = re.compile(  # nobody writes so
    r"\d{4}-\d{2}-\d{2} \d{1,2}:\d{2} (?:GMT|UTC)[+-]\d{1,2}:\d{2} \S.*"
    r"|\d{4}[/-]\d{1,2}[/-]\d{1,2} [^<>]*<[^<>\s]+@[^<>\s]+>"
    r"|\S.* via \S.* (?:wrote|schrieb):",
    re.IGNORECASE,
)
_GLUED = re.compile(
    r"[。！？!?]\s{0,3}(?=(?:On|Le|Am|El) \S{1,20}[ ,]|\d{4}年\d{1,2}月\d{1,2}日|\d{4}/\d{1,2}/\d{1,2})"
)
_RULE_CHARACTERS = "/／-－ー―─—–＿_=＝*＊~〜～━═#＃+＋・･…☆★◆◇■□♪｡゜┏┓┗┛┌┐└┘"
_SEPARATOR = re.compile(
    r"[\s*>]{0,4}[-―─—–_=*・~#+▼▽■◆<\[【]{1,80}\s{0,4}"
    rf"(?:{client_phrases.ORIGINAL})\s{{0,4}}(?:[^-―─—–_=*<>\]】▲]{{0,40}}(?:[-―─—–_=*・~#+]{{2,80}}|[▼▽▲△■◆>\]】*]{{1,4}}))?\s*:?\s*",
    re.IGNORECASE,
)
_OPENED = re.compile(r"[\s*>]{0,4}(?:[-―─—–_=*・~#+]{2,}|[▼▽■◆<\[【])")
_NAMED_RULE = re.compile(  # "---- 田中 さんは書きました ----"
    r"[\s*]{0,4}[-―─—–_=]{2,80} ?[^-―─—–_=].{0,120}(?:さん)?[がは](?:次のように)?書きました ?:? ?[-―─—–_=]{2,80}\s*"
)
_BEGIN = re.compile(rf"\s*(?:{client_phrases.BEGIN})\s*:?\s*", re.IGNORECASE)
_FIELD = re.compile(r"[\s*_>|]{0,6}([^\s:*_>|][^:*]{0,24}?)\s{0,3}\*{0,2}\s{0,3}:\s?\*{0,2}")
_ONCE = frozenset({"origin", "date", "subject"})
_RULE = re.compile(rf"\s*[{re.escape(_RULE_CHARACTERS)}][\s{re.escape(_RULE_CHARACTERS)}]{{3,}}")


@dataclass(frozen=True, slots=True)
class Introduction:
    """So many `lines` introduce a quotation; `certain` is False where it needs a quotation below to be one.

    `before` is what a person wrote on the same line in front of it.
    """

    lines: int
    certain: bool = True
    before: str = ""


def find(lines: Sequence[str], at: int) -> Introduction | None:
    """The introduction that begins at a line."""
    line = lines[at]
    if not line or line.isspace() or len(line) > _MAX:
        return None
    announced = separator(line)
    if announced or is_rule(line):
        blank = 1 if at + 1 < len(lines) and not lines[at + 1].strip() else 0
        if block := header_block(lines, at + 1 + blank, announced=announced, ruled=True):
            return Introduction(1 + blank + block)
        return Introduction(1) if announced else None
    if block := header_block(lines, at):
        return Introduction(block)
    return _attribution(lines, at)


def _attribution(lines: Sequence[str], at: int) -> Introduction | None:
    if shared := _shared_line(lines[at]):
        return shared
    joined = ""
    for count in range(1, _MAX_ATTRIBUTION + 1):
        if at + count > len(lines):
            break
        line = lines[at + count - 1]
        if len(line) > _MAX or not line.strip():
            break
        if count > 1 and (is_quoted(line) != is_quoted(lines[at]) or separator(line) or _field(line)[0]):
            break
        joined = f"{joined} {without_marks(line)}".strip(" *_\t\u3000")
        text = unicodedata.normalize("NFKC", joined)[: 2 * _MAX].strip(" -*_")
        found = _judge(text)
        if found is not None:
            if count > 1 and _stands_without_its_first_line(lines, at, count):
                break
            return Introduction(count + _goes_on_with_a_word(lines, at + count, text), found)
        if (not _goes_on(text) or _field(line)[0]) if count == 1 else _SENTENCE.search(text):
            break
    return None


def _goes_on(text: str) -> bool:
    """Whether a line may be the first of a wrapped attribution."""
    if text.endswith(":") or _SENTENCE.search(text) or _is_prose(text):
        return False
    return bool(_STARTS.match(text) or _DAY.search(text[:24]) or _MAILBOX.search(text))


def _goes_on_with_a_word(lines: Sequence[str], at: int, text: str) -> int:
    """1 where the line at `at` is the "wrote:" that an attribution without a colon wants."""
    if text.endswith(":") or at >= len(lines):
        return 0
    line = unicodedata.normalize("NFKC", lines[at][:80]).strip()
    return int(line.endswith(":") and bool(_WROTE.fullmatch(line)))


def _judge(text: str) -> bool | None:
    """True for what is certainly an attribution, False for what is one above a quotation, None for what is none."""
    colon = text.endswith(":")
    wrote = bool(_WROTE.search(text[-60:]))
    if len(text) < _MAX_NAMED and _SURELY.fullmatch(text):
        return True
    if not (colon or wrote or text.endswith(">")):
        return None
    day, year, time = _DAY.search(text), _YEAR.search(text), _TIME.search(text)
    addressed = "@" in text and bool(_ADDRESS.search(text))
    dated = bool(day and (year or time))
    if addressed and (dated or wrote or (colon and (day or year))):
        if _is_prose(_WROTE.sub("", text)):
            return None
        return colon or bool(year and time)
    if wrote:
        if colon and (dated or (year and not _JAPANESE.search(text))):
            return True
        return False if colon or addressed else None
    if colon and _WROTE_SOMEBODY.search(text[-200:]):
        return bool(day or addressed)
    if colon and (dated or (year and time)):
        return False
    return None


def _is_prose(text: str) -> bool:
    return bool(_SAID.search(text) or _PROSE.search(text))


def _stands_without_its_first_line(lines: Sequence[str], at: int, count: int) -> bool:
    """Whether what follows the first line is an attribution with a date of its own, so that the first line is prose."""
    rest = " ".join(without_marks(line).strip() for line in lines[at + 1 : at + count])
    text = unicodedata.normalize("NFKC", rest)[:_MAX].strip(" -*_")
    found = _judge(text)
    if found is None:
        return False
    first = unicodedata.normalize("NFKC", without_marks(lines[at])).strip(" -*_")
    dated = bool(_STARTS.match(first) or _DAY.search(first[:24]))
    return (found and not dated) or bool(_DAY.search(text) and _TIME.search(text)) or bool(_SENTENCE.search(first))


def _shared_line(line: str) -> Introduction | None:
    """An attribution behind a person's sentence, or with the quotation's beginning behind it, on the same line."""
    wrote, text = line.find(" wrote: "), without_marks(line).strip()
    if wrote >= 0 and _STARTS.match(text) and "@" in line[:wrote] and _judge(text[: text.find(" wrote: ") + 7]):
        return Introduction(1)
    if text.endswith((":", "：")):
        for found in _GLUED.finditer(line):
            if _judge(unicodedata.normalize("NFKC", line[found.end() :]).strip(" -*_")):
                return Introduction(1, before=line[: found.end()])
    return None


def separator(line: str) -> bool:
    """Whether a line announces the original: "-----Original Message-----", "－－－元のメッセージ－－－"."""
    if len(line) > 200:
        return False
    text = unicodedata.normalize("NFKC", line)
    if _OPENED.match(text):
        return bool(_SEPARATOR.fullmatch(text) or _NAMED_RULE.fullmatch(text))
    return bool(_BEGIN.fullmatch(text))


def header_block(lines: Sequence[str], at: int, *, announced: bool = False, ruled: bool = False) -> int:
    """How many lines from `at` are the header fields of an original ("差出人: ...", "件名: ..."); 0 for none.

    A parent may well write "From: 10時" and "To: 11時", or "日時: ... 件名: ...". So one of the fields must say who
    wrote, and the others or its value must be those of a mail, unless a separator `announced` the block; below a mere
    rule three fields are enough.
    """
    kinds: dict[str, str] = {}
    length = blanks = 0  # programs that make text from HTML leave a blank line after each field, or after none
    last = ""
    for count, line in enumerate(lines[at : at + _MAX_FIELDS], 1):
        kind, value = _field(line)
        gap = count - length - 1
        if kind in _ONCE and kind in kinds:
            return 0  # the first one is a line that a person wrote above
        if kind:
            kinds.setdefault(kind, value)
            blanks += gap and not lines[at + count - 2].strip()
            length, last = count, kind
        elif not kinds or gap or ("origin" not in kinds and not line.strip()):
            break
        elif (
            line.strip()
            and not line.startswith((" ", "\t", "<"))
            and ("origin" not in kinds or last not in ("subject", "to", "copy") or _SENTENCE.search(line[:_MAX]))
        ):
            break  # else a value was wrapped
    for line in lines[at + length : at + length + 3] if kinds else ():
        if not line.startswith((" ", "\t")) or not line.strip():
            break
        length += 1
    if len(kinds) < 2 or (blanks and blanks + 1 < len(kinds)):
        return 0
    if not announced and next(iter(kinds)) not in ("origin", "date", "subject"):
        return 0
    origin, date = kinds.get("origin"), unicodedata.normalize("NFKC", kinds.get("date", ""))
    dated = bool(_YEAR.search(date) or (_DAY.search(date) and _TIME.search(date)))
    if origin is None:
        return length if announced or (len(kinds) > 2 and dated) else 0
    if announced or "@" in origin or "＠" in origin or dated:
        return length
    return length if ruled and len(kinds) > 2 and not origin.lstrip()[:1].isdigit() else 0


def _field(line: str) -> tuple[str, str]:
    if len(line) > 4 * _MAX or not (":" in line[:60] or "：" in line[:60]):
        return "", ""
    text = unicodedata.normalize("NFKC", line[:300])
    found = _FIELD.match(text)
    if not found:
        return "", ""
    return client_phrases.FIELDS.get(found[1].strip().casefold(), ""), text[found.end() :]


def is_rule(line: str) -> bool:
    """Whether a line is nothing but a drawn rule."""
    return 4 <= len(line) <= _MAX and bool(_RULE.fullmatch(line)) and len("".join(line.split())) > 3
