"""Plans and outcomes of a large message, written down by receipts alone.

They come as registry and dispatchers tell them: a plan for each thousand copies, and soon after it their outcomes, a
hundred at a time. The pace is that of a broadcast of RENRAKUMO_BENCH_PACE copies a second (default 10,000).
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import asyncpg
from nats.aio.client import Client

from contracts.events import CopyOutcome, DeliveryPlanned, DeliverySettled, PlannedCopy
from renrakumo_cli.local.stack import LocalStack
from runtime.ids import new_id

SERVICE = "receipts"
WARMING = 1000
BATCH = 100
TOGETHER = 10
"""Batches that are planned together."""
BEHIND = 20
"""So many batches are planned and not yet settled."""


async def prepare(
    stack: LocalStack, client: Client, unit: str, recipients: int
) -> Callable[[], Awaitable[tuple[None, float]]]:
    """Tell of a small message first; gives what is to be measured."""
    connection = await asyncpg.connect(stack.database_url("receipts"))
    pace = float(os.environ.get("RENRAKUMO_BENCH_PACE", "10000"))
    await _tell(client, connection, unit, WARMING, pace)

    async def work() -> tuple[None, float]:
        try:
            return await _tell(client, connection, unit, recipients, pace)
        finally:
            await connection.close()

    return work


async def _tell(
    client: Client, connection: asyncpg.Connection, unit: str, copies: int, pace: float
) -> tuple[None, float]:
    """Seconds until the ledger knows all outcomes. Each event is published once."""
    js = client.jetstream()
    message = new_id()
    began = time.perf_counter()
    numbers = list(range(message + 1, message + 1 + copies))
    batches = [numbers[begin : begin + BATCH] for begin in range(0, copies, BATCH)]
    for number in range(len(batches) + BEHIND):
        if number < len(batches) and number % TOGETHER == 0:
            begin = number * BATCH
            copies_planned = numbers[begin : begin + TOGETHER * BATCH]
            await js.publish_async(DeliveryPlanned.name, _planned(unit, message, number, copies_planned))
        if number >= BEHIND:
            at = number - BEHIND
            await js.publish_async(DeliverySettled.name, _settled(unit, message, at, batches[at]))
        ahead = began + number * BATCH / pace - time.perf_counter()
        if ahead > 0.005:
            await asyncio.sleep(ahead)
    await js.publish_async_completed()
    query = "SELECT count(*) FROM ledger.sent_copies WHERE message = $1 AND state = 'delivered'"
    while await connection.fetchval(query, message) < copies:  # noqa: ASYNC110  only the ledger knows
        await asyncio.sleep(0.1)
    return None, time.perf_counter() - began


def _planned(unit: str, message: int, number: int, copies: list[int]) -> bytes:
    return (
        DeliveryPlanned(
            id=f"{message}-1-{number}/planned",
            occurred_at=datetime.now(UTC),
            unit=unit,
            message=message,
            wave=1,
            batch=f"{message}-1-{number}",
            lane="ordinary",
            carrier="docomo",
            copies=tuple(PlannedCopy(copy_ref=copy, member=copy + 7) for copy in copies),
        )
        .model_dump_json()
        .encode()
    )


def _settled(unit: str, message: int, number: int, copies: list[int]) -> bytes:
    now = datetime.now(UTC)
    return (
        DeliverySettled(
            id=f"{message}-1-{number}-1",
            occurred_at=now,
            unit=unit,
            message=message,
            wave=1,
            batch=f"{message}-1-{number}",
            attempt=1,
            lane="ordinary",
            carrier="docomo",
            outcomes=tuple(
                CopyOutcome(
                    copy_ref=copy,
                    outcome="delivered",
                    at=now + timedelta(microseconds=copy % 1000),
                    attempt=1,
                    stage="body",
                    code=250,
                    enhanced="2.0.0",
                    host="mfsmax.docomo.ne.jp",
                    reply="2.0.0 Ok: queued as 4Yx1zk3Qw1z9RtB",
                )
                for copy in copies
            ),
        )
        .model_dump_json()
        .encode()
    )
