"""What administrators see of persons, what is written down about it, and what is erased in time."""

from datetime import timedelta

from contracts.commands import RemoveMember
from contracts.events import LeaveOpened, RegistrationOpened
from contracts.requests import MembersAsk, NamesAsk
from registry import handlers
from registry.handlers.questions import page
from tests.registry.harness import START, Harness, single


async def test_members_come_in_pages_and_none_is_left_out(harness: Harness) -> None:
    expected = [await harness.register(f"parent{number}@example.jp") for number in range(7)]
    seen: list[int] = []
    after = 0
    while True:
        found = await page(harness.context, MembersAsk(unit="sakura", actor="account-1", after=after, limit=3))
        assert found.total == 7
        seen += [each.member for each in found.members]
        if found.next is None:
            break
        after = found.next
    assert seen == sorted(expected)


async def test_members_are_chosen_by_group_and_state(harness: Harness) -> None:
    first = await harness.register("first@example.jp", group="g1")
    second = await harness.register("second@example.jp", group="g2")
    await harness.give(harness.command(RemoveMember, member=second))

    async def found(**parts: object) -> list[int]:
        ask = MembersAsk.model_validate({"unit": "sakura", "actor": "account-1", **parts})
        return [each.member for each in (await page(harness.context, ask)).members]

    assert await found() == [first, second]
    assert await found(state="active") == [first]
    assert await found(state="left") == [second]
    assert await found(state="undeliverable") == []
    assert await found(group="g1") == [first]
    assert await found(group="g2", state="left") == [second]
    assert await found(unit="momiji") == []


async def test_names_are_given_of_the_own_unit_only_and_only_with_the_option(harness: Harness) -> None:
    member = await harness.register("first@example.jp", "15 山田 太郎 母")
    (view,) = (await page(harness.context, MembersAsk(unit="sakura", actor="account-1"))).members
    child = view.children[0].child
    ask = NamesAsk(unit="sakura", actor="account-1", members=(member,), children=(child,))
    names = await handlers.questions.names(harness.context, ask)
    assert names.members == {member: "山田 太郎（母）"}
    assert names.children == {child: "山田 太郎"}
    foreign = await handlers.questions.names(harness.context, ask.model_copy(update={"unit": "momiji"}))
    assert (foreign.members, foreign.children) == ({}, {})
    sakura = harness.units.entries["sakura"]
    harness.units.entries["momiji"] = harness.units.entries["momiji"].model_copy(update={"receipts": True})
    foreign = await handlers.questions.names(harness.context, ask.model_copy(update={"unit": "momiji"}))
    assert (foreign.members, foreign.children) == ({}, {})
    harness.units.entries["sakura"] = sakura.model_copy(update={"receipts": False})
    assert (await handlers.questions.names(harness.context, ask)).members == {}
    (view,) = (await page(harness.context, MembersAsk(unit="sakura", actor="account-1"))).members
    assert (view.name, view.children) == (None, ())


async def test_every_look_at_persons_is_written_down(harness: Harness) -> None:
    member = await harness.register("first@example.jp", "15 山田 太郎 母")
    await page(harness.context, MembersAsk(unit="sakura", actor="account-7"))
    ask = NamesAsk(unit="sakura", actor="account-8", members=(member,))
    await handlers.questions.names(harness.context, ask)
    await harness.give(harness.command(RemoveMember, member=member))
    rows = await harness.rows("SELECT actor, action, unit, subject, count, at FROM access_log ORDER BY id")
    assert rows == [
        ("account-7", "members", "sakura", None, 1, START),
        ("account-8", "names", "sakura", None, 1, START),
        ("account/7", "remove", "sakura", member, 1, START),
    ]


async def test_what_waited_too_long_is_erased(harness: Harness) -> None:
    member = await harness.register("stays@example.jp")
    single(await harness.entry("waits@example.jp"), RegistrationOpened)
    opened = single(await harness.leave("stays@example.jp"), LeaveOpened)
    harness.clock.forward(days=29)
    await handlers.housekeeping.clean(harness.context)
    assert len(await harness.rows("SELECT 1 FROM registrations")) == 2
    assert len(await harness.rows("SELECT 1 FROM addresses")) == 2
    harness.clock.forward(days=2)
    await handlers.housekeeping.clean(harness.context)
    assert await harness.rows("SELECT 1 FROM registrations") == []
    assert await harness.rows("SELECT 1 FROM leave_requests WHERE id = :id", id=opened.request) == []
    ((kept,),) = await harness.rows("SELECT address_id FROM members WHERE id = :id", id=member)
    assert await harness.rows("SELECT id FROM addresses") == [(kept,)]


async def test_a_done_leave_request_keeps_the_address_for_a_week_only(harness: Harness) -> None:
    member = await harness.register("leaves@example.jp")
    opened = single(await harness.leave("leaves@example.jp"), LeaveOpened)
    await harness.confirm_leave(opened.request, member)
    harness.clock.forward(days=8)
    await handlers.housekeeping.clean(harness.context)
    assert await harness.rows("SELECT 1 FROM leave_requests") == []


async def test_posts_are_erased_after_a_month(harness: Harness) -> None:
    member = await harness.register("teacher@example.jp")
    async with harness.engine.begin() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO posts SELECT 1, 'sakura', 'g1', $1, 'k', ''::bytea, 'k', ''::bytea, $2",
            (member, START - timedelta(days=31)),
        )
    await handlers.housekeeping.clean(harness.context)
    assert await harness.rows("SELECT 1 FROM posts") == []
