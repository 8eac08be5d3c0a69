"""Choices: which of the offered answers a person's words mean. Either it is certain, or a human looks.

A number that clearly stands for a choice (``３``, ``③``, ``3️⃣``, ``3です``, ``さんばん``), or the words of exactly one
choice. Two different ones, a number out of range, a denial or a doubt make it uncertain; temperatures, dates and
times are no choices.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """`number` counts from 1; None where it isn't certain. `why` is static text, nothing from the answer."""

    number: int | None
    needs_look: bool
    why: str


_MAX_TEXT = 2000
_NEGATIVE_CIRCLED = {0x2776 + n: str(n + 1) for n in range(10)} | {0x2780 + n: str(n + 1) for n in range(10)}
# Boxed digits of the carriers: SoftBank U+E21C to U+E225, docomo U+E6E2 to U+E6EB, both 1 to 9 and then 0.
_BOXED = {start + n: f" {(n + 1) % 10} " for start in (0xE21C, 0xE6E2) for n in range(10)}
_DROPPED = dict.fromkeys((0xFE0F, 0xFE0E, 0x200B, 0x200D, 0xFEFF, 0x2060))
_KEYCAP = "\u20e3"
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_KANA_NUMBERS = {
    "いち": 1, "に": 2, "さん": 3, "よん": 4, "ご": 5, "ろく": 6, "なな": 7, "しち": 7, "はち": 8, "きゅう": 9,
    "じゅう": 10,
    "一": 1, "二": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_SPELT = re.compile(
    rf"(?:^|(?<=[\s、。,.!はの]))({'|'.join(_KANA_NUMBERS)})(?:番|ばん)(?!目|め)"
    r"(?=で|を|に|、|。|,|\.|\s|!|希望|お願|おねが|$)"
)
_AFTER = (
    r"(?:番|ばん)?(?:目)?\s?(?:です|でした|でお|で(?![0-9])|を|に(?!ん)|が(?:いい|良い|希望)|希望|お願|おねが|ﾃﾞ|と(?:なり|し)|の方|のほう)"
    r"|\s?(?:番|ばん)(?![線地号])|\s*[、。,!?)\]」』】♪☆★(（]|\.(?!\d)|\s*$|\s+(?=[^\d\s])"
)
_NOT_BEFORE = r"(?<![0-9])(?<![0-9][.:/~〜-])(?<![a-z第約])"
_NUMBER = re.compile(rf"{_NOT_BEFORE}(\d{{1,4}})(?={_AFTER})|^(\d{{1,4}})(?=\s)", re.MULTILINE)
_LOOSE = re.compile(rf"{_NOT_BEFORE}\d{{1,4}}(?!\d|[.:/~〜-]\d)")
_MEASURE = re.compile(
    r"\s?(?:年|月|日|時|分(?!で)|秒|度|℃|°|c\b|人|名|才|歳|回|枚|個|円|%|kg|g\b|cm|m\b|組|学期|週|泊|号|階|丁目|番地|番線|ヶ月|か月|カ月|ページ|年生|さい|じ|ふん|ぷん|にん)"
)
_LISTED_MEASURE = re.compile(rf"(?:\s?[,、・~〜-]\s?\d{{1,4}})+(?:{_MEASURE.pattern})")  # "2,3日"
_DENIAL = re.compile(
    r"^.{0,3}?(?:は|が|も|では|じゃ|には)?(?:し|でき|あり|行き|行け|い|され|出来|なり|いたし|致し)?(?:ません|ない|なく|無い|無し|なし|なかっ)|^(?:は|が|も)?(?:無|ナシ|しま?せ|ではな|じゃな)"
)
_DOUBT = re.compile(
    r"かもしれ|たぶん|多分|おそらく|かも(?:$|[。、!\s])|未定|(?:分か|わか|判)(?:りません|らない|らず)|迷っ|どちら|どっち|検討|または|もしくは|あるいは|それとも|or\b|次第|可能性|場合によ"
)
_NUMBERING = re.compile(
    r"^\s*(?:\d{1,2}\s*[.:)、．：）]|\(\d{1,2}\)|\d{1,2}\s+|\d{1,2}(?=[^\d\s年月日時分度人名.:/]))\s*(?=\S)"
)
_PAREN = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^】]*】")
_POLITE = re.compile(
    r"(?:です|でした|になります|となります|でお願い(?:いた)?し?ます?|お願い(?:いた)?します|を?希望(?:します)?|にします|します|いたします|致します)+[。.!]*$"
)
_TOKEN_END = re.compile(r"[\s、。,.!?:;()「」『』【】・♪☆★~〜]+")
_KANA_START = re.compile(r"[ぁ-ゖー]")
_PARTICLES = "はがのでもをにとや"


def recognise(answer: str, choices: Sequence[str]) -> Choice:
    """Return the choice that an answer means. Without choices there is nothing to recognise and nothing to look at."""
    if not choices:
        return Choice(None, False, "no choices offered")
    text = _normal(answer[:_MAX_TEXT])
    if not text:
        return Choice(None, True, "empty")
    words, rest, denied = _by_words(text, choices)
    numbers, outside = _by_numbers(rest, len(choices))
    if any(_normal(choice).isdigit() for choice in choices):
        # "2" may be the second choice or the choice that says 2.
        by_value = {n for n, choice in enumerate(choices, 1) if _normal(choice) in {str(x) for x in numbers}}
        if by_value != numbers:
            return Choice(None, True, "the choices are numbers themselves")
    meant = numbers | words
    if outside:
        return Choice(None, True, "a number that isn't offered")
    if denied:
        return Choice(None, True, "a choice is denied")
    if len(meant) > 1:
        return Choice(None, True, "more than one choice")
    if _DOUBT.search(text):
        return Choice(None, True, "in doubt")
    if meant:
        return Choice(meant.pop(), False, "number" if numbers else "words")
    if near := _by_likeness(text, choices):
        return Choice(near, False, "words with a slip")
    return Choice(None, True, "no choice found")


def _normal(text: str) -> str:
    text = text.translate(_NEGATIVE_CIRCLED)
    if not re.search(r"\d", text):  # beside a plain digit, the carriers' emoji are decoration
        text = text.translate(_BOXED)
    text = re.sub("[\ue000-\uf8ff]", "", text)
    text = re.sub(rf"(\d)\ufe0f?{_KEYCAP}", r" \1 ", text)
    text = unicodedata.normalize("NFKC", text).translate(_DROPPED).translate(_TO_HIRAGANA).casefold()
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def _by_words(text: str, choices: Sequence[str]) -> tuple[set[int], str, bool]:
    """The choices whose words stand in the text, the text without them, and whether one is denied."""
    found: set[int] = set()
    denied = False
    for pattern, number in _patterns(choices):
        position = text.find(pattern)
        while position >= 0:
            end = position + len(pattern)
            if _stands_alone(text, position, end):
                line_end = text.find("\n", end)
                following = text[end : line_end if line_end >= 0 else len(text)][:12]
                if _DENIAL.search(following) or text[position - 1 : position] in ("不", "非", "未", "無"):
                    denied = True
                else:
                    found.add(number)
                text = text[:position] + "\ue000" * len(pattern) + text[end:]
            position = text.find(pattern, end)
    return found, text, denied


def _patterns(choices: Sequence[str]) -> list[tuple[str, int]]:
    """What stands for each choice (its words, without brackets, its first word if no other has it), longest first."""
    whole: dict[str, set[int]] = {}
    first: dict[str, set[int]] = {}
    for number, choice in enumerate(choices, 1):
        text = _NUMBERING.sub("", _normal(choice)).replace("\n", " ")
        core = _PAREN.sub("", text).strip()
        for form in {text, core, core.replace(" ", "")}:
            if form and not form.isdigit():
                whole.setdefault(form, set()).add(number)
        start = _TOKEN_END.split(core)[0]
        if len(start) >= 2 and not start.isdigit():
            first.setdefault(start, set()).add(number)
    forms = first | whole
    certain = [(form, next(iter(numbers))) for form, numbers in forms.items() if len(numbers) == 1]
    return sorted(certain, key=lambda entry: -len(entry[0]))


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, after = text[start - 1 : start] if start else "", text[end : end + 1]
    if text[start].isdigit() and (before.isdigit() or before in tuple("./-:")):
        return False
    if text[end - 1].isdigit() and after.isdigit():
        return False
    if text[start].isascii() and text[start].isalpha() and before.isascii() and before.isalpha():
        return False
    if text[end - 1].isascii() and text[end - 1].isalpha() and after.isascii() and after.isalpha():
        return False
    if _KANA_START.match(text[start]) and before and _KANA_START.match(before) and before not in _PARTICLES:
        return False
    short = end - start <= 3 and _KANA_START.match(text[end - 1])
    return not (short and after and _KANA_START.match(after) and after not in _PARTICLES)


def _by_numbers(text: str, count: int) -> tuple[set[int], bool]:
    """The numbers that clearly stand for a choice, and whether one is there that no choice has."""
    numbers: set[int] = set()
    outside = False
    text = re.sub(r"\bno\.?\s?(?=\d)", "番号", text)
    for found in _NUMBER.finditer(text):
        if _MEASURE.match(text, found.end()) or _LISTED_MEASURE.match(text, found.end()):
            continue
        number = int(found[1] or found[2])
        if 1 <= number <= count:
            numbers.add(number)
        else:
            outside = True
    for spelt in _SPELT.finditer(text):
        number = _KANA_NUMBERS[spelt[1]]
        if number <= count:
            numbers.add(number)
        else:
            outside = True
    if numbers:
        # "3か2", "2 > 3 > 1", "2から3に": another number that could be a choice makes the first one uncertain.
        loose = (found for found in _LOOSE.finditer(text) if not _MEASURE.match(text, found.end()))
        numbers.update(number for found in loose if 1 <= (number := int(found[0])) <= count)
    return numbers, outside


def _by_likeness(text: str, choices: Sequence[str]) -> int | None:
    """The one choice that a word of the first line is, but for one character; only for words of four and more."""
    words = [_POLITE.sub("", word) for word in _TOKEN_END.split(text.split("\n")[0][:200])]
    scores: dict[int, int] = {}
    for number, choice in enumerate(choices, 1):
        core = _PAREN.sub("", _NUMBERING.sub("", _normal(choice))).replace("\n", " ").strip()
        candidates = [_distance(word, core) for word in words if len(word) >= 4 and len(core) >= 4]
        scores[number] = min(candidates, default=9)
    near = sorted(scores, key=lambda number: scores[number])
    if scores[near[0]] <= 1 and (len(near) == 1 or scores[near[1]] > 2):
        return near[0]
    return None


def _distance(left: str, right: str) -> int:
    """Edit distance, 9 for everything far."""
    if abs(len(left) - len(right)) > 2 or len(left) > 40:
        return 9
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]
