"""Operators see how fast mail goes out to each carrier, and set it by hand."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.base import CARRIERS
from contracts.pace import DispatcherStatus, PaceOrder, PaceState
from contracts.streams import DISPATCHERS, PACE
from tests.admin_api.service import START, AdminApi

C = "/v1/carriers"
LATER = START + timedelta(minutes=30)


def ordered(api: AdminApi, carrier: str = "docomo") -> PaceOrder:
    return PaceOrder.model_validate_json(api.bus.bucket(PACE.name)[carrier])


async def tell(api: AdminApi, instance: str, **state: Any) -> None:
    """A dispatcher tells of docomo."""
    values = {"carrier": "docomo", "connections_limit": 4, "connections_allowed": 4, **state}
    report = DispatcherStatus(
        instance=instance, sending_address="mail-1", sharing=2, carriers=(PaceState.model_validate(values),)
    )
    await api.bus.kv_put(DISPATCHERS.name, instance, report.model_dump_json().encode())


@pytest.fixture
async def operator(api: AdminApi) -> dict[str, str]:
    return await api.as_("operator", None)


async def test_without_any_dispatcher_every_carrier_is_there_and_says_so(
    api: AdminApi, operator: dict[str, str]
) -> None:
    items = (await api.client.get(C, headers=operator)).json()["items"]
    assert [item["carrier"] for item in items] == list(CARRIERS)
    for item in items:
        assert (item["dispatchers"], item["connections_allowed"], item["by_hand"]) == ([], 0, None)


async def test_the_state_is_shown_together_and_dispatcher_by_dispatcher(
    api: AdminApi, operator: dict[str, str]
) -> None:
    await tell(api, "a", connections_open=2, rate=2.5, waiting={"urgent": 1, "ordinary": 70}, accepted_last_minute=60)
    await tell(
        api,
        "b",
        connections_allowed=1,
        rate=1.0,
        paused_until=LATER,
        slowed=1,
        pausing=1,
        waiting={"ordinary": 30},
        last_sign="busy",
        last_sign_at=START,
        slow_downs_last_minute=3,
    )
    seen = (await api.client.get(f"{C}/docomo", headers=operator)).json()
    assert (seen["connections_allowed"], seen["connections_open"], seen["rate"]) == (5, 2, 3.5)
    assert seen["waiting"] == {"urgent": 1, "prompt": 0, "correction": 0, "ordinary": 100}
    assert (seen["accepted_last_minute"], seen["slow_downs_last_minute"]) == (60, 3)
    assert (seen["last_sign"], seen["last_sign_at"]) == ("busy", "2026-04-08T00:00:00Z")
    assert seen["paused_until"] is None  # one of the two goes on
    assert [(part["instance"], part["connections_allowed"], part["pausing"]) for part in seen["dispatchers"]] == [
        ("a", 4, 0),
        ("b", 1, 1),
    ]
    await tell(api, "a", paused_until=LATER + timedelta(minutes=1), pausing=1)
    seen = (await api.client.get(f"{C}/docomo", headers=operator)).json()
    assert (seen["paused_until"], seen["rate"]) == ("2026-04-08T00:30:00Z", None)


async def test_a_carrier_is_paused_paced_and_resumed_by_hand(api: AdminApi, operator: dict[str, str]) -> None:
    paused = await api.client.post(f"{C}/docomo/pause", headers=operator)
    assert (paused.status_code, paused.json()["paused"], paused.json()["paused_until"]) == (200, True, None)
    assert ordered(api) == PaceOrder(paused=True)
    body = {"rate": 5, "connections": 2, "until": LATER.isoformat()}
    paced = await api.client.put(f"{C}/docomo/pace", json=body, headers=operator)
    assert paced.status_code == 200
    assert ordered(api) == PaceOrder(paused=True, rate=5, connections=2, until=LATER)
    seen = (await api.client.get(f"{C}/docomo", headers=operator)).json()
    assert seen["by_hand"] == paced.json()
    assert (await api.client.post(f"{C}/docomo/resume", headers=operator)).status_code == 204
    assert ordered(api) == PaceOrder()
    seen = (await api.client.get(f"{C}/docomo", headers=operator)).json()
    assert seen["by_hand"] is None


async def test_a_pause_for_a_while_ends_and_leaves_the_rest_as_it_was(api: AdminApi, operator: dict[str, str]) -> None:
    await api.client.put(f"{C}/au/pace", json={"connections": 3}, headers=operator)
    await api.client.post(f"{C}/au/pause", json={"until": LATER.isoformat()}, headers=operator)
    assert ordered(api, "au") == PaceOrder(paused=True, paused_until=LATER, connections=3)
    api.clock.forward(timedelta(minutes=31))
    seen = (await api.client.get(f"{C}/au", headers=operator)).json()
    assert (seen["by_hand"]["paused"], seen["by_hand"]["connections"]) == (False, 3)


async def test_a_carrier_of_the_operators_own_is_there_while_a_dispatcher_tells_of_it(
    api: AdminApi, operator: dict[str, str]
) -> None:
    assert (await api.client.post(f"{C}/cityhall/pause", headers=operator)).status_code == 404
    await tell(api, "a", carrier="cityhall")
    items = (await api.client.get(C, headers=operator)).json()["items"]
    assert [item["carrier"] for item in items] == [*CARRIERS, "cityhall"]
    assert (await api.client.post(f"{C}/cityhall/pause", headers=operator)).status_code == 200
    assert ordered(api, "cityhall").paused


async def test_what_makes_no_sense_is_refused(api: AdminApi, operator: dict[str, str]) -> None:
    past = (START - timedelta(minutes=1)).isoformat()
    for method, path, body, status in (
        ("POST", "nowhere/pause", None, 404),
        ("GET", "nowhere", None, 404),
        ("POST", "docomo/pause", {"until": past}, 422),
        ("PUT", "docomo/pace", {}, 422),
        ("PUT", "docomo/pace", {"rate": 0}, 422),
        ("PUT", "docomo/pace", {"connections": 0}, 422),
        ("PUT", "docomo/pace", {"rate": 1, "until": past}, 422),
        ("PUT", "docomo/pace", {"rate": 1, "speed": 2}, 422),
    ):
        answer = await api.client.request(method, f"{C}/{path}", json=body, headers=operator)
        assert (path, answer.status_code) == (path, status)
        assert answer.headers["content-type"] == "application/problem+json"
    assert api.bus.bucket(PACE.name) == {}


async def test_orders_are_in_the_audit_log(api: AdminApi, operator: dict[str, str]) -> None:
    await api.client.post(f"{C}/docomo/pause", json={"until": LATER.isoformat()}, headers=operator)
    await api.client.put(f"{C}/docomo/pace", json={"rate": 2.5}, headers=operator)
    await api.client.post(f"{C}/docomo/resume", headers=operator)
    rows = await api.sql("SELECT actor, action, object, detail::text FROM office.audit_log ORDER BY id DESC LIMIT 3")
    assert [(row["action"], row["object"]) for row in reversed(rows)] == [
        ("carrier.paused", "carrier/docomo"),
        ("carrier.paced", "carrier/docomo"),
        ("carrier.resumed", "carrier/docomo"),
    ]
    assert all(row["actor"].startswith("account/") for row in rows)
    assert "2026-04-08T00:30:00" in rows[2]["detail"]
    assert '"2.5"' in rows[1]["detail"]
    check = (await api.client.get("/v1/audit-check", headers=operator)).json()
    assert check["intact"]


async def test_while_the_bus_is_away_nothing_is_ordered_nor_logged(api: AdminApi, operator: dict[str, str]) -> None:
    before = await api.sql("SELECT count(*) AS n FROM office.audit_log")
    api.bus.away = True
    for method, path in (("GET", C), ("POST", f"{C}/docomo/pause"), ("POST", f"{C}/docomo/resume")):
        answer = await api.client.request(method, path, headers=operator)
        assert (path, answer.status_code, answer.headers.get("retry-after")) == (path, 503, "5")
    assert await api.sql("SELECT count(*) AS n FROM office.audit_log") == before


async def test_two_who_set_it_at_the_same_moment_do_not_undo_each_other(
    api: AdminApi, operator: dict[str, str]
) -> None:
    api.bus.rivals = 1
    answer = await api.client.post(f"{C}/docomo/pause", headers=operator)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:renrakumo:problem:changed-meanwhile")
    rows = await api.sql("SELECT action FROM office.audit_log ORDER BY id DESC LIMIT 1")
    assert rows[0]["action"] != "carrier.paused"
