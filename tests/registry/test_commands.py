"""What administrators command is done once, leaves its trace, and says what came of it; closing a group loses nobody."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from contracts import commands
from contracts.commands import ChangePoster, CloseGroup, InviteMember, OpenGroup, RemoveMember
from contracts.events import (
    CommandDone,
    DeadLetter,
    LeaveOpened,
    RegistrationCompleted,
    RegistrationOpened,
    RegistrationRefused,
)
from contracts.requests import MembersAsk, PostersAsk
from registry import consumers, handlers
from registry.store import groups, members
from runtime.bus.consumer import Delivery
from runtime.errors import PermanentError, SealError
from runtime.ids import new_id
from tests.registry.harness import START, Harness, only, single

HANAKO = "hanako@docomo.ne.jp"
TARO = "taro@au.com"


async def inside(harness: Harness, group: str) -> list[int]:
    ask = MembersAsk(unit="sakura", actor="account/1", group=group, state="active")
    return [each.member for each in (await handlers.questions.page(harness.context, ask)).members]


async def posters(harness: Harness, group: str) -> list[int]:
    ask = PostersAsk(unit="sakura", actor="account/1", group=group)
    return [each.member for each in (await handlers.posters.posters(harness.context, ask)).members]


async def traces(harness: Harness) -> list[tuple[object, ...]]:
    rows = await harness.rows(
        "SELECT actor, action, unit, subject, count, granted FROM access_log WHERE actor = 'account/7' ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_a_member_is_removed_and_the_result_says_until_when_that_can_be_undone(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    command = harness.command(RemoveMember, member=member)
    done = await harness.give(command)
    assert (done.command, done.kind, done.unit, done.outcome) == (command.id, "remove-member", "sakura", "done")
    assert (done.count, done.reason, done.undoable_until) == (1, None, START + timedelta(days=30))
    assert await inside(harness, "g1") == []
    assert await traces(harness) == [("account/7", "remove", "sakura", member, 1, True)]


async def test_who_is_gone_already_is_removed_without_anything_to_undo(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    await harness.register(HANAKO, group="g2")
    assert (await harness.give(harness.command(RemoveMember, member=member, group="g1"))).count == 1
    again = await harness.give(harness.command(RemoveMember, member=member, group="g1"))
    assert (again.outcome, again.count, again.undoable_until) == ("done", 0, None)
    await harness.give(harness.command(RemoveMember, member=member))
    again = await harness.give(harness.command(RemoveMember, member=member))
    assert (again.outcome, again.count, again.undoable_until) == ("done", 0, None)


async def test_a_command_that_comes_again_is_not_done_again(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    removal = harness.command(RemoveMember, member=member)
    await harness.give(removal)
    assert await harness.register(HANAKO) != member
    await handlers.commands.handle(harness.context, removal)
    assert await harness.said() == []
    assert len(await inside(harness, "g1")) == 1
    assert len(await traces(harness)) == 1


async def test_a_command_that_comes_many_times_at_once_is_done_once(harness: Harness) -> None:
    invitation = harness.command(InviteMember, group="g1", card=harness.sealer.seal(harness.card(HANAKO), "registry"))
    await asyncio.gather(*(handlers.commands.handle(harness.context, invitation) for _ in range(8)))
    said = await harness.said()
    assert sorted(event.name for event in said) == [CommandDone.name, RegistrationOpened.name]
    assert len(await traces(harness)) == 1


async def test_a_command_that_breaks_leaves_nothing_and_is_done_when_it_comes_again(harness: Harness) -> None:
    elsewhere = harness.sealer.seal(harness.card(HANAKO), "dispatcher")
    invitation = harness.command(InviteMember, group="g1", card=elsewhere)
    with pytest.raises(SealError):
        await handlers.commands.handle(harness.context, invitation)
    assert await harness.said() == []
    assert await traces(harness) == []
    card = harness.sealer.seal(harness.card(HANAKO), "registry")
    assert (await harness.give(invitation.model_copy(update={"card": card}))).outcome == "done"


async def test_nobody_of_another_unit_is_removed(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    refused = await harness.give(harness.command(RemoveMember, unit="momiji", member=member))
    assert (refused.outcome, refused.reason, refused.undoable_until) == ("refused", "unknown-member", None)
    assert await inside(harness, "g1") == [member]
    assert await traces(harness) == [("account/7", "remove", "momiji", member, 0, False)]


async def test_an_invitation_is_answered_alike_whoever_it_is_for_and_cannot_be_undone(harness: Harness) -> None:
    await harness.register(HANAKO)
    results = []
    for address, opened in ((HANAKO, 0), (TARO, 1)):
        card = harness.sealer.seal(harness.card(address), "registry")
        await handlers.commands.handle(harness.context, harness.command(InviteMember, group="g1", card=card))
        said = await harness.said()
        assert len(only(said, RegistrationOpened)) == opened
        (done,) = only(said, CommandDone)
        results.append((done.outcome, done.count, done.reason, done.undoable_until))
    assert results == [("done", 1, None, None)] * 2
    assert not InviteMember.undoable
    assert (await harness.undo(done.command)).reason == "unknown-command"


@pytest.mark.parametrize(
    ("address", "group", "reason"),
    [("no address", "g1", "bad-address"), (HANAKO, "nowhere", "unknown-group")],
    ids=["no address", "no group"],
)
async def test_an_invitation_that_cannot_be_leaves_no_address_behind(
    harness: Harness, address: str, group: str, reason: str
) -> None:
    card = harness.sealer.seal(harness.card(address), "registry")
    refused = await harness.give(harness.command(InviteMember, group=group, card=card))
    assert (refused.outcome, refused.reason) == ("refused", reason)
    assert await harness.rows("SELECT 1 FROM addresses") == []


async def test_a_poster_is_enrolled_and_ended(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    done = await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=True))
    assert (done.outcome, done.count, done.undoable_until is not None) == ("done", 1, True)
    again = await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=True))
    assert (again.outcome, again.count, again.undoable_until) == ("done", 0, None)
    assert await posters(harness, "g2") == [member]
    await harness.give(harness.command(ChangePoster, group="g2", member=member, enrolled=False))
    assert await posters(harness, "g2") == []
    nobody = await harness.give(harness.command(ChangePoster, group="g2", member=new_id(), enrolled=True))
    assert nobody.reason == "unknown-member"
    nowhere = await harness.give(harness.command(ChangePoster, group="nowhere", member=member, enrolled=True))
    assert nowhere.reason == "unknown-group"
    assert [trace[1] for trace in await traces(harness)] == [
        *["poster-enrolled"] * 2,
        "poster-ended",
        *["poster-enrolled"] * 2,
    ]


async def test_a_group_with_members_is_not_closed(harness: Harness) -> None:
    for address in (HANAKO, TARO):
        await harness.register(address, group="g2")
    refused = await harness.give(harness.command(CloseGroup, group="g2"))
    assert (refused.outcome, refused.reason, refused.count) == ("refused", "group-not-empty", 2)
    await harness.register("jiro@softbank.jp", group="g2")
    assert len(await inside(harness, "g2")) == 3


async def test_nobody_gets_into_a_closed_group_by_any_way(harness: Harness) -> None:
    member = await harness.register(HANAKO, group="g2")
    waits = single(await harness.entry(TARO, group="g1"), RegistrationOpened)
    assert (await harness.give(harness.command(CloseGroup, group="g1"))).outcome == "done"
    assert single(await harness.reply(waits.registration), RegistrationRefused).reason == "closed"
    assert single(await harness.entry(TARO, group="g1"), RegistrationRefused).reason == "closed"
    card = harness.sealer.seal(harness.card(TARO), "registry")
    assert (await harness.give(harness.command(InviteMember, group="g1", card=card))).reason == "unknown-group"
    enrolment = harness.command(ChangePoster, group="g1", member=member, enrolled=True)
    assert (await harness.give(enrolment)).reason == "unknown-group"
    assert await inside(harness, "g1") == []
    # The same code of another unit, and other groups, are open as ever.
    await harness.register("jiro@softbank.jp", group="g2")
    sakura = harness.units.entries["sakura"]
    harness.units.entries["momiji"] = sakura.model_copy(update={"unit": "momiji"})
    await harness.register("jiro@softbank.jp", unit="momiji", group="g1")


async def test_a_group_that_is_made_anew_is_open(harness: Harness) -> None:
    closing = harness.command(CloseGroup, group="g1")
    await harness.give(closing)
    again = await harness.give(harness.command(CloseGroup, group="g1"))
    assert (again.outcome, again.undoable_until) == ("done", None)
    opened = await harness.give(harness.command(OpenGroup, group="g1"))
    assert (opened.outcome, opened.undoable_until) == ("done", None)
    await harness.register(HANAKO, group="g1")
    assert (await harness.undo(closing.id)).reason == "changed-since"


async def test_a_registration_and_a_closing_at_the_same_moment_lose_nobody(harness: Harness) -> None:
    for number in range(12):
        await harness.give(harness.command(OpenGroup, group="g1"))
        opened = single(await harness.entry(f"parent{number}@example.jp"), RegistrationOpened)
        reply = harness.confirmation("registration", opened.registration, opened.registration)
        closing = harness.command(CloseGroup, group="g1")
        both = [
            handlers.registration.confirm(harness.context, reply),
            handlers.commands.handle(harness.context, closing),
        ]
        await asyncio.gather(*(both if number % 2 else reversed(both)))
        said = await harness.said()
        (result,) = only(said, CommandDone)
        entered = only(said, RegistrationCompleted)
        assert (result.outcome == "done") != bool(entered)
        for each in entered:
            await harness.give(harness.command(RemoveMember, member=each.member))


async def test_closing_waits_for_who_is_just_entering(harness: Harness) -> None:
    member = await harness.register(HANAKO, group="g2")
    ((address,),) = await harness.rows("SELECT address_id FROM members WHERE id = :id", id=member)
    closing = harness.command(CloseGroup, group="g1")
    async with harness.engine.begin() as connection:
        assert await groups.stays_open(connection, "sakura", "g1")
        task = asyncio.create_task(handlers.commands.handle(harness.context, closing))
        async with asyncio.timeout(30):
            while not await harness.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not task.done()
        await members.join(connection, unit="sakura", address_id=address, group="g1", at=START)
    await task
    (refused,) = only(await harness.said(), CommandDone)
    assert (refused.reason, refused.count) == ("group-not-empty", 1)


async def test_who_enters_waits_for_the_closing(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    reply = harness.confirmation("registration", opened.registration, opened.registration)
    async with harness.engine.begin() as connection:
        await groups.lock(connection, "sakura", "g1")
        task = asyncio.create_task(handlers.registration.confirm(harness.context, reply))
        async with asyncio.timeout(30):
            while not await harness.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not task.done()
        await groups.close(connection, "sakura", "g1", command="c1", at=START)
    await task
    assert single(await harness.said(), RegistrationRefused).reason == "closed"


def delivery(subject: str, data: bytes) -> Delivery:
    return Delivery(subject, data, {}, 1, "COMMANDS", 1)


@pytest.mark.parametrize("model", commands.ALL, ids=lambda model: model.kind())
async def test_every_command_has_its_handler(harness: Harness, model: type[commands.Command]) -> None:
    parts: dict[str, Any] = {"group": "g1", "member": new_id(), "enrolled": True, "of": "command-0"}
    card = harness.sealer.seal(harness.card(HANAKO), "registry")
    command = harness.command(model, **{**parts, "card": card})
    await consumers.CommandsConsumer(harness.context)(delivery(model.name, command.model_dump_json().encode()))
    (done,) = only(await harness.said(), CommandDone)
    assert (done.command, done.kind) == (command.id, model.kind())


async def test_what_is_no_command_is_given_up(harness: Harness) -> None:
    consumer = consumers.CommandsConsumer(harness.context)
    with pytest.raises(PermanentError, match="unexpected_subject"):
        await consumer(delivery("command.registry.dance", b"{}"))
    with pytest.raises(PermanentError, match="message_not_understood"):
        await consumer(delivery(RemoveMember.name, b"{}"))


async def test_a_command_that_the_operator_gives_up_for_good_has_a_result_too(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    command = harness.command(RemoveMember, member=member)
    message = delivery(command.name, command.model_dump_json().encode())
    given_up = consumers.GivenUpConsumer(harness.context)
    await given_up(message)
    await given_up(message)
    (result,) = only(await harness.said(), CommandDone)
    assert (result.command, result.outcome, result.reason) == (command.id, "refused", "given-up")
    # Were it to turn up after that, it has no effect: its result is told.
    await handlers.commands.handle(harness.context, command)
    assert (await harness.said(), await inside(harness, "g1")) == ([], [member])
    letter = DeadLetter(
        id="d1", occurred_at=START, service="registry", consumer="c", subject="x", reason="r", attempts=1, payload=""
    )
    await given_up(delivery("inbound.leave", letter.model_dump_json().encode()))
    assert await harness.said() == []


async def test_a_command_and_a_leave_mail_get_along(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    reply = harness.confirmation("leave", opened.request, member)
    removal = harness.command(RemoveMember, member=member)
    await asyncio.gather(
        handlers.commands.handle(harness.context, removal), handlers.leaving.confirm(harness.context, reply)
    )
    (done,) = only(await harness.said(), CommandDone)
    assert (done.outcome, done.count in (0, 1)) == ("done", True)
    assert await inside(harness, "g1") == []
