"""Which event is answered, by what kind of mail, to whom, and how often."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.base import Event
from contracts.events import (
    Automatic,
    InboundOperator,
    LeaveCompleted,
    LeaveOpened,
    LeaveRefused,
    PostClosed,
    PostHeld,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
)
from contracts.sealed import CardFields
from responder.consumers import EventConsumer
from responder.directory import UnknownUnit
from responder.model import Board, Boards, Notice, batch_id
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError, TransientError
from tests.responder.voice import (
    ADDRESS,
    EVENTS,
    FULL,
    NOTICES,
    NOW,
    OPENER,
    SCHOOL,
    Voice,
    ask,
    card,
    excerpt,
    heard,
    to,
)

COMMON: dict[str, Any] = {"id": "registry:1/x", "occurred_at": NOW, "unit": "minami", "group": "1nen"}
OPENED = RegistrationOpened(**COMMON, registration=11, named=True, to=to(understood="15 山田 太郎 母"))
COMPLETED = RegistrationCompleted(**COMMON, registration=11, member=12, named=False, to=to())
REFUSED = RegistrationRefused(**COMMON, registration=11, reason="expired", to=to())
LEAVING = LeaveOpened(**COMMON, request=21, to=to())
LEFT = LeaveCompleted(**COMMON, request=21, member=12, to=to())
STAYED = LeaveRefused(**COMMON, request=21, reason="not_member", to=to())
HELD = PostHeld(**COMMON, message=31, poster=12, recipients=35, excerpt=excerpt(), to=to())
CLOSED = PostClosed(**COMMON, message=31, poster=12, outcome="sent", recipients=35, to=to())


async def deliver(voice: Voice, event: Event) -> None:
    """As it comes from the bus."""
    data = event.model_dump_json().encode()
    await EventConsumer(voice.responder)(Delivery(event.bus_subject(), data, {}, 1, "EVENTS", 1))


@pytest.mark.parametrize(
    ("event", "reply_kind", "message", "null_sender", "words"),
    [
        (OPENED, "registration", 11, False, "お申し込みを受け付けました"),
        (COMPLETED, None, 11, False, "登録が完了しました"),
        (REFUSED, None, 11, True, "有効期限が切れていました"),
        (LEAVING, "leave", 21, False, "やめるお申し込みを受け付けました"),
        (LEFT, None, 21, False, "を解除しました"),
        (LEFT.model_copy(update={"complained": True}), None, 21, False, "報告されました"),
        (STAYED, None, 21, True, "登録されていません"),
        (HELD, "post", 31, False, "35 人に送ります"),
        (CLOSED, None, 31, False, "35 人に送信しました"),
        (ask(), None, 5, True, "プール開き"),
    ],
    ids=lambda value: value.name if isinstance(value, Event) else "",
)
async def test_every_occasion_has_its_mail(
    event: Event, reply_kind: str | None, message: int, null_sender: bool, words: str
) -> None:
    voice = Voice()
    await voice.memory.refresh()
    await deliver(voice, event)
    said = voice.said
    assert words in said.flat
    assert said.content.automatic
    assert said.content.from_name == "みなみ小学校"
    assert said.content.list_name is None
    batch = said.batch
    assert (batch.reply_kind, batch.message, batch.null_sender) == (reply_kind, message, null_sender)
    assert batch.bus_subject() == "delivery.prompt.docomo"
    assert not batch.tracked
    assert batch.batch == batch_id(event.id)
    (recipient,) = said.cards
    assert (recipient.address, recipient.copy_ref) == (ADDRESS, 77)
    assert ADDRESS not in batch.model_dump_json()


async def test_what_a_poster_wrote_is_passed_on_sealed() -> None:
    voice = Voice()
    await deliver(voice, HELD)
    assert voice.said.batch.extra is not None
    assert OPENER.open(voice.said.batch.extra, CardFields).fields["subject"] == "早帰り"
    assert "早帰り" not in voice.said.content.text


async def test_mail_for_the_postmaster_is_handed_on_and_without_a_mailbox_it_ends_here() -> None:
    voice = Voice()
    event = InboundOperator(
        id="in-9",
        occurred_at=NOW,
        unit="operator",
        size=10,
        ref=9,
        mailbox="abuse",
        carrier="other",
        recipient=card(subject="x", text="y"),
    )
    await deliver(voice, event.model_copy(update={"id": "in-8", "recipient": None}))
    assert voice.bus.published == []
    await deliver(voice, event)
    assert voice.said.subject == "[abuse] {{subject}}"
    assert (voice.said.batch.null_sender, voice.said.batch.unit) == (True, "operator")


async def test_robots_are_never_answered() -> None:
    voice = Voice()
    await voice.memory.refresh()
    await deliver(voice, ask(automatic=Automatic(reply_allowed=False, why="Auto-Submitted")))
    await deliver(voice, ask(2).model_copy(update={"recipient": None}))
    assert voice.bus.published == []


async def test_the_same_event_twice_is_one_mail() -> None:
    voice = Voice(per_hour=1)
    await deliver(voice, OPENED)
    await deliver(voice, OPENED)
    assert len(voice.bus.published) == 1


async def test_one_address_gets_at_most_so_many_answers_an_hour() -> None:
    voice = Voice(per_hour=3)
    await voice.memory.refresh()
    for number in range(5):
        await deliver(voice, ask(number, proven=True))
    await deliver(voice, OPENED)
    assert len(voice.bus.published) == 3
    for event in (COMPLETED, HELD):  # what a person did by replying is always confirmed
        await deliver(voice, event.model_copy(update={"id": f"reg-{event.name}"}))
    assert len(voice.bus.published) == 5
    voice.now = NOW + timedelta(minutes=59, seconds=59)
    await deliver(voice, ask(8, proven=True))
    assert len(voice.bus.published) == 5
    voice.now = NOW + timedelta(hours=1)
    await deliver(voice, ask(9, proven=True))
    assert len(voice.bus.published) == 6


async def test_a_flood_of_questions_in_somebody_s_name_brings_him_one_answer_an_hour() -> None:
    voice = Voice()
    await voice.memory.refresh()
    for number in range(20):
        await deliver(voice, ask(number))
        await deliver(voice, REFUSED.model_copy(update={"id": f"refused-{number}"}))
    assert [heard(batch).batch.id for batch in voice.bus.published] == ["auto-in-0", "auto-refused-0"]
    for number, group in enumerate(("1nen", "2nen") * 5):
        await deliver(voice, ask(100 + number, group=group))
    assert len(voice.bus.published) == 3
    voice.now = NOW + timedelta(hours=1)
    await deliver(voice, ask(200))
    assert len(voice.bus.published) == 4


async def test_whoever_asks_again_is_answered_when_there_is_something_new() -> None:
    voice = Voice(unproven=2)
    await voice.memory.refresh()
    await deliver(voice, ask(1))
    await deliver(voice, ask(2))
    assert len(voice.bus.published) == 1
    fresh = Notice(99, "避難の終了", "全員無事です", NOW - timedelta(minutes=1))
    voice.database.boards = Boards({"minami": Board((*NOTICES, fresh), EVENTS)})
    await voice.memory.refresh()
    await deliver(voice, ask(3))
    assert "全員無事です" in heard(voice.bus.published[1]).content.text
    voice.database.boards = FULL
    await voice.memory.refresh()
    await deliver(voice, ask(4))
    assert len(voice.bus.published) == 2


async def test_the_clock_alone_makes_nothing_new() -> None:
    voice = Voice()
    await voice.memory.refresh()
    await deliver(voice, ask(1))
    voice.now = NOW + timedelta(minutes=10)
    await deliver(voice, ask(2))
    assert len(voice.bus.published) == 1


async def test_processes_that_count_at_once_count_right() -> None:
    voice = Voice()
    voice.bus.rivals = 3
    await deliver(voice, OPENED)
    assert len(voice.bus.published) == 1
    voice.bus.rivals = 99
    with pytest.raises(TransientError):
        await deliver(voice, LEAVING.model_copy(update={"id": "other"}))


async def test_while_the_bus_is_away_the_event_comes_again_later() -> None:
    voice = Voice()
    voice.bus.away = True
    for event in (OPENED, COMPLETED):
        with pytest.raises(TransientError):
            await deliver(voice, event)


async def test_while_the_database_is_away_the_last_news_are_told() -> None:
    voice = Voice()
    await voice.memory.refresh()
    voice.database.boards = None
    await voice.memory.refresh()
    await voice.memory.check()
    await deliver(voice, ask())
    assert "プール開き" in voice.said.content.text
    voice.database.boards = Boards()
    await voice.memory.refresh()
    await deliver(voice, ask(2))
    assert "お知らせはありません" in heard(voice.bus.published[1]).content.text


async def test_before_the_news_were_ever_read_the_question_waits_and_costs_no_answer() -> None:
    voice = Voice(boards=None, per_hour=1)
    await voice.memory.refresh()
    with pytest.raises(TransientError):
        await deliver(voice, ask())
    voice.database.boards = FULL
    await voice.memory.refresh()
    await deliver(voice, ask())
    assert len(voice.bus.published) == 1


async def test_a_unit_that_is_not_known_yet_is_looked_for_again() -> None:
    voice = Voice()
    event = OPENED.model_copy(update={"unit": "kita"})
    with pytest.raises(UnknownUnit):
        await deliver(voice, event)
    voice.learn(SCHOOL.model_copy(update={"unit": "kita", "name": "きた小学校"}))
    await deliver(voice, event)
    assert voice.said.content.from_name == "きた小学校"


async def test_a_group_that_is_gone_is_called_by_its_code() -> None:
    voice = Voice()
    await deliver(voice, LEFT.model_copy(update={"group": "6nen"}))
    assert "「6nen」" in voice.said.content.text


async def test_what_is_not_understood_is_a_permanent_error() -> None:
    voice = Voice()
    for subject, data in (("registration.opened", b"{}"), ("registration.unheard", b"{}")):
        with pytest.raises(PermanentError):
            await EventConsumer(voice.responder)(Delivery(subject, data, {}, 1, "EVENTS", 1))


def test_batch_ids_fit_into_a_subject_and_stay_different() -> None:
    assert batch_id("in-abc_1") == "auto-in-abc_1"
    numbers = {batch_id("a.b"), batch_id("a*b"), batch_id("a-b"), batch_id("x" * 200), batch_id("x" * 199)}
    assert len(numbers) == 5
    assert all(number.isascii() and len(number) < 130 and not set(number) & set(".*> ") for number in numbers)
