"""Who may do what. One table for all routes; another unit's people learn not even that the unit exists."""

from typing import Any

import pytest

from admin_api.kernel.roles import Role
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
ADDRESS = {"group": "xx1", "address": "hanako@docomo.ne.jp"}
NEWS = {"title": "お知らせ", "body": "本文"}
DAY = {"title": "運動会", "starts_on": "2026-05-30"}
MESSAGE = {"subject": "件名", "text": "本文"}
NONE = 77

ROUTES: list[tuple[str, str, dict[str, Any] | None, str]] = [
    # method, path, body, roles that get in (o a s v)
    ("GET", "/v1/units", None, "o"),
    ("POST", "/v1/units", {"code": "ume", "name": "うめ"}, "o"),
    ("GET", U, None, "oasv"),
    ("PATCH", U, {"name": "さくら"}, "o"),
    ("GET", f"{U}/groups", None, "oasv"),
    ("POST", f"{U}/groups", {"code": "new", "name": "新"}, "oa"),
    ("PATCH", f"{U}/groups/xx1", {"name": "一年"}, "oa"),
    ("DELETE", f"{U}/groups/{NONE}", None, "oa"),
    ("POST", f"{U}/groups/xx1/post-address", None, "oa"),
    ("GET", f"{U}/groups/xx1/posters", None, "a"),
    ("POST", f"{U}/groups/xx1/posters", {"member": "11"}, "a"),
    ("DELETE", f"{U}/groups/xx1/posters/11", None, "a"),
    ("GET", f"{U}/members", None, "asv"),
    ("POST", f"{U}/members", ADDRESS, "a"),
    ("DELETE", f"{U}/members/11", None, "a"),
    ("GET", f"{U}/commands", None, "oa"),
    ("GET", f"{U}/commands/c-{NONE}", None, "oa"),
    ("POST", f"{U}/commands/c-{NONE}/undo", None, "oa"),
    ("POST", f"{U}/audience", {}, "as"),
    ("POST", f"{U}/messages", MESSAGE, "as"),
    ("GET", f"{U}/messages", None, "asv"),
    ("GET", f"{U}/messages/{NONE}", None, "asv"),
    ("POST", f"{U}/messages/{NONE}/approve", None, "as"),
    ("POST", f"{U}/messages/{NONE}/cancel", None, "as"),
    ("POST", f"{U}/messages/{NONE}/resend", None, "as"),
    ("POST", f"{U}/messages/{NONE}/stop", None, "as"),
    ("GET", f"{U}/messages/{NONE}/copies", None, "asv"),
    ("GET", f"{U}/messages/{NONE}/answers", None, "asv"),
    ("PUT", f"{U}/messages/{NONE}/answers/{NONE}/choice", {"choice": 1}, "as"),
    ("GET", f"{U}/notices", None, "oasv"),
    ("POST", f"{U}/notices", NEWS, "a"),
    ("DELETE", f"{U}/notices/{NONE}", None, "a"),
    ("GET", f"{U}/events", None, "oasv"),
    ("POST", f"{U}/events", DAY, "a"),
    ("DELETE", f"{U}/events/{NONE}", None, "a"),
    ("GET", f"{U}/post-attempts", None, "oa"),
    ("GET", f"{U}/audit", None, "oa"),
    ("GET", "/v1/audit-check", None, "o"),
    ("GET", "/v1/carriers", None, "o"),
    ("GET", "/v1/carriers/docomo", None, "o"),
    ("POST", "/v1/carriers/docomo/pause", None, "o"),
    ("PUT", "/v1/carriers/docomo/pace", {"rate": 5}, "o"),
    ("POST", "/v1/carriers/docomo/resume", None, "o"),
    ("GET", "/v1/dead-letters", None, "o"),
    ("GET", "/v1/dead-letters/counts", None, "o"),
    ("GET", f"/v1/dead-letters/{NONE}", None, "o"),
    ("POST", "/v1/dead-letters/retry", {"reason": "token_not_ours"}, "o"),
    ("POST", "/v1/dead-letters/drop", {"reason": "token_not_ours"}, "o"),
    ("POST", f"/v1/dead-letters/{NONE}/retry", None, "o"),
    ("POST", f"/v1/dead-letters/{NONE}/drop", None, "o"),
]


# Slow: every route is asked.
@pytest.mark.parametrize("role", ["operator", "administrator", "sender", "viewer"])
async def test_each_role_gets_in_where_it_may_and_nowhere_else(api: AdminApi, role: Role) -> None:
    headers = await api.as_(role, None if role == "operator" else "sakura")
    wrong = []
    for method, path, body, roles in ROUTES:
        status = (await api.client.request(method, path, json=body, headers=headers)).status_code
        allowed = role[0] in roles
        # What isn't there is 404 only for those who may look.
        fits = status in (200, 201, 202, 204, 404) if allowed else status == 403
        if not fits:
            wrong.append((method, path, status))
    assert wrong == []


async def test_without_a_session_every_route_says_401(api: AdminApi) -> None:
    for method, path, body, _ in ROUTES:
        answer = await api.client.request(method, path, json=body)
        assert (path, answer.status_code) == (path, 401)
        assert answer.headers["content-type"] == "application/problem+json"


async def test_another_units_administrator_finds_nothing(api: AdminApi) -> None:
    headers = await api.as_("administrator", "momo")
    for method, path, body, _ in ROUTES:
        if path.startswith(U):
            answer = await api.client.request(method, path, json=body, headers=headers)
            assert (path, answer.status_code) == (path, 404)


async def test_every_route_of_the_api_is_in_this_table(api: AdminApi) -> None:
    schema = (await api.client.get("/openapi.json")).json()
    known = {(method, path.replace("/sakura", "/{unit}")) for method, path, _, _ in ROUTES}
    shapes = {(method, path.count("/"), path.rsplit("/", 1)[-1]) for method, path in known}
    for path, methods in schema["paths"].items():
        for method in methods:
            last = path.rsplit("/", 1)[-1]
            candidates = {shape for shape in shapes if shape[:2] == (method.upper(), path.count("/"))}
            assert path == "/v1/session" or candidates, (method, path, last)
            if path != "/v1/session" and not last.startswith("{"):
                assert any(shape[2] == last for shape in candidates), (method, path)


async def test_a_sender_of_one_group_writes_to_it_and_sees_its_messages_only(api: AdminApi) -> None:
    administrator = await api.as_("administrator")
    sender = await api.as_("sender", groups=("xx1",))
    numbers = {}
    for name, groups in (("all", None), ("one", ["xx1"]), ("two", ["xx1", "xx2"])):
        body = {**MESSAGE, "groups": groups}
        answer = await api.client.post(f"{U}/messages", json=body, headers=administrator)
        assert answer.status_code == 201, answer.text
        numbers[name] = answer.json()["id"]
    seen = (await api.client.get(f"{U}/messages", headers=sender)).json()["items"]
    assert [message["id"] for message in seen] == [numbers["one"]]
    assert (await api.client.get(f"{U}/messages/{numbers['two']}", headers=sender)).status_code == 404
    for groups, status in ((None, 403), (["xx1", "xx2"], 403), (["xx1"], 201)):
        body = {**MESSAGE, "groups": groups}
        assert (await api.client.post(f"{U}/messages", json=body, headers=sender)).status_code == status
    body = {**MESSAGE, "members": ["11"]}
    assert (await api.client.post(f"{U}/messages", json=body, headers=sender)).status_code == 403
    assert (await api.client.get(f"{U}/members", headers=sender)).status_code == 403
    assert (await api.client.get(f"{U}/members?group=xx1", headers=sender)).status_code == 200
