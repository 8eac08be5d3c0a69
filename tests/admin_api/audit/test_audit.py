"""Everything that anybody did is written down, and a row that was altered or taken out shows."""

import asyncpg

from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"


async def _as_superuser(api: AdminApi, statement: str) -> None:
    """What an intruder with the whole database could do: triggers off, then the change."""
    connection = await asyncpg.connect(api.databases.server.url("postgres", api.databases.general))
    await connection.execute("ALTER TABLE office.audit_log DISABLE TRIGGER ALL")
    await connection.execute(statement)
    await connection.close()


async def _check(api: AdminApi) -> dict[str, object]:
    operator = await api.as_("operator", None)
    found: dict[str, object] = (await api.client.get("/v1/audit-check", headers=operator)).json()
    return found


async def test_changes_are_told_with_who_what_and_no_personal_data(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    body = {"subject": "山田さんへ", "text": "至急連絡を下さい", "members": ["11"], "send": True}
    number = (await api.client.post(f"{U}/messages", json=body, headers=headers)).json()["id"]
    await api.client.post(f"{U}/members", json={"group": "xx1", "address": "a@docomo.ne.jp"}, headers=headers)
    rows = (await api.client.get(f"{U}/audit", headers=headers)).json()["items"]
    wanted = ["member.invited", "member.invitation-requested", "message.sent", "session.opened"]
    assert [row["action"] for row in rows[:4]] == wanted
    assert rows[2]["object"] == f"message/{number}"
    assert rows[2]["actor"].startswith("account/")
    assert "山田" not in str(rows)
    assert "@" not in str(rows)


async def test_an_untouched_log_is_intact(api: AdminApi) -> None:
    check = await _check(api)
    assert (check["intact"], check["broken_at"]) == (True, None)


async def test_an_altered_row_shows(api: AdminApi) -> None:
    await _as_superuser(api, "UPDATE office.audit_log SET actor = 'account/1' WHERE id = 3")
    check = await _check(api)
    assert (check["intact"], check["broken_at"]) == (False, "3")


async def test_a_missing_row_shows(api: AdminApi) -> None:
    await _as_superuser(api, "DELETE FROM office.audit_log WHERE id = 2")
    check = await _check(api)
    assert (check["intact"], check["broken_at"]) == (False, "3")


async def test_a_change_that_fails_leaves_no_line(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    before = (await api.client.get(f"{U}/audit", headers=headers)).json()["items"]
    assert (await api.client.delete(f"{U}/notices/77", headers=headers)).status_code == 404
    assert (await api.client.get(f"{U}/audit", headers=headers)).json()["items"] == before
