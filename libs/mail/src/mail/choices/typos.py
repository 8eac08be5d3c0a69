"""Typos: words that are those of a choice but for one letter, a small kana, a mark, or left in romaji.

Only whole words of some length are compared, and nothing that could turn a word into another: digits, negations and
the kanji that tell one thing from its opposite are never typos.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from mail.choices.mentions import Mention, MentionKind
from mail.choices.normal_form import is_kana

_WORD = re.compile(r"[^\s、。,.!?:;()「」『』【】・♪☆★~〜\ue000]{3,24}")
_ENDING: Final = re.compile(
    r"(?:です|でした|ですね|になります|となります|で?お願い(?:いた|致)?し?ます?|で?おねがい(?:いた)?します"
    r"|お願い(?:いた)?します|を?希望(?:します)?|にします|します|いたします|致します|で|を|に)+$"
)
_NEGATIVE = re.compile(r"不|非|未|無|否|ない|なし|なく|ません|ませ|せん|ず$|ぬ$|\bnot?\b|n't")
_TELLING = frozenset(
    "前後上下左右東西南北男女父母兄弟姉妹有大小内外入出来去今明昨日月火水木金土可要良悪正誤早遅新旧多少一二三四五六七八九十高低"
)
_LOOSE = str.maketrans(
    "ぁぃぅぇぉっゃゅょがぎぐげござじずぜぞだぢづでどばびぶべぼぱぴぷぺぽゔゐゑ",
    "あいうえおつやゆよかきくけこさしすせそたちつてとはひふへほはひふへほういえ",
)
_DOUBLED = re.compile(r"(.)\1+")

_CONSONANTS = {
    "": "あいうえお", "k": "かきくけこ", "g": "がぎぐげご", "s": "さしすせそ", "z": "ざじずぜぞ",
    "t": "たちつてと", "d": "だぢづでど", "n": "なにぬねの",
    "h": "はひふへほ", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ", "m": "まみむめも", "r": "らりるれろ",
}  # fmt: skip
_ROMAJI: Final[dict[str, str]] = {
    **{c + vowel: kana for c, row in _CONSONANTS.items() for vowel, kana in zip("aiueo", row, strict=True)},
    **{c + "y" + vowel: row[1] + small for c, row in _CONSONANTS.items() if c for vowel, small in zip("auo",
    "ゃゅょ", strict=True)},
    **{c + vowel: kana + small for c, kana in (("sh", "し"), ("ch", "ち"), ("j", "じ")) for vowel,
    small in zip("auo", "ゃゅょ", strict=True)},
    "shi": "し", "chi": "ち", "tsu": "つ", "fu": "ふ", "ji": "じ", "ya": "や", "yu": "ゆ", "yo": "よ", "wa": "わ",
    "wo": "を", "nn": "ん", "n'": "ん",
    "-": "ー",
}  # fmt: skip
_SYLLABLE = re.compile(
    "|".join(sorted(map(re.escape, _ROMAJI), key=len, reverse=True)) + r"|n(?![aiueoy])|([kstpgzdbcjmrhf])(?=\1)"
)


def find(text: str, literals: Iterable[tuple[str, frozenset[int]]]) -> list[Mention]:
    """The words of a normal text that are nearly those of a single choice. Not for texts that name a choice rightly."""
    known = [(literal, choices) for literal, choices in literals if 3 <= len(literal) <= 24]
    found: list[Mention] = []
    for word in list(_WORD.finditer(text[:400]))[:40]:
        bare = _ENDING.sub("", word[0])
        wanted = {bare, word[0]} | ({kana} if (kana := from_romaji(bare)) else set())
        near = [choices for literal, choices in known if any(_is_typo(form, literal) for form in wanted)]
        if near:
            found.append(Mention(word.start(), word.start() + len(bare), frozenset.union(*near), MentionKind.TYPO))
    return found


def from_romaji(word: str) -> str:
    """Kana for a word that was left in romaji, "" if it isn't such."""
    if len(word) < 4 or not word.isascii() or not word.replace("-", "").replace("'", "").isalpha():
        return ""
    kana: list[str] = []
    at = 0
    while at < len(word):
        if not (found := _SYLLABLE.match(word, at)):
            return ""
        kana.append("っ" if found[1] else _ROMAJI.get(found[0], "ん"))
        at = found.end()
    return "".join(kana)


def _is_typo(word: str, literal: str) -> bool:
    if len(word) < 3 or abs(len(word) - len(literal)) > 2:
        return False
    if bool(_NEGATIVE.search(word)) != bool(_NEGATIVE.search(literal)):
        return False
    if word == literal:
        return True
    if _loose(word) == _loose(literal):
        return len(literal) >= 3
    if len(literal) < 4:
        return False
    return any(_same_but(word, literal, *pair) for pair in _single_edits(word, literal))


def _loose(text: str) -> str:
    """Without what is easily missed: size and marks of kana, long vowels, doubled letters."""
    return _DOUBLED.sub(r"\1", text.translate(_LOOSE).replace("ー", "").replace("おう", "お"))


def _single_edits(word: str, literal: str) -> list[tuple[str, str]]:
    """What one edit takes away and puts in its place, if the two differ by one; a swap of neighbours counts as one."""
    start = 0
    while start < min(len(word), len(literal)) and word[start] == literal[start]:
        start += 1
    end = 0
    while end < min(len(word), len(literal)) - start and word[-1 - end] == literal[-1 - end]:
        end += 1
    ours, theirs = word[start : len(word) - end], literal[start : len(literal) - end]
    if max(len(ours), len(theirs)) == 1 or (len(ours) == 2 and ours == theirs[::-1]):
        return [(ours, theirs)]
    return []


def _same_but(word: str, literal: str, ours: str, theirs: str) -> bool:
    changed = ours + theirs
    if any(char.isdigit() or char in _TELLING for char in changed):
        return False
    if all(is_kana(char) or (char.isascii() and char.isalpha()) for char in changed):
        return not (word.isascii() and len(literal) < 5)
    # Another kanji is another word, unless the rest is long enough to tell that it was meant.
    return len(literal) >= 4 and len(ours) <= 1 and len(theirs) <= 1
