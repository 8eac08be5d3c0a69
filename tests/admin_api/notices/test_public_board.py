"""Notices and events that the office enters are what the public views show."""

from tests.admin_api.service import Desk

U = "/v1/units/sakura"


async def test_notices_and_events_appear_in_public_and_go_again(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    notice = await desk.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    event = await desk.client.post(
        f"{U}/events",
        json={"title": "運動会", "starts_on": "2026-05-30", "starts_at": "08:30:00", "place": "校庭"},
        headers=headers,
    )
    assert (notice.status_code, event.status_code) == (201, 201)
    (row,) = await desk.sql("SELECT title, published_at FROM office.public_notices", role="responder")
    assert (row["title"], row["published_at"]) == ("体育館", desk.clock.now)
    (row,) = await desk.sql(
        "SELECT title, starts_on::text, starts_at::text FROM office.public_events", role="info_site"
    )
    assert tuple(row) == ("運動会", "2026-05-30", "08:30:00")
    shown = (await desk.client.get(f"{U}/events?first=2026-05-30&last=2026-05-30", headers=headers)).json()["items"]
    assert [item["id"] for item in shown] == [event.json()["id"]]
    assert (await desk.client.get(f"{U}/events?first=2026-05-31", headers=headers)).json()["items"] == []
    for kind, made in (("notices", notice), ("events", event)):
        assert (await desk.client.delete(f"{U}/{kind}/{made.json()['id']}", headers=headers)).status_code == 204
    assert await desk.sql("SELECT id FROM office.public_notices") == []
    assert await desk.sql("SELECT id FROM office.public_events") == []


async def test_what_makes_no_sense_is_refused(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    for wrong in (
        {"starts_on": "2026-05-30", "ends_on": "2026-05-29"},
        {"starts_on": "2026-05-30", "group": "nope"},
        {"starts_on": "2026-05-30", "starts_at": "08:30:00+09:00"},
        {"starts_on": "0001-01-01"},
    ):
        answer = await desk.client.post(f"{U}/events", json={"title": "運動会", **wrong}, headers=headers)
        assert (wrong, answer.status_code) == (wrong, 422)


async def test_a_closed_unit_is_not_shown(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    await desk.client.post(f"{U}/notices", json={"title": "体育館", "body": "雨です。"}, headers=headers)
    operator = await desk.as_("operator", None)
    await desk.client.patch(U, json={"active": False}, headers=operator)
    assert await desk.sql("SELECT id FROM office.public_notices") == []
    assert [row["unit"] for row in await desk.sql("SELECT unit FROM office.public_units")] == ["momo"]
