"""Members are shown without addresses; an address that somebody types goes sealed to registry and nowhere else."""

from contracts import requests
from contracts.requests import ChildView, InviteAsk, MembersPage, PosterChange, RemoveAsk
from contracts.sealed import AddressCard
from runtime.errors import RequestRefused
from tests.admin_api.service import AdminApi
from tests.support.fake_registry import MEMBER

U = "/v1/units/sakura"
ADDRESS = "Hanako..y.@docomo.ne.jp"


async def test_a_typed_address_reaches_registry_sealed_and_no_table_or_answer(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"group": "xx1", "address": ADDRESS, "name": "15 山田 太郎 母"}
    answer = await api.client.post(f"{U}/members", json=body, headers=headers)
    assert answer.status_code == 202
    subject, ask = api.bus.asked[-1]
    assert subject == requests.INVITE
    assert isinstance(ask, InviteAsk)
    assert "docomo" not in ask.model_dump_json()
    card = api.open("registry", AddressCard, ask.card.model_dump())
    assert card.address.lower() == ADDRESS.lower()
    assert card.name == "15 山田 太郎 母"
    text = answer.text + (await api.client.get(f"{U}/audit", headers=headers)).text + str(await api.outbox())
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
    assert not [subject for subject, _ in api.bus.asked if subject == requests.INVITE]


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
    changes = [ask for _, ask in api.bus.asked]
    assert [ask.enrolled for ask in changes if isinstance(ask, PosterChange)] == [True, False]
    assert [(ask.member, ask.group) for ask in changes if isinstance(ask, RemoveAsk)] == [(11, "xx2")]
    assert all(ask.actor.startswith("account/") for ask in changes if isinstance(ask, PosterChange | RemoveAsk))


async def test_somebody_whom_registry_does_not_know_is_not_found(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.answers[requests.REMOVE] = RequestRefused("unknown-member")
    assert (await api.client.delete(f"{U}/members/12", headers=headers)).status_code == 404


async def test_while_registry_is_away_the_answer_says_when_to_ask_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.away = True
    for method, path in (("GET", "members"), ("GET", "groups/xx1/posters"), ("DELETE", "members/11")):
        answer = await api.client.request(method, f"{U}/{path}", headers=headers)
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
