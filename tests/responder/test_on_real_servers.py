"""The whole service on a real nats-server and a real PostgreSQL: an event goes in, a batch for dispatcher comes out."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import pytest

from board.model import japanese_day
from contracts import directory as contract
from contracts.base import Event
from contracts.events import Automatic, DeliveryBatch, RegistrationOpened
from contracts.streams import DELIVERY, DIRECTORY, RECENT_AUTOMATIC_MAIL
from renrakumo_cli.local.nats import NatsServer
from responder.app import set_up
from responder.limits import AnswerLimit, PerHour
from responder.settings import SERVICE, Settings
from runtime.bus.client import Bus
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator.servers import Databases
from tests.responder.harness import BASE, PUBLIC, SCHOOL, SENDER_KEY, ComposedMail, ask, opened, to
from tests.support import office as office_tables


async def connected(server: NatsServer, user: str) -> Bus:
    settings = ServiceSettings.model_validate(
        {
            "nats_url": server.url,
            "nats_user": user,
            "nats_password": server.passwords[user],
            "base_domain": BASE,
            "health_port": 0,
        }
    )
    return await Bus.connect(settings, name=user, on_closed=lambda: None)


@contextlib.asynccontextmanager
async def running(server: NatsServer, database_url: str) -> AsyncIterator[Service]:
    """The service as its main runs it, until the end of the block."""
    settings = Settings.model_validate(
        {
            "nats_url": server.url,
            "nats_user": SERVICE,
            "nats_password": server.passwords[SERVICE],
            "base_domain": BASE,
            "health_port": 0,
            "general_database_url": database_url,
            "seal_public_keys": PUBLIC,
            "answers_per_hour": 2,
            "news_refresh": 0.1,
        }
    )
    service = Service(SERVICE, settings)
    life = asyncio.create_task(service.live(lambda each: set_up(each, settings)))
    try:
        yield service
    finally:
        service.stop.set()
        assert await life == 0


async def batches(eyes: Bus, carrier: str, number: int) -> list[ComposedMail]:
    """The batches for a carrier, oldest first, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            state = (await eyes.jetstream.stream_info(DELIVERY.name)).state
            found = []
            for sequence in range(max(1, state.first_seq), state.last_seq + 1):
                message = await eyes.jetstream.get_msg(DELIVERY.name, sequence)
                if message.subject == f"delivery.prompt.{carrier}":
                    found.append(opened(DeliveryBatch.model_validate_json(message.data or b"")))
            if len(found) >= number:
                return found
            await asyncio.sleep(0.05)


async def test_events_become_batches_and_the_limit_counts_on_the_bus(
    fresh_nats: NatsServer, migrated_databases: Databases
) -> None:
    office, eyes = await connected(fresh_nats, "admin-api"), await connected(fresh_nats, "operator")
    await office.kv_put(DIRECTORY.name, contract.key("minami"), SCHOOL.model_dump_json().encode())
    event = RegistrationOpened(
        id="reg-1",
        occurred_at=datetime.now(UTC),
        unit="minami",
        group="1nen",
        registration=11,
        named=True,
        to=to(understood="15 山田 太郎 母"),
    )
    async with running(fresh_nats, migrated_databases.general_url("responder")):
        for number in range(4):
            await eyes.publish(event.model_copy(update={"id": f"reg-{number}"}))
        await eyes.publish(ask(50, automatic=Automatic(reply_allowed=False)))
        other = to().model_copy(update={"sender_key": "cd" * 32})
        await eyes.publish(event.model_copy(update={"id": "reg-last", "to": other}))
        found = await batches(eyes, "docomo", 3)
    assert {mail.subject for mail in found} == {"【みなみ小学校】登録のご案内"}
    assert len(found) == 3
    assert "auto-reg-last" in {mail.batch.batch for mail in found}
    for each in (office, eyes):
        await each.close()


async def test_the_news_come_from_the_database_and_stay_when_it_is_gone(
    fresh_nats: NatsServer, migrated_databases: Databases
) -> None:
    office, eyes = await connected(fresh_nats, "admin-api"), await connected(fresh_nats, "operator")
    await office.kv_put(DIRECTORY.name, contract.key("minami"), SCHOOL.model_dump_json().encode())
    now = datetime.now(UTC)

    def question(number: int) -> Event:
        return ask(number, group="1nen").model_copy(update={"sender_key": f"{number:064x}"})

    async with office_tables.tables_of(migrated_databases) as tables:
        hour_ago, tomorrow = now - timedelta(hours=1), now + timedelta(days=1)
        await tables.add_unit("minami", groups=("1nen", "2nen"))
        await tables.add_notice("minami", "プール開き", at=now - timedelta(days=1))
        await tables.add_notice("minami", "1年の持ち物", group="1nen", at=hour_ago, expires=tomorrow)
        await tables.add_notice("minami", "2年の持ち物", group="2nen", at=hour_ago)
        today = japanese_day(now)
        await tables.add_event("minami", "作品展", today, ends=today + timedelta(days=2), at=time(10), place="体育館")
        await tables.execute("REVOKE SELECT ON office.public_board_changes FROM renrakumo_responder")
    async with running(fresh_nats, migrated_databases.general_url("responder")) as service:
        await eyes.publish(question(0))  # asked before the boards can be read: answered when they have been
        async with office_tables.tables_of(migrated_databases) as tables:
            await tables.execute("GRANT SELECT ON office.public_board_changes TO renrakumo_responder")
        first = (await batches(eyes, "docomo", 1))[0]
        for words in ("プール開き", "1年の持ち物", "10:00 作品展（体育館）"):
            assert words in first.content.text
        assert "2年の持ち物" not in first.content.text
        migrated_databases.server.drop(migrated_databases.general)
        await eyes.publish(question(1))
        second = (await batches(eyes, "docomo", 2))[1]
        assert "プール開き" in second.content.text
        report = await service.health.report()
        assert report == {"startup": "ok", "bus": "ok", "directory": "ok", "schema": "ok", "news": "ok"}
    for each in (office, eyes):
        await each.close()


# Slow: a question that can't be answered yet is tried again after five seconds.
async def test_without_the_offices_tables_news_wait_and_guides_do_not(
    fresh_nats: NatsServer, fresh_databases: Databases
) -> None:
    office, eyes = await connected(fresh_nats, "admin-api"), await connected(fresh_nats, "operator")
    await office.kv_put(DIRECTORY.name, contract.key("minami"), SCHOOL.model_dump_json().encode())
    entry = RegistrationOpened(
        id="reg-1", occurred_at=datetime.now(UTC), unit="minami", group="1nen", registration=11, named=True, to=to()
    )
    async with running(fresh_nats, fresh_databases.general_url("responder")) as service:
        await eyes.publish(ask(1, group="1nen"))
        await eyes.publish(entry)
        (guide,) = await batches(eyes, "docomo", 1)
        assert guide.subject == "【みなみ小学校】登録のご案内"
        assert "run `renrakumo database upgrade`" in (await service.health.report())["schema"]
        await asyncio.to_thread(office_tables.migrate, fresh_databases)
        assert "最新のお知らせ" in (await batches(eyes, "docomo", 2))[1].subject
        assert (await service.health.report())["schema"] == "ok"
    for each in (office, eyes):
        await each.close()


async def test_two_processes_never_answer_more_than_the_limit_together(nats_server: NatsServer) -> None:
    buses = [await connected(nats_server, SERVICE) for _ in range(2)]
    now = datetime.now(UTC)
    limits = [AnswerLimit(bus, PerHour(proven=3, unproven=3)) for bus in buses]
    allowed = await asyncio.gather(
        *(limits[each % 2].allow(SENDER_KEY, f"e{each}", now, about="guide", proven=True) for each in range(8))
    )
    assert sum(allowed) == 3
    entry = await buses[0].kv_entry(RECENT_AUTOMATIC_MAIL.name, SENDER_KEY)
    assert entry is not None
    assert len(json.loads(entry.value)) == 3
    winners = [f"e{each}" for each in range(8) if allowed[each]]
    assert await limits[0].allow(SENDER_KEY, winners[0], now, about="guide", proven=True)
    for bus in buses:
        await bus.close()


def test_settings_without_the_dispatchers_key_are_refused() -> None:
    with pytest.raises(ValueError, match="dispatcher"):
        Settings.model_validate({"seal_public_keys": {}})
