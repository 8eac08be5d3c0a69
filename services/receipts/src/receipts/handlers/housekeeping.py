"""Forgetting which events were handled, once no stream can deliver them again."""

import asyncio
import contextlib
from datetime import timedelta

from receipts.context import Context
from runtime.logs import get_logger
from runtime.redaction import reason_of

PAUSE = 6 * 3600.0
INBOX_LIFE = timedelta(days=45)
"""How long handled events are remembered: longer than any stream keeps them."""

log = get_logger(__name__)


async def clean(context: Context) -> int:
    """Drop the memory of events that no stream can deliver again; how many these were."""
    async with context.engine.begin() as connection:
        return await context.inbox.forget(connection, INBOX_LIFE)


async def run(context: Context, stop: asyncio.Event) -> None:
    """Clean every six hours until `stop` is set."""
    while not stop.is_set():
        try:
            await clean(context)
        except Exception as error:  # it can wait for the next time
            log.warning("housekeeping_interrupted", reason=reason_of(error))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), PAUSE)
