"""Leaving: by mail, by one click, by an administrator; and what is left of a person afterwards."""

import pytest

from contracts.commands import RemoveMember
from contracts.events import LeaveCompleted, LeaveOpened, LeaveRefused, RegistrationOpened
from contracts.requests import MembersAsk
from registry import handlers
from runtime.errors import PermanentError
from runtime.ids import new_id
from tests.registry.harness import Harness, only, single

HANAKO = "hanako@docomo.ne.jp"


async def state(harness: Harness, member: int) -> tuple[str, tuple[str, ...]]:
    page = await handlers.questions.page(harness.context, MembersAsk(unit="sakura", actor="account-1"))
    (found,) = [each for each in page.members if each.member == member]
    return found.state, found.groups


async def reason(harness: Harness, member: int) -> str | None:
    page = await handlers.questions.page(harness.context, MembersAsk(unit="sakura", actor="account-1"))
    (found,) = [each for each in page.members if each.member == member]
    return found.reason


async def test_leaving_one_group_keeps_the_others(harness: Harness) -> None:
    member = await harness.register(HANAKO, "15 山田 太郎 母")
    await harness.register(HANAKO, group="g2")
    opened = single(await harness.leave(HANAKO, group="g1"), LeaveOpened)
    assert (opened.group, harness.to(opened.to).copy_ref) == ("g1", member)
    completed = single(await harness.confirm_leave(opened.request, member), LeaveCompleted)
    assert (completed.group, completed.member, harness.to(completed.to).address) == ("g1", member, HANAKO)
    assert await state(harness, member) == ("active", ("g2",))
    assert len(await harness.rows("SELECT * FROM guardians")) == 0


async def test_leaving_the_last_group_leaves_the_unit_and_erases_the_address(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.leave(HANAKO, group="g1"), LeaveOpened)
    await harness.confirm_leave(opened.request, member)
    assert await state(harness, member) == ("left", ())
    assert await harness.rows("SELECT * FROM addresses") == []


async def test_the_address_stays_while_another_unit_writes_to_it(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    other = await harness.register(HANAKO, unit="momiji", group="m1")
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    await harness.confirm_leave(opened.request, member)
    assert len(await harness.rows("SELECT * FROM addresses")) == 1
    # Back again, he is who he was.
    assert await harness.register(HANAKO) == member
    assert await state(harness, member) == ("active", ("g1",))
    opened = single(await harness.leave(HANAKO, unit="momiji"), LeaveOpened)
    await harness.confirm_leave(opened.request, other, unit="momiji")
    assert len(await harness.rows("SELECT * FROM addresses")) == 1


async def test_leaving_the_unit_leaves_all_groups_at_once(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    await harness.register(HANAKO, group="g2")
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    assert opened.group is None
    await harness.confirm_leave(opened.request, member)
    assert await state(harness, member) == ("left", ())


async def test_whoever_is_no_member_is_told_so(harness: Harness) -> None:
    refused = single(await harness.leave("nobody@example.jp"), LeaveRefused)
    assert (refused.reason, harness.to(refused.to).address) == ("not_member", "nobody@example.jp")
    await harness.register(HANAKO)
    assert single(await harness.leave(HANAKO, group="g2"), LeaveRefused).reason == "not_member"
    assert await harness.rows("SELECT * FROM leave_requests") == []


async def test_the_same_request_again_is_the_same_request(harness: Harness) -> None:
    await harness.register(HANAKO)
    first = single(await harness.leave(HANAKO), LeaveOpened)
    assert single(await harness.leave(HANAKO, proven=True), LeaveOpened).request == first.request
    assert single(await harness.leave(HANAKO, group="g1", proven=True), LeaveOpened).request != first.request


async def test_a_second_reply_is_told_that_it_is_done_although_the_address_is_erased(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    await harness.confirm_leave(opened.request, member)
    refused = single(await harness.confirm_leave(opened.request, member), LeaveRefused)
    assert (refused.reason, harness.to(refused.to).address) == ("already_done", HANAKO)


async def test_an_expired_reply_is_refused(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.leave(HANAKO), LeaveOpened)
    assert single(await harness.confirm_leave(opened.request, member, expired=True), LeaveRefused).reason == "expired"
    assert await state(harness, member) == ("active", ("g1",))


async def test_a_confirmation_of_nothing_is_a_dead_letter(harness: Harness) -> None:
    with pytest.raises(PermanentError, match="unknown_leave_request"):
        await harness.confirm_leave(new_id(), new_id())


async def test_one_click_leaves_the_whole_unit_once(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    await harness.register(HANAKO, group="g2")
    message = harness.approved()
    await harness.broadcast(message)
    ((copy,),) = await harness.rows("SELECT copy_ref FROM copies")
    await handlers.leaving.unsubscribe(harness.context, harness.confirmation("unsubscribe", message.message, copy))
    completed = single(await harness.said(), LeaveCompleted)
    assert (completed.group, completed.member) == (None, member)
    assert await state(harness, member) == ("left", ())
    await handlers.leaving.unsubscribe(harness.context, harness.confirmation("unsubscribe", message.message, copy))
    assert await harness.said() == []
    with pytest.raises(PermanentError, match="unknown_copy"):
        await handlers.leaving.unsubscribe(
            harness.context, harness.confirmation("unsubscribe", message.message, new_id())
        )


async def test_who_reports_a_mail_as_spam_leaves_and_administrators_see_why(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    message = harness.approved()
    await harness.broadcast(message)
    ((copy,),) = await harness.rows("SELECT copy_ref FROM copies")
    complaint = harness.confirmation("complaint", message.message, copy)
    for _ in range(2):
        await handlers.leaving.unsubscribe(harness.context, complaint)
    completed = single(await harness.said(), LeaveCompleted)
    assert (completed.group, completed.member, completed.complained) == (None, member, True)
    assert (await state(harness, member), await reason(harness, member)) == (("left", ()), "complaint")
    assert await harness.rows("SELECT * FROM addresses") == []


async def test_who_came_back_is_not_taken_off_by_a_complaint_about_an_earlier_mail(harness: Harness) -> None:
    await harness.register(HANAKO, unit="momiji", group="m1")
    member = await harness.register(HANAKO)
    message = harness.approved()
    await harness.broadcast(message)
    ((copy,),) = await harness.rows("SELECT copy_ref FROM copies WHERE unit = 'sakura'")
    complaint = harness.confirmation("complaint", message.message, copy)
    await handlers.leaving.unsubscribe(harness.context, complaint)
    await harness.said()
    harness.clock.forward(days=1)
    assert await harness.register(HANAKO) == member
    assert await reason(harness, member) is None
    await harness.said()
    late = harness.confirmation("complaint", message.message, copy)
    await handlers.leaving.unsubscribe(harness.context, late.model_copy(update={"issued_at": complaint.issued_at}))
    assert await harness.said() == []
    assert await state(harness, member) == ("active", ("g1",))
    await handlers.leaving.unsubscribe(harness.context, harness.confirmation("complaint", message.message, copy))
    assert await state(harness, member) == ("left", ())


async def test_an_administrator_removes_a_member(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    assert (await harness.give(harness.command(RemoveMember, member=member))).count == 1
    assert (await harness.give(harness.command(RemoveMember, member=member))).count == 0
    assert await state(harness, member) == ("left", ())
    elsewhere = await harness.give(harness.command(RemoveMember, unit="momiji", member=member))
    assert elsewhere.reason == "unknown-member"


async def test_an_open_registration_keeps_the_address_of_a_leaver(harness: Harness) -> None:
    member = await harness.register(HANAKO)
    opened = single(await harness.entry(HANAKO, group="g2"), RegistrationOpened)
    await harness.give(harness.command(RemoveMember, member=member))
    assert len(await harness.rows("SELECT * FROM addresses")) == 1
    assert only(await harness.reply(opened.registration), LeaveRefused) == []
    assert await state(harness, member) == ("active", ("g2",))
