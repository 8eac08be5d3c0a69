"""Names: what parents write in their own order is understood, and what isn't is kept as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.names import parse, parse_all


@pytest.mark.parametrize(
    ("text", "number", "child", "relation"),
    [
        ("15 山田 太郎 母", "15", "山田 太郎", "母"),
        ("１５　山田　太郎　母", "15", "山田 太郎", "母"),
        ("母 山田太郎 15", "15", "山田太郎", "母"),
        ("山田 太郎(15番) 母", "15", "山田 太郎", "母"),
        ("3年2組15番 山田太郎 父", "3年2組15番", "山田太郎", "父"),
        ("３年２組　１５番　山田太郎　父", "3年2組15番", "山田太郎", "父"),
        ("3-2-15 山田太郎（やまだたろう） 祖母", "3-2-15", "山田太郎", "祖母"),
        ("15山田太郎母", "15", "山田太郎", "母"),
        ("山田太郎の母です", None, "山田太郎", "母"),
        ("ひまわり組 やまだ たろう おばあちゃん", "ひまわり組", "やまだ たろう", "おばあちゃん"),
        ("番号：15\n氏名：山田太郎\n続柄：母\n\nよろしくお願いします", "15", "山田太郎", "母"),
        ("15番 山田太郎くん 保護者", "15", "山田太郎", "保護者"),
        ("15 山田 太郎 母\niPhoneから送信", "15", "山田 太郎", "母"),
        ("15 Yamada Taro 母", "15", "Yamada Taro", "母"),
        ("15 Yamada Taro mother", "15", "Yamada Taro", "母"),
        ("山田 太郎 の 母 15", "15", "山田 太郎", "母"),
        ("15 髙橋 﨑子 母 花子", "15", "髙橋 﨑子", "母"),
    ],
)
def test_class_number_child_and_relation(text: str, number: str | None, child: str, relation: str) -> None:
    name = parse(text)
    assert (name.class_number, name.child, name.relation) == (number, child, relation)
    assert name.original


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "よろしくお願いします",
        "登録希望です。",
        "-- \n15 山田 太郎",
        "空メールです、これでいいのでしょうか?",
    ],
)
def test_no_name_is_made_up(text: str) -> None:
    assert parse(text).child is None
    assert parse_all(text) == ()


def test_the_original_stays_as_it_was_written() -> None:
    assert parse("１５　山田　太郎　母").original == "１５　山田　太郎　母"


def test_several_children_on_lines_of_their_own() -> None:
    names = parse_all("15 山田 太郎 母\n3 山田 花子 母\n\nよろしくお願いします")
    assert [(name.class_number, name.child) for name in names] == [("15", "山田 太郎"), ("3", "山田 花子")]
    assert len(parse_all("15 山田 太郎 母")) == 1


@given(st.text(max_size=400))
def test_any_text_may_come(text: str) -> None:
    parse_all(text)
    assert "山田" not in repr(parse("15 山田 太郎 母"))
