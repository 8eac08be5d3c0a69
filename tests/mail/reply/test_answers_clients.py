"""Answers come out as they were written, whatever the mail program and wherever in the mail they stand."""

from __future__ import annotations

import pytest

from mail.mime.reading import ParsedMail, read
from mail.reply.answers import answer_text
from simulator.reply_forms import BARE, ELSEWHERE, FOOTERS, MARKED, UNMARKED, Posting, ReplyForm, SentText, compose

PLAIN = """緑小学校です。
本日の体調をお知らせください。

1 良好
2 せきあり
3 発熱あり

※番号を1つ書いて返信してください。
"""
FILLED = """緑 太郎 さんについて

あおば小学校からのお知らせです。個人面談の日時は次のとおりです。
日時：4月8日（水）10:00～
場所：3年2組教室
出欠をお知らせください。

①出席
②欠席
---------------------
あおば小学校 教頭 山田
TEL 03-1234-5678
https://www.aoba.example.jp/
"""
TEMPLATE = FILLED.replace("緑 太郎", "{{child}}").replace("3年2組", "{{class}}")
ENGLISH = """Dear parents,

Will your child come by bus on Monday? Please answer with one number.

1. Yes
2. No

Midori School
"""
QUESTIONS = (
    SentText(PLAIN, PLAIN, "緑小学校"),
    SentText(FILLED, TEMPLATE, "あおば市立あおば小学校（保護者連絡）"),
    SentText(ENGLISH, ENGLISH, "Midori School"),
)
ANSWERS = (
    "３",
    "③です",
    "3️⃣でお願いします🙇",
    "2でお願いします。\n熱は37.5度です。",
    "お世話になっております。\n緑 花子の母です。\n\n3です。明日4/9 8:30に病院へ行きます。\n電話は090-1234-5678です。\n\nよろしくお願いいたします。",
    "1\n2年4月8日生まれの妹は2です。",
    "2026年4月8日から休みます\n連絡は10:00にします",
    "詳しくは https://www.example.com/a_b?c=d#e をごらんください >_<\n2",
    "2です。\nFrom: 10時\nTo: 11時\nまでなら行けます。",
    "日時：4月10日 15時\n件名：面談\n希望します。",
    "2, thank you.\nWe will be on time.\n\nBest regards,\nHanako",
    "5日は10:30にメールを書きました\n2です",
    "パパの携帯から送信しました\n1です",
    "・長男 1\n・次男 2\n以上",
    "先生へ\nFrom: 緑\n件名：欠席\n日付：4/8\n2です",
)


def parsed(text: str, subject: str = "Re: 【緑小学校】健康調査") -> ParsedMail:
    head = f"Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    return read((head + text).encode())


def assert_answer_is_found(form: ReplyForm, posting: Posting, *, known: bool, footer: str = FOOTERS[0]) -> None:
    for question in QUESTIONS:
        for answer in ANSWERS:
            if posting is Posting.BOTH and "\n" not in answer:
                continue
            text = compose(form, posting, answer, question, footer=footer)
            expected = answer if posting is not Posting.BOTH else "\n\n".join(answer.rsplit("\n", 1))
            found = answer_text(parsed(text), question.template if known else None, sent_subject=question.subject)
            assert found.split() == expected.split(), text


@pytest.mark.parametrize("posting", Posting)
@pytest.mark.parametrize("form", MARKED, ids=lambda form: form.name)
def test_the_answer_beside_a_marked_quotation(form: ReplyForm, posting: Posting) -> None:
    for known in (True, False):
        assert_answer_is_found(form, posting, known=known)


@pytest.mark.parametrize("posting", Posting)
@pytest.mark.parametrize("form", UNMARKED, ids=lambda form: form.name)
def test_the_answer_beside_an_unmarked_quotation_below_a_head(form: ReplyForm, posting: Posting) -> None:
    assert_answer_is_found(form, posting, known=True)
    if posting in (Posting.TOP, Posting.TIGHT, Posting.FOOTED):
        assert_answer_is_found(form, posting, known=False)


@pytest.mark.parametrize("posting", Posting)
@pytest.mark.parametrize("form", BARE, ids=lambda form: form.name)
def test_the_answer_beside_our_text_without_any_sign(form: ReplyForm, posting: Posting) -> None:
    if posting is not Posting.PART:  # one line of ours and no sign: it may be an answer
        assert_answer_is_found(form, posting, known=True)


@pytest.mark.parametrize("form", [*MARKED, *UNMARKED], ids=lambda form: form.name)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_a_reply_without_an_answer_is_empty(form: ReplyForm, question: SentText) -> None:
    text = compose(form, Posting.TOP, "", question)
    assert answer_text(parsed(text), question.template, sent_subject=question.subject) == ""
    if form.mark:
        assert answer_text(parsed(text), None) == ""


@pytest.mark.parametrize("head", ELSEWHERE)
def test_heads_from_elsewhere(head: str) -> None:
    marked = "".join(f"> {line}\n" for line in PLAIN.splitlines())
    for body in (PLAIN, marked, "Hi there\n"):
        for answer in ("Yes", "2です。\nよろしく"):
            for known in (PLAIN, None):
                assert answer_text(parsed(f"{answer}\n\n{head}\n\n{body}"), known) == answer
