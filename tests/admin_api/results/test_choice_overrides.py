"""An answer that the rules couldn't read is read by a person; what she says counts, is on record and can be undone."""

import pytest

from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
SURVEY = {"subject": "健康調査", "text": "本文", "asks": "choice", "choices": ["良好", "発熱あり"], "groups": ["xx1"]}


@pytest.fixture
async def survey(api: AdminApi, ledger: Ledger) -> int:
    """Copy 101 was answered so that somebody has to look, copy 102 clearly."""
    headers = await api.as_("administrator")
    made = await api.client.post(f"{U}/messages", json={**SURVEY, "send": True}, headers=headers)
    message = int(made.json()["id"])
    for copy_ref in (101, 102):
        await ledger.copy(message, copy_ref, member=copy_ref)
    await ledger.answer(message, 101, choice=None, text="いつも通りです", needs_look=True)
    await ledger.answer(message, 102, choice=2, text="2")
    return message


async def tallies(api: AdminApi, message: int) -> dict[int | None, tuple[int, int]]:
    headers = await api.as_("viewer")
    shown = (await api.client.get(f"{U}/messages/{message}", headers=headers)).json()["tallies"]
    return {tally["choice"]: (tally["count"], tally["needs_look"]) for tally in shown}


async def test_what_a_person_reads_counts_and_can_be_taken_back(api: AdminApi, survey: int) -> None:
    assert await tallies(api, survey) == {1: (0, 0), 2: (1, 0), None: (1, 1)}
    headers = await api.as_("administrator")
    path = f"{U}/messages/{survey}/answers/1/choice"
    chosen = (await api.client.put(path, json={"choice": 1}, headers=headers)).json()
    assert (chosen["choice"], chosen["label"], chosen["needs_look"]) == (1, "良好", False)
    assert chosen["chosen_by"] is not None
    assert chosen["chosen_at"] is not None
    assert chosen["text"] == "いつも通りです"
    assert await tallies(api, survey) == {1: (1, 0), 2: (1, 0)}
    assert (await api.client.put(path, json={"choice": 2}, headers=headers)).json()["choice"] == 2
    assert await tallies(api, survey) == {1: (0, 0), 2: (2, 0)}
    back = (await api.client.put(path, json={"choice": None}, headers=headers)).json()
    assert (back["choice"], back["needs_look"], back["chosen_by"]) == (None, True, None)
    assert await tallies(api, survey) == {1: (0, 0), 2: (1, 0), None: (1, 1)}


async def test_a_wrong_reading_is_corrected_and_shown_in_the_list(api: AdminApi, survey: int) -> None:
    headers = await api.as_("administrator")
    await api.client.put(f"{U}/messages/{survey}/answers/2/choice", json={"choice": 1}, headers=headers)
    listed = (await api.client.get(f"{U}/messages/{survey}/answers", headers=headers)).json()["items"]
    assert [(a["choice"], a["chosen_by"] is None) for a in listed] == [(None, True), (1, False)]


async def test_a_later_answer_counts_all_the_same(api: AdminApi, ledger: Ledger, survey: int) -> None:
    headers = await api.as_("administrator")
    await api.client.put(f"{U}/messages/{survey}/answers/1/choice", json={"choice": 1}, headers=headers)
    await ledger.answer(survey, 101, choice=2, text="やっぱり2")
    assert await tallies(api, survey) == {1: (0, 0), 2: (2, 0)}


async def test_it_is_on_record_who_said_so(api: AdminApi, survey: int) -> None:
    headers = await api.as_("administrator")
    path = f"{U}/messages/{survey}/answers/1/choice"
    await api.client.put(path, json={"choice": 1}, headers=headers)
    await api.client.put(path, json={"choice": None}, headers=headers)
    rows = await api.sql("SELECT action, object, detail::text FROM office.audit_log ORDER BY id DESC LIMIT 2")
    assert [(row["action"], row["object"]) for row in rows] == [
        ("answer.choice_taken_back", "answer/1"),
        ("answer.choice_set", "answer/1"),
    ]
    assert '"choice": "1"' in rows[1]["detail"]


async def test_what_cannot_be_is_refused(api: AdminApi, survey: int) -> None:
    headers = await api.as_("administrator")
    path = f"{U}/messages/{survey}/answers"
    for number, choice, status in ((1, 3, 422), (1, 0, 422), (99, 1, 404)):
        answer = await api.client.put(f"{path}/{number}/choice", json={"choice": choice}, headers=headers)
        assert answer.status_code == status
    assert (await api.client.put(f"{path}/1/choice", json={}, headers=headers)).status_code == 422
    viewer = await api.as_("viewer")
    assert (await api.client.put(f"{path}/1/choice", json={"choice": 1}, headers=viewer)).status_code == 403
    other = await api.as_("administrator", "momo")
    assert (await api.client.put(f"{path}/1/choice", json={"choice": 1}, headers=other)).status_code == 404
    body = {"subject": "件名", "text": "本文", "asks": "text", "groups": ["xx1"], "send": True}
    plain = (await api.client.post(f"{U}/messages", json=body, headers=headers)).json()["id"]
    asked = await api.client.put(f"{U}/messages/{plain}/answers/1/choice", json={"choice": 1}, headers=headers)
    assert asked.json()["type"] == "urn:renrakumo:problem:asks-no-choice"
