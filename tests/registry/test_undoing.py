"""A command is undone as long as nobody changed since what it did, once, and not for ever."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.commands import ChangePoster, CloseGroup, RemoveMember, UndoCommand
from contracts.events import (
    CommandDone,
    CopyOutcome,
    DeliveryBatch,
    DeliverySettled,
    LeaveOpened,
    RegistrationRefused,
)
from registry import handlers
from runtime.ids import new_id
from tests.registry.harness import START, Harness, only, single

HANAKO = "hanako@docomo.ne.jp"
TARO = "taro@au.com"
_STATE = (
    "SELECT id, unit, since, left_at, left_reason, name IS NULL FROM members ORDER BY id",
    "SELECT * FROM memberships ORDER BY member, group_code",
    "SELECT * FROM posters ORDER BY member, group_code",
    "SELECT * FROM guardians ORDER BY member, child, group_code",
    "SELECT carrier, state, lookup FROM addresses ORDER BY lookup",
)


async def state(harness: Harness) -> list[Sequence[Any]]:
    return [await harness.rows(statement) for statement in _STATE]


async def remove(harness: Harness, member: int, group: str | None = None) -> CommandDone:
    harness.clock.forward(hours=1)
    return await harness.give(harness.command(RemoveMember, member=member, group=group))


async def family(harness: Harness) -> int:
    """A member of two groups with children in both, who may post to one of them."""
    member = await harness.register(HANAKO, "15 山田 太郎 母")
    harness.clock.forward(days=1)
    await harness.register(HANAKO, "3 山田 花子 母", group="g2")
    await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=True))
    return member


@pytest.mark.parametrize("group", [None, "g1", "g2"])
async def test_a_removed_member_comes_back_as_he_was(harness: Harness, group: str | None) -> None:
    member = await family(harness)
    before = await state(harness)
    removal = await remove(harness, member, group)
    assert await state(harness) != before
    harness.clock.forward(days=29)
    done = await harness.undo(removal.command)
    assert (done.outcome, done.kind, done.undid, done.count) == ("done", "undo", removal.command, 1)
    assert await state(harness) == before
    assert done.undoable_until is None
    # He gets mail again.
    batches = only(await harness.broadcast(harness.approved(members=(member,))), DeliveryBatch)
    assert [card.address for batch in batches for card in harness.cards(batch)] == [HANAKO]


async def test_a_member_comes_back_also_where_another_unit_kept_his_address(harness: Harness) -> None:
    member = await family(harness)
    await harness.register(HANAKO, unit="momiji", group="m1")
    before = await state(harness)
    removal = await remove(harness, member)
    assert (await harness.undo(removal.command)).outcome == "done"
    assert await state(harness) == before


async def test_an_undeliverable_member_does_not_come_back_as_deliverable(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    message = new_id()
    (batch,) = only(await harness.broadcast(harness.approved(message)), DeliveryBatch)
    (card,) = harness.cards(batch)
    outcome = CopyOutcome(copy_ref=card.copy_ref, outcome="dead", at=START, attempt=1, sure=True)
    settled = DeliverySettled(
        id="s1",
        occurred_at=START,
        unit="sakura",
        message=message,
        wave=1,
        batch="b",
        attempt=1,
        lane="ordinary",
        carrier="docomo",
        outcomes=(outcome,),
    )
    await handlers.outcomes.settle(harness.context, settled)
    removal = await remove(harness, member)
    assert await harness.rows("SELECT 1 FROM addresses") == []
    assert (await harness.undo(removal.command)).outcome == "done"
    assert await harness.rows("SELECT state, reason FROM addresses") == [("undeliverable", "unknown_user")]


async def test_undone_twice_is_undone_once(harness: Harness) -> None:
    member = await family(harness)
    removal = await remove(harness, member)
    assert (await harness.undo(removal.command)).outcome == "done"
    again = await remove(harness, member)
    assert (await harness.undo(removal.command)).reason == "already-undone"
    assert (await harness.undo(again.command)).outcome == "done"


async def test_two_who_undo_at_the_same_moment_undo_once(harness: Harness) -> None:
    removal = await remove(harness, await family(harness))
    before = await state(harness)
    results = await asyncio.gather(
        *(handlers.commands.handle(harness.context, harness.command(UndoCommand, of=removal.command)) for _ in range(4))
    )
    assert len(results) == 4
    said = only(await harness.said(), CommandDone)
    assert sorted(str(each.reason) for each in said) == ["None", *["already-undone"] * 3]
    assert await state(harness) != before


async def test_only_what_was_commanded_in_the_unit_is_undone(harness: Harness) -> None:
    removal = await remove(harness, await family(harness))
    assert (await harness.undo(removal.command, unit="momiji")).reason == "unknown-command"
    assert (await harness.undo("command-never-given")).reason == "unknown-command"
    refused = await harness.give(harness.command(RemoveMember, member=new_id()))
    assert (await harness.undo(refused.command)).reason == "unknown-command"


async def test_after_its_time_nothing_is_undone_and_nothing_of_the_person_is_kept(harness: Harness) -> None:
    removal = await remove(harness, await harness.register(HANAKO))
    harness.clock.forward(days=30, seconds=1)
    assert (await harness.undo(removal.command)).reason == "undo-expired"
    await handlers.housekeeping.clean(harness.context)
    assert await harness.rows("SELECT 1 FROM undo") == []
    assert (await harness.undo(removal.command)).reason == "unknown-command"


async def test_what_is_kept_to_undo_names_nobody_in_the_clear(harness: Harness) -> None:
    removal = await remove(harness, await harness.register(HANAKO, "15 山田 太郎 母"))
    dump = await harness.dump()
    assert HANAKO.encode() not in dump
    assert "母".encode() not in dump
    await harness.undo(removal.command)
    assert await harness.rows("SELECT inverse, inverse_key_id FROM undo") == [(None, None)]


async def test_who_registered_again_stays_as_he_is(harness: Harness) -> None:
    member = await family(harness)
    removal = await remove(harness, member)
    newcomer = await harness.register(HANAKO, group="g3")
    assert newcomer != member
    before = await state(harness)
    assert (await harness.undo(removal.command)).reason == "changed-since"
    assert await state(harness) == before


async def test_who_registered_again_and_left_again_stays_away(harness: Harness) -> None:
    member = await family(harness)
    await harness.register(HANAKO, unit="momiji", group="m1")  # so that his address and number stay
    removal = await remove(harness, member)
    harness.clock.forward(hours=1)
    assert await harness.register(HANAKO) == member
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    harness.clock.forward(hours=1)
    await harness.confirm_leave(opened.request, member)
    before = await state(harness)
    assert (await harness.undo(removal.command)).reason == "changed-since"
    assert await state(harness) == before


async def test_who_left_the_unit_is_not_put_back_into_a_group(harness: Harness) -> None:
    member = await family(harness)
    removal = await remove(harness, member, "g1")
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    await harness.confirm_leave(opened.request, member)
    before = await state(harness)
    assert (await harness.undo(removal.command)).reason == "changed-since"
    assert await state(harness) == before


async def test_who_unsubscribes_after_he_was_removed_is_not_brought_back(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    message = new_id()
    (batch,) = only(await harness.broadcast(harness.approved(message)), DeliveryBatch)
    (card,) = harness.cards(batch)
    removal = await remove(harness, member)
    await handlers.leaving.unsubscribe(harness.context, harness.confirmation("unsubscribe", message, card.copy_ref))
    assert await harness.said() == []
    assert (await harness.undo(removal.command)).reason == "changed-since"
    assert await harness.rows("SELECT 1 FROM addresses") == []


async def test_nobody_comes_back_into_a_group_that_is_gone(harness: Harness) -> None:
    member = await family(harness)
    removal = await remove(harness, member, "g1")
    await harness.give(harness.command(CloseGroup, group="g1"))
    before = await state(harness)
    assert (await harness.undo(removal.command)).reason == "changed-since"
    assert await state(harness) == before


async def test_an_enrolment_is_undone_and_so_is_its_end(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    before = await state(harness)
    enrolment = await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=True))
    enrolled = await state(harness)
    harness.clock.forward(days=1)
    ending = await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=False))
    assert (await harness.undo(enrolment.command)).reason == "changed-since"
    assert (await harness.undo(ending.command)).outcome == "done"
    assert await state(harness) == enrolled
    assert (await harness.undo(enrolment.command)).outcome == "done"
    assert await state(harness) == before


async def test_who_is_gone_does_not_become_poster_again(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=True))
    ending = await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=False))
    await remove(harness, member)
    assert (await harness.undo(ending.command)).reason == "changed-since"
    assert await harness.rows("SELECT 1 FROM posters") == []


async def test_a_closing_is_undone(harness: Harness) -> None:
    closing = await harness.give(harness.command(CloseGroup, group="g1"))
    assert single(await harness.entry(HANAKO), RegistrationRefused).reason == "closed"
    assert (await harness.undo(closing.command)).outcome == "done"
    await harness.register(HANAKO)
    assert (await harness.undo(closing.command)).reason == "already-undone"
