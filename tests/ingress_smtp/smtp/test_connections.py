"""What a sender's server sees on the wire, with a bus made of a list."""

import asyncio
import base64
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import uvloop

from contracts.events import (
    InboundBounce,
    InboundEntry,
    InboundInfo,
    InboundLeave,
    InboundOperator,
    InboundPost,
    InboundReply,
)
from contracts.sealed import EntryMail, PostMail, RawMail, RecipientCards
from ingress_smtp.model import read_sender
from runtime.bus.directory import Directory
from runtime.errors import BusRefused
from simulator import mailer
from simulator.mailer import ClientConnection
from tests.ingress_smtp.certificates import self_signed
from tests.ingress_smtp.smtp_server import (
    BASE,
    BOUNCE_TOKEN,
    SECRET,
    SENDER_HASH,
    TOKEN,
    away,
    mail,
    open_server,
    opened,
)
from tests.support.fake_bus import FakeBus

PARENT = "foo..bar.@docomo.ne.jp"
HOST = "127.0.0.1"


def at(local: str) -> str:
    return f"{local}@minami.{BASE}"


async def test_one_mail_to_several_kinds_of_addresses_becomes_one_event_each() -> None:
    bus = FakeBus()
    recipients = [at("1nen-entry"), at("leave"), at(f"2nen-{SECRET}"), at(f"1nen-{SECRET}"), at(TOKEN.upper())]
    recipients += [at(BOUNCE_TOKEN), at("info"), "abuse@" + BASE, at("nobody"), at("1nen-ent")]
    async with open_server(bus) as server:
        replies = await mailer.send(HOST, server.port, PARENT, recipients, mail("15 山田 太郎 母"))
    assert [replies[each].code for each in recipients] == [250, 250, 550, 250, 250, 250, 250, 250, 550, 250]
    assert replies[at("nobody")].text == "5.1.1 No such address here"
    assert sorted(bus.subjects) == [
        "inbound.bounce",
        "inbound.entry",  # once, though both spellings of its address were named
        "inbound.info",
        "inbound.leave",
        "inbound.operator",
        "inbound.post",
        "inbound.reply",
    ]
    assert bus.events(InboundReply)[0].token == TOKEN


async def test_a_person_is_only_inside_the_sealed_part_of_an_event() -> None:
    bus = FakeBus()
    recipients = [at(local) for local in ("1nen-entry", "leave", f"1nen-{SECRET}", TOKEN, BOUNCE_TOKEN, "info")]
    raw = mail("15 山田 太郎 母", subject="登録", sender=PARENT)
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, PARENT, [*recipients, f"abuse@{BASE}"], raw)
    assert len(bus.messages) == 7
    for message in bus.messages:
        assert b"docomo.ne.jp" not in message.data
        assert "山田".encode() not in message.data
    entry = bus.events(InboundEntry)[0]
    assert entry.sender_key == SENDER_HASH.hexdigest(PARENT)
    assert entry.automatic.reply_allowed
    content = opened(entry.mail, EntryMail)
    assert (content.sender, content.subject, content.text) == (PARENT, "登録", "15 山田 太郎 母\n")
    assert opened(bus.events(InboundPost)[0].mail, PostMail).text == "15 山田 太郎 母\n"
    assert opened(bus.events(InboundReply)[0].mail, RawMail).sender == PARENT
    info = bus.events(InboundInfo)[0]
    (card,) = opened(info.recipient, RecipientCards).cards
    assert (card.address, card.copy_ref, info.carrier) == (PARENT, info.ref, "docomo")


async def test_all_names_of_one_mailbox_are_one_sender_to_the_limits() -> None:
    names = ("hanako.y@gmail.com", "h.anakoy+news@googlemail.com", "hanakoy+1@gmail.com")
    keys = {SENDER_HASH.hexdigest(read_sender(name).mailbox) for name in names}
    assert keys == {SENDER_HASH.hexdigest("hanakoy@gmail.com")}
    assert read_sender("").mailbox == ""


async def test_the_operator_gets_sender_subject_and_text_in_a_sealed_card() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "a@b.example", ["Postmaster"], mail("help", subject="loop?"))
    event = bus.events(InboundOperator)[0]
    (card,) = opened(event.recipient, RecipientCards).cards
    assert (event.unit, event.mailbox, card.address) == ("operator", "postmaster", "ops@operator.example")
    assert card.fields == {"from": "parent@docomo.ne.jp", "subject": "loop?", "text": "help\n"}


async def test_what_another_instance_forwards_to_our_postmaster_is_stored_and_not_forwarded_again() -> None:
    bus = FakeBus()
    ours = "X-Renrakumo: 1\r\n"
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", ["Postmaster"], mail(more=ours + "Auto-Submitted: auto-replied\r\n"))
        await mailer.send(HOST, server.port, PARENT, ["Postmaster"], mail("a school's mail, redirected", more=ours))
    assert [event.recipient is None for event in bus.events(InboundOperator)] == [True, False]


async def test_a_reply_that_went_to_the_from_address_is_still_recognised() -> None:
    bus = FakeBus()
    more = f"In-Reply-To: <other@x.example>\r\nReferences: <{TOKEN}.1@minami.{BASE}>\r\n"
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, PARENT, [at("info")], mail("3", more=more))
    assert bus.subjects == ["inbound.reply"]
    assert bus.events(InboundReply)[0].token == TOKEN


async def test_robots_and_empty_senders_are_stored_but_never_to_be_answered() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        await mailer.send(HOST, server.port, "", [at("1nen-entry"), at("info")], mail())
        await mailer.send(HOST, server.port, PARENT, [at("leave")], mail(more="Auto-Submitted: auto-replied\r\n"))
        await mailer.send(HOST, server.port, "", [at(BOUNCE_TOKEN)], mail("undeliverable"))
    assert not bus.events(InboundEntry)[0].automatic.reply_allowed
    assert bus.events(InboundInfo)[0].recipient is None
    leave = bus.events(InboundLeave)[0]
    assert (leave.automatic.reply_allowed, leave.automatic.why) == (False, "Auto-Submitted")
    assert len(bus.events(InboundBounce)) == 1


async def test_while_the_bus_is_away_the_sender_is_asked_to_try_again_and_nothing_doubles() -> None:
    bus = FakeBus()
    raw = mail("15 山田 太郎 母")
    recipients = [at("1nen-entry"), at("info")]
    async with open_server(bus) as server:
        bus.failures = [None, away()]
        replies = await mailer.send(HOST, server.port, PARENT, recipients, raw)
        assert {reply.code for reply in replies.values()} == {451}
        assert len(bus.messages) == 1
        replies = await mailer.send(HOST, server.port, PARENT, recipients, raw)
        assert {reply.code for reply in replies.values()} == {250}
        assert len(bus.messages) == 2
        bus.away = True
        replies = await mailer.send(HOST, server.port, PARENT, recipients, raw)
        assert {reply.code for reply in replies.values()} == {451}
        bus.away = False
        bus.failures = [BusRefused("message_too_large")]
        replies = await mailer.send(HOST, server.port, PARENT, recipients, mail("other"))
        assert {reply.code for reply in replies.values()} == {552}


async def test_until_the_directory_was_read_nobody_is_called_unknown() -> None:
    async with open_server(FakeBus(), Directory()) as server:
        replies = await mailer.send(HOST, server.port, PARENT, [at("1nen-entry"), f"postmaster@{BASE}"], mail())
    assert replies[at("1nen-entry")].code == 451
    assert replies[f"postmaster@{BASE}"].code == 250


async def test_wild_octets_in_commands_are_refused_and_the_connection_goes_on() -> None:
    bus = FakeBus()
    async with open_server(bus) as server, ClientConnection(HOST, server.port) as connection:
        assert {"8BITMIME", "SMTPUTF8", "SIZE"} <= connection.extensions
        assert not {"AUTH", "STARTTLS"} & connection.extensions
        assert (await connection.command("MAIL FROM:<a..b.@docomo.ne.jp> BODY=8BITMIME SIZE=10")).code == 250
        assert (await connection.command(f"RCPT TO:<\udc83\udcff@minami.{BASE}>")).code == 553
        assert (await connection.command(f"RCPT TO:<山@minami.{BASE}> SMTPUTF8")).code in (553, 555)
        assert (await connection.command("RCPT TO:<" + "(" * 900 + ">")).code in (500, 550, 553)
        assert (await connection.command("RCPT TO:<" + "(" * 5000 + ">")).code == 500
        assert (await connection.command("RCPT TO:")).code in (501, 553)
        assert (await connection.command("VRFY postmaster")).code == 252
        assert (await connection.command("AUTH PLAIN AAAA")).code == 502
        assert (await connection.command(f"RCPT TO:<{at('info')}>")).code == 250
        assert (await connection.command("RSET")).code == 250
        assert (await connection.send(PARENT, [at("info")], mail()))[at("info")].code == 250
        replies = await connection.send("山田@docomo.ne.jp", [at("1nen-entry"), at(TOKEN)], mail("はい"))
        assert (replies[at("1nen-entry")].code, replies[at(TOKEN)].code) == (550, 250)
        assert replies[at("1nen-entry")].text.startswith("5.1.7")


async def test_long_lines_and_dots_arrive_as_they_were_sent() -> None:
    bus = FakeBus()
    raw = mail("x" * 60_000 + "\r\n.\r\n..dots\r\n\ufeff")
    async with open_server(bus) as server:
        replies = await mailer.send(HOST, server.port, "", [at(BOUNCE_TOKEN)], raw)
    assert replies[at(BOUNCE_TOKEN)].code == 250
    assert base64.b64decode(opened(bus.events(InboundBounce)[0].mail, RawMail).raw) == raw


async def test_a_mail_above_the_size_is_refused_before_and_after_it_was_sent() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_max_size=10_000) as server, ClientConnection(HOST, server.port) as connection:
        assert (await connection.command("MAIL FROM:<a@b.example> SIZE=10001")).code == 552
        replies = await connection.send("a@b.example", [at("info")], mail("line\r\n" * 3_000))
        assert replies[at("info")].code == 552
        assert (await connection.send("a@b.example", [at("info")], mail("small")))[at("info")].code == 250
    assert len(bus.messages) == 1


async def test_limits_of_connections_recipients_unknown_recipients_and_rate() -> None:
    bus = FakeBus()
    bounds: dict[str, Any] = {
        "smtp_max_connections_per_peer": 2,
        "smtp_max_recipients": 1,
        "smtp_max_unknown_recipients": 3,
        "smtp_rate_per_peer": 0.001,
        "smtp_burst_per_peer": 2,
    }
    async with open_server(bus, **bounds) as server:
        async with ClientConnection(HOST, server.port) as first, ClientConnection(HOST, server.port):
            async with ClientConnection(HOST, server.port) as third:
                assert third.refused is not None
                assert third.refused.code == 421
            replies = await first.send(PARENT, [at("info"), at("leave")], mail())
            assert [reply.code for reply in replies.values()] == [250, 452]
            assert (await first.command("MAIL FROM:<>")).code == 250
            codes = [(await first.command(f"RCPT TO:<{at(local)}>")).code for local in "abc"]
            assert codes == [550, 550, 421]
            with pytest.raises(ConnectionError):
                await first.command("NOOP")
            first.refused = mailer.ServerReply(421, "")
        async with ClientConnection(HOST, server.port) as again:
            assert (await again.send(PARENT, [at("info")], mail()))[at("info")].code == 451


async def test_one_mail_is_not_stored_whole_for_many_made_up_tokens() -> None:
    bus = FakeBus()
    tokens = ["r-" + f"{letter}2" * 24 for letter in "abcdefgh"]
    async with open_server(bus) as server, ClientConnection(HOST, server.port) as connection:
        replies = await connection.send(PARENT, [at(local) for local in (*tokens, "leave")], mail())
        assert [reply.code for reply in replies.values()] == [250] * 5 + [452] * 3 + [250]
        again = await connection.send(PARENT, [at(local) for local in tokens[5:]], mail())
        assert [reply.code for reply in again.values()] == [250] * 3
    assert len(bus.messages) == 9


async def test_whoever_tries_out_addresses_is_slowed_down_over_all_his_connections() -> None:
    async with open_server(FakeBus(), smtp_unknown_rate_per_peer=0.001, smtp_unknown_burst_per_peer=2) as server:
        codes = []
        for secret in ("aaaaaa", "bbbbbb", "cccccc"):
            async with ClientConnection(HOST, server.port) as connection:
                await connection.command("MAIL FROM:<a@b.example>")
                codes.append((await connection.command(f"RCPT TO:<{at(f'1nen-{secret}')}>")).code)
                connection.refused = mailer.ServerReply(421, "")
        assert codes == [550, 550, 421]
        replies = await mailer.send(HOST, server.port, PARENT, [at("info")], mail())
        assert replies[at("info")].code == 250


def test_a_certificate_switches_starttls_on_also_under_uvloop(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)

    async def scenario() -> None:
        bus = FakeBus()
        async with open_server(bus, tls_certificate=certificate, tls_key=key) as server:
            context = ssl.create_default_context(cafile=str(certificate))
            reader, writer = await asyncio.open_connection(HOST, server.port)
            await reader.readline()
            writer.write(b"EHLO x.example\r\n")
            lines = [await reader.readline()]
            while lines[-1][3:4] == b"-":
                lines.append(await reader.readline())
            assert b"250-STARTTLS\r\n" in lines
            writer.write(b"STARTTLS\r\n")
            assert (await reader.readline()).startswith(b"220")
            await writer.start_tls(context, server_hostname="localhost")
            script = ["EHLO x.example", "MAIL FROM:<a@b.example>", f"RCPT TO:<{at('info')}>", "DATA"]
            for line in script:
                writer.write(line.encode() + b"\r\n")
                answer = await reader.readline()
                while answer[3:4] == b"-":
                    assert b"AUTH" not in answer
                    answer = await reader.readline()
                assert answer[:1] in b"23", answer
            writer.write(mail("secret") + b".\r\n")
            assert (await reader.readline()).startswith(b"250 2.0.0")
            writer.close()
            assert bus.subjects == ["inbound.info"]

    uvloop.run(scenario())


async def test_at_shutdown_a_mail_in_flight_is_finished_and_idle_connections_are_told() -> None:
    bus = FakeBus()
    bus.gate = asyncio.Event()
    async with (
        open_server(bus) as server,
        ClientConnection(HOST, server.port) as busy,
        ClientConnection(HOST, server.port) as idle,
    ):
        sending = asyncio.create_task(busy.send(PARENT, [at("info")], mail()))
        await bus.publishing.wait()
        closing = asyncio.create_task(server.close())
        assert (await idle.command("")).code == 421
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, server.port)
        bus.gate.set()
        assert (await sending)[at("info")].code == 250
        assert (await busy.command("NOOP")).code == 421
        await closing
    assert bus.subjects == ["inbound.info"]


async def test_several_servers_share_a_port_and_each_takes_its_part() -> None:
    buses = FakeBus(), FakeBus()
    async with (
        open_server(buses[0], smtp_share_port=True) as server,
        open_server(buses[1], smtp_share_port=True, smtp_port=server.port),
    ):
        for turn in range(64):
            assert (await mailer.send(HOST, server.port, PARENT, [at("info")], mail(str(turn))))[at("info")].code == 250
    assert len(buses[0].messages) + len(buses[1].messages) == 64
    assert min(len(bus.messages) for bus in buses) > 0


async def test_a_sender_that_dies_in_the_middle_costs_nothing() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        reader, writer = await asyncio.open_connection(HOST, server.port)
        writer.write(b"EHLO x\r\n")
        await reader.readuntil(b"250 ")
        writer.write(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<" + at("info").encode() + b">\r\nDATA\r\n")
        await reader.readuntil(b"354")
        writer.write(b"half")
        writer.transport.abort()
        assert (await mailer.send(HOST, server.port, PARENT, [at("info")], mail()))[at("info")].code == 250
        assert server.gate.count <= 1
    assert len(bus.messages) == 1


async def test_an_idle_connection_and_an_endless_connection_come_to_an_end() -> None:
    async with open_server(FakeBus(), smtp_timeout=0.2) as server, ClientConnection(HOST, server.port) as connection:
        assert (await connection.command("")).code == 500
        assert (await connection._reply()).code == 421
    async with (
        open_server(FakeBus(), smtp_session_seconds=0.2) as server,
        ClientConnection(HOST, server.port) as connection,
    ):
        assert (await connection._reply()).code == 421


async def test_no_address_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_server(FakeBus()) as server:
        await mailer.send(HOST, server.port, PARENT, [at("info"), at("nobody")], mail())
    assert "docomo" not in caplog.text
    assert "nobody" not in caplog.text


async def test_a_post_too_long_to_be_sent_on_is_refused_at_once_and_its_sender_told_why() -> None:
    bus = FakeBus()
    post = at(f"1nen-{SECRET}")
    async with open_server(bus) as server:
        long = await mailer.send(HOST, server.port, PARENT, [post], mail("あ" * 20_001))
        short = await mailer.send(HOST, server.port, PARENT, [post], mail("あ" * 19_000))
    assert long[post].code == 552
    assert "20000" in long[post].text
    assert short[post].code == 250
    assert len(bus.events(InboundPost)) == 1
