"""One NATS connection with the habits we want: it comes back by itself with jitter, and is told by health and log.

Only when it is finally closed without having been asked to (credentials refused) `on_closed` is called, so that the
process can end and be restarted.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import nats.errors
from nats.aio.client import Client, Server

from runtime.bus.jetstream import JetStream
from runtime.errors import BusUnavailable
from runtime.logs import get_logger
from runtime.metrics import BUS_CONNECTED
from runtime.redaction import reason_of
from runtime.settings import ServiceSettings

READ_SECONDS = 5.0
log = get_logger(__name__)


class Connection:
    """A connection to the bus. Made with `connect`, or over a client that somebody else connected."""

    def __init__(self, client: Client, on_closed: Callable[[], None] = lambda: None) -> None:
        self.client = client
        self.jetstream = JetStream(client, timeout=READ_SECONDS)
        self._on_closed = on_closed
        self._closing = False
        self._listeners: set[Callable[[], None]] = set()

    @classmethod
    async def connect(cls, settings: ServiceSettings, *, name: str, on_closed: Callable[[], None]) -> "Connection":
        """Connect as `name`, trying for as long as it takes. `on_closed` is called when the connection has ended for
        good without `drain` or `close` having been asked for."""
        connection = cls(Client(), on_closed)
        await connection.client.connect(
            servers=[part.strip() for part in settings.nats_url.split(",")],
            user=settings.nats_user,
            password=settings.nats_password.get_secret_value(),
            name=name,
            inbox_prefix=f"_INBOX_{name}",
            error_cb=connection._error,
            disconnected_cb=connection._disconnected,
            reconnected_cb=connection._reconnected,
            closed_cb=connection._closed,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            reconnect_to_server_handler=_next_server,
            connect_timeout=3,
            ping_interval=10,
            max_outstanding_pings=2,
            drain_timeout=10,
        )
        BUS_CONNECTED.set(1)
        log.info("bus_connected")
        return connection

    @property
    def ready(self) -> bool:
        """Connected right now."""
        return bool(self.client.is_connected)

    @property
    def closed(self) -> bool:
        """Ended for good, asked for or not."""
        return bool(self.client.is_closed)

    async def check(self) -> None:
        """Health check: raises BusUnavailable when the connection is away."""
        if not self.ready:
            raise BusUnavailable("bus_disconnected")

    def on_reconnect(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each reconnection; returns a function that ends it."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    async def drain(self) -> None:
        """Send what is buffered (acknowledgements), then close."""
        self._closing = True
        try:
            async with asyncio.timeout(10):
                await self.client.drain()
        except (nats.errors.Error, TimeoutError, OSError):
            await self.close()

    async def close(self) -> None:
        """Close at once."""
        self._closing = True
        if not self.client.is_closed:
            try:
                async with asyncio.timeout(5):
                    await self.client.close()
            except (nats.errors.Error, TimeoutError, OSError):
                log.warning("bus_close_failed")

    def expect_end(self) -> None:
        """From now on an end of the connection is what was asked for."""
        self._closing = True

    async def _error(self, problem: Exception) -> None:
        text = str(problem).lower()
        if "permissions violation" in text:
            log.error("bus_permission_refused", reason=reason_of(problem))
        elif not isinstance(problem, nats.errors.UnexpectedEOF):
            log.warning("bus_error", reason=reason_of(problem))

    async def _disconnected(self) -> None:
        BUS_CONNECTED.set(0)
        if not self._closing:
            log.warning("bus_disconnected")

    async def _reconnected(self) -> None:
        BUS_CONNECTED.set(1)
        log.info("bus_reconnected")
        for listener in tuple(self._listeners):
            listener()

    async def _closed(self) -> None:
        BUS_CONNECTED.set(0)
        if not self._closing:
            log.error("bus_closed")
            self._on_closed()


def _next_server(servers: list[Server], _: dict[str, Any]) -> tuple[Server, float]:
    server = random.choice(servers)  # noqa: S311 (spreads load, hides nothing)
    return server, random.uniform(0.05, min(2.0, 0.2 * 2 ** min(server.reconnects, 6)))  # noqa: S311
