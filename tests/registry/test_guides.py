"""Guide mails: anybody can ask for one in anybody's name, so nobody gets many that he didn't ask for."""

import asyncio

import pytest

from contracts.events import LeaveCompleted, LeaveOpened, RegistrationCompleted, RegistrationOpened, RegistrationRefused
from contracts.requests import InviteAsk
from contracts.sealed import AddressCard
from registry import handlers
from runtime.ids import new_id
from tests.registry.house import House, only, single
from tests.registry.test_outcomes import settled

HANAKO = "hanako..y@docomo.ne.jp"


async def test_a_flood_in_somebody_s_name_brings_him_one_guide_an_hour(house: House) -> None:
    single(await house.entry(HANAKO), RegistrationOpened)
    for unit, group in (("sakura", "g1"), ("sakura", "g2"), ("sakura", "g3"), ("momiji", "m1")):
        for _ in range(3):
            assert await house.entry(HANAKO, unit=unit, group=group) == []
    house.clock.forward(minutes=59)
    assert await house.entry(HANAKO, group="g2") == []
    house.clock.forward(minutes=1)
    single(await house.entry(HANAKO, group="g2"), RegistrationOpened)
    assert await house.entry(HANAKO) == []


async def test_a_mailbox_of_many_names_gets_no_more_than_one_of_a_single_name(house: House) -> None:
    single(await house.entry("yamada.hanako@gmail.com"), RegistrationOpened)
    for name in ("yamadahanako@gmail.com", "y.amadahanako+1@gmail.com", "Yamada.Hanako+x+y@googlemail.com"):
        assert await house.entry(name) == []
    single(await house.entry("yamadahanako@outlook.com"), RegistrationOpened)
    assert await house.entry("yamadahanako+2@outlook.com", unit="momiji", group="m1") == []
    single(await house.entry("yamada.hanako@outlook.com"), RegistrationOpened)


async def test_asked_for_at_once_under_many_names_it_is_still_one(house: House) -> None:
    said = await asyncio.gather(*(house.entry(f"hanako+{number}@gmail.com") for number in range(8)))
    assert len({each.id for events in said for each in only(events, RegistrationOpened)}) == 1


async def test_an_address_that_does_not_exist_is_not_tried_again_and_again(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    number = opened.registration
    await handlers.outcomes.settle(house.context, settled(house, number, number, "dead", tracked=False))
    assert await house.entry(HANAKO) == []
    house.clock.forward(hours=1)
    single(await house.entry(HANAKO), RegistrationOpened)


async def test_who_answers_the_guide_gets_the_next_one_at_once(house: House) -> None:
    first = single(await house.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    assert await house.entry(HANAKO, "3 山田 花子 母", group="g2") == []
    said = await house.reply(first.registration)
    (completed,) = only(said, RegistrationCompleted)
    (following,) = only(said, RegistrationOpened)
    assert (completed.group, following.group) == ("g1", "g2")
    assert house.to(following.to).fields == {"understood": "3 山田 花子（母）"}
    assert following.to.proven
    (done,) = only(await house.reply(following.registration), RegistrationCompleted)
    assert done.group == "g2"
    single(await house.entry(HANAKO, group="g3"), RegistrationOpened)


async def test_a_guide_that_had_to_wait_may_be_answered_as_long_as_any(house: House) -> None:
    first = single(await house.entry(HANAKO), RegistrationOpened)
    assert await house.entry(HANAKO, group="g2") == []
    house.clock.forward(days=6)
    (following,) = only(await house.reply(first.registration), RegistrationOpened)
    house.clock.forward(days=6)
    single(await house.reply(following.registration), RegistrationCompleted)


async def test_a_reply_that_was_held_counts_by_when_it_came(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    house.clock.forward(days=6)
    held = house.confirmation("registration", opened.registration, opened.registration, words="")
    house.clock.forward(days=6)
    await handlers.registration.confirm(house.context, held)
    completed = single(await house.said(), RegistrationCompleted)
    leaving = single(await house.leave(HANAKO, proven=True), LeaveOpened)
    house.clock.forward(days=6)
    held = house.confirmation("leave", leaving.request, completed.member)
    house.clock.forward(days=6)
    await handlers.leaving.confirm(house.context, held)
    single(await house.said(), LeaveCompleted)


async def test_a_reply_confirms_what_its_guide_showed_whatever_was_written_in_between(house: House) -> None:
    opened = single(await house.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    assert await house.entry(HANAKO, "99 いたずら 次郎 父") == []
    completed = single(await house.reply(opened.registration), RegistrationCompleted)
    assert house.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_an_answer_brings_a_few_waiting_guides_of_its_own_unit_only(house: House) -> None:
    house.units.entries["sakura"].groups.update({f"h{n}": house.units.entries["sakura"].groups["g1"] for n in range(6)})
    first = single(await house.entry(HANAKO), RegistrationOpened)
    assert await house.entry(HANAKO, unit="momiji", group="m1") == []
    for number in range(6):
        assert await house.entry(HANAKO, group=f"h{number}") == []
    following = only(await house.reply(first.registration), RegistrationOpened)
    assert [each.group for each in following] == ["h5", "h4", "h3"]


async def test_whoever_is_shown_to_have_written_himself_gets_a_guide_each_time(house: House) -> None:
    for group in ("g1", "g2", "g1"):
        opened = single(await house.entry(HANAKO, group=group, proven=True), RegistrationOpened)
        assert opened.to.proven


@pytest.mark.parametrize("times", [1, 5])
async def test_asking_to_leave_in_somebody_s_name_brings_him_one_mail_an_hour(house: House, times: int) -> None:
    member = await house.register(HANAKO)
    opened = single(await house.leave(HANAKO), LeaveOpened)
    for _ in range(times):
        assert await house.leave(HANAKO, group="g1") == []
        assert await house.entry(HANAKO, group="g2") == []
    single(await house.confirm_leave(opened.request, member), LeaveCompleted)


async def test_an_administrator_can_t_make_the_system_write_to_an_address_again_and_again(house: House) -> None:
    async def invite(group: str) -> None:
        card = house.sealer.seal(AddressCard(address=HANAKO), "registry")
        ask = InviteAsk(unit="sakura", actor="account-1", group=group, card=card, request=new_id())
        await handlers.registration.invite(house.context, ask)

    await invite("g1")
    single(await house.said(), RegistrationOpened)
    await invite("g1")
    await invite("g2")
    assert await house.said() == []


async def test_who_answers_too_late_may_begin_anew_at_once(house: House) -> None:
    opened = single(await house.entry(HANAKO), RegistrationOpened)
    assert single(await house.reply(opened.registration, expired=True), RegistrationRefused).reason == "expired"
    again = single(await house.entry(HANAKO), RegistrationOpened)
    single(await house.reply(again.registration), RegistrationCompleted)
