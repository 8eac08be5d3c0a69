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
from tests.receipts.conftest import NOW, Harness, plain_mail, prepare
from tests.receipts.handlers.test_copies import planned, settled


def settings_of(harness: Harness, nats: NatsServer) -> Settings:
    return Settings.model_validate(
        {
            "nats_url": nats.url,
            "nats_user": SERVICE,
            "nats_password": nats.passwords[SERVICE],
            "base_domain": "example.test",
            "health_port": 0,
            "general_database_url": harness.databases.general_url("receipts"),
            "token_keys": f"k1:{base64.b64encode(harness.token_key).decode()}",
            "content_keys": harness.content_keys,
            "seal_private_keys": harness.private,
            "seal_public_keys": harness.public,
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
async def harness(fresh_databases: Databases) -> AsyncIterator[Harness]:
    prepare(fresh_databases)
    harness = Harness(fresh_databases)
    yield harness
    await harness.engine.dispose()


async def test_a_reply_on_the_bus_becomes_a_recorded_answer(harness: Harness, fresh_nats: NatsServer) -> None:
    message, copy = await harness.sent(), new_id()
    operator = await connected(fresh_nats, "operator")

    async def said(model: type[Event], stream: str, subject: str = "") -> Any:
        stored = await operator.last(stream, subject or model.name)
        return stored and model.model_validate_json(stored.data)

    ingress = await connected(fresh_nats, "ingress-smtp")
    info_site = await connected(fresh_nats, "info-site")
    async with running(settings_of(harness, fresh_nats)) as service:
        await operator.publish(settled(harness, message, [copy], "delivered", attempt=1))
        await operator.publish(planned(harness, message, [copy]))
        await eventually(lambda: harness.rows("SELECT 1 FROM ledger.copies WHERE member IS NOT NULL"))
        assert (await harness.copy(copy))["state"] == "delivered"

        reply = harness.reply(harness.token(TokenKind.ANSWER, message, copy), plain_mail("せきあり\n"))
        await ingress.publish(reply)
        recorded = await eventually(lambda: said(AnswerRecorded, "EVENTS"))
        assert (recorded.message, recorded.copy_ref, recorded.choice) == (message, copy, 2)
        assert recorded.member == copy + 1
        # Given once more with another number on the bus, as when an acknowledgement was lost.
        await ingress.publish(reply, msg_id="again")

        token = harness.token(TokenKind.UNSUBSCRIBE, message, copy)
        press = InboundUnsubscribe(
            id=f"unsubscribe-{harness.unit}-{token}", occurred_at=NOW, unit=harness.unit, token=token
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
    assert len(await harness.answers(message)) == 1
    for bus in (operator, ingress, info_site):
        await bus.close()
