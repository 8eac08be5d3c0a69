"""How a command enters the bus: one connection, for as long as the command works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client


@asynccontextmanager
async def connected(url: str, user: str, password: str) -> AsyncIterator[Client]:
    """A connection for a command: no reconnecting, nothing written to the log by itself. `url`: a server, or several
    with commas between, of which any will do."""

    async def silent(error: Exception) -> None:
        """What goes wrong reaches the caller as an exception."""

    client = await nats.connect(
        [part.strip() for part in url.split(",")],
        user=user,
        password=password,
        name="renrakumo-cli",
        inbox_prefix=f"_INBOX_{user}",
        allow_reconnect=False,
        max_reconnect_attempts=1,
        reconnect_time_wait=0,
        connect_timeout=5,
        error_cb=silent,
    )
    try:
        yield client
    finally:
        await client.close()
