"""Signing in needs login, password and an unused one-time password; whoever guesses is slowed down and learns nothing."""

from datetime import timedelta

import httpx
import pytest

from admin_api.accounts.handlers import Credentials
from admin_api.kernel.roles import FREE_FAILURES, lock_after
from tests.admin_api.service import Desk


async def _try(desk: Desk, credentials: Credentials, **changed: str) -> httpx.Response:
    body = {"login": credentials.login, "password": credentials.password, "totp": desk.code(credentials)}
    return await desk.client.post("/v1/session", json={**body, **changed})


async def test_a_session_works_by_cookie_and_by_token_and_ends(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    answer = await _try(desk, credentials)
    assert answer.status_code == 201
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert answer.json()["account"]["unit"] == "sakura"
    assert (await desk.client.get("/v1/session")).json()["account"]["login"] == credentials.login
    token = {"Authorization": f"Bearer {answer.json()['token']}"}
    desk.client.cookies.clear()
    assert (await desk.client.get("/v1/session", headers=token)).status_code == 200
    assert (await desk.client.delete("/v1/session", headers=token)).status_code == 204
    assert (await desk.client.get("/v1/session", headers=token)).status_code == 401


async def test_whatever_is_wrong_the_answer_is_the_same(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    answers = [
        await _try(desk, credentials, login="nobody"),
        await _try(desk, credentials, password="wrong"),
        await _try(desk, credentials, totp="000000"),
        await _try(desk, credentials, totp="not a code"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


async def test_a_one_time_password_opens_the_door_once(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    assert (await _try(desk, credentials)).status_code == 201
    assert (await _try(desk, credentials)).status_code == 401
    desk.clock.forward(timedelta(seconds=30))
    assert (await _try(desk, credentials)).status_code == 201


async def test_an_earlier_one_time_password_is_of_no_use_after_a_later_one(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    earlier = desk.code(credentials)
    desk.clock.forward(timedelta(seconds=30))
    assert (await _try(desk, credentials)).status_code == 201
    assert (await _try(desk, credentials, totp=earlier)).status_code == 401


async def test_after_failures_even_the_right_password_waits(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    for _ in range(FREE_FAILURES + 1):
        assert (await _try(desk, credentials, password="wrong")).status_code == 401
    assert (await _try(desk, credentials)).status_code == 401
    desk.clock.forward(timedelta(seconds=31))
    assert (await _try(desk, credentials)).status_code == 201
    locks = await desk.sql("SELECT object FROM office.audit_log WHERE action = 'account.locked'")
    assert [row["object"] for row in locks] == [f"account/{credentials.id}"]


@pytest.mark.parametrize(("failures", "seconds"), [(4, None), (5, 30), (6, 60), (7, 120), (60, 3600)])
def test_pauses_grow_up_to_an_hour(failures: int, seconds: int | None) -> None:
    pause = lock_after(failures)
    assert (None if pause is None else pause.total_seconds()) == seconds


async def test_an_unused_session_ends_by_itself(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    desk.clock.forward(timedelta(minutes=59))
    assert (await desk.client.get("/v1/session", headers=headers)).status_code == 200
    desk.clock.forward(timedelta(minutes=59))
    assert (await desk.client.get("/v1/session", headers=headers)).status_code == 200
    desk.clock.forward(timedelta(minutes=61))
    assert (await desk.client.get("/v1/session", headers=headers)).status_code == 401


async def test_a_used_session_ends_after_its_life(desk: Desk) -> None:
    headers = await desk.as_("administrator")
    for _ in range(23):
        desk.clock.forward(timedelta(minutes=30))
        assert (await desk.client.get("/v1/session", headers=headers)).status_code == 200
    desk.clock.forward(timedelta(minutes=31))
    assert (await desk.client.get("/v1/session", headers=headers)).status_code == 401


async def test_another_site_cannot_use_the_cookie(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    await _try(desk, credentials)
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await desk.client.delete("/v1/session", headers=foreign)).status_code == 403
    assert (await desk.client.get("/v1/session")).status_code == 200


async def test_neither_password_nor_secret_nor_token_lies_in_the_database(desk: Desk) -> None:
    credentials = await desk.account("administrator")
    token = (await desk.sign_in(credentials))["Authorization"].removeprefix("Bearer ")
    rows = await desk.sql("SELECT accounts::text AS text FROM office.accounts")
    rows += await desk.sql("SELECT sessions::text AS text FROM office.sessions")
    text = " ".join(row["text"] for row in rows)
    for secret in (credentials.password, credentials.totp_secret, token):
        assert secret not in text
        assert secret.encode().hex() not in text
