"""Leaving: by mail, by one click, by an administrator; and what is left of a person afterwards."""

import pytest

from contracts.events import LeaveCompleted, LeaveOpened, LeaveRefused, RegistrationOpened
from contracts.requests import MembersAsk, RemoveAsk
from registry import handlers
from runtime.errors import PermanentError
from runtime.ids import new_id
from tests.registry.house import House, only, single

HANAKO = "hanako@docomo.ne.jp"


async def state(house: House, member: int) -> tuple[str, tuple[str, ...]]:
    page = await handlers.questions.page(house.context, MembersAsk(unit="sakura", actor="account-1"))
    (found,) = [each for each in page.members if each.member == member]
    return found.state, found.groups


async def reason(house: House, member: int) -> str | None:
    page = await handlers.questions.page(house.context, MembersAsk(unit="sakura", actor="account-1"))
    (found,) = [each for each in page.members if each.member == member]
    return found.reason


async def test_leaving_one_group_keeps_the_others(house: House) -> None:
    member = await house.register(HANAKO, "15 山田 太郎 母")
    await house.register(HANAKO, group="g2")
    opened = single(await house.leave(HANAKO, group="g1"), LeaveOpened)
    assert (opened.group, house.to(opened.to).copy_ref) == ("g1", member)
    completed = single(await house.confirm_leave(opened.request, member), LeaveCompleted)
    assert (completed.group, completed.member, house.to(completed.to).address) == ("g1", member, HANAKO)
    assert await state(house, member) == ("active", ("g2",))
    assert len(await house.rows("SELECT * FROM guardians")) == 0


async def test_leaving_the_last_group_leaves_the_unit_and_erases_the_address(house: House) -> None:
    member = await house.register(HANAKO)
    opened = single(await house.leave(HANAKO, group="g1"), LeaveOpened)
    await house.confirm_leave(opened.request, member)
    assert await state(house, member) == ("left", ())
    assert await house.rows("SELECT * FROM addresses") == []


async def test_the_address_stays_while_another_unit_writes_to_it(house: House) -> None:
    member = await house.register(HANAKO)
    other = await house.register(HANAKO, unit="momiji", group="m1")
    opened = single(await house.leave(HANAKO), LeaveOpened)
    await house.confirm_leave(opened.request, member)
    assert len(await house.rows("SELECT * FROM addresses")) == 1
    # Back again, he is who he was.
    assert await house.register(HANAKO) == member
    assert await state(house, member) == ("active", ("g1",))
    opened = single(await house.leave(HANAKO, unit="momiji"), LeaveOpened)
    await house.confirm_leave(opened.request, other, unit="momiji")
    assert len(await house.rows("SELECT * FROM addresses")) == 1


async def test_leaving_the_unit_leaves_all_groups_at_once(house: House) -> None:
    member = await house.register(HANAKO)
    await house.register(HANAKO, group="g2")
    opened = single(await house.leave(HANAKO), LeaveOpened)
    assert opened.group is None
    await house.confirm_leave(opened.request, member)
    assert await state(house, member) == ("left", ())


async def test_whoever_is_no_member_is_told_so(house: House) -> None:
    refused = single(await house.leave("nobody@example.jp"), LeaveRefused)
    assert (refused.reason, house.to(refused.to).address) == ("not_member", "nobody@example.jp")
    await house.register(HANAKO)
    assert single(await house.leave(HANAKO, group="g2"), LeaveRefused).reason == "not_member"
    assert await house.rows("SELECT * FROM leave_requests") == []


async def test_the_same_request_again_is_the_same_request(house: House) -> None:
    await house.register(HANAKO)
    first = single(await house.leave(HANAKO), LeaveOpened)
    assert single(await house.leave(HANAKO, proven=True), LeaveOpened).request == first.request
    assert single(await house.leave(HANAKO, group="g1", proven=True), LeaveOpened).request != first.request


async def test_a_second_reply_is_told_that_it_is_done_although_the_address_is_erased(house: House) -> None:
    member = await house.register(HANAKO)
    opened = single(await house.leave(HANAKO), LeaveOpened)
    await house.confirm_leave(opened.request, member)
    refused = single(await house.confirm_leave(opened.request, member), LeaveRefused)
    assert (refused.reason, house.to(refused.to).address) == ("already_done", HANAKO)


async def test_an_expired_reply_is_refused(house: House) -> None:
    member = await house.register(HANAKO)
    opened = single(await house.leave(HANAKO), LeaveOpened)
    assert single(await house.confirm_leave(opened.request, member, expired=True), LeaveRefused).reason == "expired"
    assert await state(house, member) == ("active", ("g1",))


async def test_a_confirmation_of_nothing_is_a_dead_letter(house: House) -> None:
    with pytest.raises(PermanentError, match="unknown_leave_request"):
        await house.confirm_leave(new_id(), new_id())


async def test_one_click_leaves_the_whole_unit_once(house: House) -> None:
    member = await house.register(HANAKO)
    await house.register(HANAKO, group="g2")
    message = house.approved()
    await house.broadcast(message)
    ((copy,),) = await house.rows("SELECT copy_ref FROM copies")
    await handlers.leaving.unsubscribe(house.context, house.confirmation("unsubscribe", message.message, copy))
    completed = single(await house.said(), LeaveCompleted)
    assert (completed.group, completed.member) == (None, member)
    assert await state(house, member) == ("left", ())
    await handlers.leaving.unsubscribe(house.context, house.confirmation("unsubscribe", message.message, copy))
    assert await house.said() == []
    with pytest.raises(PermanentError, match="unknown_copy"):
        await handlers.leaving.unsubscribe(house.context, house.confirmation("unsubscribe", message.message, new_id()))


async def test_who_reports_a_mail_as_spam_leaves_and_administrators_see_why(house: House) -> None:
    member = await house.register(HANAKO)
    message = house.approved()
    await house.broadcast(message)
    ((copy,),) = await house.rows("SELECT copy_ref FROM copies")
    complaint = house.confirmation("complaint", message.message, copy)
    for _ in range(2):
        await handlers.leaving.unsubscribe(house.context, complaint)
    completed = single(await house.said(), LeaveCompleted)
    assert (completed.group, completed.member, completed.complained) == (None, member, True)
    assert (await state(house, member), await reason(house, member)) == (("left", ()), "complaint")
    assert await house.rows("SELECT * FROM addresses") == []


async def test_who_came_back_is_not_taken_off_by_a_complaint_about_an_earlier_mail(house: House) -> None:
    await house.register(HANAKO, unit="momiji", group="m1")
    member = await house.register(HANAKO)
    message = house.approved()
    await house.broadcast(message)
    ((copy,),) = await house.rows("SELECT copy_ref FROM copies WHERE unit = 'sakura'")
    complaint = house.confirmation("complaint", message.message, copy)
    await handlers.leaving.unsubscribe(house.context, complaint)
    await house.said()
    house.clock.forward(days=1)
    assert await house.register(HANAKO) == member
    assert await reason(house, member) is None
    await house.said()
    late = house.confirmation("complaint", message.message, copy)
    await handlers.leaving.unsubscribe(house.context, late.model_copy(update={"issued_at": complaint.issued_at}))
    assert await house.said() == []
    assert await state(house, member) == ("active", ("g1",))
    await handlers.leaving.unsubscribe(house.context, house.confirmation("complaint", message.message, copy))
    assert await state(house, member) == ("left", ())


async def test_an_administrator_removes_a_member(house: House) -> None:
    member = await house.register(HANAKO)
    ask = RemoveAsk(unit="sakura", actor="account-1", member=member)
    await handlers.leaving.remove(house.context, ask)
    await handlers.leaving.remove(house.context, ask)
    assert await state(house, member) == ("left", ())
    with pytest.raises(PermanentError, match="unknown-member"):
        await handlers.leaving.remove(house.context, ask.model_copy(update={"unit": "momiji"}))


async def test_an_open_registration_keeps_the_address_of_a_leaver(house: House) -> None:
    member = await house.register(HANAKO)
    opened = single(await house.entry(HANAKO, group="g2"), RegistrationOpened)
    await handlers.leaving.remove(house.context, RemoveAsk(unit="sakura", actor="account-1", member=member))
    assert len(await house.rows("SELECT * FROM addresses")) == 1
    assert only(await house.reply(opened.registration), LeaveRefused) == []
    assert await state(house, member) == ("active", ("g2",))
