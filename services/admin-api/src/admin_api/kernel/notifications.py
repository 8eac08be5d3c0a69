"""Wakes who waits for something that happens in the database: one LISTEN connection of the process for all of them.

    with notifications.expect(key) as told:  # before what will be told of is begun
        ...; await told.wait()               # then look: a notification says when to look, never what there is to see
While the connection is away nothing is told, so who waits has to look by himself at the end of his patience.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

LOOK_SECONDS = 15.0
"""A connection that broke without a word is noticed after so long."""
PAUSE_SECONDS = 1.0
log = get_logger(__name__)


class Notifications:
    """What is notified on one channel, by the notification's text. Works once `run` does."""

    def __init__(self, engine: AsyncEngine, channel: str) -> None:
        self._engine = engine
        self._channel = channel
        self._expected: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def expect(self, key: str) -> Iterator[asyncio.Event]:
        """An event that is set when this text is notified, or was perhaps missed, from now to the end of the block."""
        told = asyncio.Event()
        self._expected.setdefault(key, set()).add(told)
        try:
            yield told
        finally:
            self._expected[key].discard(told)
            if not self._expected[key]:
                del self._expected[key]

    async def run(self, stop: asyncio.Event) -> None:
        """Listen until `stop` is set, however often the connection is lost."""
        said = ""
        while not stop.is_set():
            try:
                await self._listen(stop)
            except Exception as error:
                if not is_outage(error):
                    log.exception("listening_failed", channel=self._channel)
                elif said != reason_of(error):
                    said = reason_of(error)
                    log.warning("listening_interrupted", channel=self._channel, reason=said)
            else:
                said = ""
            await _first_of(stop, seconds=PAUSE_SECONDS)

    async def _listen(self, stop: asyncio.Event) -> None:
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver = raw.driver_connection
            assert isinstance(driver, asyncpg.Connection)
            lost = asyncio.Event()
            try:
                driver.add_termination_listener(lambda _: lost.set())
                await driver.add_listener(self._channel, self._notified)
                # Whatever was notified while nobody listened.
                self._wake_all()
                while not (stop.is_set() or lost.is_set()):
                    await _first_of(stop, lost, seconds=LOOK_SECONDS)
                    if not (stop.is_set() or lost.is_set()):
                        await driver.fetchval("SELECT 1")
            finally:
                # Never back into the pool: it has a listener, or is broken.
                await connection.invalidate()

    def _notified(self, _connection: Any, _process: int, _channel: str, key: object) -> None:
        for told in self._expected.get(str(key), ()):
            told.set()

    def _wake_all(self) -> None:
        for waiting in self._expected.values():
            for told in waiting:
                told.set()


async def _first_of(*events: asyncio.Event, seconds: float) -> None:
    """Until one of the events is set, or so long."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
