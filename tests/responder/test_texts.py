"""What people read: every mail says what it is about and what to do, in Japanese and in English."""

import re
from typing import get_args

import pytest

from board.model import Board, News, news_of
from mail.automatic.decision import decide
from mail.mime import reading
from registry import naming
from responder.model import NEWEST_NOTICES
from responder.texts import Scope, Text, leaving, news, operator, posts, registration
from tests.responder.harness import BASE, EMPTY, EVENTS, FULL, NOW

GROUP = Scope("minami", "みなみ小学校", BASE, "1nen", "1年", receipts=True)
PLAIN = Scope("minami", "みなみ小学校", BASE, "1nen", "1年")
UNIT = Scope("minami", "みなみ小学校", BASE)
REPLY_AS_IT_IS = "このまま返信してください"


def told(board: Board, group: str | None = None) -> News:
    return news_of(board, NOW, newest=NEWEST_NOTICES, group=group)


def every_text() -> list[Text]:
    texts = [
        registration.guide(GROUP, named=True),
        registration.guide(GROUP, named=False),
        registration.guide(PLAIN, named=False),
        registration.completed(GROUP, named=True),
        leaving.guide(GROUP),
        leaving.guide(UNIT),
        leaving.completed(GROUP),
        leaving.complained(UNIT),
        leaving.completed(UNIT),
        posts.confirmation(GROUP, 35),
        posts.confirmation(GROUP, 0),
        news.latest(UNIT, told(FULL)),
        news.latest(GROUP, told(EMPTY, "1nen")),
    ]
    texts += [registration.refused(GROUP, reason) for reason in get_args(registration.RefusedReason)]
    texts += [leaving.refused(scope, reason) for reason in get_args(leaving.RefusedReason) for scope in (GROUP, UNIT)]
    texts += [posts.closed(GROUP, outcome, 35) for outcome in get_args(posts.Outcome)]
    return texts


@pytest.mark.parametrize("text", every_text(), ids=lambda text: text.subject)
def test_who_replies_and_quotes_without_marks_is_not_taken_for_a_machine(text: Text) -> None:
    raw = f"From: <hanako@docomo.ne.jp>\r\nSubject: Re: {text.subject}\r\n\r\nはい\r\n\r\n{text.text}".encode()
    assert decide(reading.read(raw), "hanako@docomo.ne.jp").why == ""


@pytest.mark.parametrize("text", every_text(), ids=lambda text: text.subject)
def test_every_mail_names_its_school_speaks_both_languages_and_holds_no_link(text: Text) -> None:
    assert text.subject.startswith("【みなみ小学校】")
    japanese, mark, english = text.text.partition("[English]")
    assert mark
    assert re.search("[ぁ-ん]", japanese)
    assert re.search("[a-z]{4}", english)
    assert "://" not in text.text
    assert "www." not in text.text
    assert "None" not in text.text
    assert "\n\n\n" not in text.text
    assert text.text.endswith("\n")


@pytest.mark.parametrize("text", every_text(), ids=lambda text: text.subject)
def test_lines_of_japanese_are_short_enough_for_a_phone(text: Text) -> None:
    japanese = text.text.partition("[English]")[0]
    assert all(len(line) <= 40 for line in japanese.splitlines() if "x" * 20 not in line)


def test_the_guide_says_which_group_and_that_a_reply_is_enough() -> None:
    text = registration.guide(GROUP, named=True)
    assert text.subject == "【みなみ小学校】登録のご案内"
    for words in ("「1年」", REPLY_AS_IT_IS, "何も書かなくて", "{{understood}}", "15 山田 太郎 母", "7日間"):
        assert words in text.text
    assert "何もしなければ登録されません" in text.text
    assert "Reply to this mail as it is" in text.text


def test_the_guide_asks_for_a_name_only_where_the_school_wants_names() -> None:
    assert "お名前をお知らせください" in registration.guide(GROUP, named=False).text
    assert "{{understood}}" not in registration.guide(GROUP, named=False).text
    assert "名前" not in registration.guide(PLAIN, named=False).text


def test_the_completion_says_how_to_leave_and_where_the_news_is() -> None:
    text = registration.completed(GROUP, named=True).text
    for words in (f"1nen-leave@minami.{BASE}", f"info@minami.{BASE}", "{{understood}}", "「1年」"):
        assert words in text
    assert "{{understood}}" not in registration.completed(GROUP, named=False).text


def test_who_replied_too_late_learns_how_to_begin_again() -> None:
    assert f"1nen-entry@minami.{BASE}" in registration.refused(GROUP, "expired").text
    assert "有効期限が切れて" in registration.refused(GROUP, "expired").text
    assert f"leave@minami.{BASE}" in leaving.refused(UNIT, "expired").text


def test_refusals_are_told_apart() -> None:
    subjects = {registration.refused(GROUP, reason).subject for reason in get_args(registration.RefusedReason)}
    assert len(subjects) == 4
    assert "すでに登録されています" in registration.refused(GROUP, "already_member").text
    assert "登録されていません" in leaving.refused(UNIT, "not_member").text


def test_who_reported_us_as_spam_by_mistake_reads_how_to_come_back() -> None:
    text = leaving.complained(UNIT).text
    for words in ("迷惑メール", "まちがって", "もう一度登録", "a mistake"):
        assert words in text


def test_leaving_everything_and_leaving_a_group_are_different_words() -> None:
    assert "すべての連絡メール" in leaving.guide(UNIT).text
    assert "「1年」の連絡メール" in leaving.guide(GROUP).text
    assert REPLY_AS_IT_IS in leaving.guide(UNIT).text
    assert f"1nen-entry@minami.{BASE}" in leaving.completed(GROUP).text


def test_a_poster_sees_what_goes_to_how_many_of_which_group() -> None:
    text = posts.confirmation(GROUP, 35)
    assert "1年" in text.subject
    assert "35人" in text.subject
    for words in (
        "「1年」",
        "35 人",
        "{{subject}}",
        "{{excerpt}}",
        "返信すると送信されます",
        "返信しなければ送信されません",
    ):
        assert words in text.text
    assert "誰にも届きません" in posts.confirmation(GROUP, 0).text
    assert "35 人に\n送信しました" in posts.closed(GROUP, "sent", 35).text
    assert "送信していません" in posts.closed(GROUP, "expired", 35).text
    assert "二重には" in posts.closed(GROUP, "already_sent", 35).text
    assert "取り消" in posts.closed(GROUP, "cancelled", 35).text


def test_the_news_are_the_three_newest_notices_and_two_days_of_events() -> None:
    text = news.latest(UNIT, told(FULL)).text
    assert text.index("プール開き") < text.index("運動会") < text.index("給食費")
    for absent in (
        "古いお知らせ",
        "2年の持ち物",
        "終わったこと",
        "まだ先のこと",
        "遠足",
        "きのうのこと",
        "あさってのこと",
    ):
        assert absent not in text
    assert "4月8日(水) 8:30 現在" in text
    assert "■ 今日 4月8日(水)\n・家庭訪問\n・10:00 入学式（体育館）\n　上ばきを\n　持参\n" in text
    assert "■ 明日 4月9日(木)\n・家庭訪問\n" in text
    assert "（以下省略）" in text


def test_a_groups_news_are_the_schools_and_its_own() -> None:
    text = news.latest(GROUP, told(FULL, "1nen")).text
    assert "1年の遠足" in text
    assert "プール開き" in text
    assert "2年の持ち物" not in text


def test_without_any_news_there_is_a_friendly_word() -> None:
    text = news.latest(UNIT, told(EMPTY)).text
    assert "いまお伝えするお知らせはありません" in text
    only_event = news.latest(UNIT, told(Board("", events=EVENTS[:1]))).text
    assert "■ お知らせ" not in only_event
    assert "予定はありません。" in only_event  # tomorrow


def test_the_operator_sees_where_a_mail_came_in() -> None:
    text = operator.forwarded("minami", "abuse")
    assert text.subject == "[abuse] {{subject}}"
    for words in ("minami", "{{from}}", "{{text}}"):
        assert words in text.text


@pytest.mark.parametrize("named", [True, False])
def test_a_guide_that_a_phone_quotes_without_marks_is_not_taken_for_a_name(named: bool) -> None:
    text = registration.guide(GROUP, named=named).text.replace("{{understood}}", "3 佐藤 花子（父）")
    first = naming.read("3 佐藤 花子 父")
    assert naming.correct(first, text) == first
