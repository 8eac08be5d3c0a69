"""Whoever sent the wrong thing stops what is left of it, or corrects it; and nothing is sent after it is of use."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from admin_api.messages import model
from contracts import lifetimes
from contracts.events import MessageApproved
from contracts.stopped import BUCKET, StoppedMessage
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import START, AdminApi

U = "/v1/units/sakura"
WRONG: dict[str, Any] = {"subject": "遠足", "text": "集合は9時です。", "groups": ["xx1"], "send": True}
RIGHT: dict[str, Any] = {"subject": "【訂正】遠足", "text": "集合は8時です。", "send": True}


async def _send(api: AdminApi, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    answer = await api.client.post(f"{U}/messages", json=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


async def _get(api: AdminApi, headers: dict[str, str], message: str) -> dict[str, Any]:
    seen: dict[str, Any] = (await api.client.get(f"{U}/messages/{message}", headers=headers)).json()
    return seen


async def _stop(api: AdminApi, headers: dict[str, str], message: str) -> httpx.Response:
    return await api.client.post(f"{U}/messages/{message}/stop", headers=headers)


async def _correct(api: AdminApi, headers: dict[str, str], message: str, **fields: Any) -> httpx.Response:
    return await api.client.post(f"{U}/messages", json={**RIGHT, "supersedes": message, **fields}, headers=headers)


def _problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:renrakumo:problem:")


async def _said(api: AdminApi) -> list[tuple[str, int]]:
    """What the bus will hear about messages, in its order."""
    told = []
    for subject, payload in await api.outbox():
        if subject == MessageApproved.name:
            told.append(("approved", payload["message"]))
        elif subject.startswith(f"$KV.{BUCKET}."):
            entry = StoppedMessage.model_validate(payload)
            assert subject == f"$KV.{BUCKET}.{entry.message}"
            told.append(("superseded", entry.message))
    return told


async def _last(api: AdminApi) -> MessageApproved:
    return MessageApproved.model_validate((await api.outbox(MessageApproved.name))[-1])


# Corrections


async def test_a_correction_stops_the_first_before_it_is_announced_and_goes_to_the_same_people(
    api: AdminApi, ledger: Ledger
) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    for copy_ref, state in ((101, "delivered"), (102, "delivered"), (103, "deferred"), (104, "planned")):
        await ledger.copy(int(first["id"]), copy_ref, member=copy_ref, state=state)
    answer = await _correct(api, headers, first["id"])
    assert answer.status_code == 201, answer.text
    second = answer.json()
    numbers = int(first["id"]), int(second["id"])
    assert await _said(api) == [("approved", numbers[0]), ("superseded", numbers[0]), ("approved", numbers[1])]
    event = await _last(api)
    assert (event.supersedes, event.groups, event.lane) == (numbers[0], ("xx1",), "ordinary")
    # Its sender is told how much had gone out.
    assert second["corrects"]["id"] == first["id"]
    assert (second["corrects"]["counts"]["planned"], second["corrects"]["counts"]["delivered"]) == (4, 2)
    seen = await _get(api, headers, first["id"])
    assert (seen["state"], seen["superseded_by"], seen["sent_until"]) == ("stopped", second["id"], None)
    assert seen["stopped_at"] is not None
    later = await _get(api, headers, second["id"])
    assert (later["supersedes"], later["corrects"]) == (first["id"], second["corrects"])


async def test_a_correction_says_why_the_first_ended(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    second = (await _correct(api, headers, first["id"])).json()
    (entry,) = [payload for subject, payload in await api.outbox() if subject.startswith(f"$KV.{BUCKET}.")]
    assert StoppedMessage.model_validate(entry) == StoppedMessage(
        message=int(first["id"]), by=int(second["id"]), at=api.clock.now
    )
    rows = await api.sql("SELECT action, detail FROM office.audit_log WHERE object = $1", f"message/{second['id']}")
    assert [(row["action"], json.loads(row["detail"])) for row in rows] == [
        ("message.sent", {"supersedes": first["id"]})
    ]


async def test_a_correction_may_go_to_others_and_of_an_urgent_message_it_is_urgent(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG, lane="urgent")
    second = (await _correct(api, headers, first["id"], groups=["xx1", "xx2"])).json()
    assert (second["lane"], second["groups"]) == ("urgent", ["xx1", "xx2"])
    ordinary = await _send(api, headers, **WRONG)
    assert (await _correct(api, headers, ordinary["id"], lane="urgent")).json()["lane"] == "urgent"


async def test_a_correction_to_chosen_people_goes_to_them_and_never_to_the_board(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, subject="発熱", text="39.5℃", members=["11", "12"], send=True)
    assert _problem(await _correct(api, headers, first["id"], publish=True)) == (422, "not-valid")
    second = (await _correct(api, headers, first["id"])).json()
    assert (second["kind"], second["members"]) == ("individual", ["11", "12"])


async def test_the_first_leaves_the_notice_board_and_the_correction_may_take_its_place(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG, publish=True)
    await _correct(api, headers, first["id"], publish=True)
    rows = await api.sql("SELECT body FROM office.public_notices", role="info_site")
    assert [row["body"] for row in rows] == [RIGHT["text"]]
    assert (await _stop(api, headers, str((await _last(api)).message))).status_code == 200
    assert await api.sql("SELECT body FROM office.public_notices", role="info_site") == []


async def test_of_two_corrections_one_counts_and_the_newest_is_corrected_next(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    answers = await asyncio.gather(*(_correct(api, headers, first["id"]) for _ in range(3)))
    good = [answer for answer in answers if answer.status_code == 201]
    assert len(good) == 1
    assert {_problem(answer) for answer in answers if answer not in good} == {(409, "superseded")}
    second = good[0].json()
    third = (await _correct(api, headers, second["id"])).json()
    assert (await _get(api, headers, second["id"]))["superseded_by"] == third["id"]
    assert len(await _said(api)) == 5


async def test_a_correction_that_waits_as_a_draft_changes_nothing_until_it_is_sent(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    drafts = [(await _correct(api, headers, first["id"], send=False)).json() for _ in range(2)]
    assert (await _get(api, headers, first["id"]))["state"] == "approved"
    sent = await api.client.post(f"{U}/messages/{drafts[0]['id']}/approve", headers=headers)
    assert sent.json()["corrects"]["id"] == first["id"]
    late = await api.client.post(f"{U}/messages/{drafts[1]['id']}/approve", headers=headers)
    assert _problem(late) == (409, "superseded")
    numbers = int(first["id"]), int(drafts[0]["id"])
    assert await _said(api) == [("approved", numbers[0]), ("superseded", numbers[0]), ("approved", numbers[1])]


async def test_what_cannot_be_corrected_is_told(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    draft = await _send(api, headers, **{**WRONG, "send": False})
    assert _problem(await _correct(api, headers, draft["id"])) == (409, "not-sent")
    assert _problem(await _correct(api, headers, "4711")) == (404, "not-found")
    sent = await _send(api, headers, **WRONG)
    api.clock.forward(model.CORRECTABLE + timedelta(seconds=1))
    headers = await api.as_("administrator")
    assert _problem(await _correct(api, headers, sent["id"])) == (409, "too-old")
    momo = await api.as_("administrator", "momo")
    body = {**RIGHT, "supersedes": sent["id"]}
    assert _problem(await api.client.post("/v1/units/momo/messages", json=body, headers=momo)) == (404, "not-found")
    assert len(await _said(api)) == 1


async def test_a_sender_of_some_groups_corrects_and_stops_what_went_to_them_only(api: AdminApi) -> None:
    administrator = await api.as_("administrator")
    sender = await api.as_("sender", groups=("xx1",))
    everybodys = await _send(api, administrator, **{**WRONG, "groups": None})
    own = await _send(api, administrator, **WRONG)
    assert _problem(await _correct(api, sender, everybodys["id"])) == (404, "not-found")
    assert _problem(await _stop(api, sender, everybodys["id"])) == (404, "not-found")
    assert _problem(await _correct(api, sender, own["id"], groups=["xx2"])) == (403, "forbidden")
    assert (await _correct(api, sender, own["id"])).status_code == 201


async def test_while_the_bus_is_away_the_first_goes_on(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    api.bus.away = True
    assert (await _correct(api, headers, first["id"])).status_code == 503
    assert (await _get(api, headers, first["id"]))["state"] == "approved"
    # Stopping asks for nothing but the database.
    assert (await _stop(api, headers, first["id"])).status_code == 200


async def test_without_the_ledger_a_correction_is_no_failure(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    first, second = await _send(api, headers, **WRONG), await _send(api, headers, **WRONG)
    await api.sql("DROP VIEW ledger.counts", role="receipts")
    corrected = await _correct(api, headers, first["id"])
    assert (corrected.status_code, corrected.json()["corrects"]) == (201, {"id": first["id"], "counts": None})
    stopped = await _stop(api, headers, second["id"])
    assert (stopped.status_code, stopped.json()["counts"]) == (200, None)


async def test_a_correction_asked_for_twice_under_one_key_goes_once(api: AdminApi) -> None:
    headers = await api.as_("administrator") | {"Idempotency-Key": "once"}
    first = await _send(api, await api.as_("administrator"), **WRONG)
    answers = [await _correct(api, headers, first["id"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(await _said(api)) == 3


# Stopping


async def test_a_message_to_the_wrong_group_is_stopped_and_can_be_corrected_afterwards(
    api: AdminApi, ledger: Ledger
) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    await ledger.copy(int(first["id"]), 101, member=11)
    await ledger.copy(int(first["id"]), 102, member=12, state="superseded")
    answer = (await _stop(api, headers, first["id"])).json()
    assert (answer["counts"]["delivered"], answer["counts"]["superseded"], answer["counts"]["failed"]) == (1, 1, 0)
    assert (answer["superseded_by"], datetime.fromisoformat(answer["stopped_at"])) == (None, START)
    assert (await _get(api, headers, first["id"]))["state"] == "stopped"
    # Pressed again: nothing more happens.
    assert (await _stop(api, headers, first["id"])).json() == answer
    second = (await _correct(api, headers, first["id"])).json()
    assert (await _get(api, headers, first["id"]))["superseded_by"] == second["id"]
    numbers = int(first["id"]), int(second["id"])
    assert await _said(api) == [
        ("approved", numbers[0]),
        ("superseded", numbers[0]),
        ("superseded", numbers[0]),
        ("approved", numbers[1]),
    ]
    rows = await api.sql("SELECT action FROM office.audit_log WHERE object = $1 ORDER BY id", f"message/{first['id']}")
    assert [row["action"] for row in rows] == ["message.sent", "message.stopped"]
    # Each note has an id of its own, or the bus would take the second for the first.
    rows = await api.sql(
        "SELECT count(DISTINCT msg_id) AS count FROM office.outbox WHERE subject LIKE '$KV.stopped-messages.%'"
    )
    assert rows[0]["count"] == 2


async def test_what_was_not_sent_is_cancelled_and_not_stopped(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    draft = await _send(api, headers, **{**WRONG, "send": False})
    assert _problem(await _stop(api, headers, draft["id"])) == (409, "not-sent")
    await api.client.post(f"{U}/messages/{draft['id']}/cancel", headers=headers)
    assert _problem(await _stop(api, headers, draft["id"])) == (409, "not-sent")


async def test_what_was_stopped_is_not_sent_again_but_answers_to_it_count(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG, asks="receipt")
    await ledger.copy(int(first["id"]), 101, member=11)
    await ledger.copy(int(first["id"]), 102, member=12)
    await _stop(api, headers, first["id"])
    again = await api.client.post(f"{U}/messages/{first['id']}/resend", headers=headers)
    assert _problem(again) == (409, "stopped")
    rows = await api.sql("SELECT state FROM office.sent_messages WHERE id = $1", int(first["id"]), role="receipts")
    assert [row["state"] for row in rows] == ["stopped"]
    await ledger.answer(int(first["id"]), 101, choice=None, text="読みました")
    assert (await _get(api, headers, first["id"]))["counts"]["answered"] == 1
    listed = (await api.client.get(f"{U}/messages?state=stopped", headers=headers)).json()["items"]
    assert [item["id"] for item in listed] == [first["id"]]


# Until when


@pytest.mark.parametrize(("lane", "life"), [("urgent", timedelta(hours=6)), ("ordinary", timedelta(days=2))])
async def test_what_names_no_end_is_sent_as_long_as_such_a_message_is_of_use(
    api: AdminApi, lane: str, life: timedelta
) -> None:
    headers = await api.as_("administrator")
    sent = await _send(api, headers, **WRONG, lane=lane)
    assert (sent["expires_at"], datetime.fromisoformat(sent["sent_until"])) == (None, START + life)
    assert (await _last(api)).expires_at == START + life


async def test_the_sender_names_an_end_for_an_urgent_message_too(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    end = START + timedelta(hours=20)
    sent = await _send(api, headers, **WRONG, lane="urgent", expires_at=end.isoformat())
    assert datetime.fromisoformat(sent["sent_until"]) == end
    assert (await _last(api)).expires_at == end


async def test_an_end_lies_ahead_and_not_too_far_and_has_a_time_zone(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {**WRONG, "send": False}
    for wrong in (START, START + timedelta(days=30, seconds=1), (START + timedelta(days=1)).replace(tzinfo=None)):
        answer = await api.client.post(f"{U}/messages", json={**body, "expires_at": wrong.isoformat()}, headers=headers)
        assert _problem(answer) == (422, "not-valid"), wrong
    draft = await _send(api, headers, **body, expires_at=(START + timedelta(days=30)).isoformat())
    assert draft["sent_until"] is None
    # The dispatchers give up earlier than that; what is promised on the board stays.
    sent = await api.client.post(f"{U}/messages/{draft['id']}/approve", headers=headers)
    assert datetime.fromisoformat(sent.json()["sent_until"]) == START + lifetimes.LONGEST


async def test_a_draft_whose_time_is_over_is_not_sent(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    draft = await _send(api, headers, **{**WRONG, "send": False}, expires_at=(START + timedelta(hours=1)).isoformat())
    api.clock.forward(timedelta(hours=1))
    headers = await api.as_("administrator")
    answer = await api.client.post(f"{U}/messages/{draft['id']}/approve", headers=headers)
    assert _problem(answer) == (409, "expired")


async def test_a_message_whose_time_is_over_is_sent_again_with_a_new_one_only(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    end = (START + timedelta(minutes=10)).isoformat()
    first = await _send(api, headers, **WRONG, asks="receipt", expires_at=end)
    await ledger.copy(int(first["id"]), 101, member=11, state="expired")
    api.clock.forward(timedelta(minutes=11))
    path = f"{U}/messages/{first['id']}/resend"
    assert _problem(await api.client.post(path, headers=headers)) == (409, "expired")
    assert _problem(await api.client.post(path, json={"expires_at": end}, headers=headers)) == (422, "not-valid")
    new = START + timedelta(hours=1)
    again = await api.client.post(path, json={"expires_at": new.isoformat()}, headers=headers)
    assert again.json() == {"wave": 2, "copies": 1}
    assert ((await _last(api)).wave, (await _last(api)).expires_at) == (2, new)
    seen = await _get(api, headers, first["id"])
    assert [datetime.fromisoformat(seen[name]) for name in ("expires_at", "sent_until")] == [new, new]


# Slow: two sendings of one message, each asked about by REST.
async def test_an_urgent_question_is_of_use_anew_when_it_is_sent_again(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG, asks="receipt", lane="urgent")
    await ledger.copy(int(first["id"]), 101, member=11)
    api.clock.forward(timedelta(hours=8))
    headers = await api.as_("administrator")
    again = await api.client.post(f"{U}/messages/{first['id']}/resend", headers=headers)
    assert again.status_code == 200
    assert (await _last(api)).expires_at == START + timedelta(hours=14)
    # Sent again an hour ago, it can be corrected, however old it is.
    api.clock.forward(model.CORRECTABLE - timedelta(hours=7))
    headers = await api.as_("administrator")
    assert (await _correct(api, headers, first["id"])).status_code == 201


async def test_expired_copies_are_counted_as_such(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    first = await _send(api, headers, **WRONG)
    for copy_ref, state in ((101, "delivered"), (102, "expired"), (103, "expired"), (104, "dead")):
        await ledger.copy(int(first["id"]), copy_ref, member=copy_ref, state=state)
    counts = (await _get(api, headers, first["id"]))["counts"]
    assert (counts["delivered"], counts["expired"], counts["superseded"], counts["failed"]) == (1, 2, 0, 1)
