"""Days and times in an answer, where choices are days or times: "3日", "12/3", "火曜", "10時半" for 12月3日（火）10:30.

Every run of them is compared with each choice by what both tell (month, day, weekday, time, half of the day). One that
fits a single choice names it; one that fits several narrows them down; one that fits none asks for what isn't offered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mail.choices.mentions import Mention, MentionKind

_DIGITS = {char: str(value) for value, char in enumerate("〇一二三四五六七八九")}
_N = r"(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})"
_PIECE: Final = re.compile(
    rf"(?:(?<![0-9])(?:[0-9]{{4}}[年/.-])?(?P<month>{_N})(?:月|がつ)\s?の?(?P<mday>{_N})(?:日|にち|(?=\s?\())"
    r"|(?<![0-9/.])(?:[0-9]{4}/)?(?P<smonth>[0-9]{1,2})/(?P<sday>[0-9]{1,2})日?(?![0-9/])"
    rf"|(?<![0-9.])(?P<day>{_N})(?:日|にち)(?!間|前|後|目|め|ほど|くらい|ぐらい|連続|以内|分)"
    r"|(?<![0-9])(?P<pday>[0-9]{1,2})\s?\((?P<pweek>[月火水木金土日])\)"
    r"|\b(?P<emonth>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s(?P<eday>[0-9]{1,2})(?:st|nd"
    r"|rd|th)?\b"
    r"|(?<![0-9])(?P<dday>[0-9]{1,2})(?:st|nd|rd|th)?\s(?:of\s)?(?P<dmonth>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b"
    r"|(?P<kday>ついたち|ふつか|みっか|よっか|むいか|なのか|ようか|ここのか|とおか|はつか)"
    r"|(?P<week>[月火水木金土日])曜日?"
    r"|(?P<kweek>げつ|か|すい|もく|きん|ど|にち)ようび?"
    r"|\((?P<bweek>[月火水木金土日])(?:・祝|祝)?\)"
    r"|\b(?P<eweek>mon|tue|wed|thu|fri|sat|sun)(?:(?:s|nes|rs|ur)?day|s|rs|ur)?\b"
    rf"|(?<![0-9.:/])(?P<hour>{_N})(?:時|じ(?!ゃ))(?!間|限)(?:(?P<min>[0-9]{{1,2}})分|(?P<half>半))?"
    r"|(?<![0-9.:/])(?P<chour>[0-9]{1,2}):(?P<cmin>[0-9]{2})(?![0-9:])"
    r"|(?P<part>午前中?|午後|ごぜん(?:ちゅう)?|ごご|am\b|pm\b|夕方|終日))"
)
_BARE_WEEKDAY = re.compile(r"(?<!\w)(?P<bare>[月火水木金土日])(?=で|です|が|を|と|希望|\s|、|。|・|/|$)", re.MULTILINE)
_GAP = re.compile(r"[ ()、,の・]{0,2}")
_RANGE = re.compile(r" ?[~〜ー–-] ?| ?から ?")
_VAGUE_AFTER = re.compile(r"\s?(?:まで|以降|以後|以前|過ぎ|すぎ|より|頃まで|ごろまで|から(?!で|を|に|の|希望|が))")
_TO_ANOTHER = re.compile(r"\s?(?:から|~|〜)\s?(?:[0-9]{1,2}(?:日|月|/)|[月火水木金土日]曜)")  # "3日から5日"
_WEEKDAYS = {name: n for n, pair in enumerate(zip("月火水木金土日", ("mon", "tue", "wed", "thu", "fri", "sat",
    "sun"), ("げつ", "か", "すい", "もく", "きん", "ど", "にち"), strict=True)) for name in pair}  # fmt: skip
_MONTHS: Final = "janfebmaraprmayjunjulaugsepoctnovdec"
_KANA_DAYS = {
    "ついたち": 1, "ふつか": 2, "みっか": 3, "よっか": 4, "むいか": 6, "なのか": 7, "ようか": 8, "ここのか": 9,
    "とおか": 10,
    "はつか": 20,
}  # fmt: skip
_PARTS = {
    "午前": 0,
    "午前中": 0,
    "ごぜん": 0,
    "ごぜんちゅう": 0,
    "am": 0,
    "午後": 1,
    "ごご": 1,
    "pm": 1,
    "夕方": 1,
    "終日": 2,
}

Time = tuple[int, int]


@dataclass(slots=True)
class Moment:
    """What a text tells of a day or time; None, or nothing, where it doesn't."""

    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    part: int | None = None
    times: list[Time] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.times) or any(x is not None for x in (self.month, self.day, self.weekday, self.part))

    def takes(self, other: Moment) -> bool:
        """Whether the other may be a part of the same moment."""
        names = ("month", "day", "weekday", "part")
        return not any(getattr(self, n) is not None and getattr(other, n) is not None for n in names)

    def add(self, other: Moment) -> None:
        for name in ("month", "day", "weekday", "part"):
            if getattr(other, name) is not None:
                setattr(self, name, getattr(other, name))
        self.times.extend(other.times)


@dataclass(frozen=True, slots=True)
class Span:
    start: int
    end: int
    moment: Moment


def spans(text: str) -> list[Span]:
    """The runs of days and times in a normal text."""
    pieces = [(found.start(), found.end(), _moment(found)) for found in _PIECE.finditer(text)]
    taken = {place for start, end, _ in pieces for place in range(start, end)}
    for found in _BARE_WEEKDAY.finditer(text):
        if found.start() not in taken:
            pieces.append((found.start(), found.end(), Moment(weekday=_WEEKDAYS[found["bare"]])))
    runs: list[Span] = []
    for start, end, moment in sorted(pieces, key=lambda piece: piece[0]):
        last = runs[-1] if runs else None
        gap = text[last.end : start] if last else ""
        joined = last is not None and _GAP.fullmatch(gap) and last.moment.takes(moment)
        timed = last is not None and last.moment.times and moment.times
        if last and (_RANGE.fullmatch(gap) if timed else joined):
            last.moment.add(moment)
            runs[-1] = Span(last.start, end, last.moment)
        else:
            runs.append(Span(start, end, moment))
    return runs


def whole(choice: str) -> Moment:
    """What a choice tells of a day or time."""
    told = Moment()
    for span in spans(choice):
        if told.takes(span.moment):
            told.add(span.moment)
    return told


def is_only_a_moment(choice: str) -> bool:
    """Whether a choice has no words beside its day and time."""
    for span in reversed(spans(choice)):
        choice = choice[: span.start] + choice[span.end :]
    return not re.sub(r"[\W_]+|から|まで|より|開始|開催", "", choice)


def mentions(text: str, offered: Sequence[Moment]) -> list[Mention]:
    """The days and times of a normal text that speak of choices which are such."""
    if not any(offered):
        return []
    found: list[Mention] = []
    for span in spans(text):
        if not any(moment and _speak_of_the_same(moment, span.moment) for moment in offered):
            continue
        said = span.moment
        if _TO_ANOTHER.match(text, span.end):
            found.append(Mention(span.start, span.end, frozenset(), MentionKind.DATE))
            continue
        if _VAGUE_AFTER.match(text, span.end):
            if not said.times or (said.day is None and said.weekday is None):
                continue
            said = replace(said, times=[])  # "3日16時以降"
        fitting = frozenset(
            n for n, moment in enumerate(offered, 1)
            if _speak_of_the_same(moment, said) and _fits(moment, said)
        )  # fmt: skip
        found.append(Mention(span.start, span.end, fitting, MentionKind.DATE))
    return found


def _speak_of_the_same(offered: Moment, said: Moment) -> bool:
    names = ("day", "weekday", "part")
    same = any(getattr(offered, name) is not None and getattr(said, name) is not None for name in names)
    timed = bool(offered.times) and bool(said.times or said.part is not None)
    return same or timed or (bool(said.times) and offered.part is not None)


def _fits(offered: Moment, said: Moment) -> bool:
    for name in ("month", "day", "weekday", "part"):
        one, other = getattr(offered, name), getattr(said, name)
        if one is not None and other is not None and one != other:
            return False
    if said.part in (0, 1) and offered.part is None and offered.times:
        hour = offered.times[0][0]
        if (hour >= 12) != bool(said.part) and not (said.part and hour < 7):
            return False
    if said.times and offered.times:
        ends = len(said.times) != 2 or len(offered.times) != 2 or _same_time(offered.times[1], said.times[1], said.part)
        return ends and _same_time(offered.times[0], said.times[0], said.part)
    if said.times and offered.part in (0, 1):
        return all((hour >= 12) == bool(offered.part) for hour, _ in said.times)
    return True


def _same_time(offered: Time, said: Time, part: int | None) -> bool:
    if offered[1] != said[1]:
        return False
    return offered[0] == said[0] or (part != 0 and said[0] < 12 and offered[0] == said[0] + 12)


def _moment(found: re.Match[str]) -> Moment:
    if found["month"]:
        return Moment(month=_number(found["month"]), day=_number(found["mday"]))
    if found["smonth"]:
        return Moment(month=int(found["smonth"]), day=int(found["sday"]))
    if found["pday"]:
        return Moment(day=int(found["pday"]), weekday=_WEEKDAYS[found["pweek"]])
    if found["emonth"]:
        return Moment(month=_MONTHS.index(found["emonth"]) // 3 + 1, day=int(found["eday"]))
    if found["dmonth"]:
        return Moment(month=_MONTHS.index(found["dmonth"]) // 3 + 1, day=int(found["dday"]))
    if found["day"]:
        return Moment(day=_number(found["day"]))
    if found["kday"]:
        return Moment(day=_KANA_DAYS[found["kday"]])
    if found["hour"]:
        return Moment(times=[(_number(found["hour"]), 30 if found["half"] else int(found["min"] or 0))])
    if found["chour"]:
        return Moment(times=[(int(found["chour"]), int(found["cmin"]))])
    if found["part"]:
        return Moment(part=_PARTS[found["part"]])
    return Moment(weekday=_WEEKDAYS[found["week"] or found["kweek"] or found["bweek"] or found["eweek"]])


def _number(text: str) -> int:
    if text[0] in "0123456789":
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return int("".join(_DIGITS[char] for char in text))
    return int(_DIGITS.get(tens, "1" if not tens else "9")) * 10 + (int(_DIGITS[ones[0]]) if ones else 0)
