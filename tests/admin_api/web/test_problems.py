"""Every error is a problem (RFC 9457), and none repeats what was sent."""

import pytest

from contracts import requests
from runtime.errors import RequestFailed, RequestRefused
from tests.admin_api.service import AdminApi

SECRET = "hanako@docomo.ne.jp"


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", f"/v1/{SECRET}", None, 404),
        ("PUT", "/v1/session", None, 405),
        ("POST", "/v1/session", f'{{"login": "{SECRET}"', 422),
        ("POST", "/v1/session", f'{{"login": "{SECRET}", "password": 5, "totp": {{"{SECRET}": 1}}}}', 422),
        ("POST", "/v1/session", f'{{"{SECRET}": 1}}', 422),
        ("GET", "/v1/session", None, 401),
        ("GET", f"/v1/units/{SECRET}", None, 401),
    ],
)
async def test_errors_are_problems_without_an_echo(
    bare: AdminApi, method: str, path: str, content: str | None, status: int
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await bare.client.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body["status"] == status
    assert body["type"].startswith("urn:renrakumo:problem:")
    assert SECRET not in answer.text


async def test_a_huge_body_is_not_read(bare: AdminApi) -> None:
    answer = await bare.client.post("/v1/session", content=b"x" * 1_000_001)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("length", [{}, {"Content-Length": "5"}])
async def test_a_body_of_unknown_length_is_not_read(bare: AdminApi, length: dict[str, str]) -> None:
    """A length beside Transfer-Encoding says nothing about what follows."""
    headers = {"Transfer-Encoding": "chunked", **length}
    answer = await bare.client.post("/v1/session", content=b"x" * 1_000_001, headers=headers)
    assert answer.status_code == 411
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_path_that_is_no_code_is_a_problem_after_signing_in(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    for path in (f"/v1/units/{SECRET}", f"/v1/units/sakura/messages/{SECRET}", "/v1/units/sakura/messages/0"):
        answer = await api.client.get(path, headers=headers)
        assert answer.status_code == 422
        assert SECRET not in answer.text


async def test_what_registry_refuses_or_breaks_at_is_told_apart(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.answers[requests.MEMBERS] = RequestRefused("closed")
    assert (await api.client.get("/v1/units/sakura/members", headers=headers)).status_code == 409
    api.bus.answers[requests.MEMBERS] = RequestFailed("request_failed")
    assert (await api.client.get("/v1/units/sakura/members", headers=headers)).status_code == 503


async def test_a_surprise_is_a_problem_too(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.bus.answers[requests.MEMBERS] = ValueError(SECRET)
    answer = await api.client.get("/v1/units/sakura/members", headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:renrakumo:problem:internal")
    assert SECRET not in answer.text


async def test_a_table_that_is_not_there_yet_means_try_again(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    await api.sql("DROP VIEW ledger.counts", role="receipts")
    body = {"subject": "a", "text": "b"}
    # What has happened is not called a failure, or it would be done twice.
    created = await api.client.post("/v1/units/sakura/messages", json=body, headers=headers)
    assert created.status_code == 201
    listed = await api.client.get("/v1/units/sakura/messages", headers=headers)
    assert (listed.status_code, listed.headers["retry-after"]) == (503, "5")
