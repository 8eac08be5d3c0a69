"""Notices that are published are what the public views show."""

from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"


async def test_a_notice_appears_in_public_and_goes_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    notice = await api.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    assert notice.status_code == 201
    (row,) = await api.sql("SELECT title, published_at FROM office.public_notices", role="responder")
    assert (row["title"], row["published_at"]) == ("体育館", api.clock.now)
    (shown,) = (await api.client.get(f"{U}/notices", headers=headers)).json()["items"]
    assert shown == notice.json()
    assert (await api.client.delete(f"{U}/notices/{shown['id']}", headers=headers)).status_code == 204
    assert await api.sql("SELECT id FROM office.public_notices") == []


async def test_a_notice_of_a_group_says_so(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"title": "体育館", "body": "雨です。", "group": "xx1"}
    assert (await api.client.post(f"{U}/notices", json=body, headers=headers)).json()["group"] == "xx1"
    (row,) = await api.sql("SELECT group_code FROM office.public_notices", role="info_site")
    assert row["group_code"] == "xx1"
    assert (await api.client.post(f"{U}/notices", json={**body, "group": "nope"}, headers=headers)).status_code == 422


async def test_a_closed_unit_is_not_shown(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    operator = await api.as_("operator", None)
    await api.client.patch(U, json={"active": False}, headers=operator)
    assert await api.sql("SELECT id FROM office.public_notices") == []
    assert [row["unit"] for row in await api.sql("SELECT unit FROM office.public_units")] == ["momo"]
