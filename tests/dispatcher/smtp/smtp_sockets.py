"""Servers on real sockets for the tests of the SMTP client: a scripted peer (smtp_peer.py) that greets and encrypts, and
the certificate it shows."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.dispatcher.smtp.smtp_peer import Peer


def write_certificate(folder: Path) -> Path:
    """A self-signed certificate with its key, for `localhost`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        built.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@asynccontextmanager
async def listening(factory: Callable[[], asyncio.BaseProtocol]) -> AsyncIterator[int]:
    """A server on a free port of 127.0.0.1; gives the port."""
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class PeerServer(asyncio.Protocol):
    """A scripted peer behind a socket: greets, answers EHLO, encrypts when asked, then leaves the exchange to the peer.
    Its output goes out in pieces of these sizes; after `cut` octets it closes. `behind_ehlo` follows on EHLO's heels."""

    def __init__(
        self,
        peer: Peer,
        *,
        pipelining: bool = True,
        sizes: list[int] | None = None,
        cut: int | None = None,
        tls: ssl.SSLContext | None = None,
        behind_ehlo: bytes = b"",
    ) -> None:
        self.peer = peer
        self.secret = False
        self._pipelining = pipelining
        self._sizes = sizes or [1 << 20]
        self._turn = 0
        self._cut = cut
        self._tls = tls
        self._behind_ehlo = behind_ehlo
        self._out = b""
        self._sending = False
        self._upgrade: asyncio.Task[None] | None = None
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(b"220 ready\r\n")

    def data_received(self, data: bytes) -> None:
        if self._upgrade is not None and not self.secret:
            self._early += data  # decrypted, but the task that will know where to answer has yet to run
            return
        if not self._in_talk(data):
            return
        self._out += self.peer.read(data)
        if not self._sending:
            self._send()

    def _in_talk(self, data: bytes) -> bool:
        if data.startswith(b"EHLO"):
            lines = [b"250-here", *[b"250-PIPELINING"] * self._pipelining]
            lines += [b"250-STARTTLS"] * (self._tls is not None and not self.secret)
            self.transport.write(b"\r\n".join([*lines, b"250 SIZE 9000000", self._behind_ehlo]))
            return False
        if data == b"STARTTLS\r\n":
            self.transport.pause_reading()  # the client's first words are for the encryption
            self.transport.write(b"220 go\r\n")
            self._upgrade = asyncio.get_running_loop().create_task(self._encrypt())
            return False
        return True

    async def _encrypt(self) -> None:
        assert self._tls is not None
        loop = asyncio.get_running_loop()
        secret = await loop.start_tls(self.transport, self, self._tls, server_side=True)
        assert secret is not None
        self.transport = secret
        self.secret = True
        if self._early:
            self.data_received(self._early)

    def _send(self) -> None:
        size = self._sizes[self._turn % len(self._sizes)]
        self._turn += 1
        if self._cut is not None:
            size = min(size, self._cut)
            self._cut -= size
        piece, self._out = self._out[:size], self._out[size:]
        self.transport.write(piece)
        if self._cut == 0:
            self.transport.close()
            self._sending = True
            return
        self._sending = bool(self._out)
        if self._out:
            asyncio.get_running_loop().call_soon(self._send)
