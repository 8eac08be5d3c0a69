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
from tests.receipts.conftest import NOW, PARENT, SENT, House, letter
from tests.receipts.handlers.test_copies import planned


def received(house: House, token: str, body: str = SENT) -> Incoming:
    """The survey as it lies in a parent's phone."""
    return Incoming(
        subject="健康調査",
        text=body,
        sender=f"info@{house.unit}.example",
        sender_name="あおば小学校",
        to=PARENT,
        reply_to=f"{token}@{house.unit}.example",
        message_id=f"<{token}.1@{house.unit}.example>",
        references=(),
        date="Wed, 08 Apr 2026 09:00:00 +0900",
        automatic=False,
        list_unsubscribe="",
    )


async def answer(
    house: House, message: int, words: str, *, copy: int = 0, at: datetime = NOW, style: Style = Style.IPHONE
) -> int:
    """Answer as this program does; the copy that was answered."""
    copy = copy or new_id()
    token = house.token(TokenKind.ANSWER, message, copy)
    mail = reply(style, received(house, token), words, sender=PARENT, date=at)
    await replies.reply(house.context, house.reply(token, mail.raw, at=at))
    return copy


async def test_an_answer_counts_whatever_its_carrier_proves_and_what_it_proved_is_kept(house: House) -> None:
    message, copy = await house.sent(), new_id()
    await copies.plan(house.context, planned(house, message, [copy]))
    token = house.token(TokenKind.ANSWER, message, copy)
    mail = reply(Style.IPHONE, received(house, token), "2", sender=PARENT, date=NOW)
    shown = Authentication(spf="fail", dmarc="fail", policy="reject")
    await replies.reply(house.context, house.reply(token, mail.raw, authentication=shown))
    (row,) = await house.answers(message)
    assert row["choice"] == 2
    assert Authentication.model_validate(row["authentication"]) == shown


@pytest.mark.parametrize("style", list(STYLES))
async def test_an_answer_in_any_mail_programs_style_is_read_and_recorded(house: House, style: Style) -> None:
    message, copy = await house.sent(), new_id()
    await copies.plan(house.context, planned(house, message, [copy]))
    await answer(house, message, "３番です。昨夜から熱があります。", copy=copy, style=style)
    (row,) = await house.answers(message)
    assert (row["choice"], row["needs_look"], row["latest"]) == (3, False, True)
    # Words that stood in the subject have lost their full width.
    assert unicodedata.normalize("NFKC", row["text"]).split("\n")[0] == "3番です。昨夜から熱があります。"
    (said,) = await house.said(AnswerRecorded)
    assert (said.message, said.copy_ref, said.choice) == (message, copy, 3)
    assert (said.member, said.child) == (copy + 1, copy + 2)


async def test_the_last_answer_counts_and_earlier_ones_stay(house: House) -> None:
    message = await house.sent()
    copy = await answer(house, message, "1", at=NOW)
    await answer(house, message, "3", copy=copy, at=NOW + timedelta(hours=2))
    # Brought late by the bus, but written before the last.
    await answer(house, message, "2", copy=copy, at=NOW + timedelta(hours=1))
    rows = await house.answers(message)
    assert [(row["choice"], row["latest"]) for row in rows] == [(1, False), (2, False), (3, True)]


async def test_a_redelivered_answer_is_recorded_once(house: House) -> None:
    message, copy = await house.sent(), new_id()
    token = house.token(TokenKind.ANSWER, message, copy)
    event = house.reply(token, letter("2\n"))
    for _ in range(3):
        await replies.reply(house.context, event)
    assert len(await house.answers(message)) == 1
    assert len(await house.said(AnswerRecorded)) == 1


async def test_a_reply_that_only_quotes_is_an_empty_answer(house: House) -> None:
    for asks, needs_look in (("receipt", False), ("choice", True), ("text", True), ("none", False)):
        message = await house.sent(asks)
        for style in (Style.IPHONE, Style.GMAIL_ANDROID, Style.AU, Style.OUTLOOK, Style.DOCOMO):
            await answer(house, message, "", style=style)
        rows = await house.answers(message)
        assert {(row["text"], row["choice"], row["needs_look"]) for row in rows} == {("", None, needs_look)}, asks


async def test_an_answer_to_a_message_without_choices_is_words_and_nothing_else(house: House) -> None:
    message = await house.sent("text", ())
    await answer(house, message, "3時に迎えに行きます")
    (row,) = await house.answers(message)
    assert (row["text"], row["choice"], row["needs_look"]) == ("3時に迎えに行きます", None, False)


async def test_an_answer_in_doubt_is_left_to_a_human(house: House) -> None:
    message = await house.sent()
    await answer(house, message, "1か2、どちらかわかりません")
    (row,) = await house.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)


async def test_the_text_at_rest_tells_nothing_and_holds_no_address(house: House) -> None:
    message = await house.sent("text", ())
    await answer(house, message, "花子は熱です。連絡は hanako-mama@docomo.example へ")
    (row,) = await house.answers(message)
    assert "花子".encode() not in row["text_blob"]
    assert "花子は熱です" in row["text"]
    assert "hanako-mama" not in row["text"]


async def test_a_vacation_note_is_no_answer(house: House) -> None:
    message, copy = await house.sent(), new_id()
    token = house.token(TokenKind.ANSWER, message, copy)
    note = vacation_reply(received(house, token), sender=PARENT, date=NOW)
    await replies.reply(house.context, house.reply(token, note.raw, sender=""))
    assert await house.answers(message) == []
    assert await house.said(AnswerRecorded) == []


async def test_what_a_machine_may_have_written_is_kept_for_a_human_to_look_at(house: House) -> None:
    message, copy = await house.sent(), new_id()
    token = house.token(TokenKind.ANSWER, message, copy)
    await replies.reply(house.context, house.reply(token, letter("1\n", subject="【自動返信】健康調査")))
    (row,) = await house.answers(message)
    assert (row["choice"], row["needs_look"]) == (None, True)


async def test_an_answer_after_the_tokens_life_is_not_recorded(house: House) -> None:
    message = await house.sent()
    for age, recorded in ((399, 1), (401, 1)):
        token = house.token(TokenKind.ANSWER, message, new_id(), age=timedelta(days=age))
        await replies.reply(house.context, house.reply(token, letter("1\n")))
        assert len(await house.answers(message)) == recorded


async def test_an_answer_to_a_message_that_the_office_does_not_know_is_a_dead_letter(house: House) -> None:
    event = house.reply(house.token(TokenKind.ANSWER, new_id(), new_id()), letter("1\n"))
    with pytest.raises(PermanentError, match="unknown_message"):
        await replies.reply(house.context, event)


async def test_one_of_two_guardians_is_enough_for_the_child(house: House) -> None:
    message, mother, father = await house.sent(), new_id(), new_id()
    for copy in (mother, father):
        event = planned(house, message, [copy])
        both = tuple(each.model_copy(update={"child": 77}) for each in event.copies)
        await copies.plan(house.context, event.model_copy(update={"copies": both}))
    await answer(house, message, "1", copy=father)
    (counts,) = await house.rows("SELECT * FROM ledger.counts WHERE message = :m", m=message)
    assert (counts["planned"], counts["answered"], counts["children"], counts["children_answered"]) == (2, 1, 1, 1)


def test_a_reading_is_made_of_what_was_asked() -> None:
    assert reading_of("choice", "熱", None) == Reading(None, False, "")
    assert reading_of("receipt", "", None) == Reading(None, False, "")
    assert reading_of("choice", " \n", None) == Reading(None, True, "empty")
    assert reading_of("receipt", "はい", None, "automatic subject") == Reading(None, True, "automatic subject")


def test_every_token_has_a_life_and_every_verdict_an_outcome() -> None:
    lives = TokenLifetimes(timedelta(days=7), timedelta(hours=24), timedelta(days=400))
    week = {TokenKind.REGISTRATION, TokenKind.LEAVE}
    assert {kind for kind in TokenKind if lives.of(kind) == timedelta(days=7)} == week
    assert lives.of(TokenKind.POST) == timedelta(hours=24)
    assert set(CONFIRMATIONS) == {*week, TokenKind.POST, TokenKind.UNSUBSCRIBE}
    verdicts = ("dead", "full", "filtered", "policy", "deferred", "suspended", "unknown")
    outcomes = [outcome_of_bounce(verdict) for verdict in verdicts]
    assert outcomes == ["dead", "full", "filtered", "policy", "expired", "filtered", "failed"]
