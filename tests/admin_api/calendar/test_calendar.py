"""Events that are entered into the calendar are what the public views show."""

from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"


async def test_an_event_appears_in_public_and_goes_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"title": "運動会", "starts_on": "2026-05-30", "starts_at": "08:30:00", "place": "校庭", "group": "xx1"}
    event = await api.client.post(f"{U}/events", json=body, headers=headers)
    assert event.status_code == 201
    (row,) = await api.sql(
        "SELECT title, starts_on::text, starts_at::text, group_code FROM office.public_events", role="info_site"
    )
    assert tuple(row) == ("運動会", "2026-05-30", "08:30:00", "xx1")
    shown = (await api.client.get(f"{U}/events?first=2026-05-30&last=2026-05-30", headers=headers)).json()["items"]
    assert shown == [event.json()]
    assert (await api.client.get(f"{U}/events?first=2026-05-31", headers=headers)).json()["items"] == []
    assert (await api.client.delete(f"{U}/events/{event.json()['id']}", headers=headers)).status_code == 204
    assert await api.sql("SELECT id FROM office.public_events") == []


async def test_texts_are_kept_without_control_characters(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"title": "運動会", "starts_on": "2026-05-30", "note": " 水筒\r\n帽子\u0007 ", "place": " 校庭\n南 "}
    event = (await api.client.post(f"{U}/events", json=body, headers=headers)).json()
    assert (event["note"], event["place"]) == ("水筒\n帽子", "校庭 南")


async def test_what_makes_no_sense_is_refused(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    for wrong in (
        {"starts_on": "2026-05-30", "ends_on": "2026-05-29"},
        {"starts_on": "2026-05-30", "group": "nope"},
        {"starts_on": "2026-05-30", "starts_at": "08:30:00+09:00"},
        {"starts_on": "0001-01-01"},
    ):
        answer = await api.client.post(f"{U}/events", json={"title": "運動会", **wrong}, headers=headers)
        assert (wrong, answer.status_code) == (wrong, 422)
