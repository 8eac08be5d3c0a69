"""The health port's HTTP server: answers whoever asks properly, and is not held up by who doesn't."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from runtime.process import plain_http
from runtime.process.plain_http import PlainResponse
from runtime.process.ports import listen


@dataclass
class Running:
    """A server that answers with the path that it was asked for; on `/slow` only when told to."""

    port: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    async def answer(self, path: str) -> PlainResponse:
        self.asked.set()
        if path == "/slow":
            await self.go_on.wait()
        if path == "/broken":
            raise KeyError(path)
        return PlainResponse(200, "text/plain", path.encode())

    async def ask(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        if not request:
            writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
async def server() -> AsyncIterator[Running]:
    running = Running()
    listener = listen("127.0.0.1", 0, "RENRAKUMO_HEALTH_PORT")
    running.port = int(listener.getsockname()[1])
    running.task = asyncio.create_task(plain_http.serve(listener, running.answer, running.stop))
    yield running
    running.stop.set()
    await asyncio.wait_for(running.task, 10)


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_a_path_is_answered_and_the_connection_closed(server: Running, method: bytes) -> None:
    answer = await server.ask(method + b" /healthz?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"\r\n\r\n/healthz")
    assert b"connection: close" in answer.lower()


async def test_a_question_for_the_head_gets_no_body(server: Running) -> None:
    answer = await server.ask(b"HEAD /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"content-length: 8" in answer.lower()
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01 no http at all\r\n\r\n", b"400"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 100_000, b"431"),
    ],
    ids=["tls", "no host", "endless"],
)
async def test_what_is_no_request_is_refused(server: Running, request_: bytes, status: bytes) -> None:
    assert (await server.ask(request_)).startswith(b"HTTP/1.1 " + status)


async def test_who_leaves_without_asking_costs_nothing(server: Running) -> None:
    assert await server.ask(b"") == b""
    assert (await server.ask(b"GET /a HTTP/1.0\r\n\r\n")).endswith(b"/a")


async def test_an_answer_that_fails_closes_the_connection_and_the_next_one_is_given(server: Running) -> None:
    assert await server.ask(b"GET /broken HTTP/1.0\r\n\r\n") == b""
    assert (await server.ask(b"GET /a HTTP/1.0\r\n\r\n")).endswith(b"/a")


async def test_a_stop_lets_an_open_question_be_answered(server: Running) -> None:
    asking = asyncio.create_task(server.ask(b"GET /slow HTTP/1.0\r\n\r\n"))
    await server.asked.wait()
    server.stop.set()
    server.go_on.set()
    assert (await asking).endswith(b"/slow")
