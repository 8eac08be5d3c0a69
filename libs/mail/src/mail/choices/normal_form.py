"""The form in which answers and choices are compared: one width, one kind of kana, one kind of digit.

Circled, boxed and Roman numbers become plain ones with room around them, so that ①② never is twelve. Emoji and other
private characters that say nothing are left out; what only looks like a number (telephone numbers, links) is blanked.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

BLANK: Final = "\ue000"
"""Stands where something was taken out; never part of a word or a number."""


def _series(start: int, count: int, first: int = 1) -> dict[int, str]:
    return {start + step: f" {first + step} " for step in range(count)}


_NUMBERS = {
    **_series(0x2460, 20),  # ①
    **_series(0x2474, 20),  # ⑴
    **_series(0x2488, 20),  # ⒈
    **_series(0x2776, 10),  # ❶
    **_series(0x2780, 10),  # ➀
    **_series(0x278A, 10),  # ➊
    **_series(0x24F5, 10),  # ⓵
    **_series(0x24EB, 10, first=11),  # ⓫
    **_series(0x3280, 10),  # ㊀
    **_series(0x3220, 10),  # ㈠
    **_series(0x2160, 12),  # Ⅰ
    **_series(0x2170, 12),  # ⅰ
    0x1F51F: " 10 ",
}
# Boxed digits of the carriers: SoftBank U+E21C to U+E225, docomo U+E6E2 to U+E6EB, both 1 to 9 and then 0.
_BOXED = {start + n: f" {(n + 1) % 10} " for start in (0xE21C, 0xE6E2) for n in range(10)}
_DROPPED = dict.fromkeys((0xFE0F, 0xFE0E, 0x200B, 0x200C, 0x200D, 0xFEFF, 0x2060, 0x00AD))
_RINGS = dict.fromkeys(map(ord, "◯〇⭕🙆"), "○") | dict.fromkeys(map(ord, "✕✖❌☓╳🙅🆖"), "×")
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_KEYCAP = re.compile("([0-9])\ufe0f?\u20e3")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_SPACES = re.compile(r"[^\S\n]+")
_DRAWN = re.compile(r"(で|ま|ませ|はー?)[ー~〜]+(す|ん|い)(?![ぁ-ん]{3})")  # でーす, ませーん
_SPREAD = re.compile("(?<!\\w)([\u4e00-\u9fff]) ([\u4e00-\u9fff])(?![\u4e00-\u9fff])")  # "欠 席"
_LOOKALIKES = re.compile(
    r"https?://\S+|www\.\S+|〔あどれす省略〕"
    r"|(?<![0-9])(?:\+81[-\s]?|0)[0-9]{1,4}[-ー−‐(\s][0-9]{1,4}[-ー−‐)\s][0-9]{3,4}(?![0-9])"
    r"|(?<![0-9])0[0-9]{9,10}(?![0-9])"
    r"|(?:〒\s?)?(?<![0-9])[0-9]{3}-[0-9]{4}(?![-0-9])"
    r"|\b[a-z0-9._+-]{1,64}@[a-z0-9.-]{1,64}"
)


def normal(text: str) -> str:
    """Text to compare by: NFKC, hiragana, lower case, plain digits, single spaces, no blank lines."""
    if not re.search(r"[0-9０-９]", text):  # beside a plain digit, the carriers' emoji are decoration
        text = text.translate(_BOXED)
    text = _PRIVATE.sub("", text).translate(_NUMBERS)
    text = _KEYCAP.sub(r" \1 ", text)
    text = unicodedata.normalize("NFKC", text).translate(_DROPPED).translate(_TO_HIRAGANA).translate(_RINGS).casefold()
    text = _DRAWN.sub(r"\1\2", text)
    text = _SPREAD.sub(r"\1\2", _SPACES.sub(" ", text))
    return "\n".join(line.strip() for line in text.split("\n") if line.strip())


def without_lookalikes(text: str) -> str:
    """A normal text with what only looks like a number blanked, every other character in its place."""
    return _LOOKALIKES.sub(lambda found: BLANK * len(found[0]), text)


def blank(text: str, start: int, end: int) -> str:
    """The text with one place blanked."""
    return text[:start] + BLANK * (end - start) + text[end:]


def is_kanji(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff" or char == "々"


def is_kana(char: str) -> bool:
    """A hiragana (there are no others in a normal text) or the long vowel mark."""
    return "ぁ" <= char <= "ゖ" or char == "ー"
