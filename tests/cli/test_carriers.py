"""`renrakumo carriers`: how each carrier is treated right now, and orders by hand that are in the audit log."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from contracts.base import CARRIERS
from contracts.pace import DispatcherStatus, PaceOrder, PaceState
from contracts.streams import DISPATCHERS, PACE
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.ports import free_port
from renrakumo_cli.main import app
from runtime.bus.client import Bus
from simulator.servers import Databases, run_apart
from tests.admin_api.service import migrate
from tests.runtime.conftest import connected

T = TypeVar("T")


class Deployment:
    """A bus and a general database, with the variables of a deployment set."""

    def __init__(self, nats: NatsServer, databases: Databases) -> None:
        self.nats = nats
        self.databases = databases

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["carriers", *arguments], env={"COLUMNS": "200"})

    def on_bus(self, work: Callable[[Bus], Awaitable[T]], user: str = "operator") -> T:
        async def connect_and_work() -> T:
            bus = await connected(self.nats, user)
            try:
                return await work(bus)
            finally:
                await bus.close()

        return run_apart(connect_and_work)

    def ordered(self, carrier: str) -> PaceOrder:
        value = self.on_bus(lambda bus: bus.kv_get(PACE.name, carrier))
        assert value is not None
        return PaceOrder.model_validate_json(value)

    def audited(self) -> list[tuple[str, str, str]]:
        async def read() -> list[tuple[str, str, str]]:
            connection = await asyncpg.connect(self.databases.general_url("admin_api"))
            rows = await connection.fetch("SELECT actor, action, object FROM office.audit_log ORDER BY id")
            await connection.close()
            return [tuple(row) for row in rows]

        return run_apart(read)

    def tell(self, **state: Any) -> None:
        """A dispatcher tells of docomo."""
        values = {"carrier": "docomo", "connections_limit": 8, "connections_allowed": 4, **state}
        report = DispatcherStatus(
            instance="a", sending_address="mail-1", carriers=(PaceState.model_validate(values),)
        ).model_dump_json()
        self.on_bus(lambda bus: bus.kv_put(DISPATCHERS.name, "a", report.encode()), user="dispatcher")


@pytest.fixture
def deployment(fresh_nats: NatsServer, fresh_databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    migrate(fresh_databases)
    monkeypatch.setenv("RENRAKUMO_GENERAL_DATABASE_URL", fresh_databases.general_url("admin_api"))
    monkeypatch.setenv("RENRAKUMO_CONTENT_KEYS", "k1:Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M=")
    monkeypatch.setenv("RENRAKUMO_NATS_URL", fresh_nats.url)
    monkeypatch.setenv("RENRAKUMO_NATS_PASSWORD_OPERATOR", fresh_nats.passwords["operator"])
    return Deployment(fresh_nats, fresh_databases)


def lines(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {line.split()[0]: line for line in result.stdout.splitlines() if line}


def test_every_carrier_is_a_line_and_a_silent_deployment_is_explained(deployment: Deployment) -> None:
    shown = lines(deployment.run())
    assert set(CARRIERS) <= set(shown)
    assert "does one run?" in shown["No"]


def test_the_state_of_the_dispatchers_is_shown(deployment: Deployment) -> None:
    deployment.tell(
        connections_open=3,
        rate=2.5,
        waiting={"urgent": 2, "ordinary": 70},
        accepted_last_minute=60,
        slow_downs_last_minute=1,
        slowed=1,
        last_sign="busy",
        last_sign_at=datetime.now(UTC),
    )
    line = lines(deployment.run())["docomo"]
    for words in ("slowed", "3 of 4", "2.5", "urgent 2 ordinary 70", "60 taken, 1 signs", "busy at"):
        assert words in line
    first = json.loads(deployment.run("--json").stdout)[0]
    assert (first["carrier"], first["by_hand"]) == ("docomo", None)
    assert (first["dispatchers"][0]["sending_address"], first["dispatchers"][0]["connections_open"]) == ("mail-1", 3)


def test_a_carrier_is_paused_for_a_while_paced_and_resumed(deployment: Deployment) -> None:
    assert "paused until" in deployment.run("pause", "docomo", "--for", "30m").stdout
    order = deployment.ordered("docomo")
    assert order.paused_until is not None
    assert timedelta(minutes=29) < order.paused_until - datetime.now(UTC) <= timedelta(minutes=30)
    paced = deployment.run("pace", "docomo", "--rate", "5", "--connections", "2")
    assert "5 copies/s, 2 connections" in paced.stdout
    order = deployment.ordered("docomo")
    assert (order.paused, order.rate, order.connections, order.until) == (True, 5, 2, None)
    assert "paused until" in lines(deployment.run())["docomo"]
    assert deployment.run("resume", "docomo").exit_code == 0
    assert deployment.ordered("docomo") == PaceOrder()
    assert deployment.audited() == [
        ("command-line", f"carrier.{action}", "carrier/docomo") for action in ("paused", "paced", "resumed")
    ]


def test_what_cannot_be_done_is_said_in_a_line_and_exits_with_1(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments, words in (
        (("pause", "nowhere"), "no such carrier"),
        (("pause", "docomo", "--for", "a while"), "30m"),
        (("pace", "docomo"), "Give a rate"),
    ):
        result = deployment.run(*arguments)
        assert (arguments, result.exit_code) == (arguments, 1)
        assert words in result.stderr
    monkeypatch.setenv("RENRAKUMO_NATS_URL", f"nats://127.0.0.1:{free_port()}")
    for command in ([], ["pause", "docomo"]):
        result = deployment.run(*command)
        assert (command, result.exit_code) == (command, 1)
        assert "the bus refused or could not be reached" in result.stderr
    assert deployment.audited() == []
