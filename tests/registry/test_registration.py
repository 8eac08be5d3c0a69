"""Registering by mail: what a parent is promised, on a real database."""

import asyncio

import pytest

from contracts.commands import InviteMember
from contracts.events import CommandDone, RegistrationCompleted, RegistrationOpened, RegistrationRefused
from contracts.requests import MembersAsk, MembersPage
from registry import handlers
from registry.handlers.questions import page
from registry.store.members import ORIGINAL
from runtime.errors import PermanentError
from runtime.ids import new_id
from tests.registry.harness import NO_REPLY, Harness, only, single

HANAKO = "hanako..y@docomo.ne.jp"
TARO = "taro@example.jp"


async def members(harness: Harness, **parts: object) -> MembersPage:
    return await page(harness.context, MembersAsk.model_validate({"unit": "sakura", "actor": "account-1", **parts}))


async def test_a_parent_enters_replies_and_is_a_member(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO, "１５　山田　太郎　母"), RegistrationOpened)
    guide = harness.to(opened.to)
    assert (guide.address, guide.copy_ref) == (HANAKO, opened.registration)
    assert guide.fields == {"understood": "15 山田 太郎（母）"}
    assert opened.to.carrier == "docomo"
    assert opened.named
    assert (await members(harness)).members == ()

    completed = single(await harness.reply(opened.registration), RegistrationCompleted)
    assert harness.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}
    (member,) = (await members(harness)).members
    assert (member.member, member.state, member.groups) == (completed.member, "active", ("g1",))
    assert member.name == "山田 太郎（母）"
    (child,) = member.children
    assert (child.name, child.class_number, child.relation, child.group) == ("山田 太郎", "15", "母", "g1")


async def test_the_reply_may_correct_the_name(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO, "15 山田 太朗 母"), RegistrationOpened)
    completed = single(await harness.reply(opened.registration, "15 山田 太郎 母です"), RegistrationCompleted)
    assert harness.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


@pytest.mark.parametrize("words", ["", "はい", "OK", "間違いありません", "了解しました。よろしくお願いします。"])
async def test_a_reply_that_only_agrees_keeps_the_name(harness: Harness, words: str) -> None:
    opened = single(await harness.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    completed = single(await harness.reply(opened.registration, words), RegistrationCompleted)
    assert harness.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_without_the_receipts_option_no_name_is_kept(harness: Harness) -> None:
    opened = single(await harness.entry(TARO, "15 山田 太郎 母", unit="momiji", group="m1"), RegistrationOpened)
    assert not opened.named
    assert harness.to(opened.to).fields == {"understood": ""}
    await harness.reply(opened.registration, "15 山田 太郎 母", unit="momiji")
    (member,) = (await members(harness, unit="momiji")).members
    assert (member.name, member.children) == (None, ())
    assert await harness.rows("SELECT * FROM children") == []
    assert await harness.rows("SELECT 1 FROM members WHERE name IS NOT NULL OR original IS NOT NULL") == []


async def test_the_same_entry_again_is_the_same_registration(harness: Harness) -> None:
    first = single(await harness.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    second = single(await harness.entry('"Hanako..Y"@DOCOMO.ne.jp', proven=True), RegistrationOpened)
    assert second.registration == first.registration
    assert second.id != first.id
    assert harness.to(second.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_an_event_delivered_again_changes_and_says_nothing(harness: Harness) -> None:
    event = harness.entry_event(HANAKO)
    await handlers.registration.entry(harness.context, event)
    opened = single(await harness.said(), RegistrationOpened)
    await handlers.registration.entry(harness.context, event)
    assert await harness.said() == []
    confirmation = harness.confirmation("registration", opened.registration, opened.registration)
    await handlers.registration.confirm(harness.context, confirmation)
    single(await harness.said(), RegistrationCompleted)
    await handlers.registration.confirm(harness.context, confirmation)
    assert await harness.said() == []


async def test_a_machine_opens_nothing(harness: Harness) -> None:
    assert await harness.entry(HANAKO, automatic=NO_REPLY) == []
    assert await harness.rows("SELECT * FROM addresses") == []


async def test_a_sender_that_is_no_address_opens_nothing(harness: Harness) -> None:
    assert await harness.entry("") == []


async def test_a_member_who_enters_again_is_told_so(harness: Harness) -> None:
    await harness.register(HANAKO, "15 山田 太郎 母")
    refused = single(await harness.entry(HANAKO, "15 山田太郎 母"), RegistrationRefused)
    assert refused.reason == "already_member"
    assert harness.to(refused.to).address == HANAKO


async def test_a_member_registers_a_second_child(harness: Harness) -> None:
    member = await harness.register(HANAKO, "15 山田 太郎 母")
    assert await harness.register(HANAKO, "３ 山田 花子 母") == member
    (found,) = (await members(harness)).members
    assert [child.name for child in found.children] == ["山田 太郎", "山田 花子"]
    assert found.name == "山田 太郎（母）、山田 花子（母）"


async def test_one_address_may_be_in_several_groups_and_units(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    assert await harness.register(HANAKO, group="g2") == member
    assert await harness.register(HANAKO, unit="momiji", group="m1") != member
    (found,) = (await members(harness)).members
    assert found.groups == ("g1", "g2")
    assert len(await harness.rows("SELECT * FROM addresses")) == 1


async def test_entering_a_further_group_without_a_name_keeps_the_one_that_is_known(harness: Harness) -> None:
    member = await harness.register(HANAKO, "15 山田 太郎 母")
    opened = single(await harness.entry(HANAKO, group="g2"), RegistrationOpened)
    completed = single(await harness.reply(opened.registration), RegistrationCompleted)
    assert harness.to(completed.to).fields == {"understood": "山田 太郎（母）"}
    ((key_id, blob),) = await harness.rows("SELECT original_key_id, original FROM members WHERE id = :id", id=member)
    assert harness.context.crypto.decrypt(key_id, blob, ORIGINAL, member) == "15 山田 太郎 母"


async def test_two_guardians_of_one_child_share_it(harness: Harness) -> None:
    await harness.register(HANAKO, "15 髙橋 太郎 母")
    await harness.register(TARO, "15番 高橋太郎 父")
    first, second = (await members(harness)).members
    assert first.children[0].child == second.children[0].child
    assert (first.children[0].relation, second.children[0].relation) == ("母", "父")


async def test_a_reply_after_the_token_expired_is_refused(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    refused = single(await harness.reply(opened.registration, expired=True), RegistrationRefused)
    assert (refused.reason, refused.registration) == ("expired", opened.registration)
    assert (await members(harness)).total == 0


async def test_a_reply_after_a_week_is_refused(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    harness.clock.forward(days=7, seconds=1)
    assert single(await harness.reply(opened.registration), RegistrationRefused).reason == "expired"
    again = single(await harness.entry(HANAKO), RegistrationOpened)
    assert again.registration != opened.registration
    single(await harness.reply(again.registration), RegistrationCompleted)


async def test_a_second_reply_is_told_that_it_is_done(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    await harness.reply(opened.registration)
    assert single(await harness.reply(opened.registration), RegistrationRefused).reason == "already_done"


async def test_a_reply_about_a_deleted_group_is_told_that_it_is_closed(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    sakura = harness.units.entries["sakura"]
    harness.units.entries["sakura"] = sakura.model_copy(update={"groups": {}})
    assert single(await harness.reply(opened.registration), RegistrationRefused).reason == "closed"
    assert (await members(harness)).total == 0


async def test_an_entry_to_a_deleted_group_is_told_so_and_leaves_no_address(harness: Harness) -> None:
    harness.units.entries.pop("momiji")
    refused = single(await harness.entry(TARO, unit="momiji", group="m1"), RegistrationRefused)
    assert refused.reason == "closed"
    assert await harness.rows("SELECT * FROM addresses") == []


async def test_a_confirmation_of_nothing_is_a_dead_letter(harness: Harness) -> None:
    with pytest.raises(PermanentError, match="unknown_registration"):
        await harness.reply(new_id())


async def test_a_confirmation_counts_in_its_own_unit_only(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    with pytest.raises(PermanentError, match="unknown_registration"):
        await harness.reply(opened.registration, unit="momiji")


async def test_entries_at_the_same_moment_open_one_registration(harness: Harness) -> None:
    events = [harness.entry_event(HANAKO, "15 山田 太郎 母") for _ in range(8)]
    await asyncio.gather(*(handlers.registration.entry(harness.context, event) for event in events))
    opened = only(await harness.said(), RegistrationOpened)
    assert len(opened) == 1
    assert len({event.registration for event in opened}) == 1


async def test_confirmations_at_the_same_moment_complete_once(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    events = [harness.confirmation("registration", opened.registration, opened.registration) for _ in range(8)]
    await asyncio.gather(*(handlers.registration.confirm(harness.context, event) for event in events))
    said = await harness.said()
    assert len(only(said, RegistrationCompleted)) == 1
    assert {event.reason for event in only(said, RegistrationRefused)} == {"already_done"}


async def test_an_invited_address_gets_the_guide_mail_and_its_owners_reply_confirms(harness: Harness) -> None:
    card = harness.card(" Taro@Example.jp ", "15 山田 太郎 父")
    command = harness.command(InviteMember, group="g1", card=harness.sealer.seal(card, "registry"))
    await handlers.commands.handle(harness.context, command)
    await handlers.commands.handle(harness.context, command)
    (opened,) = only(await harness.said(), RegistrationOpened)
    assert harness.to(opened.to).address == TARO
    assert harness.to(opened.to).fields == {"understood": "15 山田 太郎（父）"}
    assert (await members(harness)).total == 0
    single(await harness.reply(opened.registration), RegistrationCompleted)


async def test_inviting_a_member_says_nothing_to_anybody(harness: Harness) -> None:
    await harness.register(TARO)
    card = harness.sealer.seal(harness.card(TARO), "registry")
    await handlers.commands.handle(harness.context, harness.command(InviteMember, group="g1", card=card))
    assert [type(each) for each in await harness.said()] == [CommandDone]


async def test_an_invited_address_that_is_none_is_refused_without_showing_it(harness: Harness) -> None:
    card = harness.sealer.seal(harness.card("taro@docomo,ne,jp"), "registry")
    refused = await harness.give(harness.command(InviteMember, group="g1", card=card))
    assert refused.reason == "bad-address"
    assert "taro" not in refused.model_dump_json()


async def test_nothing_readable_of_a_person_lies_in_the_database(harness: Harness) -> None:
    await harness.register("secret-mother@docomo.ne.jp", "15 山田 太郎 母")
    await harness.entry("waiting-father@example.jp", "16 佐藤 次郎 父")
    await harness.leave("secret-mother@docomo.ne.jp")
    await handlers.questions.page(harness.context, MembersAsk(unit="sakura", actor="account-1"))
    # The outbox too, so nothing was taken out of it before this look.
    await handlers.registration.entry(
        harness.context, harness.entry_event("third-person@example.jp", "17 鈴木 三郎 母")
    )
    dump = await harness.dump()
    for word in ("secret-mother", "waiting-father", "third-person", "@docomo", "山田", "太郎", "佐藤", "鈴木", "三郎"):
        assert word.encode() not in dump
