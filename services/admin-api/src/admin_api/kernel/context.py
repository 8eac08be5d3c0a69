"""What handlers are given. `Database` is enough for what happens in the database alone (the command line has no more);
`Context` adds the services that admin-api talks to."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from admin_api.kernel import audit, tables
from admin_api.kernel.audit import AuditEntry, Detail
from admin_api.kernel.clients import Contents, Dispatchers, Registry
from admin_api.kernel.notifications import Notifications
from admin_api.kernel.passwords import Passwords
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.sealing import Sealer
from runtime.database.outbox import Inbox, Outbox

COMMAND_RESULTS = "office_commands"
"""The channel on which the number of a command is notified when its result is there."""


def utc_now() -> datetime:
    """The moment, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Database:
    """The general database as admin-api writes it: connections, the key of encrypted fields, outbox, inbox, a clock."""

    engine: AsyncEngine
    cipher: FieldCipher
    passwords: Passwords
    outbox: Outbox
    inbox: Inbox
    clock: Callable[[], datetime]

    @classmethod
    def open(
        cls,
        engine: AsyncEngine,
        cipher: FieldCipher,
        passwords: Passwords | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> "Database":
        """The database behind this engine, with the tables of admin-api."""
        return cls(engine, cipher, passwords or Passwords(), Outbox(tables.outbox), Inbox(tables.inbox), clock)

    @asynccontextmanager
    async def change(
        self, actor: str, action: str, object_: str, *, unit: str | None = None, detail: Detail | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction for a change, which ends with its row in the audit log."""
        async with self.engine.begin() as connection:
            yield connection
            await self.audit(connection, actor, action, object_, unit=unit, detail=detail)

    async def audit(
        self,
        connection: AsyncConnection,
        actor: str,
        action: str,
        object_: str,
        *,
        unit: str | None = None,
        detail: Detail | None = None,
    ) -> None:
        """Add a row to the audit log, in a transaction of the caller's."""
        await audit.write(connection, self.clock(), AuditEntry(actor, action, object_, unit, detail))


@dataclass(frozen=True, slots=True)
class Context:
    """All that handlers use. `hash_secret`: (unit, group, secret) -> what the directory holds of a post secret;
    `fingerprint`: a text -> what recognises it again and doesn't tell it. `command_results`: wakes who waits for the
    result of a command, by its number; `command_wait`: for how long a request does."""

    database: Database
    registry: Registry
    contents: Contents
    dispatchers: Dispatchers
    command_results: Notifications
    sealer: Sealer
    hash_secret: Callable[[str, str, str], str]
    fingerprint: Callable[[str], bytes]
    base_domain: str
    session_idle: timedelta
    session_life: timedelta
    command_wait: timedelta

    def domain(self, unit: str) -> str:
        """Mail domain of a unit."""
        return f"{unit}.{self.base_domain}"
