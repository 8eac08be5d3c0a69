"""A unit has at most thirty groups, also when a deleted one comes back."""

import asyncio
from typing import Any

import httpx
import pytest

from admin_api.units import handlers as units
from admin_api.units.explanations import TOO_MANY_GROUPS
from admin_api.units.model import MAX_GROUPS
from contracts.commands import UndoCommand
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"


class Administrator:
    """Who opens groups, deletes them and takes that back."""

    def __init__(self, api: AdminApi, headers: dict[str, str]) -> None:
        self.api = api
        self._headers = headers

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return await self.api.client.request(method, U + path, json=body, headers=self._headers)

    async def open(self, code: str) -> httpx.Response:
        return await self.ask("POST", "/groups", {"code": code, "name": "組"})

    async def delete(self, code: str) -> str:
        """Delete a group; the path that undoes it."""
        assert (await self.ask("DELETE", f"/groups/{code}")).status_code == 204
        (deletion,) = (await self.ask("GET", "/commands?limit=1")).json()["items"]
        return f"/commands/{deletion['id']}/undo"

    async def groups(self) -> int:
        return len((await self.ask("GET", "/groups")).json()["items"])


@pytest.fixture
async def administrator(api: AdminApi) -> Administrator:
    """Of a unit that has as many groups as it may have."""
    await api.sql(
        "INSERT INTO office.groups (unit, code, name, position)"
        " SELECT 'sakura', 'g' || number, '組', number FROM generate_series(3, $1::int) AS number",
        MAX_GROUPS,
    )
    return Administrator(api, await api.as_("administrator"))


def refused(answer: httpx.Response) -> bool:
    """Because it would be one group too many."""
    if answer.status_code != 409:
        return False
    problem = answer.json()
    assert (problem["type"], problem["detail"]) == ("urn:renrakumo:problem:too-many-groups", TOO_MANY_GROUPS.en)
    return True


async def test_no_group_is_opened_beyond_the_limit(administrator: Administrator) -> None:
    assert refused(await administrator.open("new"))
    assert await administrator.groups() == MAX_GROUPS


async def test_a_deleted_group_comes_back_only_while_there_is_room(administrator: Administrator) -> None:
    undo = await administrator.delete("g3")
    assert (await administrator.open("new")).status_code == 201
    assert refused(await administrator.ask("POST", undo))
    assert await administrator.api.outbox(UndoCommand.name) == []
    assert await administrator.groups() == MAX_GROUPS
    await administrator.delete("new")
    assert (await administrator.ask("POST", undo)).json()["state"] == "done"
    assert await administrator.groups() == MAX_GROUPS


async def test_a_group_that_is_coming_back_has_its_place_until_registry_refuses_it(
    administrator: Administrator,
) -> None:
    undo = await administrator.delete("g3")
    registry = administrator.api.registry
    registry.away = True
    administrator.api.impatient()
    assert (await administrator.ask("POST", undo)).status_code == 202
    assert await administrator.groups() == MAX_GROUPS - 1
    assert refused(await administrator.open("new"))
    registry.refuses["undo"] = ("changed-since", 0)
    await registry.come_back()
    assert (await administrator.open("new")).status_code == 201


async def test_of_two_that_want_the_last_place_at_once_one_gets_it(administrator: Administrator) -> None:
    undos = [await administrator.delete(code) for code in ("g3", "g4")]
    assert (await administrator.open("g5x")).status_code == 201
    answers = await asyncio.gather(
        *(administrator.ask("POST", undo) for undo in undos), *(administrator.open(f"new{n}") for n in range(3))
    )
    assert [refused(answer) for answer in answers].count(False) == 1
    assert await administrator.groups() == MAX_GROUPS


async def test_a_command_is_given_also_while_its_unit_is_being_changed(administrator: Administrator) -> None:
    """Who deletes a group while the undo of an earlier deletion decides whether there is room must not wait for it."""
    async with administrator.api.context.database.engine.begin() as connection:
        await units.require_room_for_group(connection, "momo")
        headers = await administrator.api.as_("administrator", "momo")
        removal = await administrator.api.client.delete("/v1/units/momo/members/11", headers=headers)
    assert removal.status_code == 204


async def test_undoing_a_removal_takes_no_group_s_place(administrator: Administrator) -> None:
    api = administrator.api
    await administrator.ask("DELETE", "/members/11?group=xx1")
    (removal,) = (await administrator.ask("GET", "/commands?limit=1")).json()["items"]
    assert (await administrator.ask("POST", f"/commands/{removal['id']}/undo")).json()["state"] == "done"
    await administrator.delete("g3")
    api.registry.away = True
    api.impatient()
    await administrator.ask("DELETE", "/members/12")
    assert (await administrator.open("new")).status_code == 201
