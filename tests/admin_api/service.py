"""admin-api for tests: real PostgreSQL, the real application through ASGI, and the fakes of registry and bus."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast

import asyncpg
import httpx
import pyotp
from nacl.public import PrivateKey
from pydantic import BaseModel, SecretStr

from admin_api.accounts import handlers as accounts
from admin_api.accounts.model import Credentials
from admin_api.app import build
from admin_api.kernel.context import Context
from admin_api.kernel.roles import Role
from admin_api.settings import Settings
from admin_api.web import application
from contracts.sealed import Sealed
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from runtime.settings import SecretKey
from simulator.servers import Databases
from tests.support import fake_registry
from tests.support.fake_bus import FakeBus

R = TypeVar("R", bound=BaseModel)
START = datetime(2026, 4, 8, 0, 0, tzinfo=UTC)
KEYS = {
    service: bytes(PrivateKey(bytes([number]) * 32)) for number, service in enumerate(("registry", "dispatcher"), 1)
}


@dataclass
class Clock:
    """A clock that the test moves."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, step: timedelta) -> None:
        self.now += step


@dataclass
class AdminApi:
    """The application and what it stands on."""

    context: Context
    bus: FakeBus
    clock: Clock
    client: httpx.AsyncClient
    databases: Databases
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def account(
        self, role: Role, unit: str | None = "sakura", groups: tuple[str, ...] | None = None
    ) -> Credentials:
        login = f"{role}-{next(self.numbers)}"
        return await accounts.create(self.context.database, "test", login=login, role=role, unit=unit, groups=groups)

    def code(self, credentials: Credentials) -> str:
        """The one-time password of this moment."""
        return pyotp.TOTP(credentials.totp_secret).at(self.clock.now)

    async def sign_in(self, credentials: Credentials) -> dict[str, str]:
        """Headers of a new session."""
        answer = await self.client.post(
            "/v1/session",
            json={"login": credentials.login, "password": credentials.password, "totp": self.code(credentials)},
        )
        assert answer.status_code == 201, answer.text
        self.client.cookies.clear()
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    async def as_(
        self, role: Role, unit: str | None = "sakura", groups: tuple[str, ...] | None = None
    ) -> dict[str, str]:
        """Headers of a new account of that role."""
        return await self.sign_in(await self.account(role, unit, groups))

    async def furnish(self) -> dict[str, str]:
        """Two units, of which sakura has the receipts option and two groups; returns the operator's headers."""
        operator = await self.as_("operator", None)
        for code, name, receipts in (("sakura", "さくら小学校", True), ("momo", "もも保育園", False)):
            body = {"code": code, "name": name, "receipts": receipts}
            assert (await self.client.post("/v1/units", json=body, headers=operator)).status_code == 201
        for code, name in (("xx1", "1年"), ("xx2", "2年")):
            body = {"code": code, "name": name}
            answer = await self.client.post("/v1/units/sakura/groups", json=body, headers=operator)
            assert answer.status_code == 201, answer.text
        return operator

    async def outbox(self, subject: str | None = None) -> list[Any]:
        """(subject, payload as JSON) of what waits to be published."""
        rows = await self.sql(
            "SELECT subject, convert_from(payload, 'UTF8')::jsonb AS payload FROM office.outbox ORDER BY id"
        )
        found = [(row["subject"], json.loads(row["payload"])) for row in rows]
        return [payload for name, payload in found if name == subject] if subject else found

    async def sql(self, statement: str, *arguments: Any, role: str = "admin_api") -> list[Any]:
        connection = await asyncpg.connect(self.databases.general_url(role))
        try:
            return cast("list[Any]", await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    def open(self, service: str, model: type[R], sealed: Any) -> R:
        """What was sealed for a service."""
        return Opener(service, KeyRing({"k1": KEYS[service]})).open(Sealed.model_validate(sealed), model)


def settings(databases: Databases) -> Settings:
    public = {service: ("k1", bytes(PrivateKey(key).public_key)) for service, key in KEYS.items()}
    return Settings(
        nats_url="nats://127.0.0.1:1",
        nats_user="admin-api",
        nats_password=SecretStr("x"),
        base_domain="renrakumo.example",
        general_database_url=databases.general_url("admin_api"),
        content_keys=KeyRing({"k1": b"c" * 32}),
        post_secret_key=SecretKey(b"p" * 32),
        seal_public_keys=public,
        cookie_secure=False,
    )


def migrate(databases: Databases) -> None:
    upgrade(databases.general_url("admin_api"), "admin_api", "office")
    upgrade(databases.general_url("receipts"), "receipts", "ledger")


async def open_admin_api(databases: Databases, clock: Clock | None = None) -> tuple[AdminApi, Callable[[], Any]]:
    """The application on migrated databases, and what closes it."""
    values = settings(databases)
    engine = create_engine(values.general_database_url, service="admin-api")
    bus, clock = FakeBus(answers=fake_registry.answers()), clock or Clock()
    context = build(values, engine, bus)
    context = dataclasses.replace(context, database=dataclasses.replace(context.database, clock=clock))
    app = application.build(context, cookie_secure=False)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://office")

    async def close() -> None:
        await client.aclose()
        await engine.dispose()

    return AdminApi(context, bus, clock, client, databases), close
