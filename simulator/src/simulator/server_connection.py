"""One SMTP connection to a simulated carrier: the wire, nothing else.

Bytes come in by `data_received`, are cut into commands or message text, and each command is answered by a method
that asks the `Host` (the carrier) for its decision. Replies to pipelined commands leave in one write. A slow carrier
answers one command, then pauses until its timer rings. A plain asyncio.Protocol, because the streams API costs
several times more per mail and the simulator shares its processor with what it tests.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Protocol, cast

MAX_LINE = 4096
IDLE_SECONDS = 300.0
LINGER_SECONDS = 2.0


class Host(Protocol):
    """What a connection asks of its carrier. Replies are full SMTP reply lines without the line end."""

    name: str

    @property
    def reply_delay(self) -> float: ...
    @property
    def size_limit(self) -> int: ...
    @property
    def pipelining(self) -> bool: ...

    def opened(self, connection: ServerConnection) -> str: ...
    def closed(self, connection: ServerConnection) -> None: ...
    def mail(self, connection: ServerConnection) -> str: ...
    def rcpt(self, connection: ServerConnection, recipient: str) -> str: ...
    def message(self, connection: ServerConnection, raw: bytes) -> str | None:
        """The reply to the end of DATA; None = tear the connection."""
        ...


class ServerConnection(asyncio.Protocol):
    """State of one connection. `messages` and `recipients_accepted` count over the whole connection."""

    def __init__(self, host: Host, number: int) -> None:
        self.number = number
        self.messages = 0
        self.recipients_accepted = 0
        self.sender = ""
        self.recipients: list[str] = []
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._scanned = 0
        self._in_mail = False
        self._in_data = False
        self._paused = False
        self._closing = False
        self._out: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._last_seen = self._loop.time()
        self._idle: asyncio.TimerHandle | None = None

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no asyncio.Transport
        self._idle = self._loop.call_later(IDLE_SECONDS, self._check_idle)
        self._answer(self._host.opened(self))
        self._process()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._last_seen = self._loop.time()
        self._buffer += data
        if not self._paused:
            self._process()
        elif len(self._buffer) > self._host.size_limit + MAX_LINE:
            self.tear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()
        for timer in (self._timer, self._idle, self._linger):
            if timer is not None:
                timer.cancel()
        self._transport = None

    # -- for the carrier

    def tear(self) -> None:
        """End the connection with a TCP RST, as au does when it has had enough."""
        self._leave()
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    # -- the talk

    def _process(self) -> None:
        while not self._paused and not self._closing:
            if not (self._take_message() if self._in_data else self._take_line()):
                break
        self._flush()

    def _take_line(self) -> bool:
        end = self._buffer.find(b"\n", 0, MAX_LINE)
        if end < 0:
            if len(self._buffer) >= MAX_LINE:
                self._buffer.clear()
                self._answer("500 5.5.2 Line too long", close=True)
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        self._command(line)
        return True

    def _take_message(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            body, after = b"", 3
        else:
            end = self._buffer.find(b"\r\n.\r\n", max(0, self._scanned - 4))
            if end < 0:
                self._scanned = len(self._buffer)
                if self._scanned > self._host.size_limit:
                    self._answer("552 5.3.4 Message too big", close=True)
                return False
            body, after = bytes(self._buffer[: end + 2]), end + 5
        del self._buffer[:after]
        self._scanned = 0
        self._in_data = False
        if body.startswith(b"."):
            body = body[1:]
        if b"\r\n." in body:  # RFC 5321 4.5.2: the first full stop of a line is never part of the text
            body = body.replace(b"\r\n.", b"\r\n")
        self._finish_message(body)
        return True

    def _finish_message(self, body: bytes) -> None:
        reply = self._host.message(self, body)
        self._reset()
        if reply is None:
            self._flush()  # what was answered before stays answered, however the client pipelines
            self.tear()
        else:
            self._answer(reply, close=reply.startswith("421"))

    def _command(self, line: bytes) -> None:
        text = line.decode("utf-8", "surrogateescape")
        verb = text[:4].upper()
        if verb == "MAIL":
            self._mail(text)
        elif verb == "RCPT":
            self._rcpt(text)
        elif verb == "DATA":
            self._data()
        elif verb == "EHLO":
            self._reset()
            self._answer(self._greeting())
        elif verb == "HELO":
            self._reset()
            self._answer(f"250 {self._host.name}")
        elif verb == "RSET":
            self._reset()
            self._answer("250 2.0.0 Reset")
        elif verb == "NOOP":
            self._answer("250 2.0.0 OK")
        elif verb == "QUIT":
            self._answer("221 2.0.0 Bye", close=True)
        elif verb == "VRFY":
            self._answer("252 2.0.0 Try and see")
        else:
            self._answer("502 5.5.1 Not implemented")

    def _greeting(self) -> str:
        extensions = ["PIPELINING"] if self._host.pipelining else []
        extensions += [f"SIZE {self._host.size_limit}", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
        lines = [self._host.name, *extensions]
        return "\r\n".join(f"250{' ' if i == len(lines) - 1 else '-'}{text}" for i, text in enumerate(lines))

    def _mail(self, text: str) -> None:
        if self._in_mail:
            self._answer("503 5.5.1 Nested MAIL")
            return
        address, parameters = _path(text, "FROM:")
        if address is None:
            self._answer("501 5.5.4 Syntax: MAIL FROM:<address>")
            return
        if any(p.startswith("SIZE=") and p[5:].isdigit() and int(p[5:]) > self._host.size_limit for p in parameters):
            self._answer("552 5.3.4 Message too big")
            return
        self.sender = address
        reply = self._host.mail(self)
        self._in_mail = reply.startswith("2")
        self._answer(reply, close=reply.startswith("421"))

    def _rcpt(self, text: str) -> None:
        if not self._in_mail:
            self._answer("503 5.5.1 MAIL first")
            return
        address, _ = _path(text, "TO:")
        if not address:
            self._answer("501 5.5.4 Syntax: RCPT TO:<address>")
            return
        reply = self._host.rcpt(self, address)
        if reply.startswith("2"):
            self.recipients.append(address)
            self.recipients_accepted += 1
        self._answer(reply, close=reply.startswith("421"))

    def _data(self) -> None:
        if not self._in_mail:
            self._answer("503 5.5.1 MAIL first")
        elif not self.recipients:
            self._answer("554 5.5.1 No valid recipients")
        else:
            self._in_data = True
            self._answer("354 End with .")

    def _reset(self) -> None:
        self._in_mail = False
        self.sender = ""
        self.recipients = []

    # -- replies

    def _answer(self, reply: str, *, close: bool = False) -> None:
        self._out.append(reply.encode("utf-8", "surrogateescape") + b"\r\n")
        close = close or (reply.startswith("421") and not self._closing)
        if self._host.reply_delay > 0:
            self._paused = True
            self._timer = self._loop.call_later(self._host.reply_delay, self._resume, close)
        elif close:
            self._close()

    def _resume(self, close: bool) -> None:
        self._paused = False
        if close:
            self._close()
        else:
            self._flush()
            self._process()

    def _close(self) -> None:
        """Say what is left to say and close; linger, because a close with pipelined bytes still on their way
        would become a RST that may overtake the last reply."""
        self._flush()
        self._leave()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()
            self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.close)

    def _leave(self) -> None:
        if not self._closing:
            self._closing = True
            self._host.closed(self)

    def _flush(self) -> None:
        if self._out and not self._paused and not self._closing and self._transport is not None:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _check_idle(self) -> None:
        left = self._last_seen + IDLE_SECONDS - self._loop.time()
        if left > 0:
            self._idle = self._loop.call_later(left, self._check_idle)
        elif not self._closing:
            self._out.append(b"421 4.4.2 Idle for too long\r\n")
            self._paused = False
            self._close()


def _path(text: str, keyword: str) -> tuple[str | None, list[str]]:
    """`MAIL FROM:<a@b> SIZE=1` -> ("a@b", ["SIZE=1"]); an address that isn't there is None.

    The quoted local part may hold '>' and spaces (RFC 5321 4.1.2).
    """
    rest = text[5:].lstrip()
    if rest[: len(keyword)].upper() != keyword:
        return None, []
    rest = rest[len(keyword) :].lstrip()
    if not rest.startswith("<"):
        return None, []
    if '"' not in rest:
        end = rest.find(">")
        return (None, []) if end < 0 else (rest[1:end], rest[end + 1 :].upper().split())
    quoted = False
    for i, char in enumerate(rest):
        if char == '"' and rest[i - 1] != "\\":
            quoted = not quoted
        elif char == ">" and not quoted:
            return rest[1:i], rest[i + 1 :].upper().split()
    return None, []
