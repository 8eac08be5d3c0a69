"""A plain SMTP client for tests: one command at a time, every reply told.

`send` opens a connection for one mail; `ClientConnection` keeps it for many. The result names the final reply for each
recipient: its own if refused at RCPT, else the reply to the end of DATA. A torn connection raises ConnectionError, as
the sender cannot know what became of the mail.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

TIMEOUT = 30.0


class ServerReply(NamedTuple):
    """An SMTP reply; the lines of a long one are joined by a line feed."""

    code: int
    text: str

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 400


class ClientConnection:
    """One SMTP connection. `async with Connection(host, port) as connection: await connection.send(...)`.

    Every wait is bounded by `timeout` seconds. A greeting other than 220 is kept in `refused` and given as the reply
    to every later mail.
    """

    def __init__(self, host: str, port: int, *, helo: str = "phone.example", timeout: float = TIMEOUT) -> None:
        self._host = host
        self._port = port
        self._helo = helo
        self._timeout = timeout
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.refused: ServerReply | None = None
        self.extensions: frozenset[str] = frozenset()

    async def __aenter__(self) -> Self:
        async with asyncio.timeout(self._timeout):
            self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        try:
            greeting = await self._reply()
            hello = await self.command(f"EHLO {self._helo}") if greeting.accepted else greeting
        except BaseException:
            self._writer.close()
            raise
        if hello.accepted:
            self.extensions = frozenset(line.split(" ", 1)[0].upper() for line in hello.text.split("\n")[1:])
        else:
            self.refused = hello
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self.refused is None:
            with contextlib.suppress(OSError, TimeoutError, EOFError):
                await self.command("QUIT")
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._writer.wait_closed()

    async def send(self, envelope_from: str, recipients: Sequence[str], raw: bytes) -> dict[str, ServerReply]:
        """Hand in one mail; raises ConnectionError or TimeoutError when no reply comes."""
        if self.refused is not None:
            return dict.fromkeys(recipients, self.refused)
        parameters = ""
        if not raw.isascii() and "8BITMIME" in self.extensions:
            parameters += " BODY=8BITMIME"
        if not (envelope_from.isascii() and "".join(recipients).isascii()) and "SMTPUTF8" in self.extensions:
            parameters += " SMTPUTF8"
        reply = await self.command(f"MAIL FROM:<{envelope_from}>{parameters}")
        if not reply.accepted:
            return dict.fromkeys(recipients, reply)
        replies = {address: await self.command(f"RCPT TO:<{address}>") for address in recipients}
        taken = [address for address, answer in replies.items() if answer.accepted]
        if not taken:
            await self.command("RSET")
            return replies
        final = await self.command("DATA")
        if final.code == 354:
            self._write(_stuffed(raw))
            final = await self._reply()
        return replies | dict.fromkeys(taken, final)

    async def command(self, line: str) -> ServerReply:
        """Send one line and wait for its reply."""
        self._write(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return await self._reply()

    def _write(self, data: bytes) -> None:
        if self._writer is None:
            raise ConnectionError("not connected")
        self._writer.write(data)

    async def _reply(self) -> ServerReply:
        if self._reader is None:
            raise ConnectionError("not connected")
        lines: list[str] = []
        async with asyncio.timeout(self._timeout):
            while True:
                line = await self._reader.readline()
                if not line.endswith(b"\n"):
                    raise ConnectionResetError("the peer closed the connection in the middle of the talk")
                text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
                lines.append(text[4:])
                if text[3:4] != "-":
                    return ServerReply(int(text[:3]), "\n".join(lines))


async def send(
    host: str,
    port: int,
    envelope_from: str,
    recipients: Sequence[str],
    raw: bytes,
    *,
    helo: str = "phone.example",
    timeout: float = TIMEOUT,
) -> dict[str, ServerReply]:
    """One mail over a connection of its own: recipient -> final reply."""
    async with ClientConnection(host, port, helo=helo, timeout=timeout) as connection:
        return await connection.send(envelope_from, recipients, raw)


def _stuffed(raw: bytes) -> bytes:
    """CRLF line ends, full stops doubled, end mark."""
    text = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    if not text.endswith(b"\r\n") and text:
        text += b"\r\n"
    if text.startswith(b"."):
        text = b"." + text
    return text.replace(b"\r\n.", b"\r\n..") + b".\r\n"
