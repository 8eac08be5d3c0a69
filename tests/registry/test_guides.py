"""Guide mails: anybody can ask for one in anybody's name, so nobody gets many that he didn't ask for."""

import asyncio

import pytest

from contracts.commands import InviteMember
from contracts.events import LeaveCompleted, LeaveOpened, RegistrationCompleted, RegistrationOpened, RegistrationRefused
from contracts.sealed import AddressCard
from registry import handlers
from tests.registry.harness import Harness, only, single
from tests.registry.test_outcomes import settled

HANAKO = "hanako..y@docomo.ne.jp"


async def test_a_flood_in_somebody_s_name_brings_him_one_guide_an_hour(harness: Harness) -> None:
    single(await harness.entry(HANAKO), RegistrationOpened)
    for unit, group in (("sakura", "g1"), ("sakura", "g2"), ("sakura", "g3"), ("momiji", "m1")):
        for _ in range(3):
            assert await harness.entry(HANAKO, unit=unit, group=group) == []
    harness.clock.forward(minutes=59)
    assert await harness.entry(HANAKO, group="g2") == []
    harness.clock.forward(minutes=1)
    single(await harness.entry(HANAKO, group="g2"), RegistrationOpened)
    assert await harness.entry(HANAKO) == []


async def test_a_mailbox_of_many_names_gets_no_more_than_one_of_a_single_name(harness: Harness) -> None:
    single(await harness.entry("yamada.hanako@gmail.com"), RegistrationOpened)
    for name in ("yamadahanako@gmail.com", "y.amadahanako+1@gmail.com", "Yamada.Hanako+x+y@googlemail.com"):
        assert await harness.entry(name) == []
    single(await harness.entry("yamadahanako@outlook.com"), RegistrationOpened)
    assert await harness.entry("yamadahanako+2@outlook.com", unit="momiji", group="m1") == []
    single(await harness.entry("yamada.hanako@outlook.com"), RegistrationOpened)


async def test_asked_for_at_once_under_many_names_it_is_still_one(harness: Harness) -> None:
    said = await asyncio.gather(*(harness.entry(f"hanako+{number}@gmail.com") for number in range(8)))
    assert len({each.id for events in said for each in only(events, RegistrationOpened)}) == 1


async def test_an_address_that_does_not_exist_is_not_tried_again_and_again(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    number = opened.registration
    await handlers.outcomes.settle(harness.context, settled(harness, number, number, "dead", tracked=False))
    assert await harness.entry(HANAKO) == []
    harness.clock.forward(hours=1)
    single(await harness.entry(HANAKO), RegistrationOpened)


async def test_who_answers_the_guide_gets_the_next_one_at_once(harness: Harness) -> None:
    first = single(await harness.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    assert await harness.entry(HANAKO, "3 山田 花子 母", group="g2") == []
    said = await harness.reply(first.registration)
    (completed,) = only(said, RegistrationCompleted)
    (following,) = only(said, RegistrationOpened)
    assert (completed.group, following.group) == ("g1", "g2")
    assert harness.to(following.to).fields == {"understood": "3 山田 花子（母）"}
    assert following.to.proven
    (done,) = only(await harness.reply(following.registration), RegistrationCompleted)
    assert done.group == "g2"
    single(await harness.entry(HANAKO, group="g3"), RegistrationOpened)


async def test_a_guide_that_had_to_wait_may_be_answered_as_long_as_any(harness: Harness) -> None:
    first = single(await harness.entry(HANAKO), RegistrationOpened)
    assert await harness.entry(HANAKO, group="g2") == []
    harness.clock.forward(days=6)
    (following,) = only(await harness.reply(first.registration), RegistrationOpened)
    harness.clock.forward(days=6)
    single(await harness.reply(following.registration), RegistrationCompleted)


async def test_a_reply_that_was_held_counts_by_when_it_came(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    harness.clock.forward(days=6)
    late = harness.confirmation("registration", opened.registration, opened.registration, words="")
    harness.clock.forward(days=6)
    await handlers.registration.confirm(harness.context, late)
    completed = single(await harness.said(), RegistrationCompleted)
    leaving = single(await harness.leave(HANAKO, proven=True), LeaveOpened)
    harness.clock.forward(days=6)
    late = harness.confirmation("leave", leaving.request, completed.member)
    harness.clock.forward(days=6)
    await handlers.leaving.confirm(harness.context, late)
    assert single(await harness.said(), LeaveCompleted).member == completed.member


async def test_a_reply_confirms_what_its_guide_showed_whatever_was_written_in_between(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO, "15 山田 太郎 母"), RegistrationOpened)
    assert await harness.entry(HANAKO, "99 いたずら 次郎 父") == []
    completed = single(await harness.reply(opened.registration), RegistrationCompleted)
    assert harness.to(completed.to).fields == {"understood": "15 山田 太郎（母）"}


async def test_an_answer_brings_a_few_waiting_guides_of_its_own_unit_only(harness: Harness) -> None:
    harness.units.entries["sakura"].groups.update(
        {f"h{n}": harness.units.entries["sakura"].groups["g1"] for n in range(6)}
    )
    first = single(await harness.entry(HANAKO), RegistrationOpened)
    assert await harness.entry(HANAKO, unit="momiji", group="m1") == []
    for number in range(6):
        assert await harness.entry(HANAKO, group=f"h{number}") == []
    following = only(await harness.reply(first.registration), RegistrationOpened)
    assert [each.group for each in following] == ["h5", "h4", "h3"]


async def test_whoever_is_shown_to_have_written_himself_gets_a_guide_each_time(harness: Harness) -> None:
    for group in ("g1", "g2", "g1"):
        opened = single(await harness.entry(HANAKO, group=group, proven=True), RegistrationOpened)
        assert opened.to.proven


@pytest.mark.parametrize("times", [1, 5])
async def test_asking_to_leave_in_somebody_s_name_brings_him_one_mail_an_hour(harness: Harness, times: int) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    for _ in range(times):
        assert await harness.leave(HANAKO, group="g1") == []
        assert await harness.entry(HANAKO, group="g2") == []
    single(await harness.confirm_leave(opened.request, member), LeaveCompleted)


async def test_an_administrator_can_t_make_the_system_write_to_an_address_again_and_again(harness: Harness) -> None:
    async def invite(group: str) -> list[RegistrationOpened]:
        card = harness.sealer.seal(AddressCard(address=HANAKO), "registry")
        await handlers.commands.handle(harness.context, harness.command(InviteMember, group=group, card=card))
        return only(await harness.said(), RegistrationOpened)

    assert len(await invite("g1")) == 1
    assert await invite("g1") == []
    assert await invite("g2") == []


async def test_who_answers_too_late_may_begin_anew_at_once(harness: Harness) -> None:
    opened = single(await harness.entry(HANAKO), RegistrationOpened)
    assert single(await harness.reply(opened.registration, expired=True), RegistrationRefused).reason == "expired"
    again = single(await harness.entry(HANAKO), RegistrationOpened)
    single(await harness.reply(again.registration), RegistrationCompleted)
