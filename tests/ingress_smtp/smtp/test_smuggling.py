"""One mail is one mail: nothing within it, and nothing around it, becomes another one or another command."""

import base64
import ssl
from pathlib import Path
from typing import Any

import pytest

from contracts.events import InboundReply
from contracts.sealed import RawMail
from tests.ingress_smtp.certificates import self_signed
from tests.ingress_smtp.smtp_server import BASE, TOKEN, mail, open_server, opened
from tests.ingress_smtp.wire import INFO, Wire, connected
from tests.support.fake_bus import FakeBus

REPLY = f"{TOKEN}@minami.{BASE}"
SECOND = b"MAIL FROM:<forged@bank.example>\r\nRCPT TO:<" + INFO.encode() + b">\r\nDATA\r\nsecond\r\n.\r\n"


def stored(bus: FakeBus) -> bytes:
    """The mail as the one reply event holds it."""
    (event,) = bus.events(InboundReply)
    return base64.b64decode(opened(event.mail, RawMail).raw)


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\n.\r",
        b"\r\n\x00.\r\n",
        b"\r\n.\x00\r\n",
        b"\r\n.\r\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n.\n\r\n",
        b"\r\n. \r\n",
        b"\x0b.\x0b",
        "\u2028.\u2028".encode(),
        b"\x85.\x85",
    ],
)
async def test_nothing_but_crlf_dot_crlf_ends_a_mail(end: bytes) -> None:
    bus = FakeBus()
    async with open_server(bus) as server, connected(server.port) as wire:
        assert await wire.envelope(REPLY) == 354
        wire.say(mail("first") + end + SECOND)
        assert await wire.code() == 250
        assert await wire.ask("NOOP") == 250
    assert bus.subjects == ["inbound.reply"]
    assert b"forged" in stored(bus)


async def test_bare_line_ends_are_repaired_so_that_every_reader_sees_the_same_lines() -> None:
    bus = FakeBus()
    async with open_server(bus) as server, connected(server.port) as wire:
        assert await wire.envelope(REPLY) == 354
        wire.say(b"Subject: a\rX-Forged: b\nTo: c\r\n\r\none\ntwo\rthree\r\r\n..\n..four\r\n.\r\n")
        assert await wire.code() == 250
    assert stored(bus) == b"Subject: a X-Forged: b\r\nTo: c\r\n\r\none\r\ntwo three \r\n.\r\n..four\r\n"


async def test_bare_line_ends_are_refused_where_that_is_set_and_the_connection_goes_on() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_bare_newlines="refuse") as server, connected(server.port) as wire:
        assert await wire.envelope(REPLY) == 354
        wire.say(b"Subject: a\r\n\r\none\ntwo\r\n.\r\n")
        assert await wire.code() == 550
        assert await wire.envelope(REPLY) == 354
        wire.say(mail("proper") + b".\r\n")
        assert await wire.code() == 250
    assert bus.subjects == ["inbound.reply"]


@pytest.mark.parametrize("cut", range(1, 9))
async def test_an_end_mark_is_seen_however_it_is_cut_into_packets(cut: int) -> None:
    bus = FakeBus()
    async with open_server(bus) as server, connected(server.port) as wire:
        assert await wire.envelope(REPLY) == 354
        whole = b"a: b\r\n\r\n..x\r\n.\r\n"
        for start in range(0, len(whole), cut):
            wire.say(whole[start : start + cut])
            await wire.writer.drain()
        assert await wire.code() == 250
        assert await wire.envelope(REPLY) == 354
        wire.say(b".\r\n")
        assert await wire.code() == 250
    assert sorted(base64.b64decode(opened(e.mail, RawMail).raw) for e in bus.events(InboundReply)) == [
        b"",
        b"a: b\r\n\r\n.x\r\n",
    ]


@pytest.mark.parametrize(
    "command",
    [
        b"MAIL FROM:<a@b.example>\nRCPT TO:<" + INFO.encode() + b">\r\n",
        b"MAIL FROM:<a@b.example>\rRCPT TO:<" + INFO.encode() + b">\r\n",
        b"MAIL FROM:<a\x00@b.example>\r\n",
        b"MAIL FROM:<a@b.example>\tSIZE=1\r\n",
        b"RSET\n",
        b"RSET\r\r\n",
        b"\x1b[2J\r\n",
    ],
)
async def test_a_command_with_control_characters_has_no_effect(command: bytes) -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        wire.say(command)
        assert await wire.code() == 500
        assert await wire.ask(f"RCPT TO:<{INFO}>") in (500, 503)


@pytest.mark.parametrize(
    "path",
    [
        "<a@b.example>\\r\\nRCPT TO:<x@y.example>",
        '<"a\\\\"@b.example> x',
        "<a@b.example><c@d.example>",
        "<a@b.example> SIZE=1=2 =",
        "<a@b.example> SIZE=-1",
        "<a@b.example> SIZE=²",
        "<a@b.example> SIZE",
        "<a@b.example> SIZE=1e3",
        "<a@b.example> BODY=BINARYMIME",
        "<a@b.example> BODY",
        "<a@b.example> SMTPUTF8=1",
        "<a@b.example> AUTH=<>",
        "<a@b.example> ENVID=x RET=HDRS",
        "<a@b.example> " + "X" * 900,
        "a@b.example>",
        "<a@b.example",
    ],
)
async def test_a_malformed_sender_or_parameter_is_refused_in_clear_words(path: str) -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.ask(f"MAIL FROM:{path}") in (501, 553, 555)
        assert await wire.ask("MAIL FROM:<a@b.example> SIZE=20 BODY=8BITMIME SMTPUTF8") == 250
        for more in ("NOTIFY=NEVER", "ORCPT=rfc822;a@b.example", "X=Y", "=", "é=1"):
            assert await wire.ask(f"RCPT TO:<{INFO}> {more}") in (501, 555)
        assert await wire.ask(f"RCPT TO:<{INFO}>") == 250


async def test_commands_behind_starttls_are_never_obeyed(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    bus = FakeBus()
    async with open_server(bus, tls_certificate=certificate, tls_key=key) as server:
        async with connected(server.port) as wire:
            wire.say(b"STARTTLS\r\nEHLO x\r\n" + SECOND)
            assert await wire.rest() == [554]
        async with connected(server.port) as wire:
            await secured(wire, certificate)
            assert await wire.ask("MAIL FROM:<a@b.example>") == 503  # what was said in the clear is forgotten
            wire.say(b"EHLO x\r\n")
            assert "STARTTLS" not in await wire.hear()
            assert await wire.ask("STARTTLS") == 503
            assert await wire.envelope() == 354
            wire.say(mail("over TLS") + b".\r\n")
            assert await wire.code() == 250
    assert bus.subjects == ["inbound.info"]


async def secured(wire: Wire, certificate: Path) -> None:
    assert await wire.ask("STARTTLS") == 220
    await wire.writer.start_tls(ssl.create_default_context(cafile=str(certificate)), server_hostname="localhost")


async def test_without_tls_nobody_speaks_for_a_domain_that_always_uses_it(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    changes: dict[str, Any] = {
        "tls_certificate": certificate,
        "tls_key": key,
        "smtp_tls_required_from": "gmail.com, docomo.ne.jp",
    }
    async with open_server(FakeBus(), **changes) as server, connected(server.port) as wire:
        for spelling in ("a@GMAIL.com", "a@gmail.com.", "a@ｇmail.com", "a@gmail。com"):
            assert await wire.ask(f"MAIL FROM:<{spelling}>") == 530
        assert await wire.ask("MAIL FROM:<a@b.example>") == 250
        assert await wire.ask("RSET") == 250
        await secured(wire, certificate)
        assert await wire.ask("EHLO x") == 250
        assert await wire.ask("MAIL FROM:<a@gmail.com>") == 250


async def test_whoever_speaks_before_the_greeting_or_ahead_of_its_turn_is_sent_away() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_greeting_delay=5.0) as server, connected(server.port, hello=False) as wire:
        wire.say(b"EHLO x\r\n" + SECOND)
        assert await wire.rest() == [554]
    async with open_server(bus) as server:
        for early in (b"EHLO x\r\nMAIL FROM:<a@b.example>\r\n", b"HELO x\r\nMAIL FROM:<a@b.example>\r\n"):
            async with connected(server.port, hello=False) as wire:
                assert await wire.code() == 220
                wire.say(early)
                assert await wire.rest() == [554]
        async with connected(server.port) as wire:
            wire.say(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<" + INFO.encode() + b">\r\nDATA\r\nFrom: x\r\n.\r\n")
            assert await wire.rest() == [250, 250, 554]
    assert not bus.messages


async def test_a_group_of_commands_is_answered_in_order_also_when_the_sender_hangs_up_behind_it() -> None:
    bus = FakeBus()
    async with open_server(bus) as server, connected(server.port) as wire:
        wire.say(
            b"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<x@y.example>\r\nRCPT TO:<" + INFO.encode() + b">\r\nDATA\r\n"
        )
        assert await wire.codes(5) == [250, 250, 550, 250, 354]
        wire.say(mail("last") + b".\r\nRSET\r\nQUIT\r\n")
        wire.writer.write_eof()
        assert await wire.rest() == [250, 250, 221]
    assert bus.subjects == ["inbound.info"]
