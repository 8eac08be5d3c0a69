"""The local stack: starts in order, restarts who dies, tells each child only its own, and leaves nothing behind."""

import asyncio
import dataclasses
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from renrakumo_cli.local import probe
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.paths import LocalError, repository_root
from renrakumo_cli.local.services import SERVICES
from renrakumo_cli.local.stack import LocalStack
from renrakumo_cli.secret_store import SECRET_VARIABLES

FAKES = tuple(dataclasses.replace(spec, module="tests.support.fake_service") for spec in SERVICES)
EXTRA = {spec.name: {"PYTHONPATH": str(repository_root())} for spec in SERVICES}


def trial(state: Path, extra: dict[str, dict[str, str]] | None = None, **settings: str) -> LocalStack:
    said = {name: {**EXTRA[name], **(extra or {}).get(name, {})} for name in EXTRA}
    return LocalStack(Configuration.for_trial(state, settings), services=FAKES, owners=(), extra=said)


# Slow: both servers and all stand-ins are started and stopped for each test.
@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """A running stack whose services are stand-ins; servers and streams are real."""
    running = trial(tmp_path)
    await running.start()
    yield running
    await running.stop()


async def told(stack: LocalStack, service: str) -> dict[str, str]:
    _, body = await probe.ask(stack.health_port(service), "/variables")
    variables: dict[str, str] = json.loads(body)
    return variables


async def started_again(stack: LocalStack, name: str, before: int) -> None:
    async with asyncio.timeout(20):
        while stack.starts(name) == before:  # noqa: ASYNC110  a process of its own sets no event
            await asyncio.sleep(0.05)


async def test_every_service_is_told_its_own_secrets_and_no_others(stack: LocalStack) -> None:
    for spec in SERVICES:
        variables = await told(stack, spec.name)
        own = stack.secrets.environment(spec.name)
        assert {name for name in variables if name in SECRET_VARIABLES} == set(own)
        assert variables["RENRAKUMO_NATS_USER"] == spec.name
        others = {
            value
            for other in SERVICES
            if other.name != spec.name
            for name, value in stack.secrets.environment(other.name).items()
            if name not in own
        }
        assert not others & set(variables.values())


async def test_only_the_registry_learns_where_persons_are_kept(stack: LocalStack) -> None:
    knowing = [spec.name for spec in SERVICES if "RENRAKUMO_PERSONAL_DATABASE_URL" in await told(stack, spec.name)]
    assert knowing == ["registry"]
    assert "RENRAKUMO_GENERAL_DATABASE_URL" not in await told(stack, "registry")


async def test_a_killed_service_comes_back(stack: LocalStack) -> None:
    before, killed = stack.starts("receipts"), stack.pid("receipts")
    stack.kill("receipts", signal.SIGKILL)
    await started_again(stack, "receipts", before)
    await stack.ready("receipts")
    assert stack.pid("receipts") != killed


async def test_a_halted_service_stays_away_until_it_is_resumed(stack: LocalStack) -> None:
    await stack.halt("dispatcher")
    assert await probe.ask(stack.health_port("dispatcher"), "/readyz") == (0, "")
    await stack.resume("dispatcher")
    await stack.ready("dispatcher")


async def test_databases_survive_a_kill_of_postgresql(stack: LocalStack) -> None:
    url = stack.database_url("admin_api")
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE office.kept AS SELECT 1 AS number")
    await stack.restart_postgres(first=signal.SIGKILL)
    connection.terminate()
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT number FROM office.kept") == 1
    await connection.close()


async def test_the_bus_comes_back_by_itself_after_a_kill(stack: LocalStack) -> None:
    before, killed = stack.starts("nats"), stack.pid("nats")
    stack.kill("nats", signal.SIGKILL)
    await started_again(stack, "nats", before)
    back = stack.pid("nats")
    assert back != killed
    await stack.restart_nats()
    assert stack.pid("nats") not in (killed, back)


# Slow: all services are started and asked to stop.
async def test_stopping_asks_every_service_and_leaves_no_process(tmp_path: Path) -> None:
    stack = trial(tmp_path)
    await stack.start()
    pids = [stack.pid(name) for name in (*(spec.name for spec in SERVICES), "nats", "postgres")]
    await stack.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert all("asked to stop" in stack.log_path(spec.name).read_text() for spec in SERVICES)


# Slow: both servers are started twice.
async def test_secrets_and_data_are_the_same_after_a_second_start(tmp_path: Path) -> None:
    first = trial(tmp_path)
    await first.start()
    secrets = (tmp_path / "secrets" / "stack.json").read_text()
    await first.stop()
    second = trial(tmp_path)
    await second.start()
    await second.stop()
    assert (tmp_path / "secrets" / "stack.json").read_text() == secrets


async def test_a_port_in_use_is_told_with_the_variable_that_moves_it(tmp_path: Path) -> None:
    stack = trial(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.port("RENRAKUMO_SMTP_PORT")))
        other.listen()
        with pytest.raises(LocalError, match=r"port \d+ is in use: set RENRAKUMO_SMTP_PORT"):
            await stack.start()
    assert not (tmp_path / "postgres").exists()


async def test_two_stacks_do_not_share_a_folder(stack: LocalStack, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="another stack runs"):
        await trial(tmp_path).start()


# Slow: the servers and a service are started.
async def test_a_service_that_refuses_its_settings_ends_the_start_with_its_own_words(tmp_path: Path) -> None:
    stack = trial(tmp_path, {"responder": {"RENRAKUMO_FAKE_REFUSES_SETTINGS": "yes"}})
    with pytest.raises(LocalError, match=r"responder ended with code 78[\s\S]*RENRAKUMO_SOMETHING is not set"):
        await stack.start()
    assert not (tmp_path / "running.json").exists()


async def test_a_service_that_dies_of_its_settings_later_is_reported_and_not_repeated(stack: LocalStack) -> None:
    await probe.ask(stack.health_port("info-site"), "/end/78")
    with pytest.raises(LocalError, match="info-site does not accept its settings"):
        async with asyncio.timeout(20):
            await stack.failed()
