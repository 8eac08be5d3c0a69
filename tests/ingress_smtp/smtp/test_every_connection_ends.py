"""Who has gone, or should have gone, takes no place: every connection ends, whatever its peer does or leaves undone."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest
import uvloop

from ingress_smtp import model
from ingress_smtp.smtp.server import SmtpServer
from tests.ingress_smtp.certificates import self_signed
from tests.ingress_smtp.smtp_server import open_server
from tests.ingress_smtp.wire import HOST, INFO, PARENT, connected
from tests.support.fake_bus import FakeBus


async def emptied(server: SmtpServer) -> None:
    async with asyncio.timeout(10):
        while server.gate.count:  # noqa: ASYNC110 (a number, without an event)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("uv", [False, True], ids=["asyncio", "uvloop"])
def test_a_failed_start_of_tls_gives_the_place_back(tmp_path: Path, uv: bool) -> None:
    certificate, key = self_signed(tmp_path)

    async def scenario() -> None:
        async with open_server(FakeBus(), tls_certificate=certificate, tls_key=key) as server:
            for hello in (b"no TLS at all\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b""):
                async with connected(server.port) as wire:
                    assert await wire.ask("STARTTLS") == 220
                    wire.say(hello)
                    wire.writer.write_eof()
                    await wire.reader.read()
            await emptied(server)

    if uv:
        uvloop.run(scenario())
    else:
        asyncio.run(scenario())


# Slow: the time that a client may be silent has to pass.
@pytest.mark.parametrize("uv", [False, True], ids=["asyncio", "uvloop"])
def test_who_never_reads_what_we_say_is_cut(uv: bool) -> None:
    async def scenario() -> None:
        async with open_server(FakeBus(), smtp_timeout=1.0) as server:
            loop = asyncio.get_running_loop()
            assert server._listener is not None
            server._listener.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                deaf.setblocking(False)
                await loop.sock_connect(deaf, (HOST, server.port))
                await loop.sock_sendall(deaf, b"EHLO x\r\n")
                await asyncio.sleep(0.2)  # nobody reads here, so nothing tells that EHLO was answered
                envelope = f"MAIL FROM:<{PARENT}>\r\n" + f"RCPT TO:<{INFO}>\r\n" * 50 + "RSET\r\n"
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(1):
                        await loop.sock_sendall(deaf, envelope.encode() * 90)
                await emptied(server)

    if uv:
        uvloop.run(scenario())
    else:
        asyncio.run(scenario())


async def test_one_who_goes_makes_room_for_one() -> None:
    async with (
        open_server(FakeBus(), smtp_max_connections=2, smtp_timeout=6.0) as server,
        connected(server.port),
        connected(server.port) as busy,
    ):
        await asyncio.sleep(0.2)  # who was silent for longer is told by the clock
        assert await busy.ask("NOOP") == 250
        refusals = [server.gate.refusal("192.0.2.1") for _ in range(3)]
        assert refusals == [None, model.TOO_MANY_CONNECTIONS, model.TOO_MANY_CONNECTIONS]
