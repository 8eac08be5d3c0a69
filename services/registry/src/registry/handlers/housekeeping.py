"""Erasing what is no longer needed: old registrations, requests, posts, inverses of commands, and unused addresses."""

import asyncio
from datetime import timedelta

from registry.context import Context
from registry.store import addresses, pending, undo
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

PAUSE = 3600.0
INBOX_LIFE = timedelta(days=45)
"""Longer than any stream keeps a message that might come again."""

log = get_logger(__name__)


async def clean(context: Context) -> int:
    """Erase once; returns how many rows. Harmless to run in several processes at once."""
    now = context.clock()
    async with context.engine.begin() as connection:
        gone = await pending.forget(
            connection,
            pending_before=now - context.lives.pending,
            done_leaves_before=now - context.lives.done_leave,
            posts_before=now - context.lives.post,
        )
        gone += await undo.forget(connection, now - context.lives.undo)
        gone += await context.inbox.forget(connection, INBOX_LIFE)
    while True:
        async with context.engine.begin() as connection:
            erased = await addresses.erase_unused(connection)
        gone += erased
        if not erased:
            return gone


async def run(context: Context, stop: asyncio.Event) -> None:
    """Clean each hour until `stop` is set."""
    while not stop.is_set():
        try:
            gone = await clean(context)
            log.info("housekeeping_done", erased=gone)
        except Exception as error:
            if not is_outage(error):
                log.exception("housekeeping_failed")
            else:
                log.warning("housekeeping_interrupted", reason=reason_of(error))
        try:
            async with asyncio.timeout(PAUSE):
                await stop.wait()
        except TimeoutError:
            pass
