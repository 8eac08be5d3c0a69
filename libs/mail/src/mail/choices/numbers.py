"""Numbers in an answer: those that clearly stand for a choice, and none of those that measure, date or address.

Every number in the normal text is looked at once: what stands before and behind it says what it is. Written-out ones
(さんばん, 三番, みっつめ, "the second one") count only where nothing else can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from mail.choices.mentions import Mention, MentionKind
from mail.choices.normal_form import blank

_DIGITS = re.compile(r"[0-9]{1,9}")
_NOT_BEFORE = re.compile(
    r"(?:[0-9][.:/~〜ー–・-]|[a-pr-z第約小中高の]|(?<![a-z])q|[0-9]の\s?|[0-9]組\s?|番号[はが:]?\s?|[階級]"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s?|\b(?:class|grade|room|at|floor|building)\s)\Z"
)
_OWN_NUMBER = re.compile(r"(?:出席|会員|受付|整理|児童|生徒|学籍|名簿|部屋|電話|口座)番号[.はが:]?\s?\Z")
_NO_BEFORE = re.compile(r"(?:\b(?:no|nr|num|number|option|choice|answer|その)|回答|番号|答え?|選択肢?)[.:は]?\s?\Z")
_MEASURE: Final = re.compile(
    r" ?(?:年|月|日|時|分(?!で)|秒|度|℃|°|c\b|兄弟|姉妹|人|名|才|歳|回(?!答)|枚|個(?!目|め)|円|%|kg|g\b|cm"
    r"|m(?![a-z(])|組|学期"
    r"|週|泊|号|階|丁|番地|番線|[ヶかカケ]月"
    r"|頁|ぺーじ|年生|さい|じ(?!ゃ)|ふん|ぷん|にん|時限|限|校時|こま|台|本|箱|食|杯|皿|着|足|膳|冊|部|つ(?!目"
    r"|め)|匹|km|ml|点|行(?![けきく])|通|件|割|倍"
    r"|am\b|pm\b|(?:years?|yrs?|days?|hours?|people|persons?|child(?:ren)?|kids?|times?|min(?:ute)?s?|degrees?"
    r"|adults?)\b|教室|丸目|対|番街|番出口)"
)
# "2,3日"
_LISTED_MEASURE = re.compile(r"(?: ?[,、・~〜-] ?[0-9]{1,4})+ ?(?:日|泊|週|回|名|人|時|分|個(?!目|め)|枚)")
_DECIMAL = re.compile(r"[.:/~〜ー–・-][0-9]|の\s?[0-9](?![0-9月/])")
_ENDING: Final = (
    r"です|でした|で(?![0-9])|を|に(?!ん)|が(?:いい|い|第|良|よ|希望|都合|最|助か|あり|無難|嬉|うれ)|なので"
    r"|だ(?:よ|と|$)|だった|っす|と(?:なり|し|させ|思|回答|答え)|との?こと"
    r"|の(?![0-9\s])|希望|お願|おねが|御願|よろし|宜し|(?:行け|いけ)(?:ます|る)|参加|出席|へ|選|ば(?:ん|ん)"
    r"|かも|かな|じゃ|は?違|以外"
)
_AFTER = re.compile(
    rf"\s?(?:番|ばん|ban\b|つ|個|こ)?(?:目|め)?\s?(?:{_ENDING})|\s?(?:番|ばん|ban\b)(?:目|め)?(?![線地号街出ぁ-ん\w])"
    rf"|\s?(?:番|ばん)(?:目|め)?(?=は|も|が|と|か|だ|ね|よ|な)|\s?(?:つ|個|番|ばん)(?:目|め)|\s?番っ"
    r"|\s*[。!?)\]」』】〉♪]|\s*[^\w\s.:/~〜,、-](?![0-9])|\s*[.:/~〜,、-]+(?! ?[0-9])|\s*$|\s+(?=[^\d\sa-z]"
    r"|(?:please|thanks|thank|pls|for|is|sent|works|would|will|sounds|looks|suits)\b)"
    r"|m\(|(?:st|nd|rd|th)\b(?!\s(?:grade|year|floor|time|child|class|son|daughter|of\b|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))",
    re.MULTILINE,
)
_COUNTER = re.compile(r"(?:\s?(?:番|ばん|ban\b|つ|個))?(?:目|め)?")
_QUANTITY = re.compile(
    r"(?<![0-9.])(?:[0-9]{1,2}\.[0-9](?![0-9])|3[4-9](?=\s?(?:度|℃|°)))(?:\s?(?:度|℃|°c?|c\b|分))?"
    r"|(?<![0-9:/])[0-9]{1,2}(?:時(?![^間半0-9]{0,2}番)(?:[0-9]{1,2}分|半)?|:[0-9]{2}(?![0-9:]))"
)
_LINE_START = re.compile(r"(?:^|\n)\Z")
_FROM_BELOW = re.compile(r"(?:下|後ろ|うしろ)から\s?\Z")
_ROLL = re.compile(r"(?:番)?\s+[^\W\d_][^\n0-9]{1,20}(?:$|\n)")

_KANJI = dict(zip("一二三四五六七八九十壱弐参", (*range(1, 11), 1, 2, 3), strict=True))
_KANA = {
    "いち": 1, "に": 2, "さん": 3, "よん": 4, "し": 4, "ご": 5, "ろく": 6, "なな": 7, "しち": 7, "はち": 8, "きゅう": 9,
    "じゅう": 10,
}  # fmt: skip
_COUNTED = {
    "ひと": 1, "ふた": 2, "みっ": 3, "み": 3, "よっ": 4, "よ": 4, "いつ": 5, "むっ": 6, "む": 6, "なな": 7,
    "やっ": 8, "や": 8, "ここの": 9,
}  # fmt: skip
_START = r"(?:^|(?<=[\s、。,.!?:・「『(（【はをのら]))"
_STOP = (
    r"(?=\s*(?:で(?!き)|を|に(?!ん)|、|。|,|\.|!|\)|」|』|\]|】|\s|希望|お願|おねが|御願|よろし|宜し|だ"
    r"|が(?:い|良|よ|希)|と思|の(?!方々)|は|も|か|$))"
)
_WRITTEN: Final = (
    # 三番, さんばん, 三番目, 三つめ, みっつめ, 3rd
    (re.compile(rf"{_START}({'|'.join(_KANJI)})(?:番|ばん)(?:目|め)?{_STOP}", re.MULTILINE), _KANJI),
    (re.compile(rf"{_START}({'|'.join(_KANJI)})(?:つ|個)(?:目|め)", re.MULTILINE), _KANJI),
    (re.compile(rf"{_START}({'|'.join(_KANA)})(?:番|ばん)(?:目|め)?{_STOP}", re.MULTILINE), _KANA),
    (re.compile(rf"{_START}({'|'.join(_COUNTED)})つ?(?:目|め){_STOP}", re.MULTILINE), _COUNTED),
    # 三です, 三でお願いします; not 一日, 二人
    (
        re.compile(
            rf"{_START}({'|'.join(_KANJI)})(?=\s*(?:です|でお|で(?:$|[。、!])|を希望|を選|に(?:します|して|○)"
            rf"|希望|お願|$|[。、!\s]))",
            re.MULTILINE,
        ),
        _KANJI,
    ),
)  # fmt: skip
_ALONE = re.compile(
    rf"(?:^|[\n。!、]\s?)({'|'.join(_KANA)})(?:です|で|でお願い(?:いた)?します|でおねがいします|にします|を希望します"
    rf"|希望です|希望)?(?=[。.!♪☆ー〜\s]*(?:[\n。、]|$))"
)
_FIRST = re.compile(
    r"(?:一番|いちばん|1番)(?:上|初め|はじめ|最初)|最初の(?=もの|やつ|方|ほう|日|枠|選択|で|を)|(?<!\w)1st\b"
)
_LAST = re.compile(
    r"(?:一番|いちばん|1番)(?:下|最後|後ろ|うしろ)|最後の(?=もの|やつ|方|ほう|日|枠|選択|で|を)"
    r"|\bthe last (?:one|option|choice)\b"
)
_MIDDLE = re.compile(r"(?:真ん中|まん中|まんなか)(?=の|で|を|に|です|希望|[。、.!\s]|$)")
# a superlative, no number
_MOST = re.compile(
    r"(?:一番|いちばん|1番)(?:良|よ|い|都合|早|遅|近|楽|安|好|希望(?=[はのが]|する)|上手|遠|多|少|大|小|目立)"
)
_ENGLISH = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
}  # fmt: skip
_CARDINAL, _ORDINAL = "|".join(list(_ENGLISH)[:9]), "|".join(list(_ENGLISH)[9:])
_IN_ENGLISH = re.compile(
    rf"\b(?:option|number|choice|no\.?|answer(?: is)?:?)\s({_CARDINAL})\b"
    rf"|\b(?<!my )(?<!our )({_ORDINAL})\s(?:one|option|choice|answer)\b"
    rf"|(?:^|[\n。.!、]\s?)(?:the )?({_CARDINAL}|{_ORDINAL})(?:,? please)?(?=[.!\s]*(?:[\n。.!、]|$))"
)
_ROMAN = {"ii": 2, "iii": 3, "iv": 4, "vi": 6, "vii": 7, "viii": 8}
_IN_ROMAN = re.compile(rf"(?:^|[\n。!、\s])({'|'.join(_ROMAN)})(?:\s?(?:番|です|で.{{0,12}}))?(?=[。.!、\s]|$)")


def mentions(text: str, count: int, *, beside: bool = False) -> list[Mention]:
    """The numbers of `text` that stand for one of `count` choices, or clearly for one that isn't there.

    `beside`: a choice is named in words, too, so that a number which could be another one casts doubt on it."""
    found: list[Mention] = []
    text = _MOST.sub(lambda most: blank(most[0], 0, len(most[0])), text)
    text = _QUANTITY.sub(lambda quantity: blank(quantity[0], 0, len(quantity[0])), text)
    for start, end, number in _written(text, count):
        found.append(_mention(start, end, number, count))
        text = blank(text, start, end)
    loose: list[Mention] = []
    beyond: list[Mention] = []
    for digits in _DIGITS.finditer(text):
        start, end = digits.span()
        before = text[max(0, start - 12) : start]
        labelled = bool(_NO_BEFORE.search(before)) and not _OWN_NUMBER.search(before)
        if not labelled and _NOT_BEFORE.search(before) and not before.endswith("○の"):
            continue
        if _DECIMAL.match(text, end) or _MEASURE.match(text, end) or _LISTED_MEASURE.match(text, end):
            continue
        number = int(digits[0])
        if _FROM_BELOW.search(before):
            number = count + 1 - number
        counter = _COUNTER.match(text, end)
        mention = _mention(start, counter.end() if counter else end, number, count)
        if not (labelled or _AFTER.match(text, end)):
            loose.append(mention)
        elif number > count and _LINE_START.search(before) and _ROLL.match(text, end):
            beyond.append(mention)
        else:
            found.append(mention)
    if not found and not beside:
        return beyond
    # "3か2", "2 > 3 > 1", "2から3に": another number that could be a choice makes the first one uncertain.
    return sorted((*found, *(mention for mention in loose if mention.choices)), key=lambda mention: mention.start)


def _written(text: str, count: int) -> Iterator[tuple[int, int, int]]:
    taken: set[int] = set()
    for start, end, number in _all_written(text, count):
        if not taken & set(range(start, end)):
            taken.update(range(start, end))
            yield start, end, number


def _all_written(text: str, count: int) -> Iterator[tuple[int, int, int]]:
    for pattern, number in ((_FIRST, 1), (_LAST, count), *([(_MIDDLE, count // 2 + 1)] if count % 2 else [])):
        yield from ((found.start(), found.end(), number) for found in pattern.finditer(text))
    for pattern, values in _WRITTEN:
        for found in pattern.finditer(text):
            number = values[found[1]]
            if _FROM_BELOW.search(text[max(0, found.start() - 6) : found.start()]):
                number = count + 1 - number
            yield found.start(), found.end(), number
    yield from ((*found.span(1), _KANA[found[1]]) for found in _ALONE.finditer(text))
    yield from ((*found.span(1), _ROMAN[found[1]]) for found in _IN_ROMAN.finditer(text))
    for found in _IN_ENGLISH.finditer(text):
        group = found.lastindex or 0
        yield (*found.span(group), _ENGLISH[found[group]])


def _mention(start: int, end: int, number: int, count: int) -> Mention:
    return Mention(start, end, frozenset({number} if 1 <= number <= count else ()), MentionKind.NUMBER)


def values(choice: str) -> int | None:
    """The number that a choice begins with, in words of its own: "2名", "10時から"; None if it has none."""
    digits = re.match(r"[0-9]{1,4}(?![0-9./:月])", choice)
    return int(digits[0]) if digits else None
