"""A small HTTP server for GET answers, for ports that only the operator's machines reach (health and metrics).

One request a connection, read by h11, answered by a function of the path. Every service has a health port, and two of
them (the SMTP server, the dispatcher) serve nothing else over HTTP: for them a web server and a framework would be in
the image for three paths. http.server of the standard library would need a thread for each request; h11 is the parser
that uvicorn and httpx use, without I/O, so that nothing of HTTP's grammar is our own.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11

from runtime.logs import get_logger
from runtime.redaction import reason_of

REQUEST_SECONDS = 10.0
FINISH_SECONDS = 5.0
_CHUNK = 16_384
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PlainResponse:
    """What a path has to say."""

    status: int
    content_type: str
    body: bytes


async def serve(
    listener: socket.socket, answer: Callable[[str], Awaitable[PlainResponse]], stop: asyncio.Event
) -> None:
    """Answer requests on a listening socket until `stop` is set, then let open ones finish (5 s). Closes the socket."""
    open_ones: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_ones.add(task)
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                await _one_request(reader, writer, answer)
        except (OSError, TimeoutError):
            pass  # who asked is gone, or never finished asking
        except Exception as error:
            log.error("http_answer_failed", reason=reason_of(error), exc_info=error)
        finally:
            writer.close()
            open_ones.discard(task)

    server = await asyncio.start_server(connected, sock=listener)
    try:
        await stop.wait()
    finally:
        server.close()
        if open_ones:
            _, late = await asyncio.wait(open_ones, timeout=FINISH_SECONDS)
            for task in late:
                task.cancel()


async def _one_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[str], Awaitable[PlainResponse]]
) -> None:
    http = h11.Connection(h11.SERVER)
    try:
        request = await _read(http, reader)
    except h11.RemoteProtocolError as error:
        _write(http, writer, PlainResponse(error.error_status_hint, "text/plain", b""), head_only=True)
    else:
        if request is None:
            return
        path = request.target.decode("ascii", "replace").partition("?")[0]
        _write(http, writer, await answer(path), head_only=request.method == b"HEAD")
    await writer.drain()


async def _read(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The request, once its body has been passed over; None when the other side left before."""
    request: h11.Request | None = None
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(await reader.read(_CHUNK))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage):
            return request
        elif isinstance(event, h11.ConnectionClosed):
            return None


def _write(http: h11.Connection, writer: asyncio.StreamWriter, answer: PlainResponse, *, head_only: bool) -> None:
    headers = [
        ("content-type", answer.content_type),
        ("content-length", str(len(answer.body))),
        ("connection", "close"),
    ]
    writer.write(http.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
    if not head_only:
        writer.write(http.send(h11.Data(data=answer.body)) or b"")
    writer.write(http.send(h11.EndOfMessage()) or b"")
