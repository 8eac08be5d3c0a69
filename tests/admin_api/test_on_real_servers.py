"""The whole service as its main runs it, on a real bus and database: a unit over REST, a phone post held and sent."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pyotp
from pydantic import BaseModel, SecretStr

from admin_api.accounts import handlers as accounts
from admin_api.app import set_up
from admin_api.kernel.context import Database
from admin_api.settings import SERVICE, Settings
from admin_api.units import handlers as units
from contracts import requests
from contracts.events import Addressee, ConfirmationGiven, MessageApproved, PostClosed, PostHeld, PostRecognised
from contracts.requests import AudienceAsk, AudienceSize, PostAsk, PostContent
from contracts.sealed import MessageContent, RecipientCards, Sealed
from contracts.streams import CONTENT, DIRECTORY, EVENTS
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.ports import free_port
from runtime.bus.client import Bus
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener, Sealer
from runtime.database.engine import create_engine
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator.servers import Databases
from tests.admin_api.service import KEYS, migrate, settings


async def connected(server: NatsServer, user: str) -> Bus:
    login = ServiceSettings(
        nats_url=server.url,
        nats_user=user,
        nats_password=SecretStr(server.passwords[user]),
        base_domain="renrakumo.example",
        health_port=0,
    )
    return await Bus.connect(login, name=user, on_closed=lambda: None)


@contextlib.asynccontextmanager
async def running(values: Settings) -> AsyncIterator[None]:
    service = Service(SERVICE, values)
    life = asyncio.create_task(service.live(lambda each: set_up(each, values)))
    try:
        yield
    finally:
        service.stop.set()
        assert await life == 0


async def until(look: Callable[[], Awaitable[Any]]) -> Any:
    """What `look` gives, as soon as it gives something."""
    async with asyncio.timeout(30):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.05)


# Slow: the whole service is started on both servers.
async def test_a_unit_over_rest_and_a_phone_post_held_confirmed_and_sent(
    fresh_nats: NatsServer, fresh_databases: Databases
) -> None:
    migrate(fresh_databases)
    port = free_port()
    values = settings(fresh_databases).model_copy(
        update={
            "nats_url": fresh_nats.url,
            "nats_password": SecretStr(fresh_nats.passwords[SERVICE]),
            "web_port": port,
            "health_port": 0,
        }
    )
    engine = create_engine(values.general_database_url, service="test")
    database = Database.open(engine, FieldCipher(values.content_keys))
    await units.create(database, "test", "sakura", "さくら小学校", receipts=True)
    account = await accounts.create(database, "test", login="kocho", role="administrator", unit="sakura")
    await engine.dispose()
    registry, receipts, operator = [await connected(fresh_nats, user) for user in ("registry", "receipts", "operator")]

    async def post(ask: PostAsk) -> BaseModel:
        return PostContent(subject="遠足", text="無事に着きました。")

    async def audience(ask: AudienceAsk) -> BaseModel:
        return AudienceSize(people=3, copies=3)

    await registry.serve(requests.POST, PostAsk, post, queue="registry")
    await registry.serve(requests.AUDIENCE, AudienceAsk, audience, queue="registry")
    to = Addressee(
        recipient=Sealer(values.seal_public_keys).seal(RecipientCards(cards=()), "dispatcher"),
        carrier="docomo",
        sender_key="a" * 64,
    )

    async with running(values), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:

        async def answers() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await web.get("/openapi.json")).status_code == 200
            return False

        await until(answers)
        login = {
            "login": "kocho",
            "password": account.password,
            "totp": pyotp.TOTP(account.totp_secret).now(),
        }
        token = (await web.post("/v1/session", json=login)).json()["token"]
        web.headers["Authorization"] = f"Bearer {token}"
        created = await web.post("/v1/units/sakura/groups", json={"code": "xx1", "name": "1年"})
        assert created.status_code == 201

        async def in_directory() -> bool:
            entry = await operator.kv_get(DIRECTORY.name, "unit.sakura")
            return entry is not None and "xx1" in json.loads(entry)["groups"]

        await until(in_directory)
        recognised = PostRecognised(
            id="in-1/post-recognised",
            occurred_at=datetime.now(UTC),
            unit="sakura",
            group="xx1",
            post=501,
            poster=11,
            to=to,
        )
        await registry.publish(recognised)
        held = PostHeld.model_validate_json((await until(lambda: operator.last(EVENTS.name, PostHeld.name))).data)
        assert (held.recipients, held.to) == (3, to)
        given = ConfirmationGiven(
            id="in-2/confirmed",
            occurred_at=datetime.now(UTC),
            unit="sakura",
            kind="post",
            message_ref=held.message,
            recipient_ref=11,
            issued_at=datetime.now(UTC),
        )
        await receipts.publish(given)
        closed = await until(lambda: operator.last(EVENTS.name, PostClosed.name))
        assert PostClosed.model_validate_json(closed.data).outcome == "sent"
        approved = MessageApproved.model_validate_json(
            (await until(lambda: operator.last(EVENTS.name, MessageApproved.name))).data
        )
        assert approved.message == held.message
        sealed = await operator.kv_get(CONTENT.name, approved.content_key)
        assert sealed is not None
        opener = Opener("dispatcher", KeyRing({"k1": KEYS["dispatcher"]}))
        content = opener.open(Sealed.model_validate_json(sealed), MessageContent)
        assert (content.subject, content.text) == ("遠足", "無事に着きました。")
        seen = (await web.get(f"/v1/units/sakura/messages/{held.message}")).json()
        assert (seen["state"], seen["text"]) == ("approved", "無事に着きました。")

    told = await operator.last(EVENTS.name, PostHeld.name)
    assert told is not None
    for word in ("遠足", "無事"):
        assert word.encode() not in told.data + base64.b64decode(held.excerpt.box)
    for bus in (registry, receipts, operator):
        await bus.close()
