"""The whole service on a real bus and a real database: events in, ledger and events out."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from contracts.base import Event
from contracts.events import AnswerRecorded, ConfirmationGiven, DeadLetter, InboundUnsubscribe
from mail.tokens import TokenKind
from receipts.app import set_up
from receipts.settings import SERVICE, Settings
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.ids import new_id
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator.servers import Databases
from tests.receipts.conftest import NOW, House, letter, prepare
from tests.receipts.handlers.test_copies import planned, settled


def settings_of(house: House, nats: NatsServer) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": nats.url,
            "nats_user": SERVICE,
            "nats_password": nats.passwords[SERVICE],
            "base_domain": "example.test",
            "health_port": 0,
            "general_database_url": house.databases.general_url("receipts"),
            "token_keys": f"k1:{base64.b64encode(house.token_key).decode()}",
            "content_keys": house.content_keys,
            "seal_private_keys": house.private,
            "seal_public_keys": house.public,
        }
    )


async def connected(nats: NatsServer, user: str) -> Bus:
    settings = ServiceSettings.model_validate(
        {
            "nats_url": nats.url,
            "nats_user": user,
            "nats_password": nats.passwords[user],
            "base_domain": "example.test",
            "health_port": 0,
        }
    )
    return await Bus.connect(settings, name=user, on_closed=lambda: None)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    service = Service(SERVICE, settings)
    life = asyncio.create_task(service.live(lambda each: set_up(each, settings)))
    try:
        yield service
    finally:
        service.stop.set()
        assert await asyncio.wait_for(life, 30) == 0


async def eventually(look: Callable[[], Awaitable[Any]]) -> Any:
    async with asyncio.timeout(30):
        while not (found := await look()):  # noqa: ASYNC110 (another process changes it)
            await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def house(fresh_databases: Databases) -> AsyncIterator[House]:
    prepare(fresh_databases)
    house = House(fresh_databases)
    yield house
    await house.engine.dispose()


async def test_a_reply_on_the_bus_becomes_a_recorded_answer(house: House, fresh_nats: NatsServer) -> None:
    message, copy = await house.sent(), new_id()
    operator = await connected(fresh_nats, "operator")

    async def said(model: type[Event], stream: str, subject: str = "") -> Any:
        stored = await operator.last(stream, subject or model.name)
        return stored and model.model_validate_json(stored.data)

    ingress = await connected(fresh_nats, "ingress-smtp")
    info_site = await connected(fresh_nats, "info-site")
    async with running(settings_of(house, fresh_nats)) as service:
        await operator.publish(settled(house, message, [copy], "delivered", attempt=1))
        await operator.publish(planned(house, message, [copy]))
        await eventually(lambda: house.rows("SELECT 1 FROM ledger.copies WHERE member IS NOT NULL"))
        assert (await house.copy(copy))["state"] == "delivered"

        reply = house.reply(house.token(TokenKind.ANSWER, message, copy), letter("せきあり\n"))
        await ingress.publish(reply)
        recorded = await eventually(lambda: said(AnswerRecorded, "EVENTS"))
        assert (recorded.message, recorded.copy_ref, recorded.choice) == (message, copy, 2)
        assert recorded.member == copy + 1
        # Given once more with another number on the bus, as when an acknowledgement was lost.
        await ingress.publish(reply, msg_id="again")

        token = house.token(TokenKind.UNSUBSCRIBE, message, copy)
        press = InboundUnsubscribe(
            id=f"unsubscribe-{house.unit}-{token}", occurred_at=NOW, unit=house.unit, token=token
        )
        await info_site.publish(press)
        given = await eventually(lambda: said(ConfirmationGiven, "EVENTS"))
        assert (given.kind, given.recipient_ref) == ("unsubscribe", copy)

        elsewhere = reply.model_copy(update={"id": "of-another-unit", "unit": "midori"})
        await ingress.publish(elsewhere)
        dead = await eventually(lambda: said(DeadLetter, "DEADLETTERS", "dead.receipts"))
        assert "token_not_ours" in dead.reason

        report = await service.health.report()
        assert report == {"startup": "ok", "database": "ok", "schema": "ok", "bus": "ok"}
    assert len(await house.answers(message)) == 1
    for bus in (operator, ingress, info_site):
        await bus.close()
