"""A command leaves its trace with its message, is answered with what registry says of it, and can be taken back."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from contracts.commands import CloseGroup, OpenGroup, RemoveMember, UndoCommand
from contracts.directory import UnitEntry
from contracts.events import CommandDone
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
DIRECTORY = "$KV.directory.unit.sakura"


async def newest(api: AdminApi, headers: dict[str, str], count: int = 1) -> list[dict[str, Any]]:
    """The unit's newest commands, newest first."""
    page = (await api.client.get(f"{U}/commands?limit={count}", headers=headers)).json()
    items: list[dict[str, Any]] = page["items"]
    return items


async def audited(api: AdminApi, headers: dict[str, str], count: int) -> list[tuple[str, str]]:
    """(action, object) of the newest rows of the audit log, newest first."""
    rows = (await api.client.get(f"{U}/audit", headers=headers)).json()["items"]
    return [(row["action"], row["object"]) for row in rows[:count]]


async def groups(api: AdminApi) -> list[str]:
    """Codes of the groups that the directory was told last."""
    return sorted(UnitEntry.model_validate((await api.outbox(DIRECTORY))[-1]).groups)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:renrakumo:problem:")


async def test_a_done_command_is_answered_as_done_and_shows_what_it_was(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    answer = await api.client.delete(f"{U}/members/11?group=xx1", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    (given,) = await newest(api, headers)
    assert (given["kind"], given["subject"], given["group"]) == ("remove-member", "member/11", "xx1")
    assert (given["state"], given["count"], given["reason"]) == ("done", 1, None)
    assert given["undoable_until"] is not None
    assert await audited(api, headers, 2) == [
        ("member.removed", "member/11"),
        ("member.removal-requested", "member/11"),
    ]


async def test_until_registry_answers_the_command_waits_where_the_answer_says(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.away = True
    api.impatient()
    body = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
    for method, path, json in (
        ("DELETE", "members/11", None),
        ("POST", "members", body),
        ("POST", "groups/xx1/posters", {"member": "12"}),
        ("DELETE", "groups/xx1/posters/13", None),
        ("DELETE", "groups/xx2", None),
    ):
        answer = await api.client.request(method, f"{U}/{path}", json=json, headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        place = answer.headers["location"]
        assert place == f"{U}/commands/{answer.json()['id']}"
        assert (await api.client.get(place, headers=headers)).json() == answer.json()
    assert await groups(api) == ["xx1", "xx2"]
    await api.registry.come_back()
    assert {given["state"] for given in await newest(api, headers, 5)} == {"done"}
    assert await groups(api) == ["xx1"]


async def test_a_request_that_waits_is_answered_as_soon_as_the_result_is_there(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.away = True
    removal = asyncio.create_task(api.client.delete(f"{U}/members/11", headers=headers))
    while not await api.outbox(RemoveMember.name):
        await api.registry.heard.wait()
        api.registry.heard.clear()
    await api.registry.come_back()
    assert (await removal).status_code == 204


async def test_who_waits_is_woken_also_when_the_connection_that_listens_was_lost(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    lose = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%office_commands%'"
    while not await api.sql(lose):
        pass  # it is just connecting, which nothing tells
    assert (await api.client.delete(f"{U}/members/11", headers=headers)).status_code == 204


async def test_what_is_refused_leaves_both_traces(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.refuses["remove-member"] = ("unknown-member", 0)
    assert problem(await api.client.delete(f"{U}/members/12", headers=headers)) == (404, "not-found")
    (given,) = await newest(api, headers)
    assert (given["state"], given["reason"], given["undoable_until"]) == ("refused", "unknown-member", None)
    assert given["explanation"]["en"] == "The unit has no such member."
    assert await audited(api, headers, 2) == [
        ("command.refused", "member/12"),
        ("member.removal-requested", "member/12"),
    ]


async def test_a_result_that_comes_again_changes_nothing(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    before = await audited(api, headers, 20), await newest(api, headers, 20)
    done = api.registry.result(api.registry.given[-1])
    await api.registry.answer(done)
    await api.registry.answer(done.model_copy(update={"id": "another", "outcome": "refused", "reason": "given-up"}))
    await api.registry.answer(done.model_copy(update={"id": "nobody's", "command": "command-7"}))
    assert (await audited(api, headers, 20), await newest(api, headers, 20)) == before


async def test_a_command_is_settled_by_a_result_for_its_own_unit_only(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.away = True
    api.impatient()
    await api.client.delete(f"{U}/members/11", headers=headers)
    (removal,) = [RemoveMember.model_validate(row) for row in await api.outbox(RemoveMember.name)]
    await api.registry.answer(api.registry.result(removal).model_copy(update={"unit": "momo"}))
    assert (await newest(api, headers))[0]["state"] == "waiting"


async def test_trace_and_message_are_there_together_or_not_at_all(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    before = await audited(api, headers, 20)
    owner = await asyncpg.connect(api.databases.server.url("postgres", api.databases.general))
    await owner.execute(
        "ALTER TABLE office.outbox ADD CONSTRAINT full_up CHECK (subject NOT LIKE 'command.%') NOT VALID"
    )
    await owner.close()
    assert (await api.client.delete(f"{U}/members/11", headers=headers)).status_code == 500
    assert await audited(api, headers, 20) == before
    assert [row["kind"] for row in await newest(api, headers, 20)] == ["open-group", "open-group"]


async def test_of_the_commands_on_one_subject_one_waits_at_a_time(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.away = True
    api.impatient()
    first = (await api.client.delete(f"{U}/members/11", headers=headers)).json()["id"]
    second = await api.client.post(f"{U}/groups/xx1/posters", json={"member": "11"}, headers=headers)
    assert problem(second) == (409, "command-waiting")
    assert first in second.json()["detail"]
    # Another member, or invitations, are other subjects.
    body = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
    for method, path, json in (("DELETE", "members/12", None), ("POST", "members", body), ("POST", "members", body)):
        answer = await api.client.request(method, f"{U}/{path}", json=json, headers=headers)
        assert answer.status_code == 202
    await api.registry.come_back()
    api.registry.away = True
    assert (await api.client.delete(f"{U}/members/11", headers=headers)).status_code == 202


async def test_who_comes_second_is_given_when_the_first_has_its_result(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    answers = await asyncio.gather(*(api.client.delete(f"{U}/members/11", headers=headers) for _ in range(2)))
    assert [answer.status_code for answer in answers] == [204, 204]
    assert len({command.id for command in api.registry.given[-2:]}) == 2
    assert {given["state"] for given in await newest(api, headers, 2)} == {"done"}


async def test_a_removal_is_undone_once(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    (removal,) = await newest(api, headers)
    undo = await api.client.post(f"{U}/commands/{removal['id']}/undo", headers=headers)
    assert (undo.status_code, undo.json()["state"], undo.json()["undoes"]) == (200, "done", removal["id"])
    assert isinstance(api.registry.given[-1], UndoCommand)
    assert api.registry.given[-1].of == removal["id"]
    (shown, of) = await newest(api, headers, 2)
    assert (shown, of["undone_by"]) == (undo.json(), undo.json()["id"])
    assert await audited(api, headers, 2) == [("command.undone", "member/11"), ("command.undo-requested", "member/11")]
    again = await api.client.post(f"{U}/commands/{removal['id']}/undo", headers=headers)
    assert problem(again) == (409, "already-undone")
    nor = await api.client.post(f"{U}/commands/{undo.json()['id']}/undo", headers=headers)
    assert problem(nor) == (409, "unknown-command")


async def test_what_registry_can_t_undo_says_why(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    (removal,) = await newest(api, headers)
    path = f"{U}/commands/{removal['id']}/undo"
    api.registry.refuses["undo"] = ("changed-since", 0)
    answer = await api.client.post(path, headers=headers)
    assert problem(answer) == (409, "changed-since")
    assert "changed since" in answer.json()["detail"]
    assert (await newest(api, headers, 2))[1]["undone_by"] is None
    api.clock.forward(timedelta(days=31))
    headers = await api.as_("administrator")
    assert problem(await api.client.post(path, headers=headers)) == (409, "undo-expired")


async def test_what_waits_or_can_t_be_undone_is_refused_at_once(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
    await api.client.post(f"{U}/members", json=body, headers=headers)
    (invitation,) = await newest(api, headers)
    path = f"{U}/commands/{invitation['id']}/undo"
    assert problem(await api.client.post(path, headers=headers)) == (409, "unknown-command")
    api.registry.away = True
    api.impatient()
    waiting = (await api.client.delete(f"{U}/members/11", headers=headers)).json()["id"]
    path = f"{U}/commands/{waiting}/undo"
    assert problem(await api.client.post(path, headers=headers)) == (409, "command-waiting")


async def test_who_may_not_give_a_command_may_not_undo_it(api: AdminApi) -> None:
    headers, operator = await api.as_("administrator"), await api.as_("operator", None)
    await api.client.delete(f"{U}/members/11", headers=headers)
    await api.client.delete(f"{U}/groups/xx2", headers=headers)
    deletion, removal = await newest(api, operator, 2)
    assert (await api.client.post(f"{U}/commands/{removal['id']}/undo", headers=operator)).status_code == 403
    assert (await api.client.post(f"{U}/commands/{deletion['id']}/undo", headers=operator)).status_code == 200
    momo = await api.as_("administrator", "momo")
    other = f"/v1/units/momo/commands/{removal['id']}"
    assert (await api.client.get(other, headers=momo)).status_code == 404
    assert (await api.client.post(f"{other}/undo", headers=momo)).status_code == 404


async def test_a_deleted_group_comes_back_as_it_was(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.post(f"{U}/groups/xx1/post-address", headers=headers)
    before = (await api.client.get(f"{U}/groups", headers=headers)).json()
    entry = (await api.outbox(DIRECTORY))[-1]
    assert (await api.client.delete(f"{U}/groups/xx1", headers=headers)).status_code == 204
    assert await groups(api) == ["xx2"]
    (deletion,) = await newest(api, headers)
    assert (await api.client.post(f"{U}/commands/{deletion['id']}/undo", headers=headers)).status_code == 200
    assert (await api.client.get(f"{U}/groups", headers=headers)).json() == before
    assert (await api.outbox(DIRECTORY))[-1] == entry


async def test_registry_decides_whether_a_group_goes(api: AdminApi) -> None:
    """While registry has not answered the group is there: who enters meanwhile is in a group that everybody sees."""
    headers = await api.as_("administrator")
    api.registry.away = True
    api.impatient()
    waiting = (await api.client.delete(f"{U}/groups/xx1", headers=headers)).json()["id"]
    assert await groups(api) == ["xx1", "xx2"]
    api.registry.refuses["close-group"] = ("group-not-empty", 1)
    await api.registry.come_back()
    given = (await api.client.get(f"{U}/commands/{waiting}", headers=headers)).json()
    assert (given["state"], given["reason"], given["count"]) == ("refused", "group-not-empty", 1)
    assert await groups(api) == ["xx1", "xx2"]


async def test_a_group_of_a_code_that_was_closed_is_opened_in_its_own_transaction(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/groups/xx1", headers=headers)
    answer = await api.client.post(f"{U}/groups", json={"code": "xx1", "name": "1年"}, headers=headers)
    assert answer.status_code == 201
    said = [(row["id"], row["group"]) for row in await api.outbox(OpenGroup.name)]
    closed = [(row["id"], row["group"]) for row in await api.outbox(CloseGroup.name)]
    assert [group for _, group in said + closed] == ["xx1", "xx2", "xx1", "xx1"]
    assert len(dict(said + closed)) == 4


async def test_commands_come_in_pages_newest_first(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    for member in range(11, 14):
        await api.client.delete(f"{U}/members/{member}", headers=headers)
    seen, after = [], ""
    while True:
        page = (await api.client.get(f"{U}/commands?limit=2{after}", headers=headers)).json()
        seen += [given["subject"] for given in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == ["member/13", "member/12", "member/11", "group/xx2", "group/xx1"]


@pytest.mark.parametrize("number", ["77", "9223372036854775808"])
async def test_a_command_that_there_is_not_is_not_found(api: AdminApi, number: str) -> None:
    headers = await api.as_("administrator")
    assert problem(await api.client.get(f"{U}/commands/c-{number}", headers=headers)) == (404, "not-found")


@pytest.mark.parametrize("reason", ["given-up", "bad-address"])
async def test_every_refusal_has_words_without_what_was_typed(api: AdminApi, reason: Any) -> None:
    headers = await api.as_("administrator")
    api.registry.refuses["invite-member"] = (reason, 0)
    body = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
    answer = await api.client.post(f"{U}/members", json=body, headers=headers)
    assert answer.status_code in (409, 422)
    assert "hanako" not in answer.text
    done = CommandDone.model_validate(api.registry.result(api.registry.given[-1]).model_dump())
    assert "hanako" not in done.model_dump_json()
