"""Behind a load balancer the limits count the true peer, and nobody else may say who he is."""

import ipaddress
import struct
from typing import Any

import pytest
from pydantic import ValidationError

from tests.ingress_smtp.smtp_server import mail, open_server, settings
from tests.ingress_smtp.wire import Wire, connected
from tests.support.fake_bus import FakeBus

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
ON: dict[str, Any] = {"proxy_protocol": True, "proxy_from": "127.0.0.0/8"}


def version_2(source: str, *, command: int = 1, tail: bytes = b"") -> bytes:
    address = ipaddress.ip_address(source)
    family = 0x11 if address.version == 4 else 0x21
    body = address.packed * 2 + struct.pack("!HH", 40_000, 25) + tail
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


async def mailed(wire: Wire) -> int:
    assert await wire.ask("EHLO x") == 250
    assert await wire.envelope() == 354
    wire.say(mail() + b".\r\n")
    return await wire.code()


@pytest.mark.parametrize(
    "header",
    [
        version_2("192.0.2.1"),
        version_2("2001:db8::1"),
        version_2("192.0.2.1", tail=b"\x04\x00\x01x"),
        version_2("192.0.2.1", command=0),
        SIGNATURE + b"\x20\x00\x00\x00",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n",
        b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n",
        b"PROXY UNKNOWN\r\n",
    ],
)
async def test_a_mail_arrives_through_a_balancer(header: bytes) -> None:
    bus = FakeBus()
    async with open_server(bus, **ON) as server, connected(server.port, hello=False) as wire:
        wire.say(header)
        assert await wire.code() == 220
        assert await mailed(wire) == 250
    assert bus.subjects == ["inbound.info"]


@pytest.mark.parametrize(
    "header",
    [
        b"EHLO x.example\r\nQUIT\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 70000 25\r\n",
        b"PROXY TCP4 2001:db8::1 192.0.2.2 40000 25\r\n",
        b"PROXY TCP9 192.0.2.1 192.0.2.2 40000 25\r\n",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY " + b"x" * 200 + b"\r\n",
        SIGNATURE + b"\x31\x11\x00\x0c" + b"x" * 12,
        SIGNATURE + b"\x2f\x11\x00\x0c" + b"x" * 12,
        SIGNATURE + b"\x21\x31\x00\xd8" + b"x" * 216,
        SIGNATURE + b"\x21\x11\x00\x02xx",
        SIGNATURE[:-1] + b"!" + b"\x21\x11\x00\x0c" + b"x" * 12,
    ],
)
async def test_without_a_proper_header_the_connection_ends_in_silence(header: bytes) -> None:
    async with open_server(FakeBus(), **ON) as server, connected(server.port, hello=False) as wire:
        wire.say(header)
        assert await wire.rest() == []
        assert server.gate.count == 0


async def test_a_header_cut_anywhere_ends_the_connection() -> None:
    header = version_2("192.0.2.1")
    async with open_server(FakeBus(), **ON) as server:
        for length in range(len(header)):
            async with connected(server.port, hello=False) as wire:
                wire.say(header[:length])
                wire.writer.write_eof()
                assert await wire.rest() == []


async def test_nobody_outside_the_balancers_networks_gets_in() -> None:
    changes: dict[str, Any] = {"proxy_protocol": True, "proxy_from": "192.0.2.0/24, 2001:db8::/32"}
    async with open_server(FakeBus(), **changes) as server, connected(server.port, hello=False) as wire:
        wire.say(version_2("192.0.2.1"))
        assert await wire.rest() == []


async def test_limits_are_those_of_the_true_peer() -> None:
    async with (
        open_server(FakeBus(), smtp_max_connections_per_peer=1, **ON) as server,
        connected(server.port, hello=False) as one,
        connected(server.port, hello=False) as two,
    ):
        for wire, source in ((one, "192.0.2.1"), (two, "192.0.2.2")):
            wire.say(version_2(source))
            assert await wire.code() == 220
        async with connected(server.port, hello=False) as three:
            three.say(version_2("192.0.2.1"))
            assert await three.rest() == [421]
        assert await mailed(one) == 250


async def test_without_the_setting_a_header_is_no_command() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.ask("PROXY TCP4 192.0.2.1 192.0.2.2 40000 25") == 500


def test_the_protocol_needs_networks_and_networks_need_the_protocol() -> None:
    for changes in (
        {"proxy_protocol": True},
        {"proxy_from": "127.0.0.1/32"},
        {"proxy_protocol": True, "proxy_from": "x"},
    ):
        with pytest.raises(ValidationError):
            settings(**changes)
