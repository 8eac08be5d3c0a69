"""The school says which words count as a choice; what cannot be is refused with the place of it."""

from typing import Any

import asyncpg
import pytest

from runtime.database.migrations import upgrade
from simulator.servers import Databases
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
SURVEY: dict[str, Any] = {
    "subject": "健康調査",
    "text": "お子さまの様子をお知らせください。",
    "asks": "choice",
    "choices": ["良好", "せきあり", "発熱あり"],
}


async def test_synonyms_are_kept_and_shown_and_read_by_receipts(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    synonyms = [["元気", "異常なし"], [], ["熱あり"]]
    body = {**SURVEY, "synonyms": synonyms, "send": True}
    made = (await api.client.post(f"{U}/messages", json=body, headers=headers)).json()
    assert made["synonyms"] == synonyms
    path = f"{U}/messages/{made['id']}"
    assert (await api.client.get(path, headers=headers)).json()["synonyms"] == synonyms
    listed = (await api.client.get(f"{U}/messages", headers=headers)).json()["items"]
    assert listed[0]["synonyms"] == synonyms
    rows = await api.sql("SELECT synonyms FROM office.sent_messages WHERE id = $1", int(made["id"]), role="receipts")
    assert "元気" in str(rows[0]["synonyms"])
    assert "元気" not in made["sent_text"]


async def test_a_client_that_knows_no_synonyms_goes_on_as_before(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    made = (await api.client.post(f"{U}/messages", json=SURVEY, headers=headers)).json()
    assert made["synonyms"] == [[], [], []]
    plain = (await api.client.post(f"{U}/messages", json={"subject": "件名", "text": "本文"}, headers=headers)).json()
    assert plain["synonyms"] == []
    keyed = {**headers, "Idempotency-Key": "k" * 20}
    first = (await api.client.post(f"{U}/messages", json=SURVEY, headers=keyed)).json()
    again = (await api.client.post(f"{U}/messages", json={**SURVEY, "synonyms": []}, headers=keyed)).json()
    assert first["id"] == again["id"]
    other = await api.client.post(f"{U}/messages", json={**SURVEY, "synonyms": [["元気"], [], []]}, headers=keyed)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("synonyms", "at", "says"),
    [
        ([["元気"], ["元気"], []], "body/synonyms/1/0", "choice 2 stands for choice 1"),
        ([["元気", "咳有り"], [], []], "body/synonyms/0/1", "choice 1 stands for choice 2"),
        ([[], [], ["りょうこう"]], "body/synonyms/2/0", "choice 3 stands for choice 1"),
        ([["2"], [], []], "body/synonyms/0/0", "number"),
        ([["三番"], [], []], "body/synonyms/0/0", "number"),
        ([["！！"], [], []], "body/synonyms/0/0", "no word"),
        ([["元気"]], "body", "for each choice"),
        ([["い" * 41], [], []], "body/synonyms/0/0", "40"),
        ([[f"元気{chr(0x3042 + n)}" for n in range(21)], [], []], "body/synonyms/0", "20"),
        ([["元気", ""], [], []], "body/synonyms/0/1", ""),
    ],
)
async def test_a_synonym_that_cannot_be_is_refused_with_its_place(
    api: AdminApi, synonyms: list[list[str]], at: str, says: str
) -> None:
    headers = await api.as_("administrator")
    answer = await api.client.post(f"{U}/messages", json={**SURVEY, "synonyms": synonyms}, headers=headers)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["at"] == at
    assert says in error["message"]


async def test_synonyms_belong_to_choices(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"subject": "件名", "text": "本文", "synonyms": [["元気"]]}
    assert (await api.client.post(f"{U}/messages", json=body, headers=headers)).status_code == 422


async def test_messages_from_before_have_none(fresh_databases: Databases) -> None:
    url = fresh_databases.general_url("admin_api")
    upgrade(url, "admin_api", "office", to="0004")
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO office.units (code, name, receipts) VALUES ('aoba', 'あおば小学校', true)")
    await connection.execute(
        "INSERT INTO office.messages (id, unit, lane, kind, subject_key_id, subject_blob, body_key_id, body_blob, "
        "sent_key_id, sent_text, asks, choices, about_child, publish, state) VALUES "
        "(1, 'aoba', 'ordinary', 'broadcast', 'c', '', 'c', '', 'c', '', 'choice', '{良好,発熱}', true, false, 'approved')"
    )
    upgrade(url, "admin_api", "office")
    receipts = await asyncpg.connect(fresh_databases.general_url("receipts"))
    row = await receipts.fetchrow("SELECT choices, synonyms FROM office.sent_messages")
    await receipts.close()
    await connection.close()
    assert row is not None
    assert (row["choices"], row["synonyms"]) == (["良好", "発熱"], "[]")
