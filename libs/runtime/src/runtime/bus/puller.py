"""Asks a pull consumer for messages, never for more than there is room for.

Plain pull requests over one reply subject (nats-py's `fetch` waits for a whole batch once the consumer has run dry,
which would delay a single mail by seconds). Two counts decide how much is asked for: `requested` messages have not
arrived yet, `in flight` ones have arrived and are not done yet; together they never exceed the limit `max_in_flight`.
The server ends a request with a status message that says how many of it are left; a request that the server has
forgotten (restart, new leader) is noticed by missing heartbeats.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from time import monotonic

import nats.errors
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from runtime.bus.client import Bus
from runtime.logs import get_logger
from runtime.redaction import reason_of

EXPIRES = 30.0
HEARTBEAT = 5.0
_PAUSE = 1.0
_NOT_THERE = ("503", "404")
log = get_logger(__name__)


class Puller:
    """Pulls for one consumer. `max_in_flight`: how many messages may be handled at once; `batch`: most to ask for at
    once."""

    def __init__(self, bus: Bus, stream: str, consumer: str, *, max_in_flight: int, batch: int) -> None:
        self._bus = bus
        self._consumer = consumer
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._max_in_flight = max_in_flight
        self._batch = batch
        self._requested = 0
        self._in_flight = 0
        self._heard = 0.0
        self._pause_until = 0.0
        self._missing = False
        self._wake = asyncio.Event()
        self._subscription: Subscription | None = None

    async def run(self, stop: asyncio.Event, received: Callable[[Msg], Awaitable[None]]) -> None:
        """Ask and hand on until `stop` is set. `received` must be quick; `done` is to be called for each message."""

        async def arrived(message: Msg) -> None:
            self._heard = monotonic()
            status = (message.headers or {}).get("Status") if message.headers else None
            if status is not None and not message.data and message.subject == self._reply_subject:
                self._status(status, message)
                return
            self._missing = False
            self._requested = max(0, self._requested - 1)
            self._in_flight += 1
            await received(message)
            if self._requested * 2 <= self._max_in_flight:
                self._wake.set()

        self._reply_subject = self._bus.client.new_inbox()
        self._subscription = await self._bus.client.subscribe(
            self._reply_subject, cb=arrived, pending_bytes_limit=256 * 1024 * 1024
        )
        forget = self._bus.on_reconnect(self._forget_requests)
        ending = asyncio.create_task(self._wake_when(stop))
        try:
            while not stop.is_set() and not self._bus.closed:
                self._wake.clear()
                await self._ask()
                try:
                    async with asyncio.timeout(self._until_next()):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            forget()
            ending.cancel()

    def done(self) -> None:
        """A message that was handed on is in flight no more."""
        self._in_flight -= 1
        # Asking for half the limit at once keeps requests few while handlers are quick.
        if self._requested + self._in_flight <= self._max_in_flight // 2 or self._requested == 0:
            self._wake.set()

    async def end(self) -> None:
        """Take back what was asked for; what is already on its way is still handed on."""
        if self._subscription is None or self._bus.closed:
            return
        try:
            async with asyncio.timeout(3):
                await self._subscription.drain()
        except (nats.errors.Error, TimeoutError, OSError) as error:
            log.warning("pull_not_ended", consumer=self._consumer, reason=reason_of(error))

    async def _ask(self) -> None:
        now = monotonic()
        if self._requested and now - self._heard > 2 * HEARTBEAT + 1:
            log.warning("pull_unanswered", consumer=self._consumer)
            self._requested = 0
        free = min(self._max_in_flight - self._in_flight - self._requested, self._batch)
        if free <= 0 or now < self._pause_until or not self._bus.ready:
            return
        request = {
            "batch": free,
            "expires": int(EXPIRES * 1e9),
            "idle_heartbeat": int(HEARTBEAT * 1e9),
        }
        try:
            async with asyncio.timeout(5):
                await self._bus.client.publish(self._subject, json.dumps(request).encode(), reply=self._reply_subject)
        except (nats.errors.Error, TimeoutError, OSError) as error:
            log.warning("pull_failed", consumer=self._consumer, reason=reason_of(error))
            self._pause_until = now + _PAUSE
            return
        self._requested += free
        self._heard = now

    def _status(self, status: str, message: Msg) -> None:
        if status == "100":
            return
        left = (message.headers or {}).get("Nats-Pending-Messages", "")
        self._requested = max(0, self._requested - int(left)) if left.isdigit() else 0
        if status in _NOT_THERE or not left:
            # The consumer is not there (yet), or has no leader: ask again in a while.
            self._pause_until = monotonic() + _PAUSE
            if status in _NOT_THERE and not self._missing:
                self._missing = True
                log.warning("consumer_not_there_yet", consumer=self._consumer)
        self._wake.set()

    def _forget_requests(self) -> None:
        self._requested = 0
        self._wake.set()

    def _until_next(self) -> float:
        pause = self._pause_until - monotonic()
        return pause if pause > 0 else HEARTBEAT

    async def _wake_when(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()
