"""The registry of admin-api's tests (tests/support/fake_registry.py) answers as the real one does: one suite for both."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from contracts import requests as asked
from contracts.commands import ChangePoster
from contracts.events import PostRecognised
from contracts.requests import (
    AudienceAsk,
    AudienceSize,
    MembersAsk,
    MembersPage,
    Names,
    NamesAsk,
    PostAsk,
    PostContent,
    Posters,
    PostersAsk,
)
from registry import requests
from runtime.bus.client import Bus
from runtime.ids import new_id
from tests.registry.harness import Harness, single
from tests.support import fake_registry
from tests.support.fake_bus import FakeBus

HANAKO = "hanako@docomo.ne.jp"
WHO: dict[str, Any] = {"unit": "sakura", "actor": "account/7"}


@dataclass(frozen=True)
class World:
    """A registry that answers on a bus: of one member, who has a child, may post to one group, and has posted."""

    bus: FakeBus
    group: str
    member: int
    child: int
    post: int

    async def members(self) -> MembersPage:
        return await self.bus.request(asked.MEMBERS, MembersAsk(**WHO), MembersPage)


@pytest.fixture(params=["fake", "real"])
async def world(request: pytest.FixtureRequest, harness: Harness) -> World:
    if request.param == "fake":
        (child,) = fake_registry.NAMES.children
        return World(FakeBus(answers=fake_registry.answers()), "xx1", fake_registry.MEMBER.member, child, new_id())
    bus = FakeBus()
    await requests.serve(cast(Bus, bus), harness.context)
    member = await harness.register(HANAKO, "15 山田 太郎 母")
    await harness.give(harness.command(ChangePoster, group="g1", member=member, enrolled=True))
    post = single(await harness.post(HANAKO, "遠足", "無事に着きました。"), PostRecognised).post
    ((child,),) = await harness.rows("SELECT id FROM children")
    return World(bus, "g1", member, child, post)


async def test_the_one_member_is_on_the_one_page(world: World) -> None:
    page = await world.members()
    (member,) = page.members
    assert (page.next, page.total) == (None, 1)
    assert (member.member, member.groups, member.state, member.reason) == (
        world.member,
        (world.group,),
        "active",
        None,
    )
    assert member.name


async def test_names_are_those_of_the_page(world: World) -> None:
    ask = NamesAsk(**WHO, members=(world.member,), children=(world.child,))
    names = await world.bus.request(asked.NAMES, ask, Names)
    (member,) = (await world.members()).members
    assert names.members == {world.member: member.name}
    assert names.children == {world.child: "山田 太郎"}


async def test_an_audience_has_no_more_people_than_copies(world: World) -> None:
    size = await world.bus.request(asked.AUDIENCE, AudienceAsk(**WHO, about_child=True), AudienceSize)
    assert 0 < size.people <= size.copies


async def test_posters_are_shown_as_members_are(world: World) -> None:
    posters = await world.bus.request(asked.POSTERS, PostersAsk(**WHO, group=world.group), Posters)
    assert posters.members == (await world.members()).members


async def test_a_post_is_told_as_it_was_written(world: World) -> None:
    post = await world.bus.request(asked.POST, PostAsk(**WHO, post=world.post), PostContent)
    assert post == PostContent(subject="遠足", text="無事に着きました。")
