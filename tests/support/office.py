"""The office's tables as its migrations make them, for tests of those who read its public views."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time
from itertools import count
from typing import Any

import asyncpg

from runtime.database import migrations
from simulator.servers import Databases

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def migrate(databases: Databases) -> None:
    """Make the office's tables and views."""
    migrations.upgrade(databases.general_url("admin_api"), "admin_api", schema="office")


class OfficeTables:
    """Writes into the office's tables by a connection of its owner, in the transaction that is open or in one each."""

    _numbers = count(1)

    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self.connection = connection

    async def add_unit(self, code: str, name: str = "", *, groups: tuple[str, ...] = ()) -> None:
        await self.execute("INSERT INTO office.units (code, name, receipts) VALUES ($1, $2, false)", code, name or code)
        for group in groups:
            await self.execute(
                "INSERT INTO office.groups (unit, code, name, position) VALUES ($1, $2, $2, 1)", code, group
            )

    async def add_notice(
        self,
        unit: str,
        title: str,
        *,
        group: str | None = None,
        at: datetime = _LONG_AGO,
        expires: datetime | None = None,
        body: str = "本文",
    ) -> int:
        number = next(self._numbers)
        await self.execute(
            "INSERT INTO office.notices (id, unit, group_code, title, body, published_at, expires_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7)",
            *(number, unit, group, title, body, at, expires),
        )
        return number

    async def add_event(
        self,
        unit: str,
        title: str,
        starts: date,
        *,
        group: str | None = None,
        ends: date | None = None,
        at: time | None = None,
        place: str = "",
    ) -> int:
        number = next(self._numbers)
        await self.execute(
            "INSERT INTO office.events (id, unit, group_code, starts_on, ends_on, starts_at, title, note, place) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8)",
            *(number, unit, group, starts, ends, at, title, place),
        )
        return number

    async def execute(self, statement: str, *arguments: object) -> None:
        await self.connection.execute(statement, *arguments)


@asynccontextmanager
async def tables_of(databases: Databases) -> AsyncIterator[OfficeTables]:
    """The office's tables, by a connection of their own."""
    connection = await asyncpg.connect(databases.general_url("admin_api"))
    try:
        yield OfficeTables(connection)
    finally:
        await connection.close()
