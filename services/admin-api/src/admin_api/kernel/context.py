"""What the office's work needs. `Books` is enough to write into the database (the command line has no more); `Office`
adds those whom it talks to."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from admin_api.accounts.credentials import Passwords
from admin_api.audit import store as audit
from admin_api.kernel import tables
from admin_api.kernel.clients import Contents, Dispatchers, Registry
from admin_api.kernel.roles import AuditEntry
from runtime.crypto.ciphers import FieldCipher
from runtime.crypto.sealing import Sealer
from runtime.database.outbox import Inbox, Outbox

Detail = Mapping[str, str | int | bool | list[str] | None]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Books:
    """The office's database, and the key of what is encrypted in it."""

    engine: AsyncEngine
    cipher: FieldCipher
    passwords: Passwords
    outbox: Outbox
    inbox: Inbox
    clock: Callable[[], datetime]

    @classmethod
    def open(cls, engine: AsyncEngine, cipher: FieldCipher, clock: Callable[[], datetime] = utc_now) -> "Books":
        return cls(engine, cipher, Passwords(), Outbox(tables.outbox), Inbox(tables.inbox), clock)

    @asynccontextmanager
    async def change(
        self, actor: str, action: str, object_: str, *, unit: str | None = None, detail: Detail | None = None
    ) -> AsyncIterator[AsyncConnection]:
        """A transaction for a change, which ends with its line in the audit log."""
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
        """A line in the audit log, in a transaction of the caller's."""
        await audit.write(connection, self.clock(), AuditEntry(actor, action, object_, unit, detail))


@dataclass(frozen=True, slots=True)
class Office:
    """Everything. `hash_secret`: (unit, group, secret) -> what the directory holds of a post secret;
    `fingerprint`: a text -> what recognises it again and doesn't tell it."""

    books: Books
    registry: Registry
    contents: Contents
    dispatchers: Dispatchers
    sealer: Sealer
    hash_secret: Callable[[str, str, str], str]
    fingerprint: Callable[[str], bytes]
    base_domain: str
    session_idle: timedelta
    session_life: timedelta

    def domain(self, unit: str) -> str:
        """Mail domain of a unit."""
        return f"{unit}.{self.base_domain}"
