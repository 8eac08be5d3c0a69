"""Serves an ASGI application with uvicorn inside a service's lifecycle: our signals, our sockets, our logs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from runtime.process.ports import listen


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would take the signals away from the service."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Any, *, host: str, port: int, variable: str, stop: asyncio.Event, **options: Any) -> None:
    """Serve until `stop` is set, then let open requests finish (5 s). `variable` names the environment variable of
    the port, for the message when it is taken (PortTaken). `options` go to uvicorn.Config."""
    listener = listen(host, port, variable)
    try:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            **options,
        )
        server = _Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        ended = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({running, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            server.should_exit = True
        await running
    finally:
        listener.close()
