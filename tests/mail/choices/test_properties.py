"""Choices, whatever form a number takes and whatever is written around it: never a wrong one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.choices.recognition import recognise
from tests.mail.choices.written_answers import rows

CHOICES = ("良好", "せきあり", "発熱あり", "下痢", "腹痛", "頭痛", "けが", "鼻水", "その他")
KANJI = "一二三四五六七八九"
KANA = ("いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
FORMS: dict[str, Callable[[int], str]] = {
    "plain": str,
    "wide": lambda n: chr(0xFF10 + n),
    "circled": lambda n: chr(0x2460 + n - 1),
    "negative circled": lambda n: chr(0x2776 + n - 1),
    "sans circled": lambda n: chr(0x2780 + n - 1),
    "negative sans circled": lambda n: chr(0x278A + n - 1),
    "double circled": lambda n: chr(0x24F5 + n - 1),
    "in brackets": lambda n: chr(0x2474 + n - 1),
    "with a stop": lambda n: chr(0x2488 + n - 1),
    "kanji circled": lambda n: chr(0x3280 + n - 1),
    "kanji in brackets": lambda n: chr(0x3220 + n - 1),
    "roman": lambda n: chr(0x2160 + n - 1),
    "keycap": lambda n: f"{n}\ufe0f\u20e3",
    "bare keycap": lambda n: f"{n}\u20e3",
    "softbank": lambda n: chr(0xE21C + n - 1),
    "docomo": lambda n: chr(0xE6E2 + n - 1),
    "kanji": lambda n: f"{KANJI[n - 1]}番",
    "kana": lambda n: f"{KANA[n - 1]}ばん",
    "katakana": lambda n: "".join(chr(ord(c) + 0x60) for c in f"{KANA[n - 1]}ばん"),
    "counted": lambda n: f"{n}番",
    "number sign": lambda n: f"No.{n}",
    "brackets": lambda n: f"【{n}】",
}
ENDINGS = (
    "", "です", "です。", "でした", "でお願いします", "でお願いいたします。", "でおねがいします！", "にします",
    "にしてください", "を希望します", "希望です", "を選びます",
    "です🙇‍♀️", "です。よろしくお願いいたします。", "で、お願いします", "で。", "です♪", "だよ", "\n",
    "です\n\n山田太郎", " 山田太郎", "。3年2組 山田花子", "です。\n090-1234-5678",
)  # fmt: skip
BEFORE = (
    "",
    "お世話になっております。\n",
    "おはようございます。",
    "回答：",
    "返信遅くなり申し訳ありません。\n\n",
    "3年2組15番 山田です。\n",
    "今日は",
)
DENIALS = (
    "ではありません",
    "ではないです",
    "じゃない",
    "ではなく",
    "以外です",
    "は無理です",
    "は間違いです",
    "は違います",
)
DOUBTS = (
    "かもしれません",
    "かな",
    "かも",
    "ですか？",
    "でいいですか？",
    "でよろしいでしょうか",
    "？",
    "でしょうか",
    "か迷っています",
    "と思ったのですが未定です",
)
CONDITIONS = ("熱が下がれば", "晴れたら", "都合がつけば", "治っていなければ", "雨の場合は", "仕事が休めたら")
numbers = st.integers(1, len(CHOICES))


@given(numbers, st.sampled_from(sorted(FORMS)), st.sampled_from(ENDINGS), st.sampled_from(BEFORE))
def test_a_number_is_read_in_every_form(number: int, form: str, ending: str, before: str) -> None:
    answer = f"{before}{FORMS[form](number)}{ending}"
    if form in ("softbank", "docomo") and any(char in "0123456789" for char in before + ending):
        return  # beside a plain digit they are decoration
    assert recognise(answer, CHOICES).number == number


@given(numbers, st.sampled_from(ENDINGS), st.sampled_from(BEFORE))
def test_the_words_are_read_with_every_ending(number: int, ending: str, before: str) -> None:
    assert recognise(f"{before}{CHOICES[number - 1]}{ending}", CHOICES).number == number
    assert recognise(f"{before}{number} {CHOICES[number - 1]}{ending}", CHOICES).number == number


said = st.builds(lambda number, words: (number, CHOICES[number - 1] if words else str(number)), numbers, st.booleans())


@given(said, st.sampled_from(DENIALS + DOUBTS), st.sampled_from(BEFORE))
def test_what_is_denied_or_doubtful_is_for_a_human(one: tuple[int, str], ending: str, before: str) -> None:
    choice = recognise(f"{before}{one[1]}{ending}", CHOICES)
    assert choice.number is None
    assert choice.needs_look


@given(said, st.sampled_from(CONDITIONS), st.sampled_from(ENDINGS))
def test_what_is_on_a_condition_is_for_a_human(one: tuple[int, str], condition: str, ending: str) -> None:
    assert recognise(f"{condition}{one[1]}{ending}", CHOICES).number is None


@given(
    said,
    said,
    st.sampled_from(["、", "と", "か", " ", "\n", "または", "→", "ではなく", "から", "です。", "ですが、やはり", "/"]),
    st.sampled_from(ENDINGS),
)
def test_two_choices_are_never_one(one: tuple[int, str], other: tuple[int, str], between: str, ending: str) -> None:
    choice = recognise(f"{one[1]}{between}{other[1]}{ending}", CHOICES)
    assert choice.number is None or choice.number == one[0] == other[0]


@given(st.integers(10, 99_999), st.sampled_from(ENDINGS[:8]))
def test_a_number_that_is_not_offered_is_for_a_human(number: int, ending: str) -> None:
    assert recognise(f"{number}{ending}", CHOICES).needs_look


@given(
    numbers,
    st.sampled_from(
        [
            "度",
            "℃",
            "名",
            "人",
            "年",
            "組",
            "時",
            "時に行きます",
            "日",
            "日休みます",
            "分遅れます",
            "歳",
            "月",
            "回目です",
            "個",
            "%",
            "年1組",
            ".5",
            "円",
        ]
    ),
)
def test_a_measure_is_no_choice(number: int, unit: str) -> None:
    assert recognise(f"{number}{unit}", CHOICES).number is None


@given(
    st.text(max_size=300),
    st.lists(st.text(min_size=1, max_size=10), max_size=9),
    st.lists(st.lists(st.text(max_size=8), max_size=3), max_size=9),
)
def test_any_text_may_be_an_answer(text: str, choices: list[str], synonyms: list[list[str]]) -> None:
    choice = recognise(text, choices, synonyms)
    assert choice.number is None or 1 <= choice.number <= len(choices)
    assert choice.needs_look == (choice.number is None and bool(choices))


ALPHABET = "0123456789１２①一二三いちにさんばんでです良好せきあり発熱なしのはがをか、。？?!\n ./:-→日月火年時度人"


@given(st.text(alphabet=ALPHABET, max_size=60))
def test_a_choice_is_never_made_up(text: str) -> None:
    """What is chosen is written there in some form."""
    choice = recognise(text, ("良好", "せきあり", "発熱あり"))
    if choice.number is not None:
        forms = {1: "1１①一い良り", 2: "2２二にせ", 3: "3３三さ発"}[choice.number]
        assert any(char in text for char in forms)


@pytest.mark.parametrize(
    "choices", [("12月3日（火）", "12月4日（水）", "12月5日（木）"), ("3日 10時", "3日 11時", "4日 10時")]
)
@given(st.integers(1, 31), st.sampled_from(["日", "日です", "日でお願いします", "日を希望します"]))
def test_a_day_is_the_choice_of_that_day_or_none(choices: tuple[str, ...], day: int, ending: str) -> None:
    fitting = [
        number for number, choice in enumerate(choices, 1) if f"{day}日" in choice and f"{1}{day}日" not in choice
    ]
    assert recognise(f"{day}{ending}", choices).number == (fitting[0] if len(fitting) == 1 else None)


CERTAIN = [row for row in rows() if row.meant and len(row.answer) < 25 and not set("\n○◯⭕ ") & set(row.answer)]
GROUPS = {row.choices: [other for other in CERTAIN if other.choices == row.choices] for row in CERTAIN}
ASKED = [choices for choices, group in GROUPS.items() if len({row.meant for row in group}) > 1]


@given(st.data(), st.sampled_from(["。", "\n"]))
def test_two_answers_that_differ_are_never_one(data: st.DataObject, between: str) -> None:
    choices = data.draw(st.sampled_from(ASKED))
    one, other = data.draw(st.lists(st.sampled_from(GROUPS[choices]), min_size=2, max_size=2))
    choice = recognise(f"{one.answer}{between}{other.answer}", choices)
    assert choice.number is None or one.meant == other.meant == choice.number
