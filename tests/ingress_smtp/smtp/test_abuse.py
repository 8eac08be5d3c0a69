"""What the server bears from those who mean no mail."""

import asyncio
import contextlib
from typing import Any

from ingress_smtp.smtp.connection import reply_delay
from simulator import mailer
from tests.ingress_smtp.smtp_server import BASE, BOUNCE_TOKEN, SECRET, TOKEN, mail, open_server
from tests.ingress_smtp.wire import HOST, INFO, connected
from tests.support.fake_bus import FakeBus


def at(local: str) -> str:
    return f"{local}@minami.{BASE}"


async def test_a_web_request_is_told_that_this_is_a_mail_server() -> None:
    async with open_server(FakeBus()) as server:
        for request in (b"GET / HTTP/1.1\r\n", b"POST /x HTTP/1.1\r\n", b"CONNECT a:25 HTTP/1.0\r\n", b"host: a\r\n"):
            async with connected(server.port, hello=False) as wire:
                assert await wire.code() == 220
                wire.say(request + b"Host: mail.example\r\nContent-Length: 200\r\n\r\nEHLO x\r\nMAIL FROM:<a@b>\r\n")
                assert await wire.rest() == [554]


async def test_who_tries_to_log_in_is_sent_away_after_a_few_tries() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.ask("AUTH PLAIN AHRlc3QAdGVzdA==") == 502
        assert await wire.ask("AUTH LOGIN") == 502
        assert await wire.ask("AUTH CRAM-MD5") == 421
        assert await wire.rest() == []


async def test_nobody_learns_who_is_here() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.ask(f"VRFY {INFO}") == await wire.ask("VRFY nobody") == 252
        assert await wire.ask("EXPN staff") == 502
        wire.say(b"HELP\r\n")
        assert "@" not in await wire.hear()


async def test_mistakes_make_replies_slower_and_in_the_end_close_the_connection() -> None:
    assert [reply_delay(errors, 5) for errors in (1, 5, 6, 7, 8)] == [0, 0, 0.25, 0.5, 1.0]
    async with open_server(FakeBus(), smtp_max_errors=8) as server, connected(server.port) as wire:
        codes = [await wire.ask("XYZZY") for _ in range(8)]
        assert codes == [500] * 8
        assert await wire.ask("XYZZY") == 421
        assert await wire.rest() == []


async def test_an_accepted_mail_makes_up_for_mistakes() -> None:
    async with open_server(FakeBus(), smtp_max_errors=3) as server, connected(server.port) as wire:
        for turn in range(4):
            assert [await wire.ask("XYZZY"), await wire.ask("XYZZY")] == [500, 500]
            assert await wire.envelope() == 354
            wire.say(mail(f"{turn}") + b".\r\n")
            assert await wire.code() == 250


async def test_commands_that_bring_no_mail_nearer_come_to_an_end() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        wire.say(b"NOOP\r\nRSET\r\n" * 100)
        codes = await wire.rest()
        assert codes[-1] == 421
        assert len(codes) <= 101


async def test_an_endless_command_line_is_refused_and_kept_nowhere() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        for _ in range(50):
            wire.say(b"X" * 65_536)
            await wire.writer.drain()
        wire.say(b"\r\n")
        assert await wire.code() == 500
        assert await wire.ask("NOOP") == 250
        assert await wire.ask("EHLO " + "x" * 300) == 501
        assert await wire.ask("EHLO \udcff\udc80") == 501
        assert await wire.ask("HELO") == 501


async def test_an_endless_mail_is_drained_for_a_while_and_then_cut() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_max_size=10_000) as server, connected(server.port) as wire:
        assert await wire.envelope() == 354
        wire.say(b"line\r\n" * 4_000 + b".\r\n")
        assert await wire.code() == 552
        assert await wire.envelope() == 354
        with contextlib.suppress(ConnectionError):
            for _ in range(2_000):
                wire.say(b"x" * 65_536)
                await wire.writer.drain()
        assert await wire.rest() in ([], [552])
        assert server.pressure.reserved == 0
    assert not bus.messages


async def test_a_mail_with_one_endless_line_is_refused() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.envelope() == 354
        wire.say(b"a: b\r\n\r\n" + b"x" * 200_000 + b"\r\n.\r\n")
        assert await wire.code() == 554


async def test_who_sends_drop_by_drop_is_left() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_timeout=0.3) as server, connected(server.port) as wire:
        with contextlib.suppress(ConnectionError):
            for octet in b"MAIL FROM:<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example>":
                wire.say(bytes([octet]))
                await asyncio.sleep(0.02)  # being slow is what is tried
        assert (await wire.rest())[-1:] in ([421], [])
    async with open_server(bus, smtp_patience=0.3) as server, connected(server.port) as wire:
        assert await wire.envelope() == 354
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                wire.say(b"x")
                await asyncio.sleep(0.02)  # being slow is what is tried
        assert (await wire.rest())[-1:] in ([421], [])
        assert server.pressure.reserved == 0
    assert not bus.messages


async def test_ten_thousand_recipients_cost_little_and_not_for_ever() -> None:
    bus = FakeBus()
    async with open_server(bus) as server, connected(server.port) as wire:
        assert await wire.ask("MAIL FROM:<a@b.example>") == 250
        for start in range(0, 10_000, 500):
            wire.say(b"".join(f"RCPT TO:<{at('leave')}>\r\n".encode() for _ in range(500)))
            with contextlib.suppress(ConnectionError):
                await wire.writer.drain()
            if start == 0:
                assert await wire.codes(500) == [250] * 50 + [452] * 450
        codes = await wire.rest()
        assert set(codes[:-1]) == {452}
        assert codes[-1] == 421
        assert len(codes) < 2_500
    assert not bus.messages


async def test_who_is_not_known_here_is_asked_for_in_vain_and_not_often() -> None:
    async with open_server(FakeBus()) as server, connected(server.port) as wire:
        assert await wire.ask("MAIL FROM:<a@b.example>") == 250
        codes = [await wire.ask(f"RCPT TO:<{at(f'nobody{turn}')}>") for turn in range(20)]
        assert codes == [550] * 19 + [421]


async def test_a_connection_cut_anywhere_in_a_dialogue_stores_nothing_and_leaves_nothing_behind() -> None:
    bus = FakeBus()
    dialogue = [
        b"EHLO carrier.example\r\n",
        b"MAIL FROM:<a@b.example> SIZE=100\r\n" + f"RCPT TO:<{INFO}>\r\n".encode() + b"DATA\r\n",
        mail("cut") + b".\r",
    ]
    whole = b"".join(dialogue)
    async with open_server(bus) as server:
        for length in range(len(whole) + 1):
            async with connected(server.port, hello=False) as wire:
                assert await wire.code() == 220
                left = length
                for step, part in enumerate(dialogue):
                    wire.say(part[:left])
                    left -= len(part)
                    if left < 0 or step == 2:
                        break
                    for _ in range((1, 3, 0)[step]):
                        assert await wire.code() in (250, 354)
                if length % 2:
                    wire.writer.transport.abort()
        async with asyncio.timeout(10):
            while server.gate.count:  # noqa: ASYNC110 (a number, without an event)
                await asyncio.sleep(0.01)
        assert server.pressure.reserved == 0
        assert not bus.messages
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250


async def test_a_flood_of_connections_is_turned_away() -> None:
    changes: dict[str, Any] = {"smtp_connecting_burst_per_peer": 2, "smtp_connecting_rate_per_peer": 0.001}
    async with (
        open_server(FakeBus(), **changes) as server,
        connected(server.port),
        connected(server.port),
        connected(server.port, hello=False) as third,
    ):
        assert await third.rest() == [421]


async def test_when_the_server_is_full_the_longest_idle_has_to_go() -> None:
    async with (
        open_server(FakeBus(), smtp_max_connections=2, smtp_timeout=6.0) as server,
        connected(server.port) as idle,
        connected(server.port) as busy,
    ):
        assert await busy.ask("NOOP") == 250
        await asyncio.sleep(0.2)  # who was silent for longer is told by the clock
        assert await busy.ask("NOOP") == 250
        async with connected(server.port) as late:
            assert await late.ask("NOOP") == 250
            assert await busy.ask("NOOP") == 250
        assert await idle.rest() == [421]


async def test_one_sender_may_not_send_for_ever_but_others_may_and_so_may_he_from_elsewhere() -> None:
    async with open_server(FakeBus(), smtp_rate_per_sender=0.001, smtp_burst_per_sender=2) as server:
        codes = []
        for turn in range(3):
            replies = await mailer.send(HOST, server.port, "Loud@b.example", [INFO], mail(str(turn)))
            codes.append(replies[INFO].code)
        assert codes == [250, 250, 451]
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250
        for turn in range(3):
            replies = await mailer.send(HOST, server.port, "", [at(BOUNCE_TOKEN)], mail(str(turn)))
            assert replies[at(BOUNCE_TOKEN)].code == 250


async def test_what_a_unit_may_receive_is_limited_by_kind_and_only_what_was_stored_counts() -> None:
    bus = FakeBus()
    post = at(f"1nen-{SECRET}")
    async with open_server(bus, smtp_unit_limits="post=0.001/1,entry=0.001/2") as server:
        async with connected(server.port) as wire:
            assert await wire.ask("MAIL FROM:<a@b.example>") == 250
            assert [await wire.ask(f"RCPT TO:<{post}>") for _ in range(3)] == [250] * 3
        for code in (250, 451):
            assert (await mailer.send(HOST, server.port, "a@b.example", [post], mail(str(code))))[post].code == code
        replies = await mailer.send(HOST, server.port, "a@b.example", [post, INFO, at(TOKEN)], mail("both"))
        assert [reply.code for reply in replies.values()] == [451, 250, 250]
