"""Broadcasts: everybody meant gets one copy, whatever happens on the way."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from contracts.base import Event
from contracts.events import DeliveryBatch, DeliveryPlanned, LeaveCompleted
from contracts.requests import AudienceAsk, RemoveAsk
from registry import handlers, tables
from registry.store.addresses import COLUMN
from runtime.bus.client import Outgoing
from runtime.errors import BusRefused, BusUnavailable, PermanentError, UnknownKey
from runtime.ids import new_id
from tests.registry.house import START, FakeBus, House, only

CARRIERS = ("docomo.ne.jp", "au.com", "softbank.ne.jp", "gmail.com", "example.jp")


async def populate(house: House, count: int, *, unit: str = "sakura") -> dict[int, str]:
    """Many members at once, most of them in two groups; member -> address."""
    people = {}
    addresses, members, memberships = [], [], []
    for number in range(count):
        address = f"parent{number}@{CARRIERS[number % len(CARRIERS)]}"
        carrier = ("docomo", "au", "softbank", "gmail", "other")[number % len(CARRIERS)]
        address_id, member = (1 << 40) + number, (1 << 41) + number
        people[member] = address
        key_id, ciphertext = house.context.vault.lock(address, COLUMN, address_id)
        addresses.append(
            {
                "id": address_id,
                "key_id": key_id,
                "ciphertext": ciphertext,
                "lookup": house.context.vault.address_lookup(address),
                "carrier": carrier,
                "state": "active",
                "hard_count": 0,
                "soft_count": 0,
            }
        )
        members.append({"id": member, "unit": unit, "address_id": address_id, "since": START})
        groups = ("g1", "g2", "g3")[: 1 + number % 3]
        memberships += [{"member": member, "group_code": group, "since": START} for group in groups]
    async with house.engine.begin() as connection:
        await connection.execute(tables.addresses.insert(), addresses)
        await connection.execute(tables.members.insert(), members)
        await connection.execute(tables.memberships.insert(), memberships)
    return people


def check_plan(house: House, said: Sequence[Event]) -> list[DeliveryBatch]:
    """Each copy is planned, once and for its carrier, before its batch goes."""
    planned: dict[int, str] = {}
    batches: list[DeliveryBatch] = []
    for event in said:
        if isinstance(event, DeliveryPlanned):
            assert len(event.copies) <= 1_000
            assert not planned.keys() & {copy.copy_ref for copy in event.copies}
            planned |= {copy.copy_ref: event.carrier for copy in event.copies}
        elif isinstance(event, DeliveryBatch):
            assert {planned.pop(card.copy_ref) for card in house.cards(event)} == {event.carrier}
            batches.append(event)
    assert not planned
    return batches


async def test_five_thousand_get_one_copy_each(house: House) -> None:
    people = await populate(house, 5_000)
    message = house.approved(groups=("g1", "g2", "g3"), lane="urgent", expires_at=START)
    said = await house.broadcast(message)
    batches = check_plan(house, said)
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 51)]
    sent = [card for batch in batches for card in house.cards(batch)]
    assert Counter(card.address for card in sent) == Counter(people.values())
    assert len({card.copy_ref for card in sent}) == 5_000
    planned = {copy.copy_ref: copy.member for event in only(said, DeliveryPlanned) for copy in event.copies}
    assert {card.copy_ref: card.address for card in sent} == {ref: people[member] for ref, member in planned.items()}
    for batch in batches:
        assert len(house.cards(batch)) <= 100
        assert {card.address.rpartition("@")[2] for card in house.cards(batch)} <= set(CARRIERS)
        assert len({card.address.rpartition("@")[2] for card in house.cards(batch)}) == 1
        assert (batch.lane, batch.reply_kind, batch.tracked, batch.content_key) == (
            "urgent",
            "answer",
            True,
            "sakura.content",
        )
        assert (batch.expires_at, batch.bus_subject()) == (START, f"delivery.urgent.{batch.carrier}")
    # All carriers begin at once.
    assert len({batch.carrier for batch in batches[:5]}) == 5


async def test_an_approval_delivered_again_plans_nothing_twice(house: House) -> None:
    await populate(house, 250)
    message = house.approved()
    assert len(only(await house.broadcast(message), DeliveryBatch)) == 5
    assert await house.broadcast(message) == []
    await house.register("late@example.jp")
    assert await house.broadcast(message) == []


async def test_two_processes_with_the_same_approval_plan_each_batch_once(house: House) -> None:
    people = await populate(house, 2_500)
    message = house.approved()
    await asyncio.gather(*(handlers.broadcast.approve(house.context, message) for _ in range(4)))
    batches = check_plan(house, await house.said())
    assert Counter(card.address for batch in batches for card in house.cards(batch)) == Counter(people.values())


async def test_a_process_that_died_in_the_middle_is_continued_with_the_same_batches(house: House) -> None:
    people = await populate(house, 2_500)
    message = house.approved()

    class Died(Exception):
        pass

    class Dying(FakeBus):
        """The process ends when some of a round are stored."""

        async def publish_many(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
            await house.bus.publish_many(messages[:7])
            raise Died

    dying = dataclasses.replace(house.context, bus=Dying())
    with pytest.raises(Died):
        await handlers.broadcast.approve(dying, message)
    first = await house.said()
    assert len(first) == 7
    batches = check_plan(house, [*first, *await house.broadcast(message)])
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 26)]
    assert Counter(card.address for batch in batches for card in house.cards(batch)) == Counter(people.values())


async def test_a_bus_that_goes_away_in_the_middle_gets_the_rest_later_and_nothing_twice(house: House) -> None:
    people = await populate(house, 2_500)
    message = house.approved()
    house.bus.takes = 28
    with pytest.raises(BusUnavailable):
        await house.broadcast(message)
    first = await house.said()
    # Of the first round five plans and ten batches; of the second five plans, and eight of fifteen batches.
    ((published,),) = await house.rows("SELECT published FROM audiences")
    assert (len(first), published) == (28, 18)
    house.bus.takes = None
    batches = [event for event in (*first, *await house.broadcast(message)) if isinstance(event, DeliveryBatch)]
    assert [batch.batch for batch in batches] == [f"{message.message}-1-{n}" for n in range(1, 26)]
    assert Counter(card.address for batch in batches for card in house.cards(batch)) == Counter(people.values())


async def test_a_batch_that_the_bus_refuses_is_tried_again_and_no_other_is_lost(house: House) -> None:
    await populate(house, 250)

    class Refusing(FakeBus):
        async def publish_many(self, messages: Sequence[Outgoing]) -> list[Exception | None]:
            stored = await house.bus.publish_many(messages[:3])
            return [*stored, *(BusRefused("message_too_large") for _ in messages[3:])]

    message = house.approved()
    # Transient: the approval is not given up.
    with pytest.raises(BusUnavailable, match="batch_refused"):
        await handlers.broadcast.approve(dataclasses.replace(house.context, bus=Refusing()), message)
    assert len(only([*await house.said(), *await house.broadcast(message)], DeliveryBatch)) == 5


async def test_two_audiences_never_share_a_number_of_a_copy(house: House) -> None:
    await populate(house, 250)
    await house.broadcast(house.approved())
    async with house.engine.begin() as connection:
        with pytest.raises(IntegrityError):
            await connection.execute(
                text(
                    "INSERT INTO audiences (message, wave, unit, frozen_at, copies, batches, published, first_copy) "
                    "SELECT message + 1, 1, unit, frozen_at, 1, 1, 0, first_copy + 450 FROM audiences"
                )
            )


async def test_a_damaged_address_fails_by_itself_and_stops_nobody_else(house: House) -> None:
    people = await populate(house, 1_200)
    damaged = min(people)
    async with house.engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE addresses SET ciphertext = (SELECT ciphertext FROM addresses WHERE id = :other) WHERE id = :id"
            ),
            {"id": 1 << 40, "other": (1 << 40) + 1},
        )
    said = await house.broadcast(house.approved())
    cards = [card for batch in check_plan(house, said) for card in house.cards(batch)]
    owner = {copy.copy_ref: copy.member for event in only(said, DeliveryPlanned) for copy in event.copies}
    # Without an address dispatcher settles the copy as failed, so that the ledger shows it.
    assert {owner[card.copy_ref]: card.address for card in cards} == people | {damaged: ""}


async def test_a_key_that_is_missing_in_the_settings_fails_no_copy(house: House) -> None:
    await populate(house, 10)
    async with house.engine.begin() as connection:
        await connection.execute(text("UPDATE addresses SET key_id = 'elsewhere'"))
    with pytest.raises(UnknownKey):
        await house.broadcast(house.approved())
    assert await house.said() == []


async def test_only_the_groups_that_were_chosen(house: House) -> None:
    first = await house.register("first@example.jp", group="g1")
    second = await house.register("second@example.jp", group="g2")
    await house.register("third@example.jp", group="g3")
    await house.register("other@example.jp", unit="momiji", group="m1")
    said = await house.broadcast(house.approved(groups=("g1", "g2")))
    assert {copy.member for event in only(said, DeliveryPlanned) for copy in event.copies} == {first, second}


async def test_members_that_were_chosen_whatever_their_groups(house: House) -> None:
    first = await house.register("first@example.jp", group="g1")
    await house.register("second@example.jp", group="g2")
    stranger = await house.register("other@example.jp", unit="momiji", group="m1")
    said = await house.broadcast(house.approved(members=(first, stranger)))
    assert [copy.member for event in only(said, DeliveryPlanned) for copy in event.copies] == [first]


async def test_whoever_left_or_cannot_be_reached_gets_nothing(house: House) -> None:
    stays = await house.register("stays@example.jp")
    leaves = await house.register("leaves@example.jp")
    await house.register("dead@example.jp")
    await handlers.leaving.remove(house.context, RemoveAsk(unit="sakura", actor="account-1", member=leaves))
    lookup = house.context.vault.address_lookup("dead@example.jp")
    async with house.engine.begin() as connection:
        await connection.execute(
            text("UPDATE addresses SET state = 'undeliverable' WHERE lookup = :lookup"), {"lookup": lookup}
        )
    said = await house.broadcast(house.approved())
    assert [copy.member for event in only(said, DeliveryPlanned) for copy in event.copies] == [stays]


async def test_a_message_to_nobody_is_planned_once_and_goes_nowhere(house: House) -> None:
    message = house.approved(groups=("g1",))
    assert await house.broadcast(message) == []
    assert await house.broadcast(message) == []


async def test_a_question_about_children_goes_once_for_each_child(house: House) -> None:
    mother = await house.register("mother@example.jp", "15 山田 太郎 母")
    await house.register("mother@example.jp", "3 山田 花子 母", group="g2")
    father = await house.register("father@example.jp", "15 山田 太郎 父")
    teacher = await house.register("teacher@example.jp", "佐藤 花子 職員")
    ask = AudienceAsk(unit="sakura", actor="account-1", groups=("g1", "g2"), about_child=True)
    size = await handlers.questions.audience(house.context, ask)
    assert (size.people, size.copies) == (3, 4)
    said = await house.broadcast(house.approved(groups=("g1", "g2"), about_child=True))
    copies = [copy for event in only(said, DeliveryPlanned) for copy in event.copies]
    cards = {card.copy_ref: card for batch in only(said, DeliveryBatch) for card in house.cards(batch)}
    shown = sorted((copy.member, cards[copy.copy_ref].fields["child"]) for copy in copies)
    who = ((mother, "山田 太郎 さん"), (mother, "山田 花子 さん"), (father, "山田 太郎 さん"), (teacher, "お子さん"))
    assert shown == sorted(who)
    assert {cards[copy.copy_ref].fields["name"] for copy in copies if copy.member == teacher} == {"佐藤 花子（職員）"}
    children = {copy.member: copy.child for copy in copies if cards[copy.copy_ref].fields["child"] == "山田 太郎 さん"}
    assert children[mother] == children[father]
    # A child of another group is not asked about.
    said = await house.broadcast(house.approved(groups=("g2",), about_child=True))
    assert len([copy for event in only(said, DeliveryPlanned) for copy in event.copies]) == 1


async def test_a_resend_goes_to_the_same_copies_of_those_named(house: House) -> None:
    await populate(house, 120)
    message = house.approved()
    first = await house.broadcast(message)
    refs = [copy.copy_ref for event in only(first, DeliveryPlanned) for copy in event.copies]
    foreign = new_id()
    again = house.approved(message.message, wave=2, copies=(*refs[:50], foreign))
    said = await house.broadcast(again)
    batches = check_plan(house, said)
    assert {batch.batch for batch in batches} == {f"{message.message}-2-{n}" for n in range(1, len(batches) + 1)}
    assert {batch.wave for batch in batches} == {2}
    assert Counter(card.copy_ref for batch in batches for card in house.cards(batch)) == Counter(refs[:50])
    assert await house.broadcast(again) == []


async def test_a_resend_skips_whoever_left_since(house: House) -> None:
    member = await house.register("leaves@example.jp")
    await house.register("stays@example.jp")
    message = house.approved()
    first = await house.broadcast(message)
    refs = [copy.copy_ref for event in only(first, DeliveryPlanned) for copy in event.copies]
    await handlers.leaving.remove(house.context, RemoveAsk(unit="sakura", actor="account-1", member=member))
    said = await house.broadcast(house.approved(message.message, wave=2, copies=tuple(refs)))
    assert only(said, LeaveCompleted) == []
    assert [len(house.cards(batch)) for batch in only(said, DeliveryBatch)] == [1]


async def test_the_lane_of_automatic_mail_is_not_for_messages(house: House) -> None:
    with pytest.raises(PermanentError, match="lane_not_for_messages"):
        await house.broadcast(house.approved(lane="prompt"))


async def test_an_audience_is_counted_without_being_frozen(house: House) -> None:
    await populate(house, 30)
    for groups, people in ((None, 30), (("g1",), 30), (("g3",), 10), (("g2", "g3"), 20), ((), 0)):
        ask = AudienceAsk(unit="sakura", actor="account-1", groups=groups)
        size = await handlers.questions.audience(house.context, ask)
        assert (size.people, size.copies) == (people, people)
    assert await house.rows("SELECT * FROM audiences") == []
