"""A message is written, sent once, with its content in place before anybody hears of it, and sent again to the rest."""

import json
from typing import Any

import pytest

from admin_api.messages.model import compose
from admin_api.posts.model import lane_of_post
from contracts.events import MessageApproved
from contracts.sealed import MessageContent
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
SURVEY: dict[str, Any] = {
    "subject": "健康調査",
    "text": "お子さまの様子をお知らせください。",
    "asks": "choice",
    "choices": ["良好", "せきあり", "発熱あり"],
}


async def _create(api: AdminApi, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{U}/messages", json=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def _approved(api: AdminApi) -> list[MessageApproved]:
    return [MessageApproved.model_validate(event) for event in await api.outbox("message.approved")]


async def test_what_is_sent_lies_sealed_in_the_bucket_and_is_announced_once(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    sent = await _create(api, headers, **SURVEY, groups=["xx1"], lane="urgent", send=True)
    assert sent["state"] == "approved"
    (event,) = await _approved(api)
    assert (str(event.message), event.groups, event.lane, event.wave) == (sent["id"], ("xx1",), "urgent", 1)
    content = api.open("dispatcher", MessageContent, json.loads(api.bus.bucket("content")[event.content_key]))
    assert content.from_name == content.list_name == "さくら小学校"
    assert content.text == sent["sent_text"]
    assert content.text.startswith(SURVEY["text"])
    assert "\n1 良好\n2 せきあり\n3 発熱あり\n" in content.text
    assert "番号を書いて" in content.text


async def test_a_draft_waits_until_it_is_approved_and_goes_once(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    draft = await _create(api, headers, subject="件名", text="本文")
    assert draft["state"] == "draft"
    assert await _approved(api) == []
    path = f"{U}/messages/{draft['id']}"
    approved = await api.client.post(f"{path}/approve", headers=headers)
    assert approved.json()["state"] == "approved"
    again = await api.client.post(f"{path}/approve", headers=headers)
    assert (again.status_code, again.json()["type"]) == (409, "urn:renrakumo:problem:already-sent")
    assert (await api.client.post(f"{path}/cancel", headers=headers)).status_code == 409
    assert len(await _approved(api)) == 1


async def test_a_cancelled_draft_never_goes(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    path = f"{U}/messages/{(await _create(api, headers, subject='件名', text='本文'))['id']}"
    assert (await api.client.post(f"{path}/cancel", headers=headers)).json()["state"] == "cancelled"
    assert (await api.client.post(f"{path}/approve", headers=headers)).status_code == 409
    assert await _approved(api) == []


async def test_while_the_bus_is_away_nothing_is_half_sent(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.away = True
    answer = await api.client.post(f"{U}/messages", json={**SURVEY, "send": True}, headers=headers)
    assert answer.status_code == 503
    assert await api.sql("SELECT id FROM office.messages") == []
    assert await _approved(api) == []


async def test_sending_needs_no_registry(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.asked.clear()
    await _create(api, headers, **SURVEY, send=True)
    assert api.bus.asked == []


async def test_subject_and_text_are_encrypted_where_they_are_kept(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await _create(api, headers, subject="ひみつの件名", text="39.5℃の熱", members=["11"], send=True)
    (row,) = await api.sql("SELECT messages::text AS text FROM office.messages")
    for secret in ("ひみつ", "39.5"):
        assert secret not in row["text"]
        assert secret.encode().hex() not in row["text"]


async def test_a_published_message_becomes_a_notice_when_it_goes_out(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    draft = await _create(api, headers, subject="臨時休校", text="本日は休校です。", publish=True)
    assert (await api.client.get(f"{U}/notices", headers=headers)).json()["items"] == []
    await api.client.post(f"{U}/messages/{draft['id']}/approve", headers=headers)
    (row,) = await api.sql("SELECT unit, title, body FROM office.public_notices", role="info_site")
    assert tuple(row) == ("sakura", "臨時休校", "本日は休校です。")


async def test_a_sender_of_some_groups_puts_nothing_on_the_board_of_the_whole_unit(api: AdminApi) -> None:
    headers = await api.as_("sender", groups=("xx1", "xx2"))
    body = {"subject": "遠足", "text": "延期します。", "publish": True, "send": True}
    both = await api.client.post(f"{U}/messages", json={**body, "groups": ["xx1", "xx2"]}, headers=headers)
    assert both.status_code == 403
    one = await api.client.post(f"{U}/messages", json={**body, "groups": ["xx1"]}, headers=headers)
    assert one.status_code == 201
    rows = await api.sql("SELECT group_code FROM office.public_notices", role="info_site")
    assert [row["group_code"] for row in rows] == ["xx1"]


async def test_a_resend_goes_to_those_who_have_not_answered(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    message = int((await _create(api, headers, **SURVEY, about_child=True, send=True))["id"])
    # Two guardians of child 21, of whom one answered; child 22 with nobody; a member without a child.
    await ledger.copy(message, 101, member=11, child=21)
    await ledger.copy(message, 102, member=12, child=21)
    await ledger.copy(message, 103, member=12, child=22)
    await ledger.copy(message, 104, member=13)
    # Still on its way: it arrives without being sent again.
    await ledger.copy(message, 105, member=14, state="deferred")
    await ledger.answer(message, 101, choice=1, text="良好です")
    answer = await api.client.post(f"{U}/messages/{message}/resend", headers=headers)
    assert answer.json() == {"wave": 2, "copies": 2}
    event = (await _approved(api))[-1]
    assert (event.wave, event.copies) == (2, (103, 104))
    assert (await api.client.get(f"{U}/messages/{message}", headers=headers)).json()["waves"] == 2
    for copy_ref in (103, 104):
        await ledger.answer(message, copy_ref, choice=1, text="1")
    done = await api.client.post(f"{U}/messages/{message}/resend", headers=headers)
    assert done.json()["type"] == "urn:renrakumo:problem:nobody-left"


async def test_what_makes_no_sense_is_refused(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    basic = {"subject": "件名", "text": "本文"}
    wrongs: list[dict[str, Any]] = [
        {"groups": ["nope"]},
        {"groups": []},
        {"groups": ["xx1"], "members": ["11"]},
        {"asks": "choice"},
        {"choices": ["a", "b"]},
        {"asks": "choice", "choices": ["a", "a"]},
        {"about_child": True},
        {"members": ["11"], "publish": True},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"expires_at": "2027-01-01T00:00:00"},
        {"lane": "prompt"},
        {"subject": " \n "},
        {"members": [11.5]},
        {"surprise": 1},
    ]
    for wrong in wrongs:
        answer = await api.client.post(f"{U}/messages", json={**basic, **wrong}, headers=headers)
        assert (wrong, answer.status_code) == (wrong, 422)
    momo = await api.as_("administrator", "momo")
    body = {**SURVEY, "about_child": True}
    answer = await api.client.post("/v1/units/momo/messages", json=body, headers=momo)
    assert answer.json()["type"] == "urn:renrakumo:problem:no-receipts-option"


async def test_a_closed_unit_sends_nothing(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    operator = await api.as_("operator", None)
    await api.client.patch("/v1/units/sakura", json={"active": False}, headers=operator)
    answer = await api.client.post(f"{U}/messages", json={**SURVEY, "send": True}, headers=headers)
    assert answer.json()["type"] == "urn:renrakumo:problem:unit-closed"


async def test_messages_come_in_pages_newest_first(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    numbers = [(await _create(api, headers, subject=f"件名{n}", text="本文"))["id"] for n in range(3)]
    first = (await api.client.get(f"{U}/messages?limit=2", headers=headers)).json()
    rest = (await api.client.get(f"{U}/messages?limit=2&after={first['next']}", headers=headers)).json()
    assert [item["id"] for item in first["items"] + rest["items"]] == numbers[::-1]
    assert rest["next"] is None


def test_a_question_about_a_child_names_it_first() -> None:
    text = compose("本文", asks="receipt", choices=(), about_child=True)
    assert text.splitlines()[0] == "{{child}}について"
    assert compose("本文", asks="none", choices=(), about_child=False) == "本文"


@pytest.mark.parametrize(
    ("subject", "lane"),
    [
        ("緊急 不審者情報", "urgent"),
        ("【緊急】下校", "urgent"),
        (" [緊急] 下校", "urgent"),
        ("遠足の緊急連絡先", "ordinary"),
        ("", "ordinary"),
    ],
)
def test_a_post_is_urgent_when_its_subject_begins_so(subject: str, lane: str) -> None:
    assert lane_of_post(subject) == lane
