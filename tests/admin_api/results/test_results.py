"""The table of answers: who got it, who answered what, live; the last answer counts and earlier ones stay visible."""

import pytest

from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
SURVEY = {"subject": "健康調査", "text": "本文", "asks": "choice", "choices": ["良好", "発熱あり"], "about_child": True}


@pytest.fixture
async def survey(api: AdminApi, ledger: Ledger) -> int:
    """Sent: child 21 has two guardians (copies 101, 102), who answered one after the other; copy 103 did not."""
    headers = await api.as_("administrator")
    answer = await api.client.post(f"{U}/messages", json={**SURVEY, "send": True}, headers=headers)
    message = int(answer.json()["id"])
    await ledger.copy(message, 101, member=11, child=21)
    await ledger.copy(message, 102, member=12, child=21)
    await ledger.copy(message, 103, member=13, child=22, state="deferred")
    await ledger.answer(message, 101, choice=1, text="良好です")
    await ledger.answer(message, 101, choice=None, text="すこし咳", needs_look=True)
    await ledger.answer(message, 102, choice=2, text="2")
    return message


async def test_counts_and_tallies_are_live_and_a_child_counts_once(api: AdminApi, survey: int) -> None:
    headers = await api.as_("viewer")
    seen = (await api.client.get(f"{U}/messages/{survey}", headers=headers)).json()
    assert seen["counts"] == {
        "planned": 3,
        "delivered": 2,
        "deferred": 1,
        "failed": 0,
        "expired": 0,
        "superseded": 0,
        "answered": 2,
        "children": 2,
        "children_answered": 1,
    }
    assert [(tally["label"], tally["count"]) for tally in seen["tallies"]] == [("良好", 0), ("発熱あり", 1)]
    listed = (await api.client.get(f"{U}/messages", headers=headers)).json()["items"]
    assert listed[0]["counts"] == seen["counts"]


async def test_answers_show_text_label_and_names_and_which_is_the_last(api: AdminApi, survey: int) -> None:
    headers = await api.as_("viewer")
    path = f"{U}/messages/{survey}/answers"
    answers = (await api.client.get(path, headers=headers)).json()["items"]
    assert [(a["copy_ref"], a["label"], a["text"], a["latest"], a["needs_look"]) for a in answers] == [
        ("101", "良好", "良好です", False, False),
        ("101", None, "すこし咳", True, True),
        ("102", "発熱あり", "2", True, False),
    ]
    assert (answers[0]["member_name"], answers[0]["child_name"]) == ("山田 花子", "山田 太郎")
    latest = (await api.client.get(f"{path}?latest=true", headers=headers)).json()["items"]
    assert [answer["id"] for answer in latest] == ["2", "3"]


async def test_copies_tell_their_state_and_who_still_has_to_answer(api: AdminApi, survey: int) -> None:
    headers = await api.as_("viewer")
    path = f"{U}/messages/{survey}/copies"
    first = (await api.client.get(f"{path}?limit=2", headers=headers)).json()
    assert [(copy["copy_ref"], copy["state"], copy["settled"]) for copy in first["items"]] == [
        ("101", "delivered", True),
        ("102", "delivered", True),
    ]
    rest = (await api.client.get(f"{path}?limit=2&after={first['next']}", headers=headers)).json()
    assert [copy["copy_ref"] for copy in rest["items"]] == ["103"]
    silent = (await api.client.get(f"{path}?answered=false", headers=headers)).json()["items"]
    assert [copy["copy_ref"] for copy in silent] == ["103"]
    waiting = (await api.client.get(f"{path}?state=deferred", headers=headers)).json()["items"]
    assert [copy["copy_ref"] for copy in waiting] == ["103"]


async def test_administrators_read_why_a_copy_did_not_arrive_and_what_helps(
    api: AdminApi, ledger: Ledger, survey: int
) -> None:
    headers = await api.as_("viewer")
    await ledger.attempt(103, "deferred", "greylisted")
    await ledger.copy(survey, 104, member=14, state="filtered")
    await ledger.attempt(104, "deferred", "host is busy")
    await ledger.attempt(104, "filtered", "refused by the recipient's filter", attempt=2)
    await ledger.copy(survey, 105, member=15, state="expired")
    await ledger.attempt(105, "expired", "given up: mailbox full")
    await ledger.copy(survey, 106, member=16)
    await ledger.attempt(106, "delivered", "")
    await ledger.bounce(survey, 106, "full")
    await ledger.copy(survey, 107, member=17)
    await ledger.attempt(107, "delivered", "")
    await ledger.bounce(survey, 107, "filtered", "suspended")
    await ledger.copy(survey, 108, member=18)
    await ledger.attempt(108, "delivered", "")
    await ledger.bounce(survey, 108, "full", "dead")
    copies = (await api.client.get(f"{U}/messages/{survey}/copies", headers=headers)).json()["items"]
    shown = {copy["copy_ref"]: (copy["state"], copy["reason"], copy["explanation"]) for copy in copies}
    assert shown["101"] == ("delivered", None, None)
    assert shown["103"][:2] == ("deferred", "greylisted")
    assert shown["103"][2]["ja"].startswith("まだ届いていません。自動で送り直しています。")
    assert shown["104"][:2] == ("filtered", "refused by the recipient's filter")
    assert "ドメイン指定受信" in shown["104"][2]["ja"]
    assert "sakura." in shown["104"][2]["ja"]
    assert "sakura." in shown["104"][2]["en"]
    assert shown["105"][2]["en"].startswith("It could not be delivered in time. The mailbox is full.")
    assert shown["107"][:2] == ("filtered", "mailbox suspended")
    assert shown["107"][2]["ja"].startswith("このアドレスは利用が停止されています。")
    assert shown["108"][:2] == ("full", None)
    assert shown["106"][:2] == ("full", "mailbox full")
    assert shown["106"][2]["ja"].startswith("メールボックスがいっぱいです。")


async def test_without_the_receipts_option_names_are_not_even_asked_for(api: AdminApi, survey: int) -> None:
    operator = await api.as_("operator", None)
    await api.client.patch("/v1/units/sakura", json={"receipts": False}, headers=operator)
    headers = await api.as_("viewer")
    api.bus.asked.clear()
    copies = (await api.client.get(f"{U}/messages/{survey}/copies", headers=headers)).json()["items"]
    assert {copy["member_name"] for copy in copies} == {None}
    assert api.bus.asked == []


async def test_another_units_message_is_not_found_by_its_number(api: AdminApi, survey: int) -> None:
    headers = await api.as_("administrator", "momo")
    for rest in ("", "/copies", "/answers"):
        answer = await api.client.get(f"/v1/units/momo/messages/{survey}{rest}", headers=headers)
        assert answer.status_code == 404
