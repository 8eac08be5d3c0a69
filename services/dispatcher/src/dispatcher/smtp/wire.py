"""The wire: an SMTP connection as bytes, after somebody else has opened it (client.Connector).

    write(commands, replies) ─> data_received: cut into lines, lines into replies ─> received_replies
                                                        arrival(n, seconds) <─ n of them are there, or `trouble`
Whoever writes says how many replies that asks for. What comes unasked, is no reply, or is longer than any server's
reply has a right to be ends the connection, so memory is bounded and no reply is ever taken for another's. The hottest
code of the dispatcher: a copy that goes well costs one write, one data_received and one future.
"""

import asyncio
from collections import deque
from typing import cast

LINE_BYTES = 4096
"""The longest line we read; RFC 5321 4.5.3.1.5 allows 512."""
REPLY_BYTES = 32_768
BLOCK_BYTES = 65_536
"""A text up to this goes out in one write, a longer one in blocks as fast as the peer reads."""

SERVICE_CLOSING = 421

_CODES = {b"%d" % code: code for code in range(200, 600)}

ReceivedReply = tuple[int, bytes]
"""Code and text of a reply; its lines are joined by LF."""


class Wire(asyncio.Protocol):
    """One side of a connection. `trouble`: a static code of what ended it, empty while it is in order; what came before
    stays in `received_replies`. `closing_reply`: the 421 that the server said without being asked."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.received_replies: deque[ReceivedReply] = deque()
        self.trouble = ""
        self.closing_reply: ReceivedReply | None = None
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._expected = 0
        self._rest = b""
        self._lines: list[bytes] = []
        self._size = 0
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._for_room = False
        self._seconds = 0.0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    @classmethod
    def over(cls, transport: asyncio.BaseTransport, early: bytes = b"") -> "Wire":
        """Take over a connection; `early` is what its last owner had read and not used."""
        # uvloop's own class, and that of its TLS connections, are no asyncio.Transport.
        wire = cls(cast(asyncio.Transport, transport))
        wire._transport.set_protocol(wire)
        if transport.is_closing():  # perhaps only the last owner was told
            wire.end("connection lost")
        elif early:
            wire.data_received(early)
        return wire

    def write(self, data: bytes, replies: int) -> bool:
        """Write what asks for that many replies. False: the connection is not in order, and nothing was written."""
        if self._expected == 0 and (self._rest or self._lines):
            self.end("reply out of step")
        if self.trouble:
            return False
        self._expected += replies
        self._transport.write(data)
        return True

    async def write_blocks(self, data: bytes, replies: int, seconds: float) -> bool:
        """Write a long text, each block within `seconds`. False: it was not written to the end; if the server has
        answered before that, its reply is in `received_replies`."""
        if not self.write(b"", 1):
            return False
        blocks = memoryview(data)
        for start in range(0, len(data), BLOCK_BYTES):
            if self._paused:
                self._for_room = True
                await self.arrival(1, seconds)
                self._for_room = False
            if self.received_replies or self.trouble:
                return False
            self._transport.write(blocks[start : start + BLOCK_BYTES])
        self._expected += replies - 1
        return True

    def arrival(self, replies: int, seconds: float) -> "asyncio.Future[None]":
        """Done when that many replies have been received, or there is trouble; `seconds` are for each reply."""
        waiter = self._waiter = self._loop.create_future()
        if len(self.received_replies) >= replies or self.trouble:
            waiter.set_result(None)
            return waiter
        self._wanted = replies
        self._seconds = seconds
        self._due = self._loop.time() + seconds
        # One timer serves many waits: it looks again when it comes too early.
        if self._timer is None or self._timer_at > self._due:
            self._set_timer()
        return waiter

    def end(self, trouble: str) -> None:
        """Close without a word. What was the first trouble stays."""
        if not self.trouble:
            self.trouble = trouble
            self._transport.abort()
            self._settle()

    # -- asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self.trouble:
            return
        before = len(self.received_replies)
        lines = (self._rest + data if self._rest else data).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line)
            if self.trouble:
                return
        if len(self._rest) > LINE_BYTES:
            self.end("reply too long")
            return
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            if len(self.received_replies) >= self._wanted:
                waiter.set_result(None)
            elif len(self.received_replies) > before:
                self._due = self._loop.time() + self._seconds

    def eof_received(self) -> bool:
        self.end("connection lost")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.trouble:
            self.trouble = "connection lost"
        self._settle()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._for_room:
            self._wake()

    # -- inside

    def _take(self, line: bytes) -> None:
        code = _CODES.get(line[:3])
        mark = line[3:4]
        self._size += len(line)
        if code is None or mark not in b" -\r":
            self.end("malformed reply")
        elif len(line) > LINE_BYTES or self._size > REPLY_BYTES:
            self.end("reply too long")
        elif mark == b"-":
            self._lines.append(line[4:].strip())
        else:
            text = line[4:].strip()
            if self._lines:
                text = b"\n".join((*self._lines, text))
                self._lines.clear()
            self._size = 0
            self._reply((code, text))

    def _reply(self, answer: ReceivedReply) -> None:
        if self._expected > 0:
            self._expected -= 1
            self.received_replies.append(answer)
        elif answer[0] == SERVICE_CLOSING:
            self.closing_reply = answer
        else:
            self.end("reply out of step")
        if answer[0] == SERVICE_CLOSING:
            self.end("session ended")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _settle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = self._due
        self._timer = self._loop.call_at(self._timer_at, self._look_at_time)

    def _look_at_time(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if self._due > self._loop.time():
            self._set_timer()
        else:
            self.end("no reply in time")


def commands(sender: str, recipient: str) -> bytes:
    """MAIL, RCPT and DATA, a line each; empty when the addresses cannot stand in them."""
    if not (sender.isascii() and sender.isprintable() and recipient.isascii() and recipient.isprintable()):
        return b""
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode("ascii")


def dot_stuffed(text: bytes, behind: bytes = b"") -> bytes:
    """The text as it goes over the wire, with its end (RFC 5321 4.5.2), and `behind` it what goes out with it."""
    first = b"." if text.startswith(b".") else b""
    end = b".\r\n" if text.endswith(b"\r\n") else b"\r\n.\r\n"
    return b"".join((first, text.replace(b"\r\n.", b"\r\n.."), end, behind))
