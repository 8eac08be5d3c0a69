"""Units and groups: what the office changes, the directory says, from the same transaction on."""

import hashlib
import hmac

from contracts.directory import UnitEntry, secret_text
from tests.admin_api.service import AdminApi

SUBJECT = "$KV.directory.unit.sakura"


async def test_every_change_of_unit_or_group_says_itself_to_the_directory(api: AdminApi) -> None:
    operator = await api.as_("operator", None)
    await api.client.patch("/v1/units/sakura", json={"name": "桜小学校"}, headers=operator)
    await api.client.patch("/v1/units/sakura/groups/xx1", json={"name": "一年生"}, headers=operator)
    entries = [UnitEntry.model_validate(payload) for payload in await api.outbox(SUBJECT)]
    assert [sorted(entry.groups) for entry in entries] == [[], ["xx1"], ["xx1", "xx2"], ["xx1", "xx2"], ["xx1", "xx2"]]
    assert entries[-1].name == "桜小学校"
    assert entries[-1].receipts
    assert entries[-1].groups["xx1"].name == "一年生"


async def test_a_post_address_is_shown_once_and_known_as_a_hash_only(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await api.client.post("/v1/units/sakura/groups/xx1/post-address", headers=headers)
    second = await api.client.post("/v1/units/sakura/groups/xx1/post-address", headers=headers)
    address = second.json()["address"]
    assert address != first.json()["address"]
    local, _, domain = address.partition("@")
    assert domain == "sakura.renrakumo.example"
    secret = local.removeprefix("xx1-")
    wanted = hmac.new(b"p" * 32, secret_text("sakura", "xx1", secret).encode(), hashlib.sha256).hexdigest()
    entry = UnitEntry.model_validate((await api.outbox(SUBJECT))[-1])
    assert entry.groups["xx1"].post_secrets == (wanted,)
    for path in ("/v1/units/sakura/groups", "/v1/units/sakura/audit"):
        assert secret not in (await api.client.get(path, headers=headers)).text
    groups = (await api.client.get("/v1/units/sakura/groups", headers=headers)).json()["items"]
    assert [group["has_post_address"] for group in groups] == [True, False]


async def test_codes_are_given_once_and_never_look_like_tokens(api: AdminApi) -> None:
    operator = await api.as_("operator", None)
    again = await api.client.post("/v1/units", json={"code": "sakura", "name": "x"}, headers=operator)
    assert (again.status_code, again.json()["type"]) == (409, "urn:renrakumo:problem:code-taken")
    for code, status in (("xx1", 409), ("r", 422), ("b", 422), ("XX", 422), ("ok", 201)):
        answer = await api.client.post("/v1/units/sakura/groups", json={"code": code, "name": "組"}, headers=operator)
        assert (code, answer.status_code) == (code, status)


async def test_a_group_with_members_stays_an_empty_one_goes(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.refuses["close-group"] = ("group-not-empty", 3)
    kept = await api.client.delete("/v1/units/sakura/groups/xx1", headers=headers)
    assert (kept.status_code, kept.json()["type"]) == (409, "urn:renrakumo:problem:group-not-empty")
    assert kept.json()["detail"] == "The group still has members: 3."
    assert list(UnitEntry.model_validate((await api.outbox(SUBJECT))[-1]).groups) == ["xx1", "xx2"]
    api.registry.refuses.clear()
    assert (await api.client.delete("/v1/units/sakura/groups/xx1", headers=headers)).status_code == 204
    assert list(UnitEntry.model_validate((await api.outbox(SUBJECT))[-1]).groups) == ["xx2"]


async def test_units_come_in_pages(api: AdminApi) -> None:
    operator = await api.as_("operator", None)
    first = (await api.client.get("/v1/units?limit=1", headers=operator)).json()
    assert [unit["code"] for unit in first["items"]] == ["momo"]
    rest = (await api.client.get(f"/v1/units?after={first['next']}", headers=operator)).json()
    assert [unit["code"] for unit in rest["items"]] == ["sakura"]
    assert rest["next"] is None
