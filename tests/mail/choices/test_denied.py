"""Choices that are named only to say that they are not meant: never counted, in whatever form they are named."""

from __future__ import annotations

import pytest

from mail.choices.recognition import recognise

DAYS = ("12月3日（火）", "12月4日（水）", "12月5日（木）", "欠席・ご相談")
NAMES = ("2", "2番", "②", "② ", "二番", "2番目", "12月4日", "4日", "12/4", "水曜日")

UNSUITABLE = (
    "では都合がつきません", "では都合が付きません", "では行けそうにありません", "では仕事が入っております", "だと仕事です",
    "だと困ります", "は仕事です", "は予定があります", "は先約があります", "はNG", "だけNG", "のみNG", "はちょっと…",
    "はきついです", "は埋まっています", "は出張です", "は通院です", "は不都合です", "は不在です", "の日は仕事",
    "に伺えません", "に間に合いません", "には伺えません", "の都合がつかなくなりました",
)  # fmt: skip
UNWANTED = (
    "を除いてください", "を除けば大丈夫", "でなければいつでも", "じゃなきゃいつでも", "は避けたいです", "は外してください",
    "とは別の日でお願いします", "を選べません", "は選択しません", "を希望しません", "はいやです", "はパス", "はしんどい",
)  # fmt: skip
TAKEN_BACK = (
    "を取り下げます", "を撤回します", "の撤回をお願いします", "からの変更を希望します", "から変更してください",
    "を変更してください", "の変更をお願いします", "は誤送信です", "は忘れてください", "を無効にしてください", "を削除してください",
    "と間違えて送りました",
)  # fmt: skip
OPEN = (
    "で調整中です", "で仮予約", "（仮）", "でほぼ決まりですが確認します", "の予定ですが未確定です", "の方向で考えています",
    "になりそうです", "でしたっけ", "ですよね", "か迷います", "の時間を教えてください", "が第二希望です", "は第三希望",
    "にしたかったです", "がよかったのですが", "でお願いしていましたが", "のつもりだったのですが", "で回答済みですが",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("said", [*UNSUITABLE, *UNWANTED, *TAKEN_BACK, *OPEN])
def test_a_choice_that_is_only_spoken_of_is_looked_at(name: str, said: str) -> None:
    choice = recognise(name + said, DAYS)
    assert choice.needs_look
    assert choice.number is None


@pytest.mark.parametrize(
    "answer",
    [
        "2 is not good", "2 is bad", "2 would be difficult", "2 will not work", "2 won't work", "2 isn't possible",
        "2 - no", "avoid 2", "please skip 2", "cancel 2", "I'm busy on 2", "I wanted 2", "2 is my second choice",
        "Wednesday is bad", "busy on Wednesday", "4 December is impossible", "at 2", "class 2", "14th Dec",
    ],
)  # fmt: skip
def test_what_does_not_suit_in_english_is_looked_at(answer: str) -> None:
    assert recognise(answer, DAYS).needs_look


@pytest.mark.parametrize(
    "said",
    [
        "で行きます", "でよろしくです", "でオッケー", "と回答します", "がいいです", "をお願いします", "を選択します", "とします", "番にて", "のほうでお願いします",
        "に決めました", "に該当します", "へお願いします", "番に変更をお願いします", "番に伺います", "番の方が助かります",
        "番が希望です", "番を第一希望とします", "番 山田", "番！", "番っ", "番ですが、少し遅れます", "　です", " を希望します",
        " please", " works",
    ],
)  # fmt: skip
def test_a_number_counts_however_its_wish_is_put(said: str) -> None:
    assert recognise(f"2{said}", DAYS).number == 2


@pytest.mark.parametrize(("answer", "number"), [("4th Dec", 2), ("5 December", 3), ("the 3rd of December", 1)])
def test_a_day_before_its_month_is_that_day_and_no_number(answer: str, number: int) -> None:
    assert recognise(answer, DAYS).number == number
    assert recognise(answer, ("良好", "せきあり", "発熱あり", "けが", "その他")).number is None


ATTENDANCE = ("出席", "欠席", "遅刻", "早退", "未定")


@pytest.mark.parametrize(
    "answer",
    ["出席するつもりはありません", "出席する予定はありません", "出席する気はありません", "出席できません"],
)
def test_who_does_not_mean_to_attend_is_absent(answer: str) -> None:
    assert recognise(answer, ATTENDANCE).number == 2


@pytest.mark.parametrize(
    "answer",
    ["3時間目から出席します", "途中から出席します", "出席しますが途中で帰ります", "出席できるとは限りません",
     "出席できる者がおりません", "出席するべきか悩んでいます"],
)  # fmt: skip
def test_who_attends_in_part_or_perhaps_is_looked_at(answer: str) -> None:
    assert recognise(answer, ATTENDANCE).needs_look


def test_coming_later_is_coming_where_nothing_else_is_offered() -> None:
    assert recognise("途中から参加します", ("参加", "不参加")).number == 1


@pytest.mark.parametrize(
    ("answer", "choices"),
    [
        ("大人2名子供1名", ("1名", "2名", "3名")),
        ("9時から11時", ("9:00～10:00", "10:00～11:00")),
        ("発熱ありだったら連絡します", ("良好", "発熱あり", "その他")),
        ("その他、特になし", ("良好", "発熱あり", "その他")),
        ("食欲は良好です", ("良好", "発熱あり", "その他")),
        ("16時に迎えに行きますので学校で待たせてください", ("学校で待つ", "迎えに行く")),
    ],
)
def test_what_is_said_of_something_else_or_differs_is_looked_at(answer: str, choices: tuple[str, ...]) -> None:
    assert recognise(answer, choices).needs_look


@pytest.mark.parametrize(
    ("answer", "choices", "number"),
    [
        ("3年生の保護者1名です", ("1名", "2名", "3名"), 1),
        ("9時から10時", ("9:00～10:00", "10:00～11:00"), 1),
        ("12月4日だったら行けます", DAYS, 2),
        ("1番希望です", DAYS, 1),
    ],
)
def test_what_fits_one_choice_only_counts(answer: str, choices: tuple[str, ...], number: int) -> None:
    assert recognise(answer, choices).number == number


@pytest.mark.parametrize(
    "answer",
    [
        "主人と相談します", "家族と相談して連絡します", "3日から5日", "火曜から木曜", "会員番号3", "受付番号2", "整理番号は3です",
        "2のままか確認したい", "兄のときは2でした", "友達は2です", "兄が2なので同じ日で", "△2", "2(△)", "2🆖", "一応2で",
        "とりあえず2、後で連絡します", "2。変更があるかもしれません。", "2でお願いします。変更の可能性があります。",
    ],
)  # fmt: skip
def test_what_others_chose_or_may_still_change_is_looked_at(answer: str) -> None:
    assert recognise(answer, DAYS).needs_look


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("ご相談でお願いします", 4),
        ("希望番号3", 3),
        ("回答番号は2です", 2),
        ("2に変更をお願いします", 2),
        ("3日でお願いします", 1),
    ],
)
def test_what_is_asked_of_the_school_counts(answer: str, number: int) -> None:
    assert recognise(answer, DAYS).number == number
