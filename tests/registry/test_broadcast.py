"""Broadcasts: everybody meant gets one copy, whatever happens on the way."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contracts.base import Event
from contracts.commands import RemoveMember
from contracts.events import DeliveryBatch, DeliveryPlanned, LeaveCompleted
from contracts.requests import AudienceAsk
from registry import handlers, tables
from registry.store.addresses import COLUMN
from runtime.errors import BusRefused, BusUnavailable, PermanentError, UnknownKey
from runtime.ids import new_id
from tests.registry.harness import START, Harness, only

CARRIERS = ("docomo.ne.jp", "au.com", "softbank.ne.jp", "gmail.com", "example.jp")


async def populate(harness: Harness, count: int, *, unit: str = "sakura") -> dict[int, str]:
    """Many members at once, most of them in two groups; member -> address."""
    people = {}
    addresses, members, memberships = [], [], []
    for number in range(count):
        address = f"parent{number}@{CARRIERS[number % len(CARRIERS)]}"
        carrier = ("docomo", "au", "softbank", "gmail", "other")[number % len(CARRIERS)]
        address_id, member = (1 << 40) + number, (1 << 41) + number
        people[member] = address
        key_id, ciphertext = harness.context.crypto.encrypt(address, COLUMN, address_id)
        addresses.append(
            {
                "id": address_id,
                "key_id": key_id,
                "ciphertext": ciphertext,
                "lookup": harness.context.crypto.address_lookup(address),
                "carrier": carrier,
                "state": "active",
                "hard_count": 0,
                "soft_count": 0,
            }
        )
        members.append({"id": member, "unit": unit, "address_id": address_id, "since": START})
        groups = ("g1", "g2", "g3")[: 1 + number % 3]
        memberships += [{"member": member, "group_code": group, "since": START} for group in groups]
    async with harness.engine.begin() as connection:
        await connection.execute(tables.addresses.insert(), addresses)
        await connection.execute(tables.members.insert(), members)
        await connection.execute(tables.memberships.insert(), memberships)
    return people


def check_plan(harness: Harness, said: Sequence[Event]) -> list[DeliveryBatch]:
    """Each copy is planned, once and for its carrier, before its batch goes."""
    planned: dict[int, str] = {}
    batches: list[DeliveryBatch] = []
    for event in said:
        if isinstance(event, DeliveryPlanned):
            assert len(event.copies) <= 1_000
            assert not planned.keys() & {copy.copy_ref for copy in event.copies}
            planned |= {copy.copy_ref: event.carrier for copy in event.copies}
        elif isinstance(event, DeliveryBatch):
            assert {planned.pop(card.copy_ref) for card in harness.cards(event)} == {event.carrier}
            batches.append(event)
    assert not planned
    return batches


# Slow: five thousand members, as many as the largest unit has.
async def test_five_thousand_get_one_copy_each(harness: Harness) -> None:
    people = await populate(harness, 5_000)
    message = harness.approved(groups=("g1", "g2", "g3"), lane="urgent", expires_at=START)
    said = await harness.broadcast(message)
    batches = check_plan(harness, said)
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 51)]
    sent = [card for batch in batches for card in harness.cards(batch)]
    assert Counter(card.address for card in sent) == Counter(people.values())
    assert len({card.copy_ref for card in sent}) == 5_000
    planned = {copy.copy_ref: copy.member for event in only(said, DeliveryPlanned) for copy in event.copies}
    assert {card.copy_ref: card.address for card in sent} == {ref: people[member] for ref, member in planned.items()}
    for batch in batches:
        assert len(harness.cards(batch)) <= 100
        assert {card.address.rpartition("@")[2] for card in harness.cards(batch)} <= set(CARRIERS)
        assert len({card.address.rpartition("@")[2] for card in harness.cards(batch)}) == 1
        assert (batch.lane, batch.reply_kind, batch.tracked, batch.content_key) == (
            "urgent",
            "answer",
            True,
            "sakura.content",
        )
        assert (batch.expires_at, batch.bus_subject()) == (START, f"delivery.urgent.{batch.carrier}")
    # All carriers begin at once.
    assert len({batch.carrier for batch in batches[:5]}) == 5


async def test_an_approval_delivered_again_plans_nothing_twice(harness: Harness) -> None:
    await populate(harness, 250)
    message = harness.approved()
    assert len(only(await harness.broadcast(message), DeliveryBatch)) == 5
    assert await harness.broadcast(message) == []
    await harness.register("late@example.jp")
    assert await harness.broadcast(message) == []


async def test_two_processes_with_the_same_approval_plan_each_batch_once(harness: Harness) -> None:
    people = await populate(harness, 2_500)
    message = harness.approved()
    await asyncio.gather(*(handlers.broadcast.approve(harness.context, message) for _ in range(4)))
    batches = check_plan(harness, await harness.said())
    assert Counter(card.address for batch in batches for card in harness.cards(batch)) == Counter(people.values())


# Slow: 2,500 members.
async def test_a_process_that_died_in_the_middle_is_continued_with_the_same_batches(harness: Harness) -> None:
    people = await populate(harness, 2_500)
    message = harness.approved()

    class Died(BaseException):
        """The process ends when some of a round are stored."""

    harness.bus.failures = [*[None] * 7, Died()]
    with pytest.raises(Died):
        await handlers.broadcast.approve(harness.context, message)
    first = await harness.said()
    assert len(first) == 7
    batches = check_plan(harness, [*first, *await harness.broadcast(message)])
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 26)]
    assert Counter(card.address for batch in batches for card in harness.cards(batch)) == Counter(people.values())


async def test_a_bus_that_goes_away_in_the_middle_gets_the_rest_later_and_nothing_twice(harness: Harness) -> None:
    people = await populate(harness, 2_500)
    message = harness.approved()
    harness.bus.takes = 28
    with pytest.raises(BusUnavailable):
        await harness.broadcast(message)
    first = await harness.said()
    # Of the first round five plans and ten batches; of the second five plans, and eight of fifteen batches.
    ((published,),) = await harness.rows("SELECT published FROM audiences")
    assert (len(first), published) == (28, 18)
    harness.bus.takes = None
    batches = [event for event in (*first, *await harness.broadcast(message)) if isinstance(event, DeliveryBatch)]
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 26)]
    assert Counter(card.address for batch in batches for card in harness.cards(batch)) == Counter(people.values())


async def test_a_batch_that_the_bus_refuses_is_tried_again_and_no_other_is_lost(harness: Harness) -> None:
    await populate(harness, 250)

    harness.bus.failures = [*[None] * 3, *[BusRefused("message_too_large")] * 1000]
    message = harness.approved()
    # Transient: the approval is not given up.
    with pytest.raises(BusUnavailable, match="batch_refused"):
        await handlers.broadcast.approve(harness.context, message)
    harness.bus.failures.clear()
    assert len(only([*await harness.said(), *await harness.broadcast(message)], DeliveryBatch)) == 5


async def test_two_audiences_never_share_a_number_of_a_copy(harness: Harness) -> None:
    await populate(harness, 250)
    await harness.broadcast(harness.approved())
    async with harness.engine.begin() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(
                text(
                    "INSERT INTO audiences (message, wave, unit, frozen_at, copies, batches, published, first_copy) "
                    "SELECT message + 1, 1, unit, frozen_at, 1, 1, 0, first_copy + 450 FROM audiences"
                )
            )


async def test_a_damaged_address_fails_by_itself_and_stops_nobody_else(harness: Harness) -> None:
    people = await populate(harness, 1_200)
    damaged = min(people)
    async with harness.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE addresses SET ciphertext = (SELECT ciphertext FROM addresses WHERE id = :other) WHERE id = :id"
            ),
            {"id": 1 << 40, "other": (1 << 40) + 1},
        )
    said = await harness.broadcast(harness.approved())
    cards = [card for batch in check_plan(harness, said) for card in harness.cards(batch)]
    owner = {copy.copy_ref: copy.member for event in only(said, DeliveryPlanned) for copy in event.copies}
    # Without an address dispatcher settles the copy as failed, so that the ledger shows it.
    assert {owner[card.copy_ref]: card.address for card in cards} == people | {damaged: ""}


async def test_a_key_that_is_missing_in_the_settings_fails_no_copy(harness: Harness) -> None:
    await populate(harness, 10)
    async with harness.engine.begin() as connection:
        await connection.execute(text("UPDATE addresses SET key_id = 'elsewhere'"))
    with pytest.raises(UnknownKey):
        await harness.broadcast(harness.approved())
    assert await harness.said() == []


async def test_only_the_groups_that_were_chosen(harness: Harness) -> None:
    first = await harness.register("first@example.jp", group="g1")
    second = await harness.register("second@example.jp", group="g2")
    await harness.register("third@example.jp", group="g3")
    await harness.register("other@example.jp", unit="momiji", group="m1")
    said = await harness.broadcast(harness.approved(groups=("g1", "g2")))
    assert {copy.member for event in only(said, DeliveryPlanned) for copy in event.copies} == {first, second}


async def test_members_that_were_chosen_whatever_their_groups(harness: Harness) -> None:
    first = await harness.register("first@example.jp", group="g1")
    await harness.register("second@example.jp", group="g2")
    stranger = await harness.register("other@example.jp", unit="momiji", group="m1")
    said = await harness.broadcast(harness.approved(members=(first, stranger)))
    assert [copy.member for event in only(said, DeliveryPlanned) for copy in event.copies] == [first]


async def test_whoever_left_or_cannot_be_reached_gets_nothing(harness: Harness) -> None:
    stays = await harness.register("stays@example.jp")
    leaves = await harness.register("leaves@example.jp")
    await harness.register("dead@example.jp")
    await harness.give(harness.command(RemoveMember, member=leaves))
    lookup = harness.context.crypto.address_lookup("dead@example.jp")
    async with harness.engine.begin() as connection:
        await connection.execute(
            text("UPDATE addresses SET state = 'undeliverable' WHERE lookup = :lookup"), {"lookup": lookup}
        )
    said = await harness.broadcast(harness.approved())
    assert [copy.member for event in only(said, DeliveryPlanned) for copy in event.copies] == [stays]


async def test_a_message_to_nobody_is_planned_once_and_goes_nowhere(harness: Harness) -> None:
    message = harness.approved(groups=("g1",))
    assert await harness.broadcast(message) == []
    assert await harness.broadcast(message) == []


async def test_a_question_about_children_goes_once_for_each_child(harness: Harness) -> None:
    mother = await harness.register("mother@example.jp", "15 山田 太郎 母")
    await harness.register("mother@example.jp", "3 山田 花子 母", group="g2")
    father = await harness.register("father@example.jp", "15 山田 太郎 父")
    teacher = await harness.register("teacher@example.jp", "佐藤 花子 職員")
    ask = AudienceAsk(unit="sakura", actor="account-1", groups=("g1", "g2"), about_child=True)
    size = await handlers.questions.audience(harness.context, ask)
    assert (size.people, size.copies) == (3, 4)
    said = await harness.broadcast(harness.approved(groups=("g1", "g2"), about_child=True))
    copies = [copy for event in only(said, DeliveryPlanned) for copy in event.copies]
    cards = {card.copy_ref: card for batch in only(said, DeliveryBatch) for card in harness.cards(batch)}
    shown = sorted((copy.member, cards[copy.copy_ref].fields["child"]) for copy in copies)
    who = ((mother, "山田 太郎 さん"), (mother, "山田 花子 さん"), (father, "山田 太郎 さん"), (teacher, "お子さん"))
    assert shown == sorted(who)
    assert {cards[copy.copy_ref].fields["name"] for copy in copies if copy.member == teacher} == {"佐藤 花子（職員）"}
    children = {copy.member: copy.child for copy in copies if cards[copy.copy_ref].fields["child"] == "山田 太郎 さん"}
    assert children[mother] == children[father]
    # A child of another group is not asked about.
    said = await harness.broadcast(harness.approved(groups=("g2",), about_child=True))
    assert len([copy for event in only(said, DeliveryPlanned) for copy in event.copies]) == 1


async def test_a_resend_goes_to_the_same_copies_of_those_named(harness: Harness) -> None:
    await populate(harness, 120)
    message = harness.approved()
    first = await harness.broadcast(message)
    refs = [copy.copy_ref for event in only(first, DeliveryPlanned) for copy in event.copies]
    foreign = new_id()
    again = harness.approved(message.message, wave=2, copies=(*refs[:50], foreign))
    said = await harness.broadcast(again)
    batches = check_plan(harness, said)
    assert {batch.batch for batch in batches} == {f"{message.message}-2-{n}" for n in range(1, len(batches) + 1)}
    assert {batch.wave for batch in batches} == {2}
    assert Counter(card.copy_ref for batch in batches for card in harness.cards(batch)) == Counter(refs[:50])
    assert await harness.broadcast(again) == []


async def test_a_resend_skips_whoever_left_since(harness: Harness) -> None:
    member = await harness.register("leaves@example.jp")
    await harness.register("stays@example.jp")
    message = harness.approved()
    first = await harness.broadcast(message)
    refs = [copy.copy_ref for event in only(first, DeliveryPlanned) for copy in event.copies]
    await harness.give(harness.command(RemoveMember, member=member))
    said = await harness.broadcast(harness.approved(message.message, wave=2, copies=tuple(refs)))
    assert only(said, LeaveCompleted) == []
    assert [len(harness.cards(batch)) for batch in only(said, DeliveryBatch)] == [1]


async def test_the_lane_of_automatic_mail_is_not_for_messages(harness: Harness) -> None:
    with pytest.raises(PermanentError, match="lane_not_for_messages"):
        await harness.broadcast(harness.approved(lane="prompt"))


async def test_an_audience_is_counted_without_being_frozen(harness: Harness) -> None:
    await populate(harness, 30)
    for groups, people in ((None, 30), (("g1",), 30), (("g3",), 10), (("g2", "g3"), 20), ((), 0)):
        ask = AudienceAsk(unit="sakura", actor="account-1", groups=groups)
        size = await handlers.questions.audience(harness.context, ask)
        assert (size.people, size.copies) == (people, people)
    assert await harness.rows("SELECT * FROM audiences") == []
