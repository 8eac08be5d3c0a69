"""A 250 means that the event lies in the stream: real nats-server, real SMTP, real Japanese mail."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from contracts import directory as contract
from contracts.events import InboundEntry, InboundReply
from contracts.sealed import EntryMail, RawMail
from contracts.streams import DIRECTORY, INBOUND, REGISTRY_EVENTS
from ingress_smtp.admission.bounds import LARGEST_MAIL
from ingress_smtp.admission.pressure import READERS
from ingress_smtp.app import set_up
from ingress_smtp.settings import SERVICE
from mail.mime import reading
from renrakumo_cli.local import ports
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus, StoredMessage
from runtime.bus.directory import Directory
from runtime.errors import BusUnavailable
from runtime.process.lifecycle import Service
from runtime.settings import ServiceSettings
from simulator import mailer, phone_encodings
from tests.ingress_smtp.smtp_server import BASE, SCHOOL, TOKEN, mail, open_server, opened, settings

HOST = "127.0.0.1"
PARENT = ".taro..15.@ezweb.ne.jp"
ENTRY = f"1nen-entry@minami.{BASE}"
REPLY = f"{TOKEN}@minami.{BASE}"


async def connected(server: NatsServer, user: str) -> Bus:
    configuration = ServiceSettings.model_validate(
        {
            "nats_url": server.url,
            "nats_user": user,
            "nats_password": server.passwords[user],
            "base_domain": BASE,
            "health_port": 0,
        }
    )
    return await Bus.connect(configuration, name=user, on_closed=lambda: None)


@contextlib.asynccontextmanager
async def serving(nats: NatsServer, **changes: Any) -> AsyncIterator[tuple[int, Bus]]:
    """The server's port, on the real bus with ingress-smtp's own rights; and a bus with all rights to look into it."""
    office, bus, stop = await connected(nats, "admin-api"), await connected(nats, "ingress-smtp"), asyncio.Event()
    eyes = await connected(nats, "operator")
    await office.kv_put(DIRECTORY.name, contract.key("minami"), SCHOOL.model_dump_json().encode())
    directory = Directory()
    following = asyncio.create_task(directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop)))
    try:
        await until(lambda: directory.loaded)
        async with open_server(bus, directory, **changes) as server:
            yield server.port, eyes
    finally:
        stop.set()
        await asyncio.wait({following}, timeout=5)
        for each in (office, bus, eyes):
            await each.close()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds, at most half a minute."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 (several conditions, none of which has an event)
            await asyncio.sleep(0.02)


async def newest(bus: Bus, subject: str) -> StoredMessage:
    message = await bus.last(INBOUND.name, subject)
    assert message is not None
    return message


async def count(bus: Bus) -> int:
    return int((await bus.jetstream.stream_info(INBOUND.name)).state.messages)


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("iso-2022-jp", "7bit"),
        ("iso-2022-jp", "base64"),
        ("shift_jis", "8bit"),
        ("shift_jis", "base64"),
        ("utf-8", "quoted-printable"),
        ("utf-8", "base64"),
        ("utf-8", "8bit"),
    ],
)
async def test_what_a_phone_wrote_lies_readable_in_the_sealed_letter(
    nats_server: NatsServer, charset: str, encoding: str
) -> None:
    text = "15 髙橋 太郎 母①\n㈱ﾔﾏﾀﾞ"
    subject = "登録おねがいします 髙橋"
    body = phone_encodings.body(text, charset, encoding)
    raw = (
        f"From: =?ISO-2022-JP?B?GyRCOzNFRBsoQg==?= <{PARENT}>\r\n"
        f"Subject: {phone_encodings.header(subject, charset)}\r\n"
        "MIME-Version: 1.0\r\n"
        f"Content-Type: text/plain; charset={body.content_type_charset}\r\n"
        f"Content-Transfer-Encoding: {body.transfer_encoding}\r\n\r\n"
    ).encode() + body.payload
    async with serving(nats_server) as (port, eyes):
        replies = await mailer.send(HOST, port, PARENT, [ENTRY, REPLY], raw)
        assert {reply.code for reply in replies.values()} == {250}
        entry = InboundEntry.model_validate_json((await newest(eyes, InboundEntry.name)).data)
        reply = InboundReply.model_validate_json((await newest(eyes, InboundReply.name)).data)
    content = opened(entry.mail, EntryMail)
    assert content.sender == PARENT
    assert content.subject == subject
    assert content.text.strip() == text
    again = reading.read(base64.b64decode(opened(reply.mail, RawMail).raw))
    assert again.text.strip() == text


async def test_a_mail_handed_in_twice_is_stored_once(nats_server: NatsServer) -> None:
    async with serving(nats_server) as (port, eyes):
        await mailer.send(HOST, port, PARENT, [ENTRY], mail("twice"))
        before = await count(eyes)
        replies = await mailer.send(HOST, port, PARENT, [ENTRY], mail("twice"))
        assert replies[ENTRY].code == 250
        assert await count(eyes) == before


async def test_the_largest_mail_that_is_taken_fits_into_the_bus(nats_server: NatsServer) -> None:
    line = b"x" * 998 + b"\r\n"
    raw = mail("photo") + line * ((LARGEST_MAIL - 2_000) // len(line))
    async with serving(nats_server, smtp_max_size=LARGEST_MAIL, publish_timeout=30.0) as (port, eyes):
        replies = await mailer.send(HOST, port, PARENT, [REPLY], raw)
        assert replies[REPLY].code == 250
        reply = InboundReply.model_validate_json((await newest(eyes, InboundReply.name)).data)
    assert reply.size == len(raw)


async def test_while_nats_is_down_451_and_after_it_came_back_250(fresh_nats: NatsServer) -> None:
    async with serving(fresh_nats, publish_timeout=1.0) as (port, eyes):
        assert (await mailer.send(HOST, port, PARENT, [ENTRY], mail("before")))[ENTRY].code == 250
        await asyncio.to_thread(fresh_nats.stop)
        assert (await mailer.send(HOST, port, PARENT, [ENTRY], mail("during")))[ENTRY].code == 451
        await asyncio.to_thread(fresh_nats.start)
        codes = [451]
        async with asyncio.timeout(60):
            while codes[-1] != 250:
                codes.append((await mailer.send(HOST, port, PARENT, [ENTRY], mail("during")))[ENTRY].code)
        assert set(codes) == {451, 250}
        await until(lambda: eyes.ready)
        assert await count(eyes) == 2


async def test_hundreds_of_mails_at_once_are_all_in_the_stream(fresh_nats: NatsServer) -> None:
    async def one_server(port: int, number: int) -> int:
        stored = 0
        async with mailer.ClientConnection(HOST, port) as connection:
            for each in range(25):
                replies = await connection.send(f"p{number}@docomo.ne.jp", [ENTRY], mail(f"{number}-{each}"))
                stored += replies[ENTRY].code == 250
        return stored

    async with serving(fresh_nats) as (port, eyes):
        stored = sum(await asyncio.gather(*(one_server(port, number) for number in range(20))))
        assert stored == 500
        assert await count(eyes) == 500


async def test_the_whole_service_comes_up_serves_and_goes_down_in_order(nats_server: NatsServer) -> None:
    port = ports.free_port()
    configuration = settings(
        nats_url=nats_server.url,
        nats_password=nats_server.passwords["ingress-smtp"],
        smtp_port=port,
        health_port=0,
    )
    office = await connected(nats_server, "admin-api")
    await office.kv_put(DIRECTORY.name, contract.key("minami"), SCHOOL.model_dump_json().encode())
    service = Service(SERVICE, configuration)
    life = asyncio.create_task(service.live(lambda each: set_up(each, configuration)))
    await until(lambda: ports.accepts(port))
    codes = [451]
    async with asyncio.timeout(30):
        while codes[-1] == 451:  # until the directory has been read
            codes.append((await mailer.send(HOST, port, PARENT, [ENTRY], mail("first")))[ENTRY].code)
    assert codes[-1] == 250
    assert await service.health.report() == {"startup": "ok", "bus": "ok", "directory": "ok"}
    async with mailer.ClientConnection(HOST, port) as connection:
        assert (await connection.send(PARENT, [ENTRY], mail("whole")))[ENTRY].code == 250
        service.stop.set()
        assert (await connection.command("")).code == 421
        assert await life == 0
        with pytest.raises(ConnectionError):
            await connection.command("NOOP")
        connection.refused = mailer.ServerReply(421, "")
    await office.close()


# Slow: a question that is not allowed is never answered, so it has to run out.
async def test_the_server_knows_how_much_waits_for_each_service_and_nothing_else_of_them(
    fresh_nats: NatsServer,
) -> None:
    bus = await connected(fresh_nats, "ingress-smtp")
    async with serving(fresh_nats) as (port, _):
        await mailer.send(HOST, port, PARENT, [ENTRY, REPLY], mail("waits"))
        assert [await bus.waiting(spec) for spec in READERS] == [1, 0, 1]
        with pytest.raises(BusUnavailable):
            await bus.waiting(REGISTRY_EVENTS)
    await bus.close()


async def test_when_the_stream_is_full_the_sender_keeps_his_mail_and_comes_again(fresh_nats: NatsServer) -> None:
    async with serving(fresh_nats) as (port, eyes):
        config = (await eyes.jetstream.stream_info(INBOUND.name)).config
        await eyes.jetstream.update_stream(config, max_bytes=20_000)
        codes: list[int] = []
        while len(codes) < 20 and codes[-1:] != [452]:
            codes.append((await mailer.send(HOST, port, PARENT, [REPLY], mail(f"{len(codes)}")))[REPLY].code)
        assert codes[-1] == 452
        assert await count(eyes) == codes.count(250) == len(codes) - 1
        await eyes.jetstream.update_stream(config, max_bytes=2_000_000)
        assert (await mailer.send(HOST, port, PARENT, [REPLY], mail(f"{len(codes) - 1}")))[REPLY].code == 250
