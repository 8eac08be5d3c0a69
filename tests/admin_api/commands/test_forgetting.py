"""Finished commands are kept while they can be undone and a little longer; those that wait are kept."""

from datetime import timedelta
from typing import Any

from admin_api.commands.handlers.forgetting import MARGIN, forget
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
LIFE = timedelta(days=30)
BEYOND = LIFE + MARGIN + timedelta(minutes=1)


async def listed(api: AdminApi, headers: dict[str, str]) -> list[dict[str, Any]]:
    """The unit's commands, newest first."""
    items: list[dict[str, Any]] = (await api.client.get(f"{U}/commands", headers=headers)).json()["items"]
    return items


async def test_a_finished_command_is_there_until_it_is_long_too_late_to_undo_it(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    removal = (await listed(api, headers))[0]
    path = f"{U}/commands/{removal['id']}"
    api.clock.forward(LIFE + MARGIN - timedelta(minutes=1))
    await forget(api.context.database, LIFE)
    headers = await api.as_("administrator")
    assert (await api.client.get(path, headers=headers)).json() == removal
    api.clock.forward(timedelta(minutes=2))
    assert await forget(api.context.database, LIFE) == 3  # with those that opened the two groups
    assert await listed(api, headers) == []
    for method, end in (("GET", ""), ("POST", "/undo")):
        gone = await api.client.request(method, f"{path}{end}", headers=headers)
        unknown = await api.client.request(method, f"{U}/commands/c-77{end}", headers=headers)
        assert (gone.status_code, gone.json()) == (404, unknown.json())


async def test_the_audit_log_still_tells_of_a_forgotten_command(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    api.clock.forward(BEYOND)
    headers = await api.as_("administrator")
    before = (await api.client.get(f"{U}/audit", headers=headers)).json()
    assert await forget(api.context.database, LIFE) > 0
    assert (await api.client.get(f"{U}/audit", headers=headers)).json() == before
    assert "member.removed" in {row["action"] for row in before["items"]}


async def test_a_command_without_a_result_is_never_forgotten(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.registry.away = True
    api.impatient()
    given = (await api.client.delete(f"{U}/members/11", headers=headers)).json()
    api.clock.forward(timedelta(days=400))
    headers = await api.as_("administrator")
    await forget(api.context.database, LIFE)
    assert await listed(api, headers) == [given]
    await api.registry.come_back()
    assert (await listed(api, headers))[0]["state"] == "done"


async def test_what_registry_lets_be_undone_longer_is_kept_for_that(api: AdminApi) -> None:
    """Also when the two services were told different times."""
    headers = await api.as_("administrator")
    await api.client.delete(f"{U}/members/11", headers=headers)
    removal = (await listed(api, headers))[0]
    api.clock.forward(LIFE)
    await forget(api.context.database, timedelta(days=1))
    headers = await api.as_("administrator")
    assert await listed(api, headers) == [removal]
