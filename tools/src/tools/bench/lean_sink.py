"""The sink where smtp-sink isn't installed: `python -m tools.bench.lean_sink PORT`, in a process of its own.

It takes everything, keeps nothing, and writes smtp-sink's counters after each mail, so that sink.py reads both alike.
"""

import asyncio
import contextlib
import signal
import sys
from itertools import count

import uvloop

from simulator.server_connection import ServerConnection
from tools.load.sink import HOST

_BACKLOG = 1024


class Counters:
    """What the connections ask (server_connection.Host)."""

    name = "sink"
    reply_delay = 0.0
    size_limit = 20 * 1024 * 1024
    pipelining = True

    def __init__(self) -> None:
        self._numbers = count(1)
        self._opened = 0
        self._mails = 0

    def connection(self) -> ServerConnection:
        return ServerConnection(self, next(self._numbers))

    def opened(self, connection: ServerConnection) -> str:
        self._opened += 1
        return "220 sink ESMTP"

    def closed(self, connection: ServerConnection) -> None:
        pass

    def mail(self, connection: ServerConnection) -> str:
        return "250 2.1.0 Ok"

    def rcpt(self, connection: ServerConnection, recipient: str) -> str:
        return "250 2.1.5 Ok"

    def message(self, connection: ServerConnection, raw: bytes) -> str:
        self._mails += 1
        sys.stdout.write(f"sess={self._opened} quit=0 mesg={self._mails}\r")
        sys.stdout.flush()
        return "250 2.0.0 Ok"


async def serve(port: int) -> None:
    """Until somebody ends it."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(Counters().connection, HOST, port, backlog=_BACKLOG)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(serve(int(sys.argv[1])))
