"""A parent answers by reply: the words are kept, encrypted; the last answer counts; machines answer nothing."""

import unicodedata
from datetime import datetime, timedelta

import pytest

from contracts.events import AnswerRecorded, Authentication
from mail.tokens import TokenKind
from receipts.handlers import copies, replies
from receipts.model import CONFIRMATIONS, Reading, TokenLifetimes, outcome_of_bounce, reading_of
from runtime.errors import PermanentError
from runtime.ids import new_id
from simulator.client_styles import STYLES, Style, reply, vacation_reply
from simulator.incoming import Incoming
from tests.receipts.conftest import NOW, PARENT, SENT, Harness, plain_mail
from tests.receipts.handlers.test_copies import planned


def received(harness: Harness, token: str, body: str = SENT) -> Incoming:
    """The survey as it lies in a parent's phone."""
    return Incoming(
        subject="健康調査",
        text=body,
        sender=f"info@{harness.unit}.example",
        sender_name="あおば小学校",
        to=PARENT,
        reply_to=f"{token}@{harness.unit}.example",
        message_id=f"<{token}.1@{harness.unit}.example>",
        references=(),
        date="Wed, 08 Apr 2026 09:00:00 +0900",
        automatic=False,
        list_unsubscribe="",
    )


async def answer(
    harness: Harness, message: int, words: str, *, copy: int = 0, at: datetime = NOW, style: Style = Style.IPHONE
) -> int:
    """Answer as this program does; the copy that was answered."""
    copy = copy or new_id()
    token = harness.token(TokenKind.ANSWER, message, copy)
    mail = reply(style, received(harness, token), words, sender=PARENT, date=at)
    await replies.reply(harness.context, harness.reply(token, mail.raw, at=at))
    return copy


async def test_an_answer_counts_whatever_its_carrier_proves_and_what_it_proved_is_kept(harness: Harness) -> None:
    message, copy = await harness.sent(), new_id()
    await copies.plan(harness.context, planned(harness, message, [copy]))
    token = harness.token(TokenKind.ANSWER, message, copy)
    mail = reply(Style.IPHONE, received(harness, token), "2", sender=PARENT, date=NOW)
    shown = Authentication(spf="fail", dmarc="fail", policy="reject")
    await replies.reply(harness.context, harness.reply(token, mail.raw, authentication=shown))
    (row,) = await harness.answers(message)
    assert row["choice"] == 2
    assert Authentication.model_validate(row["authentication"]) == shown


@pytest.mark.parametrize("style", list(STYLES))
async def test_an_answer_in_any_mail_programs_style_is_read_and_recorded(harness: Harness, style: Style) -> None:
    message, copy = await harness.sent(), new_id()
    await copies.plan(harness.context, planned(harness, message, [copy]))
    await answer(harness, message, "３番です。昨夜から熱があります。", copy=copy, style=style)
    (row,) = await harness.answers(message)
    assert (row["choice"], row["needs_look"], row["latest"]) == (3, False, True)
    # Words that stood in the subject have lost their full width.
    assert unicodedata.normalize("NFKC", row["text"]).split("\n")[0] == "3番です。昨夜から熱があります。"
    (said,) = await harness.said(AnswerRecorded)
    assert (said.message, said.copy_ref, said.choice) == (message, copy, 3)
    assert (said.member, said.child) == (copy + 1, copy + 2)


async def test_the_last_answer_counts_and_earlier_ones_stay(harness: Harness) -> None:
    message = await harness.sent()
    copy = await answer(harness, message, "1", at=NOW)
    await answer(harness, message, "3", copy=copy, at=NOW + timedelta(hours=2))
    # Brought late by the bus, but written before the last.
    await answer(harness, message, "2", copy=copy, at=NOW + timedelta(hours=1))
    rows = await harness.answers(message)
    assert [(row["choice"], row["latest"]) for row in rows] == [(1, False), (2, False), (3, True)]


async def test_a_redelivered_answer_is_recorded_once(harness: Harness) -> None:
    message, copy = await harness.sent(), new_id()
    token = harness.token(TokenKind.ANSWER, message, copy)
    event = harness.reply(token, plain_mail("2\n"))
    for _ in range(3):
        await replies.reply(harness.context, event)
    assert len(await harness.answers(message)) == 1
    assert len(await harness.said(AnswerRecorded)) == 1


async def test_a_reply_that_only_quotes_is_an_empty_answer(harness: Harness) -> None:
    for asks, needs_look in (("receipt", False), ("choice", True), ("text", True), ("none", False)):
        message = await harness.sent(asks)
        for style in (Style.IPHONE, Style.GMAIL_ANDROID, Style.AU, Style.OUTLOOK, Style.DOCOMO):
            await answer(harness, message, "", style=style)
        rows = await harness.answers(message)
        assert {(row["text"], row["choice"], row["needs_look"]) for row in rows} == {("", None, needs_look)}, asks


async def test_an_answer_to_a_message_without_choices_is_words_and_nothing_else(harness: Harness) -> None:
    message = await harness.sent("text", ())
    await answer(harness, message, "3時に迎えに行きます")
    (row,) = await harness.answers(message)
    assert (row["text"], row["choice"], row["needs_look"]) == ("3時に迎えに行きます", None, False)


async def test_an_answer_in_doubt_is_left_to_a_human(harness: Harness) -> None:
    message = await harness.sent()
    await answer(harness, message, "1か2、どちらかわかりません")
    (row,) = await harness.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)


async def test_the_text_at_rest_tells_nothing_and_holds_no_address(harness: Harness) -> None:
    message = await harness.sent("text", ())
    await answer(harness, message, "花子は熱です。連絡は hanako-mama@docomo.example へ")
    (row,) = await harness.answers(message)
    assert "花子".encode() not in row["text_blob"]
    assert "花子は熱です" in row["text"]
    assert "hanako-mama" not in row["text"]


async def test_a_vacation_note_is_no_answer(harness: Harness) -> None:
    message, copy = await harness.sent(), new_id()
    token = harness.token(TokenKind.ANSWER, message, copy)
    note = vacation_reply(received(harness, token), sender=PARENT, date=NOW)
    await replies.reply(harness.context, harness.reply(token, note.raw, sender=""))
    assert await harness.answers(message) == []
    assert await harness.said(AnswerRecorded) == []


async def test_what_a_machine_may_have_written_is_kept_for_a_human_to_look_at(harness: Harness) -> None:
    message, copy = await harness.sent(), new_id()
    token = harness.token(TokenKind.ANSWER, message, copy)
    await replies.reply(harness.context, harness.reply(token, plain_mail("1\n", subject="【自動返信】健康調査")))
    (row,) = await harness.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)


async def test_an_answer_after_the_tokens_life_is_not_recorded(harness: Harness) -> None:
    message = await harness.sent()
    for age, recorded in ((399, 1), (401, 1)):
        token = harness.token(TokenKind.ANSWER, message, new_id(), age=timedelta(days=age))
        await replies.reply(harness.context, harness.reply(token, plain_mail("1\n")))
        assert len(await harness.answers(message)) == recorded


async def test_an_answer_to_a_message_that_the_office_does_not_know_is_a_dead_letter(harness: Harness) -> None:
    event = harness.reply(harness.token(TokenKind.ANSWER, new_id(), new_id()), plain_mail("1\n"))
    with pytest.raises(PermanentError, match="unknown_message"):
        await replies.reply(harness.context, event)


async def test_one_of_two_guardians_is_enough_for_the_child(harness: Harness) -> None:
    message, mother, father = await harness.sent(), new_id(), new_id()
    for copy in (mother, father):
        event = planned(harness, message, [copy])
        both = tuple(each.model_copy(update={"child": 77}) for each in event.copies)
        await copies.plan(harness.context, event.model_copy(update={"copies": both}))
    await answer(harness, message, "1", copy=father)
    (counts,) = await harness.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message)
    assert (counts["planned"], counts["answered"], counts["children"], counts["children_answered"]) == (2, 1, 1, 1)


def test_a_reading_is_made_of_what_was_asked() -> None:
    assert reading_of("choice", "熱", None) == Reading(None, False, "")
    assert reading_of("receipt", "", None) == Reading(None, False, "")
    assert reading_of("choice", " \n", None) == Reading(None, True, "empty")
    assert reading_of("receipt", "はい", None, "automatic subject") == Reading(None, True, "automatic subject")


def test_every_token_has_a_life_and_every_classification_an_outcome() -> None:
    lives = TokenLifetimes(timedelta(days=7), timedelta(hours=24), timedelta(days=400))
    week = {TokenKind.REGISTRATION, TokenKind.LEAVE}
    assert {kind for kind in TokenKind if lives.of(kind) == timedelta(days=7)} == week
    assert lives.of(TokenKind.POST) == timedelta(hours=24)
    assert set(CONFIRMATIONS) == {*week, TokenKind.POST, TokenKind.UNSUBSCRIBE}
    classifications = ("dead", "full", "filtered", "policy", "deferred", "suspended", "unknown")
    outcomes = [outcome_of_bounce(each) for each in classifications]
    assert outcomes == ["dead", "full", "filtered", "policy", "expired", "filtered", "failed"]
