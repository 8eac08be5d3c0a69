"""Retries during the failover of a cluster of servers.

When a server of a cluster goes, nobody leads the streams that it led until the others have elected a leader, and who
was connected to it is on his way to another one: seconds. What is asked meanwhile reaches nobody, so nothing was done,
and asking again is safe even for a write that names the one it follows. Silence is something else: a write may have
been done all the same, and its caller decides. A single server that is away is told at once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from runtime.errors import BusUnavailable

FAILOVER_SECONDS = 12.0
"""Longer than a healthy cluster needs: nats-server waits 4 to 9 seconds before it elects a new leader."""

_PAUSES = (0.05, 0.1, 0.2, 0.4)
_NO_LEADER = (10008, 10009)

R = TypeVar("R")


async def retry(
    client: Client,
    ask: Callable[[float], Awaitable[R]],
    timeout: float,
    *,
    give_up_after: float = FAILOVER_SECONDS,
    reading: bool = False,
) -> R:
    """What `ask(timeout)` gives, asked again for `give_up_after` seconds as long as it reached nobody; when `reading`,
    which changes nothing, also after silence. Raises what it raised last, or BusUnavailable without a connection."""
    deadline = monotonic() + give_up_after
    pauses = iter(_PAUSES)
    pause = 0.0
    while True:
        try:
            if not client.is_connected:
                raise BusUnavailable("bus_disconnected")
            return await ask(timeout)
        except Exception as error:
            pause = next(pauses, pause)
            silent = reading and isinstance(error, TimeoutError) and len(client.servers) > 1
            if not ((silent or in_failover(client, error)) and monotonic() + pause < deadline):
                raise
        await asyncio.sleep(pause)


def in_failover(client: Client, error: BaseException) -> bool:
    """Whether the error says that nothing was done, by a cluster of which another server will soon do it."""
    return len(client.servers) > 1 and not client.is_closed and _reached_nobody(error)


def _reached_nobody(error: BaseException) -> bool:
    if isinstance(error, BusUnavailable):
        return str(error) == "bus_disconnected"
    if isinstance(error, nats.js.errors.APIError):
        return error.err_code in _NO_LEADER
    return isinstance(error, nats.errors.NoRespondersError | nats.js.errors.NoStreamResponseError)
