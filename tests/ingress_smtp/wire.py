"""Octets to the server and back: for what no proper client says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.ingress_smtp.smtp_server import BASE

HOST = "127.0.0.1"
PARENT = "parent@docomo.ne.jp"
INFO = f"info@minami.{BASE}"
_PATIENCE = 10.0


class Wire:
    """One connection. Every wait is bounded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, octets: bytes) -> None:
        """Raises ConnectionError when the server has closed, where the event loop knows."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError
        self.writer.write(octets)

    async def hear(self) -> str:
        """One whole reply, its lines joined by a line feed; "" when the server has closed."""
        lines = []
        async with asyncio.timeout(_PATIENCE):
            while True:
                try:
                    line = (await self.reader.readline()).decode("latin-1")
                except ConnectionError:
                    return ""
                if not line:
                    return ""
                lines.append(line.rstrip("\r\n"))
                if line[3:4] != "-":
                    return "\n".join(lines)

    async def code(self) -> int:
        """The code of the next reply; 0 when the server has closed."""
        return int((await self.hear() or "0")[:3])

    async def codes(self, number: int) -> list[int]:
        return [await self.code() for _ in range(number)]

    async def ask(self, line: str) -> int:
        self.say(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return await self.code()

    async def rest(self) -> list[int]:
        """The codes of all that is still said until the server closes."""
        found = []
        while code := await self.code():
            found.append(code)
        return found

    async def envelope(self, *recipients: str, sender: str = PARENT) -> int:
        """MAIL, RCPT and DATA; the reply to DATA."""
        assert await self.ask(f"MAIL FROM:<{sender}>") == 250
        for recipient in recipients or (INFO,):
            assert await self.ask(f"RCPT TO:<{recipient}>") == 250
        return await self.ask("DATA")


@asynccontextmanager
async def connected(port: int, *, hello: bool = True) -> AsyncIterator[Wire]:
    """A connection, greeted; with `hello` after EHLO, too."""
    wire = Wire(*await asyncio.open_connection(HOST, port, limit=2**22))
    try:
        if hello:
            assert await wire.code() == 220
            assert await wire.ask("EHLO carrier.example") == 250
        yield wire
    finally:
        wire.writer.close()
        with contextlib.suppress(OSError):
            await wire.writer.wait_closed()
