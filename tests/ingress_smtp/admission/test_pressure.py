"""When there is more to do than can be done, senders wait or come again, and memory stays bounded."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from contracts.streams import RECEIPTS_INBOUND, REGISTRY_INBOUND, RESPONDER_INBOUND, ConsumerSpec
from ingress_smtp.admission import backlog
from ingress_smtp.admission.pressure import STORED_AS, Pressure
from runtime.errors import BusFull, BusUnavailable
from simulator import mailer
from tests.ingress_smtp.smtp_server import BASE, SECRET, TOKEN, mail, open_server
from tests.ingress_smtp.wire import HOST, INFO, connected
from tests.support.fake_bus import FakeBus

MANY = tuple(f"r-{letter * 48}@minami.{BASE}" for letter in "abcde")
ENTRY, POST, REPLY = (f"{local}@minami.{BASE}" for local in ("1nen-entry", f"1nen-{SECRET}", TOKEN))


def pressure(*, memory: int = 1_000_000) -> Pressure:
    return Pressure(memory=memory, slow=100, full=200)


def test_pressure_grows_with_what_waits_and_with_memory_and_goes_again() -> None:
    pressed = pressure()
    assert pressed.level == 0
    pressed.set_backlog({RECEIPTS_INBOUND.name: 100, REGISTRY_INBOUND.name: 5})
    assert pressed.level == 0
    pressed.set_backlog({RECEIPTS_INBOUND.name: 150})
    assert pressed.level == 0.5
    pressed.set_backlog({RECEIPTS_INBOUND.name: 1_000})
    assert pressed.level == 1
    pressed.set_backlog({RECEIPTS_INBOUND.name: 0})
    reservation = pressed.reserve("192.0.2.1")
    assert reservation.extend(90_000)
    assert 0 < pressed.level < 1
    reservation.release()
    assert (pressed.level, pressed.reserved) == (0, 0)


def test_only_kinds_of_mail_whose_service_lags_behind_are_put_off() -> None:
    pressed = pressure()
    pressed.set_backlog({RECEIPTS_INBOUND.name: 200, REGISTRY_INBOUND.name: 199})
    kinds = ("reply", "bounce", "feedback", "entry", "leave", "post", "info", "operator")
    assert [kind for kind in kinds if pressed.full_for(f"inbound.{kind}")] == ["reply", "bounce", "feedback"]


def test_a_mail_that_finds_no_room_holds_none() -> None:
    pressed = pressure(memory=900_000)
    one, other = pressed.reserve("192.0.2.1"), pressed.reserve("192.0.2.2")
    assert one.extend(60_000)
    assert not other.extend(60_000)
    assert other.extend(10_000)
    one.release()
    assert pressed.reserved == 10_000 * STORED_AS + 20_000
    other.release()
    assert pressed.reserved == 0


def test_one_peer_holds_half_of_the_memory_at_most_and_large_mails_leave_room_for_small_ones() -> None:
    pressed = pressure(memory=4_000_000)
    shares = [pressed.reserve("192.0.2.1") for _ in range(20)]
    assert sum(each.extend(20_000) for each in shares) == 11  # 180,000 each
    assert pressed.reserve("192.0.2.2").extend(1)
    large = [pressed.reserve(f"198.51.100.{number}") for number in range(20)]
    assert sum(each.extend(70_000) for each in large) == 1  # up to three quarters
    assert pressed.reserve("192.0.2.3").extend(20_000)


def test_a_mail_for_many_holds_more_than_one_for_one() -> None:
    pressed = pressure()
    assert pressed.reserve("192.0.2.1", whole=0, recipients=40).extend(1)
    assert pressed.reserved > 40 * 20_000


async def test_a_few_large_mails_that_take_their_time_keep_no_small_ones_out() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_in_hand=50_000_000) as server, AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(connected(server.port)) for _ in range(6)]
        for wire in slow:
            assert await wire.envelope(*MANY) == 354
            wire.say(mail("photo") + (b"x" * 70 + b"\r\n") * 50_000)
            await wire.writer.drain()
        await asyncio.sleep(0.5)  # until all of it has come
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250
        assert server.pressure.level <= 0.5
        for wire in slow:
            wire.say(b".\r\n")
        assert {await wire.code() for wire in slow} == {452}
        assert server.pressure.reserved == 0


async def test_of_a_mail_that_is_too_large_nothing_is_held_while_the_rest_of_it_comes() -> None:
    async with open_server(FakeBus(), smtp_max_size=200_000) as server, connected(server.port) as wire:
        assert await wire.envelope(REPLY) == 354
        async with asyncio.timeout(10):
            wire.say(b"x" * 70 + b"\r\n")
            while not server.pressure.reserved:  # noqa: ASYNC110 (a number, without an event)
                await asyncio.sleep(0.01)
            wire.say((b"x" * 70 + b"\r\n") * 5_000)
            while server.pressure.reserved:  # noqa: ASYNC110 (a number, without an event)
                await asyncio.sleep(0.01)
        wire.say(b".\r\n")
        assert await wire.code() == 552


async def test_without_room_the_sender_is_asked_to_come_again_and_small_mails_still_pass() -> None:
    bus = FakeBus()
    large = b"x" * 70 + b"\r\n"
    async with (
        open_server(bus, smtp_in_hand=50_000_000) as server,
        connected(server.port) as one,
        connected(server.port) as two,
    ):
        for wire in (one, two):
            assert await wire.envelope(REPLY) == 354
            wire.say(mail("photo") + large * 50_000)  # 3.6 MB each: 29 MB of memory
            await wire.writer.drain()
        for wire in (one, two):
            wire.say(b".\r\n")
        assert sorted([await one.code(), await two.code()]) == [250, 452]
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250
        assert server.pressure.reserved == 0
    assert sorted(bus.subjects) == ["inbound.info", "inbound.reply"]


async def test_a_deep_backlog_puts_off_what_would_join_it_and_nothing_else() -> None:
    bus = FakeBus()
    async with open_server(bus, smtp_backlog_slow=10, smtp_backlog_full=20) as server:
        server.pressure.set_backlog({RESPONDER_INBOUND.name: 20})
        replies = await mailer.send(HOST, server.port, "a@b.example", [INFO, ENTRY, REPLY], mail())
        assert [reply.code for reply in replies.values()] == [451, 250, 250]
        server.pressure.set_backlog({RESPONDER_INBOUND.name: 19})
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250


class Counted:
    """A bus that knows what waits; `problem` is raised instead."""

    def __init__(self, waiting: Mapping[str, int]) -> None:
        self.counts = dict(waiting)
        self.problem: Exception | None = None
        self.asked = asyncio.Event()

    async def waiting(self, spec: ConsumerSpec) -> int:
        self.asked.set()
        if self.problem is not None:
            raise self.problem
        return self.counts.get(spec.name, 0)


async def test_the_backlog_is_followed_and_the_last_word_counts_while_the_bus_is_away() -> None:
    pressed, bus, stop = pressure(), Counted({RECEIPTS_INBOUND.name: 200}), asyncio.Event()
    watching = asyncio.create_task(backlog.watch(bus, pressed, stop, every=0.01))
    async with asyncio.timeout(10):
        while not pressed.full_for("inbound.reply"):  # noqa: ASYNC110 (a number, without an event)
            await asyncio.sleep(0.01)
        bus.problem = BusUnavailable("bus_no_answer")
        for _ in range(3):
            bus.asked.clear()
            await bus.asked.wait()
        assert pressed.full_for("inbound.reply")
        bus.problem, bus.counts = None, {}
        while pressed.level:  # noqa: ASYNC110 (a number, without an event)
            await asyncio.sleep(0.01)
    stop.set()
    await watching


async def test_a_full_stream_is_said_to_be_full_and_the_mail_is_taken_later() -> None:
    bus = FakeBus()
    async with open_server(bus) as server:
        bus.failures = [BusFull("bus_full")]
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 452
        assert (await mailer.send(HOST, server.port, "a@b.example", [INFO], mail()))[INFO].code == 250
