"""The other side of an SMTP connection, for the tests of the client: says exactly what a script tells it to.

    Peer.read(bytes from the client) -> commands and texts -> answers from the script -> bytes for the client
It takes down which copy each answer was for and how far into its output the answer ends, so that whoever knows how
much of the output the client has got knows what the client can have learned: `right_outcome` says what it must make of
that. Copies are told apart by their sender, `b-<number>@...`. `MemoryTransport` joins a peer to a Wire without sockets,
in pieces of any size; `JumpingSelector` makes an event loop whose clock jumps instead of waiting.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from dispatcher.smtp.connection import Envelope
from dispatcher.smtp.wire import Wire

Kind = Literal["rset", "mail", "rcpt", "data", "body", "quit"]
Script = Mapping[Kind, Iterable[bytes | None]]
"""Answers in the order in which they are asked for; None: says nothing any more. When they run out, all is well."""

WELL: dict[Kind, bytes] = {
    "rset": b"250 2.0.0 reset\r\n",
    "mail": b"250 2.1.0 ok\r\n",
    "rcpt": b"250 2.1.5 ok\r\n",
    "data": b"354 go on\r\n",
    "body": b"250 2.0.0 kept\r\n",
    "quit": b"221 2.0.0 bye\r\n",
}

NO_SMTP = (
    b"hello\r\n",
    b"99 too short\r\n",
    b"600 no such code\r\n",
    b"250_ok\r\n",
    b"\xff\x00\r\n",
    b"\r\n",
    b"25",
    b"250 no end",
    b"250-more is to come\r\n",
    b"250 " + b"x" * 5000 + b"\r\n",
    b"250 " + b"x" * 5000,
    b"250-x\r\n" * 9000 + b"250 x\r\n",
)
"""Malformed, unfinished or endless: after one of these the peer says nothing any more."""


@dataclass
class Told:
    """What the peer answered about one copy: (code, offset in its output where the answer ends); code 0 is no SMTP."""

    answers: dict[Kind, tuple[int, int]] = field(default_factory=dict)
    text: bytes | None = None
    accepted: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a copy: answered (`code`), or lost, perhaps in doubt."""

    stage: str
    code: int | None = None
    uncertain: bool = False


class Peer:
    """`sending`: the number of the copy whose turn it is, since RSET doesn't say."""

    def __init__(self, script: Script | None = None) -> None:
        self._script = {kind: iter(answers) for kind, answers in (script or {}).items()}
        self._buffer = b""
        self._in_text = False
        self._in_mail = False
        self._recipients: list[str] = []
        self._copy = -1
        self.sending = -1
        self.told: dict[int, Told] = {}
        self.said = 0
        self.silent = False
        self.commands: list[str] = []
        self.mistakes: list[str] = []

    def read(self, data: bytes) -> bytes:
        """The peer's output on what the client wrote."""
        self._buffer += data
        out = b""
        while not self.silent:
            if self._in_text:
                body, end, rest = (b"\r\n" + self._buffer).partition(b"\r\n.\r\n")
                if not end:
                    break
                self._buffer = rest
                out += self._text((body + b"\r\n")[2:].replace(b"\r\n.", b"\r\n").removeprefix(b"."))
            else:
                line, end, rest = self._buffer.partition(b"\r\n")
                if not end:
                    break
                self._buffer = rest
                out += self._command(line.decode())
        return out

    def seen(self, copy: int, kind: Kind, got: int) -> int | None:
        """The code that the client can have read, if it got that much of the output."""
        code, end = self.told.get(copy, Told()).answers.get(kind, (0, 0))
        return code if code and end <= got else None

    def _command(self, line: str) -> bytes:
        self.commands.append(line)
        verb = line[:4]
        if verb == "MAIL":
            self._copy = int(line.partition("<b-")[2].partition("@")[0])
            if self._in_mail:
                self.mistakes.append("nested MAIL")
            answer, code = self._answer("mail", self._copy)
            self._in_mail = 200 <= code < 300
            self._recipients = []
        elif verb == "RCPT":
            answer, code = self._answer("rcpt", self._copy)
            if 200 <= code < 300:
                self._recipients.append(line[9:-1])
        elif verb == "DATA":
            answer, code = self._answer("data", self._copy)
            self._in_text = code == 354
        elif verb == "RSET":
            answer, code = self._answer("rset", self.sending)
            self._in_mail, self._recipients = False, []
        elif verb == "QUIT":
            answer, code = self._answer("quit", -1)
        else:
            self.mistakes.append(f"not a command: {line[:20]}")
            answer = b"500 what?\r\n"
        return answer

    def _text(self, text: bytes) -> bytes:
        told = self.told[self._copy]
        recipients, self._in_text, self._in_mail, self._recipients = self._recipients, False, False, []
        if not recipients:
            if text:
                self.mistakes.append("text for nobody")
            answer = b"554 5.5.1 no recipients\r\n"
            self.said += len(answer)
            return answer
        told.text = text
        answer, code = self._answer("body", self._copy)
        told.accepted = 200 <= code < 300
        return answer

    def _answer(self, kind: Kind, copy: int) -> tuple[bytes, int]:
        answer = next(self._script.get(kind, iter(())), WELL[kind])
        if answer is None:
            self.silent = True
            return b"", 0
        self.said += len(answer)
        code = 0 if answer in NO_SMTP else int(answer.rstrip(b"\r\n").split(b"\n")[-1][:3])
        self.told.setdefault(copy, Told()).answers[kind] = (code, self.said)
        if code in (0, 421):
            self.silent = True
        return answer, code


def right_outcome(peer: Peer, copy: int, got: int, *, first: bool) -> Outcome:
    """What the client must report about a copy, when it got that much of the peer's output. `first`: in the connection."""
    told = peer.told.get(copy, Told())
    if "rset" in told.answers and peer.seen(copy, "rset", got) != 250:
        return Outcome("mail")
    kinds: tuple[Kind, ...] = ("mail", "rcpt", "data")
    for kind in kinds:
        code = peer.seen(copy, kind, got)
        if code is None:
            return Outcome(kind)
        if code == 354 if kind == "data" else code < 300:
            continue
        if code < 400 or (kind == "mail" and code == 503 and not first):
            return Outcome(kind)
        return Outcome(kind, code)
    code = peer.seen(copy, "body", got)
    if code is None or 300 <= code < 400:
        return Outcome("body", uncertain=told.text is not None)
    return Outcome("body", code)


class MemoryTransport(asyncio.Transport):
    """What the client writes goes to the peer at once; what the peer says comes in pieces, each in a turn of the loop
    of its own. `sizes`: of the pieces, again and again. `cut`: the connection breaks after that many octets."""

    def __init__(self, answer: Callable[[bytes], bytes], sizes: Iterable[int] = (), cut: int | None = None) -> None:
        super().__init__()
        self._answer = answer
        self._sizes = list(sizes) or [1 << 20]
        self._cut = cut
        self._turn = 0
        self._out = b""
        self._under_way = False
        self._closing = False
        self.got = 0
        self.written = b""
        self.wire: Wire | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.wire = cast(Wire, protocol)

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._closing:
            return
        self.written += bytes(data)
        self._out += self._answer(bytes(data))
        if not self._under_way:
            self._under_way = True
            asyncio.get_running_loop().call_soon(self._deliver)

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            assert self.wire is not None
            asyncio.get_running_loop().call_soon(self.wire.connection_lost, None)

    def _deliver(self) -> None:
        assert self.wire is not None
        if self._closing:
            return
        size = self._sizes[self._turn % len(self._sizes)]
        self._turn += 1
        if self._cut is not None:
            size = min(size, self._cut - self.got)
        piece, self._out = self._out[:size], self._out[size:]
        self.got += len(piece)
        if piece:
            self.wire.data_received(piece)
        if self._cut is not None and self.got >= self._cut:
            self._closing = True
            self.wire.connection_lost(ConnectionResetError())
        elif self._out:
            asyncio.get_running_loop().call_soon(self._deliver)
        else:
            self._under_way = False


class JumpingSelector(selectors.DefaultSelector):
    """Never waits: the clock of its loop jumps to whatever comes next. For loops without sockets."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen")
            self.now += max(timeout, 0.0)
        return ready


def run_timeless(test: Callable[[], object]) -> None:
    """Run a coroutine function to its end on a loop whose clock jumps."""
    selector = JumpingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.now  # type: ignore[method-assign]  # this clock jumps
    try:
        loop.run_until_complete(cast("asyncio.Future[object]", test()))
    finally:
        loop.close()


def copies(number: int) -> list[Envelope]:
    """Envelopes that a Peer can tell apart, with dots where they hurt."""
    return [
        Envelope(f"b-{i}@sakura.example", f"parent{i}@home.example", b"Subject: %d\r\n\r\n.\r\n..x\r\n" % i)
        for i in range(number)
    ]
