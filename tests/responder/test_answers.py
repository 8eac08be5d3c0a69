"""Which event is answered, by what kind of mail, to whom, and how often."""

from datetime import timedelta
from typing import Any

import pytest

from board.model import Board, Notice
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
from responder.directory import UnknownUnit
from responder.model import batch_id
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError, TransientError
from tests.responder.harness import (
    ADDRESS,
    EMPTY,
    EVENTS,
    FULL,
    NOTICES,
    NOW,
    OPENER,
    SCHOOL,
    Harness,
    ask,
    card,
    excerpt,
    opened,
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
    harness = Harness()
    await harness.boards.refresh()
    await harness.deliver(event)
    composed = harness.composed
    assert words in composed.flat
    assert composed.content.automatic
    assert composed.content.from_name == "みなみ小学校"
    assert composed.content.list_name is None
    batch = composed.batch
    assert (batch.reply_kind, batch.message, batch.null_sender) == (reply_kind, message, null_sender)
    assert batch.bus_subject() == "delivery.prompt.docomo"
    assert not batch.tracked
    assert batch.batch == batch_id(event.id)
    (recipient,) = composed.cards
    assert (recipient.address, recipient.copy_ref) == (ADDRESS, 77)
    assert ADDRESS not in batch.model_dump_json()


async def test_what_a_poster_wrote_is_passed_on_sealed() -> None:
    harness = Harness()
    await harness.deliver(HELD)
    assert harness.composed.batch.extra is not None
    assert OPENER.open(harness.composed.batch.extra, CardFields).fields["subject"] == "早帰り"
    assert "早帰り" not in harness.composed.content.text


async def test_mail_for_the_postmaster_is_handed_on_and_without_a_mailbox_it_ends_here() -> None:
    harness = Harness()
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
    await harness.deliver(event.model_copy(update={"id": "in-8", "recipient": None}))
    assert harness.batches == []
    await harness.deliver(event)
    assert harness.composed.subject == "[abuse] {{subject}}"
    assert (harness.composed.batch.null_sender, harness.composed.batch.unit) == (True, "operator")


async def test_robots_are_never_answered() -> None:
    harness = Harness()
    await harness.boards.refresh()
    await harness.deliver(ask(automatic=Automatic(reply_allowed=False, why="Auto-Submitted")))
    await harness.deliver(ask(2).model_copy(update={"recipient": None}))
    assert harness.batches == []


async def test_the_same_event_twice_is_one_mail() -> None:
    harness = Harness(per_hour=1)
    await harness.deliver(OPENED)
    await harness.deliver(OPENED)
    assert len(harness.batches) == 1


async def test_one_address_gets_at_most_so_many_answers_an_hour() -> None:
    harness = Harness(per_hour=3)
    await harness.boards.refresh()
    for number in range(5):
        await harness.deliver(ask(number, proven=True))
    await harness.deliver(OPENED)
    assert len(harness.batches) == 3
    for event in (COMPLETED, HELD):  # what a person did by replying is always confirmed
        await harness.deliver(event.model_copy(update={"id": f"reg-{event.name}"}))
    assert len(harness.batches) == 5
    harness.now = NOW + timedelta(minutes=59, seconds=59)
    await harness.deliver(ask(8, proven=True))
    assert len(harness.batches) == 5
    harness.now = NOW + timedelta(hours=1)
    await harness.deliver(ask(9, proven=True))
    assert len(harness.batches) == 6


async def test_a_flood_of_questions_in_somebody_s_name_brings_him_one_answer_an_hour() -> None:
    harness = Harness()
    await harness.boards.refresh()
    for number in range(20):
        await harness.deliver(ask(number))
        await harness.deliver(REFUSED.model_copy(update={"id": f"refused-{number}"}))
    assert [opened(batch).batch.id for batch in harness.batches] == ["auto-in-0", "auto-refused-0"]
    for number, group in enumerate(("1nen", "2nen") * 5):
        await harness.deliver(ask(100 + number, group=group))
    assert len(harness.batches) == 3
    harness.now = NOW + timedelta(hours=1)
    await harness.deliver(ask(200))
    assert len(harness.batches) == 4


async def test_whoever_asks_again_is_answered_when_there_is_something_new() -> None:
    harness = Harness(unproven=2)
    await harness.boards.refresh()
    await harness.deliver(ask(1))
    await harness.deliver(ask(2))
    assert len(harness.batches) == 1
    fresh = Notice(99, "避難の終了", "全員無事です", NOW - timedelta(minutes=1))
    harness.source.put(minami=Board("", (*NOTICES, fresh), EVENTS))
    await harness.boards.refresh()
    await harness.deliver(ask(3))
    assert "全員無事です" in opened(harness.batches[1]).content.text
    harness.source.put(minami=FULL)
    await harness.boards.refresh()
    await harness.deliver(ask(4))
    assert len(harness.batches) == 2


async def test_the_clock_alone_makes_nothing_new() -> None:
    harness = Harness()
    await harness.boards.refresh()
    await harness.deliver(ask(1))
    harness.now = NOW + timedelta(minutes=10)
    await harness.deliver(ask(2))
    assert len(harness.batches) == 1


async def test_processes_that_count_at_once_count_right() -> None:
    harness = Harness()
    harness.bus.rivals = 3
    await harness.deliver(OPENED)
    assert len(harness.batches) == 1
    harness.bus.rivals = 99
    with pytest.raises(TransientError):
        await harness.deliver(LEAVING.model_copy(update={"id": "other"}))


async def test_while_the_bus_is_away_the_event_comes_again_later() -> None:
    harness = Harness()
    harness.bus.away = True
    for event in (OPENED, COMPLETED):
        with pytest.raises(TransientError):
            await harness.deliver(event)


async def test_while_the_database_is_away_the_last_news_are_told() -> None:
    harness = Harness()
    await harness.boards.refresh()
    harness.source.away = True
    await harness.boards.refresh()
    await harness.boards.check()
    await harness.deliver(ask())
    assert "プール開き" in harness.composed.content.text
    harness.source.away = False
    harness.source.put(minami=EMPTY)
    await harness.boards.refresh()
    await harness.deliver(ask(2))
    assert "お知らせはありません" in opened(harness.batches[1]).content.text


async def test_before_the_news_were_ever_read_the_question_waits_and_costs_no_answer() -> None:
    harness = Harness(per_hour=1)
    harness.source.away = True
    await harness.boards.refresh()
    with pytest.raises(TransientError):
        await harness.deliver(ask())
    harness.source.away = False
    await harness.boards.refresh()
    await harness.deliver(ask())
    assert len(harness.batches) == 1


async def test_a_unit_that_is_not_known_yet_is_looked_for_again() -> None:
    harness = Harness()
    event = OPENED.model_copy(update={"unit": "kita"})
    with pytest.raises(UnknownUnit):
        await harness.deliver(event)
    harness.learn(SCHOOL.model_copy(update={"unit": "kita", "name": "きた小学校"}))
    await harness.deliver(event)
    assert harness.composed.content.from_name == "きた小学校"


async def test_a_group_that_is_gone_is_called_by_its_code() -> None:
    harness = Harness()
    await harness.deliver(LEFT.model_copy(update={"group": "6nen"}))
    assert "「6nen」" in harness.composed.content.text


async def test_what_is_not_understood_is_a_permanent_error() -> None:
    harness = Harness()
    for subject, data in (("registration.opened", b"{}"), ("registration.unheard", b"{}")):
        with pytest.raises(PermanentError):
            await harness.consumer(Delivery(subject, data, {}, 1, "EVENTS", 1))


def test_batch_ids_fit_into_a_subject_and_stay_different() -> None:
    assert batch_id("in-abc_1") == "auto-in-abc_1"
    numbers = {batch_id("a.b"), batch_id("a*b"), batch_id("a-b"), batch_id("x" * 200), batch_id("x" * 199)}
    assert len(numbers) == 5
    assert all(number.isascii() and len(number) < 130 and not set(number) & set(".*> ") for number in numbers)
