"""Members are shown without addresses; an address that somebody types goes sealed to registry and nowhere else."""

from contracts import requests
from contracts.commands import ChangePoster, InviteMember, RemoveMember
from contracts.requests import ChildView, MembersPage
from contracts.sealed import AddressCard
from tests.admin_api.service import AdminApi
from tests.support.fake_registry import MEMBER

U = "/v1/units/sakura"
ADDRESS = "Hanako..y.@docomo.ne.jp"


async def test_a_typed_address_reaches_registry_sealed_and_no_table_or_answer(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"group": "xx1", "address": ADDRESS, "name": "15 山田 太郎 母"}
    answer = await api.client.post(f"{U}/members", json=body, headers=headers)
    assert answer.status_code == 202
    command = api.registry.given[-1]
    assert isinstance(command, InviteMember)
    assert (command.group, command.id) == ("xx1", f"c-{answer.json()['request']}")
    card = api.open("registry", AddressCard, command.card.model_dump())
    assert card.address.lower() == ADDRESS.lower()
    assert card.name == "15 山田 太郎 母"
    text = answer.text + str(await api.outbox()) + str(await api.sql("SELECT * FROM office.commands"))
    for path in ("audit", "commands"):
        text += (await api.client.get(f"{U}/{path}", headers=headers)).text
    assert "docomo" not in text
    assert "山田" not in text


async def test_a_wrong_address_is_refused_without_being_repeated(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    for body in (
        {"group": "xx1", "address": "hanako docomo.ne.jp"},
        {"group": "xx1", "address": ["hanako@docomo.ne.jp"]},
        {"group": "hanako@docomo.ne.jp", "address": "hanako@docomo.ne.jp"},
        {"group": "xx1", "hanako@docomo.ne.jp": 1},
    ):
        answer = await api.client.post(f"{U}/members", json=body, headers=headers)
        assert answer.status_code == 422
        assert "hanako" not in answer.text
    assert await api.outbox(InviteMember.name) == []


async def test_members_come_with_numbers_as_strings(api: AdminApi) -> None:
    headers = await api.as_("viewer")
    page = (await api.client.get(f"{U}/members?group=xx1&state=active", headers=headers)).json()
    assert page["total"] == 1
    assert page["items"][0]["id"] == "11"
    assert page["items"][0]["groups"] == ["xx1"]
    assert (await api.client.get(f"{U}/members?group=nope", headers=headers)).status_code == 404


async def test_posters_are_enrolled_and_members_removed_by_number(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    assert (await api.client.post(f"{U}/groups/xx1/posters", json={"member": "11"}, headers=headers)).status_code == 204
    assert (await api.client.delete(f"{U}/groups/xx1/posters/11", headers=headers)).status_code == 204
    assert (await api.client.delete(f"{U}/members/11?group=xx2", headers=headers)).status_code == 204
    given = api.registry.given[-3:]
    assert [command.enrolled for command in given if isinstance(command, ChangePoster)] == [True, False]
    assert [(command.member, command.group) for command in given if isinstance(command, RemoveMember)] == [(11, "xx2")]
    assert all(command.actor.startswith("account/") for command in given)


async def test_somebody_whom_registry_does_not_know_is_not_found(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.refuses = {"remove-member": ("unknown-member", 0), "change-poster": ("unknown-member", 0)}
    for path in ("members/12", "groups/xx1/posters/12"):
        answer = await api.client.delete(f"{U}/{path}", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (404, "The unit has no such member.")


async def test_an_address_that_registry_can_t_write_to_is_not_valid(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.refuses["invite-member"] = ("bad-address", 0)
    body = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
    answer = await api.client.post(f"{U}/members", json=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "body/address")
    assert "hanako" not in answer.text


async def test_while_registry_is_away_the_answer_says_when_to_ask_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.away = True
    for path in ("members", "groups/xx1/posters"):
        answer = await api.client.get(f"{U}/{path}", headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"


async def test_a_sender_of_one_group_does_not_see_the_familys_children_in_others(api: AdminApi) -> None:
    children = tuple(
        ChildView(child=number, name=f"子{number}", group=group) for number, group in ((21, "xx1"), (22, "xx2"))
    )
    family = MEMBER.model_copy(update={"groups": ("xx1", "xx2"), "children": children})
    api.bus.answers[requests.MEMBERS] = MembersPage(members=(family,), next=None, total=1)
    headers = await api.as_("sender", groups=("xx1",))
    page = (await api.client.get(f"{U}/members?group=xx1", headers=headers)).json()
    assert page["items"][0]["groups"] == ["xx1"]
    assert [child["id"] for child in page["items"][0]["children"]] == ["21"]
    headers = await api.as_("administrator")
    page = (await api.client.get(f"{U}/members?group=xx1", headers=headers)).json()
    assert len(page["items"][0]["children"]) == 2


async def test_administrators_read_why_a_member_is_not_reached_and_what_helps(api: AdminApi) -> None:
    lost = MEMBER.model_copy(update={"state": "undeliverable", "reason": "unknown_user"})
    api.bus.answers[requests.MEMBERS] = MembersPage(members=(lost, MEMBER), next=None, total=2)
    headers = await api.as_("viewer")
    items = (await api.client.get(f"{U}/members", headers=headers)).json()["items"]
    assert items[0]["reason"] == "unknown_user"
    assert "登録し直して" in items[0]["explanation"]["ja"]
    assert "register again" in items[0]["explanation"]["en"]
    assert (items[1]["reason"], items[1]["explanation"]) == (None, None)
