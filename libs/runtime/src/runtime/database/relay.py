"""Moves the messages of an outbox table to the bus, in the order of their ids, one relay at a time per table.

A dedicated database connection takes an advisory lock (it falls with the connection, so a second process takes over),
listens for notifications, and looks by itself each second. A window of messages is published without waiting in
between; what JetStream acknowledged is deleted. Dying between the two means publishing again with the same message id,
which the bus drops. Whatever is away, the relay comes back and goes on.
"""

import asyncio
import hashlib
import json
from typing import Any

import asyncpg
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.retired import current_subject
from runtime.bus.client import Bus, Outgoing
from runtime.database.outbox import default_channel, quoted
from runtime.errors import BusRefused
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.metrics import OUTBOX_PENDING, OUTBOX_PUBLISHED
from runtime.redaction import reason_of

WINDOW = 256
_COUNT_EVERY = 15
_BUCKETS = "$KV."
log = get_logger(__name__)


class OutboxRelay:
    """The relay of one table. `channel` must be the Outbox's (both have the same default)."""

    def __init__(
        self, engine: AsyncEngine, table: Table, bus: Bus, *, channel: str | None = None, window: int = WINDOW
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._channel = channel or default_channel(table)
        self._name = f"{table.schema or 'public'}.{table.name}"
        self._lock = int.from_bytes(hashlib.blake2b(self._name.encode(), digest_size=8).digest(), signed=True)
        self._window = window
        self._select = (
            f"SELECT id, subject, payload, headers::text AS headers, msg_id FROM {quoted(table)} ORDER BY id LIMIT $1"  # noqa: S608
        )
        self._delete = f"DELETE FROM {quoted(table)} WHERE id = ANY($1::bigint[])"  # noqa: S608
        self._count = f"SELECT count(*) FROM {quoted(table)}"  # noqa: S608
        self._wake = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set; a window under way is finished first."""
        waker = asyncio.create_task(self._wake_at(stop))
        told = ""
        try:
            while not stop.is_set():
                try:
                    await self._relay_while_connected(stop)
                    told = ""
                except Exception as error:
                    if not is_outage(error):
                        log.exception("outbox_relay_failed", table=self._name)
                    elif told != reason_of(error):
                        told = reason_of(error)
                        log.warning("outbox_relay_interrupted", table=self._name, reason=told)
                    await _rest(stop)
        finally:
            waker.cancel()

    async def _relay_while_connected(self, stop: asyncio.Event) -> None:
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert isinstance(driver, asyncpg.Connection)
            try:
                while not await driver.fetchval("SELECT pg_try_advisory_lock($1)", self._lock):
                    await _rest(stop)
                    if stop.is_set():
                        return
                await driver.add_listener(self._channel, self._notified)
                await self._relay(driver, stop)
            finally:
                # Never back into the pool: it has the lock and a listener, or is broken.
                await connection.invalidate()

    async def _relay(self, driver: "asyncpg.Connection[Any]", stop: asyncio.Event) -> None:
        rounds = 0
        while not stop.is_set():
            self._wake.clear()
            rows = _one_change_a_key(await driver.fetch(self._select, self._window))
            if not rows:
                OUTBOX_PENDING.labels(self._name).set(0)
                await self._pause(1.0)
                continue
            if len(rows) < self._window:
                OUTBOX_PENDING.labels(self._name).set(len(rows))
            elif rounds % _COUNT_EVERY == 0:
                OUTBOX_PENDING.labels(self._name).set(await driver.fetchval(self._count))
            rounds += 1
            if not await self._publish(driver, rows):
                await _rest(stop)

    async def _publish(self, driver: "asyncpg.Connection[Any]", rows: list["asyncpg.Record"]) -> bool:
        results = await self._bus.publish_many(
            # What an earlier release left here goes to where it would be told today.
            [
                Outgoing(current_subject(row["subject"]), row["payload"], row["msg_id"], json.loads(row["headers"]))
                for row in rows
            ]
        )
        stored = [row["id"] for row, result in zip(rows, results, strict=True) if result is None]
        if stored:
            await driver.execute(self._delete, stored)
            OUTBOX_PUBLISHED.labels(self._name).inc(len(stored))
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, BusRefused):
                # Kept: a message that the bus will not take needs the operator, not a bin.
                log.error("outbox_message_refused", table=self._name, outbox_id=row["id"], reason=reason_of(result))
        problems = [result for result in results if result is not None]
        if problems:
            log.warning("outbox_waits_for_bus", table=self._name, count=len(problems), reason=reason_of(problems[0]))
        return not problems

    def _notified(self, *_: Any) -> None:
        self._wake.set()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()


def _one_change_a_key(rows: list["asyncpg.Record"]) -> list["asyncpg.Record"]:
    """The window up to the second change of one key of a bucket: were only the first of two refused for the moment, it
    would be stored after the second and stay the newest."""
    seen: set[str] = set()
    for number, row in enumerate(rows):
        subject = current_subject(row["subject"])
        if subject in seen:
            return rows[:number]
        if subject.startswith(_BUCKETS):
            seen.add(subject)
    return rows


async def _rest(stop: asyncio.Event) -> None:
    # After a failure: a second, whatever is notified meanwhile.
    try:
        async with asyncio.timeout(1.0):
            await stop.wait()
    except TimeoutError:
        pass
