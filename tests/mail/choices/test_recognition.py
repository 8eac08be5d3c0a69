"""Choices: what a parent means, and only where it is certain."""

from __future__ import annotations

from collections import Counter

import pytest

from mail.choices.recognition import Clash, clash, recognise
from tests.mail.choices.written_answers import Written, rows
from tests.support.steps import count_calls

HEALTH = ("良好", "せきあり", "発熱あり")


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.choices[0]}-{row.answer!r}")
def test_an_answer_is_read_as_a_person_would(row: Written) -> None:
    choice = recognise(row.answer, row.choices)
    assert choice.number == row.meant, choice.why
    assert choice.needs_look == (row.meant is None)
    assert choice.why


def test_the_table_is_large_and_even() -> None:
    seen = Counter(row.meant is None for row in rows())
    print(f"\nwritten answers: {seen[False]} certain, {seen[True]} for a look")
    assert seen[False] > 300
    assert seen[True] > 240


@pytest.mark.parametrize(
    ("answer", "choices", "number"),
    [
        ("不参加です", ("参加", "欠席"), None),
        ("けっせき", ("せき", "ねつ"), None),
        ("ﾘｮｳｺｳです", ("リョウコウ", "せき"), 1),
        ("保護者同判", ("保護者同伴", "児童のみ"), 1),
        ("出席", ("1 出席", "2 欠席"), 1),
        ("3", ("2", "3"), None),
        ("3番", ("2", "3"), None),
        ("1", ("0 なし", "1 あり"), None),
        ("⭕️", ("○", "×"), 1),
        ("✕", ("○", "×"), 2),
        ("参加希望", ("参加", "不参加希望"), 1),
        ("不参加希望", ("参加希望", "欠席"), None),
        ("午後参加", ("午前参加", "欠席"), None),
        ("参加", ("参加（午前のみ）", "参加（終日）"), None),
        ("参加（終日）", ("参加（午前のみ）", "参加（終日）"), 2),
        ("\ue6e3でお願いします", HEALTH, 2),
        ("\ue21e", HEALTH, 3),
        ("2 \ue6e4", HEALTH, 2),
        ("良好" + "。" * 5000, HEALTH, None),
    ],
)
def test_words_of_a_choice(answer: str, choices: tuple[str, ...], number: int | None) -> None:
    choice = recognise(answer, choices)
    assert choice.number == number
    assert choice.needs_look == (number is None)


def test_without_choices_there_is_nothing_to_look_at() -> None:
    assert not recognise("ありがとうございます", ()).needs_look


SYNONYMS = (("元気", "異常なし", "問題なし"), (), ("熱あり", "微熱"))


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("元気です", 1),
        ("げんきです", 1),
        ("ゲンキ", 1),
        ("異常ありません", 1),
        ("いじょうなし", 1),
        ("特に問題ありません。元気です", 1),
        ("元気に登校しました", 1),
        ("熱があります", 3),
        ("微熱です", 3),
        ("3", 3),
        ("元気ですが、微熱があります", None),
        ("元気ではありません", None),
        ("元気がありません", None),
        ("熱はありません", None),
        ("元気ですか？", None),
        ("元気かもしれません", None),
        ("2。元気です", None),
        ("元気になったら1", None),
    ],
)
def test_what_the_school_said_means_the_same_counts_as_the_choice(answer: str, number: int | None) -> None:
    assert recognise(answer, HEALTH, SYNONYMS).number == number
    if answer == "元気です":
        assert recognise(answer, HEALTH).number is None


@pytest.mark.parametrize(
    ("synonyms", "expected"),
    [
        (SYNONYMS, None),
        ((), None),
        ((("良好",), (), ()), None),
        ((("せきあり",), (), ()), Clash(1, "せきあり", 2)),
        ((("咳有り",), (), ()), Clash(1, "咳有り", 2)),
        ((("元気",), ("ゲンキ",), ()), Clash(2, "ゲンキ", 1)),
        ((("2",), (), ()), Clash(1, "2", None)),
        ((("三番",), (), ()), Clash(1, "三番", None)),
        ((("！？",), (), ()), Clash(1, "！？", None)),
    ],
)
def test_a_synonym_stands_for_one_choice_only(synonyms: tuple[tuple[str, ...], ...], expected: Clash | None) -> None:
    assert clash(HEALTH, synonyms) == expected


@pytest.mark.parametrize("choices", [HEALTH, ("12月3日（火）", "12月4日（水）"), tuple("あいうえおかきくけ")])
@pytest.mark.parametrize(
    ("word", "number"),
    [("1 ", 1), ("良好", 1), ("か", None), ("(", None), ("12/", None), ("ない", None), ("a ", None), ("0", None),
     ("りょうこ", None), ("なら、", None)],
)  # fmt: skip
def test_hostile_answers_are_read_in_steps_that_grow_as_their_length(
    word: str, number: int | None, choices: tuple[str, ...]
) -> None:
    synonyms = (("り" * 30,) * 20,) * len(choices)
    found = recognise(word * (4000 // len(word)), choices, synonyms)
    assert found.number == (number if word != "良好" or choices == HEALTH else None)
    assert found.needs_look == (found.number is None)
    half, whole = (count_calls(recognise, word * (size // len(word)), choices, synonyms) for size in (2000, 4000))
    assert whole <= 2.1 * half
