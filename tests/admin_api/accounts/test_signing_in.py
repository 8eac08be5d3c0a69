"""Signing in needs login, password and an unused one-time password; whoever guesses is slowed down and learns nothing."""

from datetime import timedelta

import httpx
import pytest

from admin_api.accounts.model import FREE_FAILURES, Credentials, lock_after
from tests.admin_api.service import AdminApi


async def _try(api: AdminApi, credentials: Credentials, **changed: str) -> httpx.Response:
    body = {"login": credentials.login, "password": credentials.password, "totp": api.code(credentials)}
    return await api.client.post("/v1/session", json={**body, **changed})


async def test_a_session_works_by_cookie_and_by_token_and_ends(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    answer = await _try(api, credentials)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert answer.json()["account"]["unit"] == "sakura"
    assert (await api.client.get("/v1/session")).json()["account"]["login"] == credentials.login
    token = {"Authorization": f"Bearer {answer.json()['token']}"}
    api.client.cookies.clear()
    assert (await api.client.get("/v1/session", headers=token)).status_code == 200
    assert (await api.client.delete("/v1/session", headers=token)).status_code == 204
    assert (await api.client.get("/v1/session", headers=token)).status_code == 401


# Slow: each attempt hashes a password, which takes long on purpose.
async def test_whatever_is_wrong_the_answer_is_the_same(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    answers = [
        await _try(api, credentials, login="nobody"),
        await _try(api, credentials, password="wrong"),
        await _try(api, credentials, totp="000000"),
        await _try(api, credentials, totp="not a code"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_a_one_time_password_opens_the_door_once(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    assert (await _try(api, credentials)).status_code == 201
    assert (await _try(api, credentials)).status_code == 401
    api.clock.forward(timedelta(seconds=30))
    assert (await _try(api, credentials)).status_code == 201


async def test_an_earlier_one_time_password_is_of_no_use_after_a_later_one(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    earlier = api.code(credentials)
    api.clock.forward(timedelta(seconds=30))
    assert (await _try(api, credentials)).status_code == 201
    assert (await _try(api, credentials, totp=earlier)).status_code == 401


async def test_after_failures_even_the_right_password_waits(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    for _ in range(FREE_FAILURES + 1):
        assert (await _try(api, credentials, password="wrong")).status_code == 401
    assert (await _try(api, credentials)).status_code == 401
    api.clock.forward(timedelta(seconds=31))
    assert (await _try(api, credentials)).status_code == 201
    locks = await api.sql("SELECT object FROM office.audit_log WHERE action = 'account.locked'")
    assert [row["object"] for row in locks] == [f"account/{credentials.id}"]


@pytest.mark.parametrize(("failures", "seconds"), [(4, None), (5, 30), (6, 60), (7, 120), (60, 3600)])
def test_pauses_grow_up_to_an_hour(failures: int, seconds: int | None) -> None:
    pause = lock_after(failures)
    assert (None if pause is None else pause.total_seconds()) == seconds


async def test_an_unused_session_ends_by_itself(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    api.clock.forward(timedelta(minutes=59))
    assert (await api.client.get("/v1/session", headers=headers)).status_code == 200
    api.clock.forward(timedelta(minutes=59))
    assert (await api.client.get("/v1/session", headers=headers)).status_code == 200
    api.clock.forward(timedelta(minutes=61))
    assert (await api.client.get("/v1/session", headers=headers)).status_code == 401


async def test_a_used_session_ends_after_its_life(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    for _ in range(23):
        api.clock.forward(timedelta(minutes=30))
        assert (await api.client.get("/v1/session", headers=headers)).status_code == 200
    api.clock.forward(timedelta(minutes=31))
    assert (await api.client.get("/v1/session", headers=headers)).status_code == 401


async def test_another_site_cannot_use_the_cookie(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    await _try(api, credentials)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await api.client.delete("/v1/session", headers=foreign)).status_code == 403
    assert (await api.client.get("/v1/session")).status_code == 200


async def test_neither_password_nor_secret_nor_token_lies_in_the_database(api: AdminApi) -> None:
    credentials = await api.account("administrator")
    token = (await api.sign_in(credentials))["Authorization"].removeprefix("Bearer ")
    rows = await api.sql("SELECT accounts::text AS text FROM office.accounts")
    rows += await api.sql("SELECT sessions::text AS text FROM office.sessions")
    text = " ".join(row["text"] for row in rows)
    for secret in (credentials.password, credentials.totp_secret, token):
        assert secret not in text
        assert secret.encode().hex() not in text
