"""admin-api for tests: real PostgreSQL, the real application through ASGI, and the fakes of registry and bus."""

import asyncio
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
from argon2 import PasswordHasher
from fastapi import FastAPI
from nacl.public import PrivateKey
from pydantic import BaseModel, SecretStr
from sqlalchemy import select

from admin_api.accounts import handlers as accounts
from admin_api.accounts.model import Credentials
from admin_api.app import build
from admin_api.commands.consumers import CommandResultConsumer
from admin_api.kernel.context import Context, Database
from admin_api.kernel.notifications import Notifications
from admin_api.kernel.passwords import Passwords
from admin_api.kernel.roles import Role
from admin_api.kernel.tables import outbox
from admin_api.settings import Settings
from admin_api.web import application
from contracts import commands
from contracts.commands import Command, Refusal, UndoCommand
from contracts.events import CommandDone
from contracts.sealed import Sealed
from runtime.bus.consumer import Delivery
from runtime.crypto.keys import KeyRing
from runtime.crypto.sealing import Opener
from runtime.database.engine import create_engine
from runtime.database.migrations import upgrade
from runtime.database.outbox import default_channel
from runtime.settings import SecretKey
from simulator.servers import Databases
from tests.support import fake_registry
from tests.support.fake_bus import FakeBus

R = TypeVar("R", bound=BaseModel)
# At the true cost most of a test's time would go into signing in; tests of passwords and system tests bear it.
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
COMMANDS: dict[str, type[Command]] = {model.name: model for model in commands.ALL}
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
class FakeRegistry:
    """Does the commands that lie in the outbox, as soon as they are committed. `refuses`: verb -> reason (and how many
    people stand in its way); `away`: it does nothing, until `come_back`; `heard`: something was committed for it."""

    database: Database
    refuses: dict[str, tuple[Refusal, int]] = field(default_factory=dict)
    away: bool = False
    given: list[Command] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set."""
        notifications = Notifications(self.database.engine, default_channel(outbox))
        with notifications.expect("") as told:
            tasks = [asyncio.create_task(notifications.run(stop)), asyncio.create_task(self._work_when(told))]
            await stop.wait()
            tasks[1].cancel()
            await asyncio.wait(tasks)

    async def _work_when(self, told: asyncio.Event) -> None:
        while True:
            await told.wait()
            told.clear()
            self.heard.set()
            if not self.away:
                await self.work()

    async def come_back(self) -> None:
        """Do what has waited."""
        self.away = False
        await self.work()

    async def work(self) -> None:
        """Do every command that lies in the outbox and was not done before."""
        done = {command.id for command in self.given}
        async with self.database.engine.connect() as connection:
            rows = (await connection.execute(select(outbox).order_by(outbox.c.id))).all()
        for row in rows:
            model = COMMANDS.get(row.subject)
            if model is not None and row.msg_id not in done:
                command = model.model_validate_json(row.payload)
                self.given.append(command)
                await self.answer(self.result(command))

    def result(self, command: Command) -> CommandDone:
        reason, count = self.refuses.get(command.kind(), (None, 1))
        now = self.database.clock()
        return CommandDone(
            id=f"{command.id}/done",
            occurred_at=now,
            unit=command.unit,
            command=command.id,
            kind=command.kind(),
            outcome="done" if reason is None else "refused",
            reason=reason,
            count=count,
            undid=command.of if isinstance(command, UndoCommand) and reason is None else None,
            undoable_until=now + timedelta(days=30) if command.undoable and reason is None else None,
        )

    async def answer(self, done: CommandDone) -> None:
        """Bring a result to the office as the bus does."""
        data = done.model_dump_json().encode()
        await CommandResultConsumer(self.database)(Delivery(CommandDone.name, data, {}, 1, "EVENTS", 1))


@dataclass
class AdminApi:
    """The application and what it stands on."""

    context: Context
    bus: FakeBus
    registry: FakeRegistry
    app: FastAPI
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

    def impatient(self) -> None:
        """From now on no request waits for the result of a command."""
        self.context = dataclasses.replace(self.context, command_wait=timedelta(0))
        self.app.state.context = self.context

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
        command_wait=timedelta(seconds=60),
    )


def migrate(databases: Databases) -> None:
    upgrade(databases.general_url("admin_api"), "admin_api", "office")
    upgrade(databases.general_url("receipts"), "receipts", "ledger")


async def open_admin_api(databases: Databases, clock: Clock | None = None) -> tuple[AdminApi, Callable[[], Any]]:
    """The application on migrated databases, and what closes it."""
    values = settings(databases)
    engine = create_engine(values.general_database_url, service="admin-api")
    bus, clock = FakeBus(answers=fake_registry.answers()), clock or Clock()
    context = build(values, engine, bus, Passwords(CHEAP), clock)
    app = application.build(context, cookie_secure=False)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://office")
    registry = FakeRegistry(context.database)
    stop = asyncio.Event()
    tasks = [asyncio.create_task(context.command_results.run(stop)), asyncio.create_task(registry.run(stop))]

    async def close() -> None:
        await client.aclose()
        stop.set()
        await asyncio.gather(*tasks)
        await engine.dispose()

    return AdminApi(context, bus, registry, app, clock, client, databases), close
