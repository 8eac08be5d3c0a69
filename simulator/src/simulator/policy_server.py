"""An HTTPS server on 127.0.0.1, for tests: serves one text, or misbehaves as told.

async with PolicyServer(authority.issue_cert("mta-sts.family.example"), "version: STSv1 ...") as server:
    server.port; server.status = 404; server.asked   # [(Host, path)]
"""

import asyncio
import ssl
from contextlib import suppress
from typing import Self

import trustme


class PolicyServer:
    """`broken`: closes in the middle of its answer. `hold`: when set to an unset event, answers wait for it."""

    def __init__(self, certificate: trustme.LeafCert, body: str) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self._tls)
        self.body = body
        self.status = 200
        self.content_type = "text/plain; charset=utf-8"
        self.headers: dict[str, str] = {}
        self.broken = False
        self.hold: asyncio.Event | None = None
        self.asked: list[tuple[str, str]] = []
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            host = next((line[6:] for line in request.split("\r\n") if line.lower().startswith("host: ")), "")
            self.asked.append((host, request.split(" ")[1]))
            if self.hold is not None:
                await self.hold.wait()
            body = self.body.encode()
            fields = {"Content-Type": self.content_type, "Content-Length": str(len(body)), **self.headers}
            head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
            writer.write(f"HTTP/1.1 {self.status} Answer\r\n{head}Connection: close\r\n\r\n".encode())
            writer.write(body[: len(body) // 2] if self.broken else body)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client thought better of it
        finally:
            with suppress(OSError):
                writer.close()
