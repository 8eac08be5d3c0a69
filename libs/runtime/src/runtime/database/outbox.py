"""Transactional outbox and inbox: effects in the database and messages on the bus happen together, and once.

Outbox.add writes a message in the same transaction as the change that it tells of; runtime.database.relay moves it to
the bus later. Inbox.first_time, in the same transaction too, says whether a message was handled before: the database's
unique constraint decides, not a look beforehand. Both come in asyncpg's language too (`tell`, `is_first`), for work so
frequent that SQLAlchemy would cost more than the database.
"""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, MetaData, Table, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.base import Event
from runtime import tracing
from runtime.database.engine import Driver


def outbox_table(metadata: MetaData, schema: str | None) -> Table:
    """The table `outbox`, for a service's metadata and first migration."""
    return Table(
        "outbox",
        metadata,
        Column("id", BigInteger, Identity(always=True), primary_key=True),
        Column("subject", Text, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        Column("headers", JSONB, nullable=False),
        Column("msg_id", Text, nullable=False),
        Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=schema,
    )


def inbox_table(metadata: MetaData, schema: str | None) -> Table:
    """The table `inbox`, for a service's metadata and first migration."""
    return Table(
        "inbox",
        metadata,
        Column("source", Text, primary_key=True),
        Column("event_id", Text, primary_key=True),
        Column("handled_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
        schema=schema,
    )


def quoted(table: Table) -> str:
    """The table's name for plain SQL, with its schema."""
    return ".".join(f'"{part}"' for part in (table.schema, table.name) if part)


def default_channel(table: Table) -> str:
    """The NOTIFY channel that wakes the relay of this table."""
    return f"outbox_{table.schema or 'public'}"


class Outbox:
    """Adds messages to an outbox table. `channel` must be the relay's."""

    def __init__(self, table: Table, *, channel: str | None = None) -> None:
        self._channel = channel or default_channel(table)
        # One round trip: the notification goes out when the transaction commits, with the row.
        self._add = text(
            f"WITH added AS (INSERT INTO {quoted(table)} (subject, payload, headers, msg_id) "  # noqa: S608
            "SELECT * FROM unnest(CAST(:subjects AS text[]), CAST(:payloads AS bytea[]), "
            "CAST(:headers AS jsonb[]), CAST(:msg_ids AS text[])) RETURNING 1) "
            "SELECT pg_notify(:channel, '') FROM (SELECT 1 FROM added LIMIT 1) AS one"
        )
        self._tell = (
            f"WITH added AS (INSERT INTO {quoted(table)} (subject, payload, headers, msg_id) "  # noqa: S608
            "VALUES ($1, $2, $3::text::jsonb, $4) RETURNING 1) SELECT pg_notify($5, '') FROM added"
        )

    async def add(
        self, conn: AsyncConnection, event: Event, *, subject: str | None = None, msg_id: str | None = None
    ) -> None:
        """Have `event` published once this transaction commits, with the tracing headers of this moment."""
        await self._store(
            conn, [(subject or event.bus_subject(), event.model_dump_json().encode(), msg_id or event.id)]
        )

    async def tell(self, driver: Driver, event: Event) -> None:
        """Have `event` published once this transaction of asyncpg's commits, with the tracing headers of now."""
        payload, headers = event.model_dump_json().encode(), json.dumps(tracing.headers())
        await driver.execute(self._tell, event.bus_subject(), payload, headers, event.id, self._channel)

    async def add_many(self, conn: AsyncConnection, events: Iterable[Event]) -> None:
        """Have events published, in their order, once this transaction commits; one statement for all of them."""
        await self._store(conn, [(each.bus_subject(), each.model_dump_json().encode(), each.id) for each in events])

    async def add_raw(self, conn: AsyncConnection, subject: str, payload: bytes, msg_id: str) -> None:
        """Have bytes published under a subject once this transaction commits."""
        await self._store(conn, [(subject, payload, msg_id)])

    async def _store(self, conn: AsyncConnection, rows: list[tuple[str, bytes, str]]) -> None:
        if not rows:
            return
        headers = json.dumps(tracing.headers())
        parameters: dict[str, Any] = {
            "subjects": [row[0] for row in rows],
            "payloads": [row[1] for row in rows],
            "headers": [headers] * len(rows),
            "msg_ids": [row[2] for row in rows],
            "channel": self._channel,
        }
        await conn.execute(self._add, parameters)


class Inbox:
    """Remembers what was handled, in an inbox table."""

    def __init__(self, table: Table) -> None:
        self._add = text(
            f"INSERT INTO {quoted(table)} (source, event_id) VALUES (:source, :event_id) "  # noqa: S608
            "ON CONFLICT DO NOTHING"
        )
        self._first = f"INSERT INTO {quoted(table)} (source, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"  # noqa: S608
        self._forget = text(f"DELETE FROM {quoted(table)} WHERE handled_at < now() - CAST(:age AS interval)")  # noqa: S608

    async def first_time(self, conn: AsyncConnection, source: str, event_id: str) -> bool:
        """True for the first transaction that commits with this (source, event id); a second one at the same time
        waits for the first to end."""
        result = await conn.execute(self._add, {"source": source, "event_id": event_id})
        return bool(result.rowcount == 1)

    async def is_first(self, driver: Driver, source: str, event_id: str) -> bool:
        """True for the first transaction of asyncpg's that commits with this (source, event id); a second one at the
        same time waits for the first to end."""
        return await driver.execute(self._first, source, event_id) == "INSERT 0 1"

    async def forget(self, conn: AsyncConnection, age: timedelta) -> int:
        """Delete what was handled longer ago than `age` (which must exceed the life of the streams)."""
        result = await conn.execute(self._forget, {"age": age})
        return int(result.rowcount)
