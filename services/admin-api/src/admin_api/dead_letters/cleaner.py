"""The worker that erases dead letters about which nobody decides, and counts those that wait."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Final

from prometheus_client import Gauge

from admin_api.dead_letters import handlers
from admin_api.kernel.context import Database
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

UNDECIDED = Gauge("renrakumo_dead_letters", "Dead letters that wait for the operator's decision", ["service", "reason"])
LOOK_EVERY: Final = 60.0
log = get_logger(__name__)


async def run(database: Database, life: timedelta, stop: asyncio.Event) -> None:
    """Clean up again and again until `stop` is set."""
    while not stop.is_set():
        try:
            await clean(database, life)
        except Exception as error:
            if is_outage(error):
                log.warning("dead_letters_not_cleaned", reason=reason_of(error))
            else:
                log.exception("dead_letters_not_cleaned")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_EVERY)


async def clean(database: Database, life: timedelta) -> None:
    """Erase dead letters about which nobody has decided for `life`, and tell how many are undecided."""
    erased = await handlers.tidy(database, life)
    if erased:
        log.warning("dead_letters_erased_undecided", count=erased)
    counts = await handlers.counts(database)
    UNDECIDED.clear()
    for each in counts:
        UNDECIDED.labels(each.service, each.reason).set(each.undecided)
