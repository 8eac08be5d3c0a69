"""A mail that got its 250 lies in JetStream, exactly once, even if the SMTP server dies in that very moment."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contracts import directory
from contracts.directory import GroupEntry, UnitEntry
from contracts.events import InboundEntry
from contracts.sealed import EntryMail
from contracts.streams import DIRECTORY, INBOUND
from ingress_smtp import model
from mail.addresses import MailboxKind
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.services import SERVICES
from renrakumo_cli.local.stack import LocalStack
from simulator import bus_view, mailer
from simulator.trial import BASE_DOMAIN, SETTINGS

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SEED = 20260408
HOST, INGRESS = "127.0.0.1", "ingress-smtp"
UNIT = UnitEntry(unit="minami", name="みなみ小学校", groups={"1nen": GroupEntry(name="1年")})
ENTRY = f"1nen-entry@minami.{BASE_DOMAIN}"
MAILS, CONNECTIONS, KILLS = 800, 8, 7
ROUTES = {"RENRAKUMO_ROUTES": "*=127.0.0.1:1"}


# Slow: the bus and ingress-smtp are started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """The bus and the SMTP server alone: nobody takes away what was stored."""
    ingress = tuple(spec for spec in SERVICES if spec.name == INGRESS)
    configuration = Configuration.for_trial(tmp_path_factory.mktemp("smtp_server"), {**SETTINGS, **ROUTES})
    stack = LocalStack(configuration, services=ingress, owners=(), say=print)
    await stack.start()
    try:
        password = stack.secrets.nats_passwords()[OPERATOR]
        async with bus.connected(configuration.nats_url, OPERATOR, password) as client:
            bucket = await client.jetstream().key_value(DIRECTORY.name)
            await bucket.put(directory.key(UNIT.unit), UNIT.model_dump_json().encode())
        await known_to(stack, ENTRY)
        yield stack
    finally:
        await stack.stop()


async def known_to(stack: LocalStack, address: str) -> None:
    """Wait until the server knows this recipient."""
    async with asyncio.timeout(30):
        while not (await dialogue(stack, f"MAIL FROM:<{sender_of(0)}>", f"RCPT TO:<{address}>"))[-1].accepted:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def dialogue(stack: LocalStack, *lines: str) -> list[mailer.ServerReply]:
    async with mailer.ClientConnection(HOST, stack.port("RENRAKUMO_SMTP_PORT")) as connection:
        return [await connection.command(line) for line in lines]


def sender_of(number: int) -> str:
    return f"parent{number}@docomo.ne.jp"


def mail(number: int) -> bytes:
    return (
        f"From: <{sender_of(number)}>\r\nTo: <{ENTRY}>\r\nMessage-ID: <{number}@docomo.ne.jp>\r\nSubject: \r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n.{number} 山田 太郎 母\r\n"
    ).encode()


def event_id(number: int) -> str:
    """The id that this mail has, however often it is handed in."""
    recipient = model.Recipient(MailboxKind.ENTRY, UNIT.unit, "1nen")
    return model.event_id(model.digest(mail(number), model.read_sender(sender_of(number)), recipient))


async def stored(stack: LocalStack) -> Counter[str]:
    """Event id -> how often it lies in the stream. Each sealed mail, opened, must be of the sender that its id says."""
    opener = bus_view.opener(stack, "registry")
    found: Counter[str] = Counter()
    for message in await bus_view.messages(stack, [INBOUND.name]):
        event = InboundEntry.model_validate_json(message.data)
        content = opener.open(event.mail, EntryMail)
        number = int(content.sender.partition("@")[0].removeprefix("parent"))
        assert event.id == event_id(number)
        assert f"{number} 山田 太郎 母" in content.text
        found[event.id] += 1
    return found


class Flood:
    """Senders who hand in mail after mail over a few connections and try again as a mail server does, while the server is
    killed the moment that it has said 250 to a mail chosen by the seed."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self._waiting = list(reversed(range(MAILS)))
        self._kill_at = set(random.Random(SEED).sample(range(20, MAILS - 20), KILLS))
        self.accepted: Counter[int] = Counter()
        self.again: Counter[str] = Counter()
        self.kills = 0
        self._restarts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with asyncio.timeout(180):
            await asyncio.gather(*(self._sender() for _ in range(CONNECTIONS)))
            await asyncio.gather(*self._restarts)

    async def _sender(self) -> None:
        while self._waiting:
            number = self._waiting.pop()
            try:
                port = self._stack.port("RENRAKUMO_SMTP_PORT")
                async with mailer.ClientConnection(HOST, port, timeout=10) as connection:
                    while await self._hand_in(connection, number) and self._waiting:
                        number = self._waiting.pop()
            except (OSError, TimeoutError) as error:
                if not self.accepted[number]:
                    self._later(number, type(error).__name__)
                await asyncio.sleep(0.2)

    async def _hand_in(self, connection: mailer.ClientConnection, number: int) -> bool:
        reply = (await connection.send(sender_of(number), [ENTRY], mail(number)))[ENTRY]
        if not reply.accepted:
            self._later(number, str(reply.code))
            return False
        self.accepted[number] += 1
        if self.accepted.total() in self._kill_at:
            self._stack.kill(INGRESS, signal.SIGKILL)
            self._restarts.add(asyncio.create_task(self._stack.restart(INGRESS, first=signal.SIGKILL)))
            self.kills += 1
        return True

    def _later(self, number: int, why: str) -> None:
        self.again[why] += 1
        self._waiting.append(number)


# Slow: ingress-smtp is killed and started again and again.
async def test_what_got_its_250_is_in_the_stream_exactly_once_however_often_the_server_is_killed(
    stack: LocalStack,
) -> None:
    print(f"\nseed {SEED}: {MAILS} mails over {CONNECTIONS} connections, {KILLS} kills")
    before = stack.starts(INGRESS)
    flood = Flood(stack)
    await flood.run()
    print(f"kills {flood.kills}, starts {stack.starts(INGRESS)}, tried again: {dict(flood.again)}")
    assert flood.kills == KILLS
    assert stack.starts(INGRESS) > before
    found = await stored(stack)
    assert set(flood.accepted) == set(range(MAILS))
    assert {event_id(number) for number in range(MAILS)} <= set(found), "accepted and lost"
    assert set(found.values()) == {1}, "stored twice"


async def test_while_the_bus_is_away_the_answer_is_451_and_the_second_try_is_stored_once(stack: LocalStack) -> None:
    await stack.ready(INGRESS)
    port, number, late = stack.port("RENRAKUMO_SMTP_PORT"), MAILS + 1, MAILS + 2
    async with mailer.ClientConnection(HOST, port) as connection:
        for line in (f"MAIL FROM:<{sender_of(number)}>", f"RCPT TO:<{ENTRY}>", "DATA"):
            assert (await connection.command(line)).accepted
        await stack.halt("nats", first=signal.SIGKILL)
        reply = await connection.command(mail(number).decode().replace("\r\n.", "\r\n..") + ".")
        assert reply.code == 451, reply
        refused = await connection.send(sender_of(late), [ENTRY], mail(late))
        assert refused[ENTRY].code == 451
        await stack.resume("nats")
        await stack.ready(INGRESS)
        for each in (number, late):
            assert (await connection.send(sender_of(each), [ENTRY], mail(each)))[ENTRY].code == 250
        # Its first 250 was lost on the way, say: the sender comes again.
        assert (await connection.send(sender_of(late), [ENTRY], mail(late)))[ENTRY].code == 250
    found = await stored(stack)
    assert found[event_id(number)] == found[event_id(late)] == 1


# Slow: the bus is stopped and comes back.
async def test_a_server_that_starts_without_the_bus_refuses_nobody_for_good(stack: LocalStack) -> None:
    await stack.halt("nats")
    await stack.halt(INGRESS, first=signal.SIGKILL)
    coming = asyncio.create_task(stack.resume(INGRESS))
    seen: Counter[str] = Counter()
    async with asyncio.timeout(60):
        while seen.total() < 20:
            try:
                reply = (await mailer.send(HOST, stack.port("RENRAKUMO_SMTP_PORT"), sender_of(0), [ENTRY], mail(0)))[
                    ENTRY
                ]
                seen[str(reply.code)] += 1
            except OSError as error:
                seen[type(error).__name__] += 1
            await asyncio.sleep(0.1)
    print(f"answers without the bus: {dict(seen)}")
    assert not [code for code in seen if code.startswith(("2", "5"))], seen
    await stack.resume("nats")
    await coming
    await known_to(stack, ENTRY)
