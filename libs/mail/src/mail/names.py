"""Names: what a parent wrote in the body of a registration mail, taken apart.

``15 山田 太郎 母`` is class number, child, relation; people write it in any order, full-width, with labels, on one
line or several. What isn't understood stays empty and the original is always kept: the guide mail shows what was
understood, and the parent corrects it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

_RELATIONS = (
    "おばあちゃん おじいちゃん おかあさん おとうさん お母さん お父さん お祖母さん お祖父さん 保護者 "
    "祖父母 曾祖父 曾祖母 祖父 祖母 父親 母親 両親 父母 父 母 本人 兄 姉 弟 妹 叔父 叔母 伯父 伯母 おじ "
    "おば 養父 養母 継父 継母 後見人 里親 親 ママ パパ はは ちち そふ そぼ 夫 妻 職員 教員 教諭 先生 "
    "役員"
)
_RELATION = "|".join(sorted(_RELATIONS.split(), key=len, reverse=True))
_IS_RELATION = re.compile(rf"(?:続柄)?(?:の)?({_RELATION})(?:です|より)?")
_ENGLISH_RELATIONS = {
    "mother": "母",
    "father": "父",
    "grandmother": "祖母",
    "grandfather": "祖父",
    "guardian": "保護者",
}
_GLUED_RELATION = re.compile(r"(.{2,})(?:の)?(母親|父親|祖母|祖父|保護者|母|父)")
_OF_RELATION = re.compile(rf"(.+)の({_RELATION})(?:です|より)?")
_CLASS = re.compile(
    r"(?:出席番号|番号|No\.?|no\.?|№|#)?\s*"
    r"(?:\d{1,2}年(?:\d{1,2}|[A-Za-z]|[ぁ-んァ-ヶ一-龠]{1,4})組(?:\d{1,3}番?)?|\d{1,2}年\d{1,3}番?|\d{1,2}年"
    r"|\d{1,2}[-‐ー−の]\d{1,2}(?:[-‐ー−の]\d{1,3}番?)?|\d{1,3}番?|\d{1,2}組(?:\d{1,3}番?)?|[A-Za-z]組(?:\d{1,3}番?)?"
    r"|[ぁ-んァ-ヶー一-龠]{1,6}組(?:\d{1,3}番?)?|年[長中少]|\d歳児)"
)
_GLUED_NUMBER = re.compile(r"((?:\d{1,2}年)?(?:\w{1,3}組)?\d{1,3}番?)(?=[ぁ-んァ-ヶ一-龠々])(?!年|組|番|月|日|歳)(.+)")
_LABEL = re.compile(
    r"(?:児童|生徒|園児|子ども|子供|お子様|保護者|ご?本人)?(?:の)?(?:お?名前|氏名|しめい|なまえ)(?:は)?"
    r"|(?:出席)?番号|続柄|関係|クラス|学年|組|児童名?|生徒名?|園児名?|の"
)
_NAME = re.compile(r"[A-Za-zぁ-んァ-ヶー一-龠々〆仝〇\u3400-\u4dbf\uf900-\ufaff\U00020000-\U0003ffff.'’-]{1,20}")
_NOISE = re.compile(
    r".*(?:ます|ました|ください|下さい|お願い|おねがい|宜しく|よろしく|登録|希望|こんにちは|お世話|送信|初めまして|はじめまして)(?:です)?[。!]*"
    r"|です|と申|(?:Sent|from|my|iPhone|test|テスト|なし)",
    re.IGNORECASE,
)
_HONORIFIC = re.compile(r"(.{2,})(?:さん|くん|ちゃん|君|様|です)")
_SPLIT = re.compile(r"[\s,、。，/|:;：=()\[\]【】「」『』<>〈〉《》・]+")
_KANA = re.compile(r"[ぁ-んァ-ヶー]+")
_READING = re.compile(r"[(\[]([ぁ-んァ-ヶー\s]+)[)\]]")
_SIGNATURE = re.compile(r"--\s*|[-_=*~]{3,}.*|.*から送信|Sent from .*|>.*", re.IGNORECASE)
_MAX_LINE, _MAX_LINES = 200, 30


@dataclass(frozen=True, slots=True)
class PersonName:
    """What was understood. `original` is the text as it was written (at most 500 characters)."""

    class_number: str | None = field(repr=False)
    child: str | None = field(repr=False)
    relation: str | None = field(repr=False)
    original: str = field(repr=False)


def parse(text: str) -> PersonName:
    """Read the first name in a text; one that is spread over several lines (a label each) is put together."""
    lines = _lines(text)
    number: str | None = None
    child: str | None = None
    relation: str | None = None
    used = 0
    for line in lines:
        found = _parse_line(line)
        if child and (found.child or not (found.class_number or found.relation)):
            break
        if child and ((found.class_number and number) or (found.relation and relation)):
            break
        number, child, relation = number or found.class_number, child or found.child, relation or found.relation
        used += 1
        if used >= 6 or (number and child and relation):
            break
    return PersonName(number, child, relation, "\n".join(lines[: max(used, 1)])[:500])


def parse_all(text: str) -> tuple[PersonName, ...]:
    """Read every child that has a line of its own; empty when nothing was recognised."""
    found = tuple(name for line in _lines(text) if (name := _parse_line(line)).child)
    if len(found) > 1 and all(name.class_number or name.relation for name in found):
        return found
    first = parse(text)
    return (first,) if first.child else ()


def _lines(text: str) -> list[str]:
    lines = []
    for raw in text.split("\n"):
        line = raw.strip().strip("\u3000")
        if _SIGNATURE.fullmatch(line[:_MAX_LINE]):
            break
        if line:
            lines.append(line[:_MAX_LINE])
        if len(lines) >= _MAX_LINES:
            break
    return lines


def _parse_line(original: str) -> PersonName:
    line = unicodedata.normalize("NFKC", original)
    if re.search("[一-龠]", line):
        line = _READING.sub(" ", line)
    numbers: list[str] = []
    relation: str | None = None
    before: list[str] = []
    after: list[str] = []
    for token in _tokens(line):
        if found := _IS_RELATION.fullmatch(token):
            relation = relation or found[1]
        elif english := _ENGLISH_RELATIONS.get(token.lower()):
            relation = relation or english
        elif _CLASS.fullmatch(token) and len(numbers) < 4:
            numbers.append(token)
        elif _LABEL.fullmatch(token) or _NOISE.fullmatch(token):
            continue
        elif _NAME.fullmatch(token):
            (after if relation else before).append(token)
        else:
            return PersonName(None, None, None, original)
    # After the relation stands the parent's own name, unless the child's name comes last of all.
    words = before or after
    glued = _GLUED_RELATION.fullmatch(words[-1]) if words and not relation else None
    if glued and (len(words) > 1 or len(glued[1]) > 2):
        words[-1], relation = glued[1], glued[2]
    if len(words) > 4 or sum(map(len, words)) > 30:
        words = []
    child = " ".join(words) or None
    if child and (polite := _HONORIFIC.fullmatch(child)):
        child = polite[1].strip()
    return PersonName(_number(numbers), child, relation, original)


def _tokens(line: str) -> list[str]:
    tokens: list[str] = []
    for token in _SPLIT.split(line):
        if not token:
            continue
        if not _CLASS.fullmatch(token) and (glued := _GLUED_NUMBER.fullmatch(token)):
            tokens.append(glued[1])
            token = glued[2]
        if (owned := _OF_RELATION.fullmatch(token)) and not _CLASS.fullmatch(token):
            tokens.extend((owned[1], owned[2]))
        else:
            tokens.append(token)
    return tokens


def _number(tokens: list[str]) -> str | None:
    joined = "".join(re.sub(r"^(?:出席番号|番号|No\.?|no\.?|№|#)\s*", "", token) for token in tokens)
    joined = re.sub(r"(?<=\d)[‐ー−](?=\d)", "-", joined)
    if re.fullmatch(r"\d{1,3}番", joined):
        joined = joined[:-1]
    return joined or None
