"""Whatever octets come, in whatever pieces: the server answers or closes, and stores whole mails only.

What must be accepted is told by a second, plain reading of the same dialogue (`expected`), written for nothing but this.
"""

import asyncio
import base64
import re
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contracts.events import InboundReply
from contracts.sealed import RawMail
from simulator import mailer
from tests.ingress_smtp.smtp_server import BASE, TOKEN, mail, open_server, opened
from tests.ingress_smtp.wire import Wire, connected
from tests.support.fake_bus import FakeBus

REPLY = f"{TOKEN}@minami.{BASE}"
QUICK = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
LIMITS: dict[str, Any] = {"smtp_timeout": 0.5, "smtp_patience": 0.5, "smtp_tarpit": 0.0, "smtp_max_errors": 1_000}

PIECES = (
    b"EHLO x\r\n",
    b"MAIL FROM:<a@b.example>\r\n",
    b"MAIL FROM:<>\r\n",
    f"RCPT TO:<{REPLY}>\r\n".encode(),
    b"RCPT TO:<nobody@x.example>\r\n",
    b"DATA\r\n",
    b"Subject: x\r\n\r\ntext\r\n",
    b"..dots\r\n",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"RSET\r\n",
    b"QUIT\r\n",
    b"NOOP\r\n",
    b"STARTTLS\r\n",
    b"\r",
    b"\n",
    b"\x00",
    b"\xff\xfe",
    b"A" * 3_000,
)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def still_open(port: int) -> None:
    """The server takes a proper mail."""
    assert (await mailer.send("127.0.0.1", port, "b@b.example", [REPLY], mail("after")))[REPLY].code == 250


def stored(bus: FakeBus) -> list[bytes]:
    return [base64.b64decode(opened(event.mail, RawMail).raw) for event in bus.events(InboundReply)]


# Slow: each of many examples has a server and a connection of its own.
@QUICK
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=40)), max_size=25), st.integers(1, 200))
@example([b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n", b"DATA\r\n", b".\r\n"], 3)
def test_no_octets_break_the_server_or_leave_half_a_mail(pieces: list[bytes], cut: int) -> None:
    async def scenario() -> None:
        bus = FakeBus()
        whole = b"".join(pieces)
        async with open_server(bus, **LIMITS) as server:
            async with connected(server.port, hello=False) as wire:
                try:
                    for start in range(0, len(whole), cut):
                        wire.say(whole[start : start + cut])
                        await wire.writer.drain()
                        await asyncio.sleep(0)  # the server runs in between
                    wire.writer.write_eof()
                except OSError:
                    pass
                answers = await wire.rest()
            assert all(200 <= code < 600 for code in answers)
            for raw in stored(bus):
                assert raw == b"" or raw.endswith(b"\r\n")
            assert server.pressure.reserved == 0
            await still_open(server.port)

    run(scenario())


COMMANDS = ("EHLO x", "HELO x", "RSET", "NOOP", "MAIL", "MAIL<>", "RCPT", "RCPT?", "DATA", "DATA1", "junk")


def line(command: str) -> bytes:
    texts = {
        "MAIL": "MAIL FROM:<a@b.example>",
        "MAIL<>": "MAIL FROM:<>",
        "RCPT": f"RCPT TO:<{REPLY}>",
        "RCPT?": "RCPT TO:<nobody@x.example>",
        "DATA1": "DATA now",
        "junk": "XYZZY",
    }
    return f"{texts.get(command, command)}\r\n".encode()


class Expected:
    """What a server must answer, in order: greeted? sender given? recipients?"""

    def __init__(self) -> None:
        self.greeted = self.mail = False
        self.recipients = 0
        self.mails: list[bytes] = []

    def answer(self, command: str) -> int:
        verb = command.partition(" ")[0].rstrip("<>?1")
        if verb in ("EHLO", "HELO"):
            self.greeted, self.mail, self.recipients = True, False, 0
            return 250
        if verb == "RSET":
            self.mail, self.recipients = False, 0
            return 250
        if verb == "NOOP":
            return 250
        if verb == "junk":
            return 500
        if not self.greeted:
            return 503
        if verb == "MAIL":
            code = 503 if self.mail else 250
            self.mail = True
            return code
        if verb == "RCPT":
            if not self.mail:
                return 503
            if command == "RCPT":
                self.recipients += 1
                return 250 if self.recipients <= 5 else 452
            return 550
        if command == "DATA1":
            return 501
        return 354 if self.recipients else 503

    def message(self, text: bytes) -> None:
        lines = re.split(rb"\r\n", text)
        self.mails.append(b"\r\n".join(each[1:] if each.startswith(b".") else each for each in lines))
        self.mail, self.recipients = False, 0


TEXT = st.lists(st.sampled_from([b"a: b", b"", b"..", b"..x", b"text", b"\xe3\x81\x82", b"x" * 300]), max_size=6)


# Slow: each of many examples has a server and a connection of its own.
@QUICK
@given(st.lists(st.tuples(st.sampled_from(COMMANDS), TEXT), max_size=20), st.integers(0, 2**30))
@example([("EHLO x", []), ("MAIL", []), ("RCPT", []), ("DATA", [b"..", b"..x"]), ("DATA", [])], 1)
def test_every_dialogue_is_answered_as_the_protocol_says(dialogue: list[tuple[str, list[bytes]]], number: int) -> None:
    async def step(wire: Wire, model: Expected, command: str, text: list[bytes], turn: int) -> None:
        wire.say(line(command))
        wanted = model.answer(command)
        assert await wire.code() == wanted, command
        if wanted == 354:
            body = b"".join(each + b"\r\n" for each in (f"X-{number}-{turn}: 1".encode(), *text))
            wire.say(body + b".\r\n")
            assert await wire.code() == 250
            model.message(body)

    async def scenario() -> None:
        bus, model = FakeBus(), Expected()
        async with open_server(bus, **LIMITS) as server, connected(server.port, hello=False) as wire:
            assert await wire.code() == 220
            for turn, (command, text) in enumerate(dialogue):
                await step(wire, model, command, text, turn)
        assert sorted(stored(bus)) == sorted(model.mails)

    run(scenario())
