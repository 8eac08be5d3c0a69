"""Registering by mail: what a parent is promised, on a real database."""

import asyncio

import pytest

from contracts.events import RegistrationCompleted, RegistrationOpened, RegistrationRefused
from contracts.requests import InviteAsk, MembersAsk, MembersPage
from registry import handlers
from registry.handlers.questions import page
from registry.store.members import ORIGINAL
from runtime.errors import PermanentError
from runtime.ids import new_id
from tests.registry.house import NO_REPLY, House, only, single

HANAKO = "hanako..y@docomo.ne.jp"
TARO = "taro@example.jp"


async def members(house: House, **parts: object) -> MembersPage:
    return await page(house.context, MembersAsk.model_validate({"unit": "sakura", "actor": "account-1", **parts}))


async def test_a_parent_enters_replies_and_is_a_member(house: House) -> None:
    opened = single(await house.entry(HANAKO, "１５　山田　太郎　母"), RegistrationOpened)
    guide = house.to(opened.to)
    assert (guide.address, guide.copy_ref) == (HANAKO, opened.registration)
    assert guide.fields == {"understood": "15 山田 太郎（母）"}
    assert opened.to.carrier == "docomo"
    assert opened.named
    assert (await members(house)).members == ()

    completed = single(await house.reply(opened.registration), RegistrationCompleted)
    assert house.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}
    (member,) = (await members(house)).members
    assert (member.member, member.state, member.groups) == (completed.member, "active", ("g1",))
    assert member.name == "山田 太郎（母）"
    (child,) = member.children
    assert (child.name, child.class_number, child.relation, child.group) == ("山田 太郎", "15", "母", "g1")


async def test_the_reply_may_correct_the_name(house: House) -> None:
    opened = single(await house.entry(HANAKO, "15 山田 太朗 母"), RegistrationOpened)
    completed = single(await house.reply(opened.registration, "15 山田 太郎 母です"), RegistrationCompleted)
    assert house.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


@pytest.mark.parametrize("words", ["", "はい", "OK", "間違いありません", "了解しました。よろしくお願いします。"])
async def test_a_reply_that_only_agrees_keeps_the_name(house: House, words: str) -> None:
    opened = single(await house.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    completed = single(await house.reply(opened.registration, words), RegistrationCompleted)
    assert house.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_without_the_receipts_option_no_name_is_kept(house: House) -> None:
    opened = single(await house.entry(TARO, "15 山田 太郎 母", unit="momiji", group="m1"), RegistrationOpened)
    assert not opened.named
    assert house.to(opened.to).fields == {"understood": ""}
    await house.reply(opened.registration, "15 山田 太郎 母", unit="momiji")
    (member,) = (await members(house, unit="momiji")).members
    assert (member.name, member.children) == (None, ())
    assert await house.rows("SELECT * FROM children") == []
    assert await house.rows("SELECT 1 FROM members WHERE name IS NOT NULL OR original IS NOT NULL") == []


async def test_the_same_entry_again_is_the_same_registration(house: House) -> None:
    first = single(await house.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    second = single(await house.entry('"Hanako..Y"@DOCOMO.ne.jp', proven=True), RegistrationOpened)
    assert second.registration == first.registration
    assert second.id != first.id
    assert house.to(second.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_an_event_delivered_again_changes_and_says_nothing(house: House) -> None:
    event = house.entry_event(HANAKO)
    await handlers.registration.entry(house.context, event)
    opened = single(await house.said(), RegistrationOpened)
    await handlers.registration.entry(house.context, event)
    assert await house.said() == []
    confirmation = house.confirmation("registration", opened.registration, opened.registration)
    await handlers.registration.confirm(house.context, confirmation)
    single(await house.said(), RegistrationCompleted)
    await handlers.registration.confirm(house.context, confirmation)
    assert await house.said() == []


async def test_a_machine_opens_nothing(house: House) -> None:
    assert await house.entry(HANAKO, automatic=NO_REPLY) == []
    assert await house.rows("SELECT * FROM addresses") == []


async def test_a_sender_that_is_no_address_opens_nothing(house: House) -> None:
    assert await house.entry("") == []


async def test_a_member_who_enters_again_is_told_so(house: House) -> None:
    await house.register(HANAKO, "15 山田 太郎 母")
    refused = single(await house.entry(HANAKO, "15 山田太郎 母"), RegistrationRefused)
    assert refused.reason == "already_member"
    assert house.to(refused.to).address == HANAKO


async def test_a_member_registers_a_second_child(house: House) -> None:
    member = await house.register(HANAKO, "15 山田 太郎 母")
    assert await house.register(HANAKO, "３ 山田 花子 母") == member
    (found,) = (await members(house)).members
    assert [child.name for child in found.children] == ["山田 太郎", "山田 花子"]
    assert found.name == "山田 太郎（母）、山田 花子（母）"


async def test_one_address_may_be_in_several_groups_and_units(house: House) -> None:
    member = await house.register(HANAKO)
    assert await house.register(HANAKO, group="g2") == member
    assert await house.register(HANAKO, unit="momiji", group="m1") != member
    (found,) = (await members(house)).members
    assert found.groups == ("g1", "g2")
    assert len(await house.rows("SELECT * FROM addresses")) == 1


async def test_entering_a_further_group_without_a_name_keeps_the_one_that_is_known(house: House) -> None:
    member = await house.register(HANAKO, "15 山田 太郎 母")
    opened = single(await house.entry(HANAKO, group="g2"), RegistrationOpened)
    completed = single(await house.reply(opened.registration), RegistrationCompleted)
    assert house.to(completed.to).fields == {"understood": "山田 太郎（母）"}
    ((key_id, blob),) = await house.rows("SELECT original_key_id, original FROM members WHERE id = :id", id=member)
    assert house.context.vault.unlock(key_id, blob, ORIGINAL, member) == "15 山田 太郎 母"


async def test_two_guardians_of_one_child_share_it(house: House) -> None:
    await house.register(HANAKO, "15 髙橋 太郎 母")
    await house.register(TARO, "15番 高橋太郎 父")
    first, second = (await members(house)).members
    assert first.children[0].child == second.children[0].child
    assert (first.children[0].relation, second.children[0].relation) == ("母", "父")


async def test_a_reply_after_the_token_expired_is_refused(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    refused = single(await house.reply(opened.registration, expired=True), RegistrationRefused)
    assert (refused.reason, refused.registration) == ("expired", opened.registration)
    assert (await members(house)).total == 0


async def test_a_reply_after_a_week_is_refused(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    house.clock.forward(days=7, seconds=1)
    assert single(await house.reply(opened.registration), RegistrationRefused).reason == "expired"
    again = single(await house.entry(HANAKO), RegistrationOpened)
    assert again.registration != opened.registration
    single(await house.reply(again.registration), RegistrationCompleted)


async def test_a_second_reply_is_told_that_it_is_done(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    await house.reply(opened.registration)
    assert single(await house.reply(opened.registration), RegistrationRefused).reason == "already_done"


async def test_a_reply_about_a_deleted_group_is_told_that_it_is_closed(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    sakura = house.units.entries["sakura"]
    house.units.entries["sakura"] = sakura.model_copy(update={"groups": {}})
    assert single(await house.reply(opened.registration), RegistrationRefused).reason == "closed"
    assert (await members(house)).total == 0


async def test_an_entry_to_a_deleted_group_is_told_so_and_leaves_no_address(house: House) -> None:
    house.units.entries.pop("momiji")
    refused = single(await house.entry(TARO, unit="momiji", group="m1"), RegistrationRefused)
    assert refused.reason == "closed"
    assert await house.rows("SELECT * FROM addresses") == []


async def test_a_confirmation_of_nothing_is_a_dead_letter(house: House) -> None:
    with pytest.raises(PermanentError, match="unknown_registration"):
        await house.reply(new_id())


async def test_a_confirmation_counts_in_its_own_unit_only(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    with pytest.raises(PermanentError, match="unknown_registration"):
        await house.reply(opened.registration, unit="momiji")


async def test_entries_at_the_same_moment_open_one_registration(house: House) -> None:
    events = [house.entry_event(HANAKO, "15 山田 太郎 母") for _ in range(8)]
    await asyncio.gather(*(handlers.registration.entry(house.context, event) for event in events))
    opened = only(await house.said(), RegistrationOpened)
    assert len(opened) == 1
    assert len({event.registration for event in opened}) == 1


async def test_confirmations_at_the_same_moment_complete_once(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    events = [house.confirmation("registration", opened.registration, opened.registration) for _ in range(8)]
    await asyncio.gather(*(handlers.registration.confirm(house.context, event) for event in events))
    said = await house.said()
    assert len(only(said, RegistrationCompleted)) == 1
    assert {event.reason for event in only(said, RegistrationRefused)} == {"already_done"}


async def test_an_invited_address_gets_the_guide_mail_and_its_owners_reply_confirms(house: House) -> None:
    card = house.card(" Taro@Example.jp ", "15 山田 太郎 父")
    ask = InviteAsk(unit="sakura", actor="account-1", group="g1", request=7, card=house.sealer.seal(card, "registry"))
    await handlers.registration.invite(house.context, ask)
    await handlers.registration.invite(house.context, ask)
    opened = single(await house.said(), RegistrationOpened)
    assert house.to(opened.to).address == TARO
    assert house.to(opened.to).fields == {"understood": "15 山田 太郎（父）"}
    assert (await members(house)).total == 0
    single(await house.reply(opened.registration), RegistrationCompleted)


async def test_inviting_a_member_says_nothing_to_anybody(house: House) -> None:
    await house.register(TARO)
    card = house.sealer.seal(house.card(TARO), "registry")
    ask = InviteAsk(unit="sakura", actor="account-1", group="g1", request=8, card=card)
    await handlers.registration.invite(house.context, ask)
    assert await house.said() == []


async def test_an_invited_address_that_is_none_is_refused_without_showing_it(house: House) -> None:
    card = house.sealer.seal(house.card("taro@docomo,ne,jp"), "registry")
    ask = InviteAsk(unit="sakura", actor="account-1", group="g1", request=9, card=card)
    with pytest.raises(PermanentError) as refusal:
        await handlers.registration.invite(house.context, ask)
    assert str(refusal.value) == "bad-address"


async def test_nothing_readable_of_a_person_lies_in_the_database(house: House) -> None:
    await house.register("secret-mother@docomo.ne.jp", "15 山田 太郎 母")
    await house.entry("waiting-father@example.jp", "16 佐藤 次郎 父")
    await house.leave("secret-mother@docomo.ne.jp")
    await handlers.questions.page(house.context, MembersAsk(unit="sakura", actor="account-1"))
    # The outbox too, so nothing was taken out of it before this look.
    await handlers.registration.entry(house.context, house.entry_event("third-person@example.jp", "17 鈴木 三郎 母"))
    dump = await house.dump()
    for word in ("secret-mother", "waiting-father", "third-person", "@docomo", "山田", "太郎", "佐藤", "鈴木", "三郎"):
        assert word.encode() not in dump
