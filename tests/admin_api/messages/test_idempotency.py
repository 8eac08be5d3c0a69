"""Who got no answer may ask again: with an Idempotency-Key nothing goes out twice."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.admin_api.ledger import Ledger
from tests.admin_api.service import AdminApi

U = "/v1/units/sakura"
BODY: dict[str, Any] = {"subject": "臨時休校", "text": "本日は休校です。", "asks": "receipt", "send": True}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
REUSED = (409, "urn:renrakumo:problem:idempotency-key-reused")


async def _send(api: AdminApi, headers: dict[str, str], **fields: Any) -> httpx.Response:
    return await api.client.post(f"{U}/messages", json={**BODY, **fields}, headers=headers)


async def _resend(api: AdminApi, headers: dict[str, str], message: str) -> httpx.Response:
    return await api.client.post(f"{U}/messages/{message}/resend", headers=headers)


async def _sent(api: AdminApi) -> list[tuple[int, int]]:
    return [(event["message"], event["wave"]) for event in await api.outbox("message.approved")]


async def _actions(api: AdminApi) -> list[str]:
    rows = await api.sql("SELECT action FROM office.audit_log WHERE action LIKE 'message.%' ORDER BY id")
    return [row["action"] for row in rows]


def _problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_a_repeated_call_sends_once(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    first = await _send(api, headers)
    again = await _send(api, headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert len(await _sent(api)) == 1
    assert len(api.bus.bucket("content")) == 1
    assert await _actions(api) == ["message.sent"]


async def test_a_repeated_call_is_answered_although_its_moment_has_passed(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    until = (api.clock.now + timedelta(minutes=5)).isoformat()
    first = await _send(api, headers, expires_at=until)
    api.clock.forward(timedelta(minutes=10))
    again = await _send(api, headers, expires_at=until)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


async def test_two_calls_at_once_send_once(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    answers = await asyncio.gather(*(_send(api, headers) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await _sent(api)) == 1
    assert len(await api.sql("SELECT id FROM office.messages")) == 1
    assert await _actions(api) == ["message.sent"]


async def test_a_call_that_is_overtaken_gives_what_came_of_the_other(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    entered, go_on = asyncio.Event(), asyncio.Event()
    put = api.bus.kv_put

    async def slow(bucket: str, key: str, value: bytes) -> int:
        # The first has looked for its key in vain and stops here, before its transaction; the second overtakes it.
        if not entered.is_set():
            entered.set()
            await go_on.wait()
        return await put(bucket, key, value)

    api.bus.kv_put = slow  # type: ignore[method-assign]  # a bus that takes its time, this once
    late = asyncio.create_task(_send(api, headers))
    await entered.wait()
    early = await _send(api, headers)
    go_on.set()
    assert (await late).json() == early.json()
    assert await _sent(api) == [(int(early.json()["id"]), 1)]


async def test_the_key_of_a_call_that_failed_is_still_free(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    api.bus.away = True
    assert (await _send(api, headers)).status_code == 503
    api.bus.away = False
    assert (await _send(api, headers)).status_code == 201
    assert len(await _sent(api)) == 1


async def test_another_body_under_the_same_key_is_refused(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    sent = (await _send(api, headers)).json()["id"]
    assert _problem(await _send(api, headers, text="本日は休校ではありません。")) == REUSED
    assert _problem(await _send(api, headers, send=False)) == REUSED
    assert _problem(await _resend(api, headers, sent)) == REUSED
    assert len(await _sent(api)) == 1


async def test_the_same_body_written_otherwise_is_the_same(api: AdminApi) -> None:
    headers = await api.as_("administrator") | KEY
    first = await _send(api, headers, expires_at="2026-04-09T00:00:00Z")
    again = await _send(api, headers, expires_at="2026-04-09T09:00:00+09:00", lane="ordinary", groups=None)
    assert again.json()["id"] == first.json()["id"]


async def test_another_account_may_use_the_same_key(api: AdminApi) -> None:
    numbers = {(await _send(api, await api.as_("administrator") | KEY)).json()["id"] for _ in range(2)}
    assert len(numbers) == len(await _sent(api)) == 2


async def test_without_a_key_each_call_sends(api: AdminApi) -> None:
    headers = await api.as_("administrator")
    assert len({(await _send(api, headers)).json()["id"] for _ in range(2)}) == 2
    assert await api.sql("SELECT key FROM office.requests_seen") == []


async def test_a_repeated_resend_gives_the_same_wave(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    message = (await _send(api, headers)).json()["id"]
    for copy_ref in (101, 102):
        await ledger.copy(int(message), copy_ref, member=copy_ref)
    first = await _resend(api, headers | KEY, message)
    assert first.json() == {"wave": 2, "copies": 2}
    # Everybody has answered since: a new resend would have nobody left.
    for copy_ref in (101, 102):
        await ledger.answer(int(message), copy_ref, choice=None, text="はい")
    assert (await _resend(api, headers | KEY, message)).json() == first.json()
    assert await _sent(api) == [(int(message), 1), (int(message), 2)]


async def test_resends_at_once_make_one_wave(api: AdminApi, ledger: Ledger) -> None:
    headers = await api.as_("administrator")
    message = (await _send(api, headers)).json()["id"]
    await ledger.copy(int(message), 101, member=11)
    answers = await asyncio.gather(*(_resend(api, headers | KEY, message) for _ in range(4)))
    assert [answer.json() for answer in answers] == [{"wave": 2, "copies": 1}] * 4
    assert await _sent(api) == [(int(message), 1), (int(message), 2)]


async def test_keys_are_forgotten_after_two_days(api: AdminApi) -> None:
    account = await api.account("administrator")
    await _send(api, await api.sign_in(account) | {"Idempotency-Key": "old"})
    api.clock.forward(timedelta(days=2, minutes=1))
    await _send(api, await api.sign_in(account) | {"Idempotency-Key": "new"})
    assert [row["key"] for row in await api.sql("SELECT key FROM office.requests_seen")] == ["new"]


@pytest.mark.parametrize("key", ["", "two words", "k" * 65, "ñ"])
async def test_a_key_that_is_none_is_refused(api: AdminApi, key: str) -> None:
    headers = httpx.Headers(await api.as_("administrator") | {"Idempotency-Key": key}, encoding="latin-1")
    answer = await api.client.post(f"{U}/messages", json=BODY, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["at"] == "header/Idempotency-Key"
    assert await _sent(api) == []
