"""The senders of `acceptance`: mails over many sessions at once, each handed in as a carrier's server would.

Told on standard input: `{"port", "sessions", "mails": [{"from", "to", "data"}]}`; `data` has CR LF line ends and doubled
full stops. MAIL, RCPT and DATA go out together (RFC 2920), the mail when 354 came. Written: `{"seconds", "refused"}`.
"""

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any, cast

import uvloop


class SmtpSender(asyncio.Protocol):
    """One session."""

    def __init__(self, mails: deque[dict[str, str]], refused: dict[str, int]) -> None:
        self._mails = mails
        self._refused = refused
        self._wanted = ["220"]
        self._replies = 0
        self._seen = b""
        self._data = b""
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, self._seen = (self._seen + data).split(b"\r\n")
        for line in lines:
            if line[3:4] != b"-":
                self._reply(line[:3].decode())

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _reply(self, code: str) -> None:
        wanted = self._wanted.pop(0)
        if wanted == "220":
            self._transport.write(b"EHLO carrier.example\r\n")
            self._wanted = ["ehlo"]
        elif wanted == "354" and code == "354":
            self._transport.write(self._data)
            self._wanted = ["250"]
        elif code[0] not in "2":
            self._refused[code] = self._refused.get(code, 0) + 1
            self._transport.close()
        elif not self._wanted:
            self._next()

    def _next(self) -> None:
        if not self._mails:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()
            return
        mail = self._mails.popleft()
        self._data = mail["data"].encode() + b".\r\n"
        self._transport.write(f"MAIL FROM:<{mail['from']}>\r\nRCPT TO:<{mail['to']}>\r\nDATA\r\n".encode())
        self._wanted = ["mail", "rcpt", "354"]


async def main(told: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    mails, refused = deque(told["mails"]), dict[str, int]()
    began = time.perf_counter()
    senders = [
        (await loop.create_connection(lambda: SmtpSender(mails, refused), "127.0.0.1", told["port"]))[1]
        for _ in range(told["sessions"])
    ]
    await asyncio.gather(*(sender.ended for sender in senders))
    print(json.dumps({"seconds": time.perf_counter() - began, "refused": refused, "left": len(mails)}))


if __name__ == "__main__":
    uvloop.run(main(json.load(sys.stdin)))
