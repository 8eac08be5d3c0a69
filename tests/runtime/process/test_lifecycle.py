"""A service's life: what its health shows, how it stops, and with which exit code."""

import asyncio
import json
import os
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable

import pytest

from renrakumo_cli.local.nats import NatsServer
from runtime.database.engine import check, create_engine
from runtime.errors import BusUnavailable
from runtime.process.health import Health
from runtime.process.lifecycle import Service
from runtime.process.ports import PortTaken, bind_error, listen
from runtime.settings import ServiceSettings
from tests.runtime.conftest import settings_for


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def ask(port: int, path: str) -> tuple[int, str]:
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.to_thread(get, port, path)
            except urllib.error.URLError:
                await asyncio.sleep(0.05)


def settings(port: int, server: NatsServer | None = None) -> ServiceSettings:
    if server is not None:
        return settings_for(server).model_copy(update={"health_port": port})
    return ServiceSettings(
        nats_url="nats://127.0.0.1:1",
        nats_user="x",
        nats_password="s3cret",  # type: ignore[arg-type]
        base_domain="example.test",
        health_port=port,
    )


async def nothing(_: Service) -> None:
    return None


async def test_readiness_names_each_dependency_and_its_reason() -> None:
    health, port, stop = Health(), free_port(), asyncio.Event()

    async def well() -> None:
        return None

    async def away() -> None:
        raise BusUnavailable("bus_disconnected")

    health.add("bus", well)
    server = asyncio.create_task(health.serve("127.0.0.1", port, stop))
    assert await ask(port, "/readyz") == (200, '{"status": "ready", "dependencies": {"bus": "ok"}}')
    health.add("database", lambda: check(create_engine("postgresql://role:s3cret@127.0.0.1:1/d", service="x")))
    health.add("bus", away)
    status, body = await ask(port, "/readyz")
    assert status == 503
    report = json.loads(body)
    assert report["status"] == "unready"
    assert report["dependencies"] == {"bus": "BusUnavailable: bus_disconnected", "database": "refused"}
    assert (await ask(port, "/healthz"))[0] == 200
    assert "renrakumo_bus_connected" in (await ask(port, "/metrics"))[1]
    assert (await ask(port, "/else"))[0] == 404
    stop.set()
    await asyncio.wait_for(server, 10)


async def test_a_service_is_up_but_unready_while_it_waits_for_the_bus() -> None:
    port = free_port()
    service = Service("registry", settings(port))

    async def setup(service: Service) -> None:
        await service.connect_bus()

    life = asyncio.create_task(service.live(setup))
    status, body = await ask(port, "/readyz")
    assert status == 503
    assert json.loads(body)["dependencies"]["bus"] == "refused"
    assert "s3cret" not in body
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(life, 20) == 0


async def test_a_signal_stops_in_stages_and_ends_with_zero(nats_server: NatsServer) -> None:
    port, order = free_port(), list[str]()
    service = Service("operator", settings(port, nats_server))

    async def work(stop: asyncio.Event) -> None:
        await stop.wait()
        await asyncio.sleep(0.1)  # work that takes a moment: whoever doesn't wait for it closes before
        order.append("finished what was in flight")

    def closing(what: str) -> Callable[[], Awaitable[None]]:
        async def close() -> None:
            order.append(f"closed {what}")

        return close

    async def setup(service: Service) -> None:
        service.on_close(closing("database"))
        bus = await service.connect_bus()
        service.on_close(closing("cache"))
        service.task("work", work)
        assert bus.ready

    life = asyncio.create_task(service.live(setup))
    async with asyncio.timeout(10):
        while (await ask(port, "/readyz"))[0] != 200:  # noqa: ASYNC110 (asked over HTTP, as an orchestrator does)
            await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await asyncio.wait_for(life, 20) == 0
    assert order == ["finished what was in flight", "closed cache", "closed database"]


async def test_a_task_that_dies_ends_the_process_with_one() -> None:
    async def dies(_: asyncio.Event) -> None:
        raise KeyError("x")

    async def ends(_: asyncio.Event) -> None:
        return None

    for work in (dies, ends):
        service = Service("registry", settings(free_port()))
        service.task("work", work)
        assert await asyncio.wait_for(service.live(nothing), 20) == 1


async def test_a_setup_that_fails_ends_the_process_with_one() -> None:
    async def setup(_: Service) -> None:
        raise ValueError

    assert await asyncio.wait_for(Service("registry", settings(free_port())).live(setup), 20) == 1


async def test_a_bus_closed_for_good_ends_the_process_with_one(nats_server: NatsServer) -> None:
    service = Service("operator", settings(free_port(), nats_server))

    async def setup(service: Service) -> None:
        bus = await service.connect_bus()

        async def lose_it(stop: asyncio.Event) -> None:
            await bus.client.close()
            await stop.wait()

        service.task("lose", lose_it)

    assert await asyncio.wait_for(service.live(setup), 20) == 1


async def test_a_taken_port_is_told_with_the_variable_to_change(capsys: pytest.CaptureFixture[str]) -> None:
    taken = listen("127.0.0.1", 0, "RENRAKUMO_X_PORT")
    port = int(taken.getsockname()[1])
    try:
        with pytest.raises(PortTaken):
            listen("127.0.0.1", port, "RENRAKUMO_SMTP_PORT")
        assert await asyncio.wait_for(Service("registry", settings(port)).live(nothing), 20) == 78
        assert f"Port {port} is already in use. Set RENRAKUMO_HEALTH_PORT" in capsys.readouterr().err
    finally:
        taken.close()
    assert isinstance(bind_error(25, "RENRAKUMO_SMTP_PORT"), SystemExit)
