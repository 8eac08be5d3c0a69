"""The info site as a process would run it: real database, real bus, and a database that goes away."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from board.model import japanese_day
from contracts.events import InboundUnsubscribe
from info_site.app import set_up
from info_site.settings import SERVICE, Settings
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator.servers import Databases
from tests.info_site.test_unsubscribing import ONE_CLICK, TOKEN
from tests.support import office


async def fill(databases: Databases) -> None:
    now = datetime.now(UTC)
    today = japanese_day(now)
    async with office.tables_of(databases) as tables:
        await tables.add_unit("aoba", "あおば小学校", groups=("xx1",))
        hour_ago = now - timedelta(hours=1)
        await tables.add_notice("aoba", "運動会は体育館で", at=hour_ago)
        await tables.add_notice("aoba", "一組だけのお知らせ", group="xx1", at=hour_ago)
        await tables.add_notice("aoba", "過ぎたお知らせ", at=now - timedelta(days=2), expires=now - timedelta(days=1))
        await tables.add_event("aoba", "遠足", today + timedelta(days=1))
        await tables.add_event("aoba", "一組の会", today, group="xx1")
        await tables.add_event("aoba", "入学式", today)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_of(databases: Databases, nats_url: str, password: str, port: int) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": nats_url,
            "nats_user": SERVICE,
            "nats_password": password,
            "base_domain": "example.test",
            "health_port": 0,
            "general_database_url": databases.general_url("info_site"),
            "info_port": port,
            "news_refresh": 0.1,
        }
    )


@asynccontextmanager
async def running(settings: Settings, exit_code: int = 0) -> AsyncIterator[Service]:
    service = Service(SERVICE, settings)
    life = asyncio.create_task(service.live(lambda each: set_up(each, settings)))
    try:
        yield service
    finally:
        service.stop.set()
        assert await asyncio.wait_for(life, 30) == exit_code


async def eventually(look: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await look():  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(0.05)


async def fetch(port: int, path: str) -> httpx.Response | None:
    async with httpx.AsyncClient() as client:
        try:
            return await client.get(f"http://127.0.0.1:{port}{path}")
        except httpx.TransportError:
            return None


async def test_the_page_shows_what_the_office_made_public(
    migrated_databases: Databases, nats_server: NatsServer
) -> None:
    await fill(migrated_databases)
    port = free_port()
    password = nats_server.passwords[SERVICE]
    async with running(settings_of(migrated_databases, nats_server.url, password, port)) as service:

        async def shown() -> bool:
            answer = await fetch(port, "/aoba/")
            return answer is not None and answer.status_code == 200

        await eventually(shown)
        answer = await fetch(port, "/aoba/")
        assert answer is not None
        assert [title in answer.text for title in ("運動会は体育館で", "遠足", "入学式")] == [True] * 3
        assert [title in answer.text for title in ("一組だけ", "過ぎた", "一組の会")] == [False] * 3

        async def ready() -> bool:
            return await service.health.report() == {"startup": "ok", "schema": "ok", "news": "ok", "bus": "ok"}

        await eventually(ready)
        async with office.tables_of(migrated_databases) as tables:
            await tables.add_notice("aoba", "休校です")

        async def changed() -> bool:
            answer = await fetch(port, "/aoba/")
            return answer is not None and "休校です" in answer.text

        await eventually(changed)
        async with httpx.AsyncClient() as client:
            said = await client.post(f"http://127.0.0.1:{port}/u/aoba/{TOKEN}", data=ONE_CLICK)
        assert said.status_code == 200
        operator = ServiceSettings.model_validate(
            {
                "nats_url": nats_server.url,
                "nats_user": "operator",
                "nats_password": nats_server.passwords["operator"],
                "base_domain": "example.test",
                "health_port": 0,
            }
        )
        bus = await Bus.connect(operator, name="operator", on_closed=lambda: None)
        stored = await bus.last("INBOUND", InboundUnsubscribe.name)
        await bus.close()
        assert stored is not None
        assert InboundUnsubscribe.model_validate_json(stored.data).token == TOKEN


async def test_the_pages_do_not_wait_for_the_bus(migrated_databases: Databases) -> None:
    await fill(migrated_databases)
    port = free_port()
    nowhere = f"nats://127.0.0.1:{free_port()}"
    async with running(settings_of(migrated_databases, nowhere, "x", port)) as service:

        async def shown() -> bool:
            answer = await fetch(port, "/aoba/")
            return answer is not None and answer.status_code == 200

        await eventually(shown)
        assert (await service.health.report())["bus"] != "ok"


# Slow: the tables are made, and looked for each second.
async def test_without_the_offices_tables_pages_ask_for_patience_and_readyz_says_what_to_do(
    fresh_databases: Databases, nats_server: NatsServer
) -> None:
    port = free_port()
    settings = settings_of(fresh_databases, nats_server.url, nats_server.passwords[SERVICE], port)
    async with running(settings) as service:

        async def told() -> bool:
            return "run `renrakumo database upgrade`" in (await service.health.report()).get("schema", "")

        async def patience() -> bool:
            answer = await fetch(port, "/aoba/")
            return answer is not None and answer.status_code == 503

        await eventually(told)
        await eventually(patience)
        await asyncio.to_thread(office.migrate, fresh_databases)
        await fill(fresh_databases)

        async def shown() -> bool:
            answer = await fetch(port, "/aoba/")
            return answer is not None and "運動会は体育館で" in answer.text

        await eventually(shown)
        assert (await service.health.report())["schema"] == "ok"


async def test_a_port_in_use_is_told_with_the_variable_to_change(
    migrated_databases: Databases, nats_server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        settings = settings_of(migrated_databases, nats_server.url, nats_server.passwords[SERVICE], port)
        async with running(settings, exit_code=78) as service:
            await asyncio.wait_for(service.stop.wait(), 30)
    assert f"Port {port} is already in use. Set RENRAKUMO_INFO_PORT to another port." in capsys.readouterr().err
