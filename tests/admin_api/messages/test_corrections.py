"""Whoever sent the wrong thing stops what is left of it, or corrects it; and nothing is sent after it is of use."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from admin_api.kernel import roles as model
from contracts.events import MessageApproved
from contracts.stopped import StoppedMessage
from tests.admin_api.ledger import Ledger
from tests.admin_api.service import START, Desk

U = "/v1/units/sakura"
WRONG: dict[str, Any] = {"subject": "遠足", "text": "集合は9時です。", "groups": ["xx1"], "send": True}
RIGHT: dict[str, Any] = {"subject": "【訂正】遠足", "text": "集合は8時です。", "send": True}


async def _send(desk: Desk, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    answer = await desk.client.post(f"{U}/messages", json=fields, headers=headers)
    assert answer.status_code == 201, answer.text
    sent: dict[str, Any] = answer.json()
    return sent


async def _get(desk: Desk, headers: dict[str, str], message: str) -> dict[str, Any]:
    seen: dict[str, Any] = (await desk.client.get(f"{U}/messages/{message}", headers=headers)).json()
    return seen


async def _stop(desk: Desk, headers: dict[str, str], message: str) -> httpx.Response:
    return await desk.client.post(f"{U}/messages/{message}/stop", headers=headers)


async def _correct(desk: Desk, headers: dict[str, str], message: str, **fields: Any) -> httpx.Response:
    return await desk.client.post(f"{U}/messages", json={**RIGHT, "supersedes": message, **fields}, headers=headers)


def _problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:renrakumo:problem:")


async def _said(desk: Desk) -> list[tuple[str, int]]:
    """What the bus will hear about messages, in its order."""
    told = []
    for subject, payload in await desk.outbox():
        if subject == MessageApproved.name:
            told.append(("approved", payload["message"]))
        elif subject.startswith("$KV.superseded."):
            entry = StoppedMessage.model_validate(payload)
            assert subject == f"$KV.superseded.{entry.message}"
            told.append(("superseded", entry.message))
    return told


async def _last(desk: Desk) -> MessageApproved:
    return MessageApproved.model_validate((await desk.outbox(MessageApproved.name))[-1])


# Corrections


async def test_a_correction_stops_the_first_before_it_is_announced_and_goes_to_the_same_people(
    desk: Desk, ledger: Ledger
) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    for copy_ref, state in ((101, "delivered"), (102, "delivered"), (103, "deferred"), (104, "planned")):
        await ledger.copy(int(first["id"]), copy_ref, member=copy_ref, state=state)
    answer = await _correct(desk, headers, first["id"])
    assert answer.status_code == 201, answer.text
    second = answer.json()
    numbers = int(first["id"]), int(second["id"])
    assert await _said(desk) == [("approved", numbers[0]), ("superseded", numbers[0]), ("approved", numbers[1])]
    event = await _last(desk)
    assert (event.supersedes, event.groups, event.lane) == (numbers[0], ("xx1",), "ordinary")
    # Its sender is told how much had gone out.
    assert second["corrects"]["id"] == first["id"]
    assert (second["corrects"]["counts"]["planned"], second["corrects"]["counts"]["delivered"]) == (4, 2)
    seen = await _get(desk, headers, first["id"])
    assert (seen["state"], seen["superseded_by"], seen["sent_until"]) == ("stopped", second["id"], None)
    assert seen["stopped_at"] is not None
    later = await _get(desk, headers, second["id"])
    assert (later["supersedes"], later["corrects"]) == (first["id"], second["corrects"])


async def test_a_correction_says_why_the_first_ended(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    second = (await _correct(desk, headers, first["id"])).json()
    (entry,) = [payload for subject, payload in await desk.outbox() if subject.startswith("$KV.superseded.")]
    assert StoppedMessage.model_validate(entry) == StoppedMessage(
        message=int(first["id"]), by=int(second["id"]), at=desk.clock.now
    )
    rows = await desk.sql("SELECT action, detail FROM office.audit_log WHERE object = $1", f"message/{second['id']}")
    assert [(row["action"], json.loads(row["detail"])) for row in rows] == [
        ("message.sent", {"supersedes": first["id"]})
    ]


async def test_a_correction_may_go_to_others_and_of_an_urgent_message_it_is_urgent(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG, lane="urgent")
    second = (await _correct(desk, headers, first["id"], groups=["xx1", "xx2"])).json()
    assert (second["lane"], second["groups"]) == ("urgent", ["xx1", "xx2"])
    ordinary = await _send(desk, headers, **WRONG)
    assert (await _correct(desk, headers, ordinary["id"], lane="urgent")).json()["lane"] == "urgent"


async def test_a_correction_to_chosen_people_goes_to_them_and_never_to_the_board(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, subject="発熱", text="39.5℃", members=["11", "12"], send=True)
    assert _problem(await _correct(desk, headers, first["id"], publish=True)) == (422, "not-valid")
    second = (await _correct(desk, headers, first["id"])).json()
    assert (second["kind"], second["members"]) == ("individual", ["11", "12"])


async def test_the_first_leaves_the_notice_board_and_the_correction_may_take_its_place(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG, publish=True)
    await _correct(desk, headers, first["id"], publish=True)
    rows = await desk.sql("SELECT body FROM office.public_notices", role="info_site")
    assert [row["body"] for row in rows] == [RIGHT["text"]]
    assert (await _stop(desk, headers, str((await _last(desk)).message))).status_code == 200
    assert await desk.sql("SELECT body FROM office.public_notices", role="info_site") == []


async def test_of_two_corrections_one_counts_and_the_newest_is_corrected_next(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    answers = await asyncio.gather(*(_correct(desk, headers, first["id"]) for _ in range(3)))
    good = [answer for answer in answers if answer.status_code == 201]
    assert len(good) == 1
    assert {_problem(answer) for answer in answers if answer not in good} == {(409, "superseded")}
    second = good[0].json()
    third = (await _correct(desk, headers, second["id"])).json()
    assert (await _get(desk, headers, second["id"]))["superseded_by"] == third["id"]
    assert len(await _said(desk)) == 5


async def test_a_correction_that_waits_as_a_draft_changes_nothing_until_it_is_sent(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    drafts = [(await _correct(desk, headers, first["id"], send=False)).json() for _ in range(2)]
    assert (await _get(desk, headers, first["id"]))["state"] == "approved"
    sent = await desk.client.post(f"{U}/messages/{drafts[0]['id']}/approve", headers=headers)
    assert sent.json()["corrects"]["id"] == first["id"]
    late = await desk.client.post(f"{U}/messages/{drafts[1]['id']}/approve", headers=headers)
    assert _problem(late) == (409, "superseded")
    numbers = int(first["id"]), int(drafts[0]["id"])
    assert await _said(desk) == [("approved", numbers[0]), ("superseded", numbers[0]), ("approved", numbers[1])]


async def test_what_cannot_be_corrected_is_told(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    draft = await _send(desk, headers, **{**WRONG, "send": False})
    assert _problem(await _correct(desk, headers, draft["id"])) == (409, "not-sent")
    assert _problem(await _correct(desk, headers, "4711")) == (404, "not-found")
    sent = await _send(desk, headers, **WRONG)
    desk.clock.forward(model.CORRECTABLE + timedelta(seconds=1))
    headers = await desk.as_("administrator")
    assert _problem(await _correct(desk, headers, sent["id"])) == (409, "too-old")
    momo = await desk.as_("administrator", "momo")
    body = {**RIGHT, "supersedes": sent["id"]}
    assert _problem(await desk.client.post("/v1/units/momo/messages", json=body, headers=momo)) == (404, "not-found")
    assert len(await _said(desk)) == 1


async def test_a_sender_of_some_groups_corrects_and_stops_what_went_to_them_only(desk: Desk) -> None:
    administrator = await desk.as_("administrator")
    sender = await desk.as_("sender", groups=("xx1",))
    everybodys = await _send(desk, administrator, **{**WRONG, "groups": None})
    own = await _send(desk, administrator, **WRONG)
    assert _problem(await _correct(desk, sender, everybodys["id"])) == (404, "not-found")
    assert _problem(await _stop(desk, sender, everybodys["id"])) == (404, "not-found")
    assert _problem(await _correct(desk, sender, own["id"], groups=["xx2"])) == (403, "forbidden")
    assert (await _correct(desk, sender, own["id"])).status_code == 201


async def test_while_the_bus_is_away_the_first_goes_on(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    desk.bus.away = True
    assert (await _correct(desk, headers, first["id"])).status_code == 503
    assert (await _get(desk, headers, first["id"]))["state"] == "approved"
    # Stopping asks for nothing but the database.
    assert (await _stop(desk, headers, first["id"])).status_code == 200


async def test_without_the_ledger_a_correction_is_no_failure(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    first, second = await _send(desk, headers, **WRONG), await _send(desk, headers, **WRONG)
    await desk.sql("DROP VIEW ledger.counts", role="receipts")
    corrected = await _correct(desk, headers, first["id"])
    assert (corrected.status_code, corrected.json()["corrects"]) == (201, {"id": first["id"], "counts": None})
    stopped = await _stop(desk, headers, second["id"])
    assert (stopped.status_code, stopped.json()["counts"]) == (200, None)


async def test_a_correction_asked_for_twice_under_one_key_goes_once(desk: Desk) -> None:
    headers = await desk.as_("administrator") | {"Idempotency-Key": "once"}
    first = await _send(desk, await desk.as_("administrator"), **WRONG)
    answers = [await _correct(desk, headers, first["id"]) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert len(await _said(desk)) == 3


# Stopping


async def test_a_message_to_the_wrong_group_is_stopped_and_can_be_corrected_afterwards(
    desk: Desk, ledger: Ledger
) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    await ledger.copy(int(first["id"]), 101, member=11)
    await ledger.copy(int(first["id"]), 102, member=12, state="superseded")
    answer = (await _stop(desk, headers, first["id"])).json()
    assert (answer["counts"]["delivered"], answer["counts"]["superseded"], answer["counts"]["failed"]) == (1, 1, 0)
    assert (answer["superseded_by"], datetime.fromisoformat(answer["stopped_at"])) == (None, START)
    assert (await _get(desk, headers, first["id"]))["state"] == "stopped"
    # Pressed again: nothing more happens.
    assert (await _stop(desk, headers, first["id"])).json() == answer
    second = (await _correct(desk, headers, first["id"])).json()
    assert (await _get(desk, headers, first["id"]))["superseded_by"] == second["id"]
    numbers = int(first["id"]), int(second["id"])
    assert await _said(desk) == [
        ("approved", numbers[0]),
        ("superseded", numbers[0]),
        ("superseded", numbers[0]),
        ("approved", numbers[1]),
    ]
    rows = await desk.sql("SELECT action FROM office.audit_log WHERE object = $1 ORDER BY id", f"message/{first['id']}")
    assert [row["action"] for row in rows] == ["message.sent", "message.stopped"]
    # Each note has an id of its own, or the bus would take the second for the first.
    rows = await desk.sql("SELECT count(DISTINCT msg_id) AS count FROM office.outbox WHERE subject LIKE '$KV.super%'")
    assert rows[0]["count"] == 2


async def test_what_was_not_sent_is_cancelled_and_not_stopped(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    draft = await _send(desk, headers, **{**WRONG, "send": False})
    assert _problem(await _stop(desk, headers, draft["id"])) == (409, "not-sent")
    await desk.client.post(f"{U}/messages/{draft['id']}/cancel", headers=headers)
    assert _problem(await _stop(desk, headers, draft["id"])) == (409, "not-sent")


async def test_what_was_stopped_is_not_sent_again_but_answers_to_it_count(desk: Desk, ledger: Ledger) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG, asks="receipt")
    await ledger.copy(int(first["id"]), 101, member=11)
    await ledger.copy(int(first["id"]), 102, member=12)
    await _stop(desk, headers, first["id"])
    again = await desk.client.post(f"{U}/messages/{first['id']}/resend", headers=headers)
    assert _problem(again) == (409, "stopped")
    rows = await desk.sql("SELECT state FROM office.sent_messages WHERE id = $1", int(first["id"]), role="receipts")
    assert [row["state"] for row in rows] == ["stopped"]
    await ledger.answer(int(first["id"]), 101, choice=None, text="読みました")
    assert (await _get(desk, headers, first["id"]))["counts"]["answered"] == 1
    listed = (await desk.client.get(f"{U}/messages?state=stopped", headers=headers)).json()["items"]
    assert [item["id"] for item in listed] == [first["id"]]


# Until when


@pytest.mark.parametrize(("lane", "life"), [("urgent", timedelta(hours=6)), ("ordinary", timedelta(days=2))])
async def test_what_names_no_end_is_sent_as_long_as_such_a_message_is_of_use(
    desk: Desk, lane: str, life: timedelta
) -> None:
    headers = await desk.as_("administrator")
    sent = await _send(desk, headers, **WRONG, lane=lane)
    assert (sent["expires_at"], datetime.fromisoformat(sent["sent_until"])) == (None, START + life)
    assert (await _last(desk)).expires_at == START + life


async def test_the_sender_names_an_end_for_an_urgent_message_too(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    end = START + timedelta(hours=20)
    sent = await _send(desk, headers, **WRONG, lane="urgent", expires_at=end.isoformat())
    assert datetime.fromisoformat(sent["sent_until"]) == end
    assert (await _last(desk)).expires_at == end


async def test_an_end_lies_ahead_and_not_too_far_and_has_a_time_zone(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    body = {**WRONG, "send": False}
    for wrong in (START, START + timedelta(days=30, seconds=1), (START + timedelta(days=1)).replace(tzinfo=None)):
        answer = await desk.client.post(
            f"{U}/messages", json={**body, "expires_at": wrong.isoformat()}, headers=headers
        )
        assert _problem(answer) == (422, "not-valid"), wrong
    draft = await _send(desk, headers, **body, expires_at=(START + timedelta(days=30)).isoformat())
    assert draft["sent_until"] is None
    # The dispatchers give up earlier than that; what is promised on the board stays.
    sent = await desk.client.post(f"{U}/messages/{draft['id']}/approve", headers=headers)
    assert datetime.fromisoformat(sent.json()["sent_until"]) == START + model.PATIENCE


async def test_a_draft_whose_time_is_over_is_not_sent(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    draft = await _send(desk, headers, **{**WRONG, "send": False}, expires_at=(START + timedelta(hours=1)).isoformat())
    desk.clock.forward(timedelta(hours=1))
    headers = await desk.as_("administrator")
    answer = await desk.client.post(f"{U}/messages/{draft['id']}/approve", headers=headers)
    assert _problem(answer) == (409, "expired")


async def test_a_message_whose_time_is_over_is_sent_again_with_a_new_one_only(desk: Desk, ledger: Ledger) -> None:
    headers = await desk.as_("administrator")
    end = (START + timedelta(minutes=10)).isoformat()
    first = await _send(desk, headers, **WRONG, asks="receipt", expires_at=end)
    await ledger.copy(int(first["id"]), 101, member=11, state="expired")
    desk.clock.forward(timedelta(minutes=11))
    path = f"{U}/messages/{first['id']}/resend"
    assert _problem(await desk.client.post(path, headers=headers)) == (409, "expired")
    assert _problem(await desk.client.post(path, json={"expires_at": end}, headers=headers)) == (422, "not-valid")
    new = START + timedelta(hours=1)
    again = await desk.client.post(path, json={"expires_at": new.isoformat()}, headers=headers)
    assert again.json() == {"wave": 2, "copies": 1}
    assert ((await _last(desk)).wave, (await _last(desk)).expires_at) == (2, new)
    seen = await _get(desk, headers, first["id"])
    assert [datetime.fromisoformat(seen[name]) for name in ("expires_at", "sent_until")] == [new, new]


async def test_an_urgent_question_is_of_use_anew_when_it_is_sent_again(desk: Desk, ledger: Ledger) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG, asks="receipt", lane="urgent")
    await ledger.copy(int(first["id"]), 101, member=11)
    desk.clock.forward(timedelta(hours=8))
    headers = await desk.as_("administrator")
    again = await desk.client.post(f"{U}/messages/{first['id']}/resend", headers=headers)
    assert again.status_code == 200
    assert (await _last(desk)).expires_at == START + timedelta(hours=14)
    # Sent again an hour ago, it can be corrected, however old it is.
    desk.clock.forward(model.CORRECTABLE - timedelta(hours=7))
    headers = await desk.as_("administrator")
    assert (await _correct(desk, headers, first["id"])).status_code == 201


async def test_expired_copies_are_counted_as_such(desk: Desk, ledger: Ledger) -> None:
    headers = await desk.as_("administrator")
    first = await _send(desk, headers, **WRONG)
    for copy_ref, state in ((101, "delivered"), (102, "expired"), (103, "expired"), (104, "dead")):
        await ledger.copy(int(first["id"]), copy_ref, member=copy_ref, state=state)
    counts = (await _get(desk, headers, first["id"]))["counts"]
    assert (counts["delivered"], counts["expired"], counts["superseded"], counts["failed"]) == (1, 2, 0, 1)
