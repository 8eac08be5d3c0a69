"""The connection as bytes: limits on what a server may say, deadlines, long texts; and what a connection makes of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dispatcher.smtp.connection import Envelope, Extensions, SmtpConnection
from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost
from dispatcher.smtp.wire import BLOCK_BYTES, Wire, commands
from tests.dispatcher.smtp.smtp_peer import MemoryTransport, Peer, Script, copies, run_timeless

PIPELINING = Extensions(pipelining=True)
LONG = b"Subject: long\r\n\r\n" + b".dots and more\r\n" * 40_000


def silent(_: bytes) -> bytes:
    return b""


def session_with(peer: Peer, extensions: Extensions = PIPELINING) -> tuple[SmtpConnection, MemoryTransport]:
    transport = MemoryTransport(peer.read)
    return SmtpConnection(Wire.over(transport), NextHop("hop", ()), "mx.example", extensions), transport


def asked(replies: int = 1) -> tuple[Wire, MemoryTransport]:
    transport = MemoryTransport(silent)
    wire = Wire.over(transport)
    assert wire.write(b"NOOP\r\n" * replies, replies)
    return wire, transport


# -- what may be said


async def test_lines_are_put_together_and_bare_line_feeds_are_understood() -> None:
    wire, _ = asked(3)
    wire.data_received(b"250-one\r\n250-  two \n250 thr")
    assert not wire.received_replies
    wire.data_received(b"ee\n354\r\n550 5.1.1 \xe9\r\n")
    await wire.arrival(3, 1)
    assert list(wire.received_replies) == [(250, b"one\ntwo\nthree"), (354, b""), (550, b"5.1.1 \xe9")]
    assert not wire.trouble


@pytest.mark.parametrize("chunk", [b"2", b"250 ", b"x" * 1000, b"250-x\r\n", b"250-" + b"x" * 900 + b"\r\n"])
async def test_a_server_cannot_fill_our_memory(chunk: bytes) -> None:
    wire, transport = asked()
    waiting = wire.arrival(1, 600)
    fed = 0
    while not wire.trouble:
        wire.data_received(chunk)
        fed += len(chunk)
        assert fed < 100_000
    await waiting
    assert wire.trouble in ("reply too long", "malformed reply")
    assert transport.is_closing()
    assert not wire.received_replies


async def test_what_nobody_asked_for_ends_the_connection() -> None:
    wire, transport = asked()
    wire.data_received(b"250 ok\r\n250 and more\r\n")
    assert wire.trouble == "reply out of step"
    assert transport.is_closing()
    assert list(wire.received_replies) == [(250, b"ok")]


async def test_half_a_reply_that_nobody_asked_for_is_not_taken_for_the_next_one() -> None:
    wire, transport = asked()
    wire.data_received(b"250 ok\r\n250 and")
    assert not wire.trouble
    assert not wire.write(b"NOOP\r\n", 1)
    assert transport.is_closing()
    assert transport.written == b"NOOP\r\n"


async def test_a_goodbye_that_nobody_asked_for_is_kept_and_told_to_the_next_copy() -> None:
    connection, transport = session_with(Peer())
    assert transport.wire is not None
    transport.wire.data_received(b"421 4.4.2 idle for too long\r\n")
    assert not connection.usable
    with pytest.raises(ConnectionLost) as lost:
        await connection.send(copies(1)[0])
    assert lost.value.stage == "mail"
    assert not lost.value.uncertain
    assert lost.value.reply is not None
    assert (lost.value.reply.code, lost.value.reply.enhanced) == (421, "4.4.2")


async def test_a_connection_that_was_closing_when_we_took_it_is_of_no_use() -> None:
    transport = MemoryTransport(silent)
    transport._closing = True
    assert Wire.over(transport).trouble == "connection lost"


# -- how long it may take


def timeless(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        run_timeless(test)

    run.__name__ = test.__name__
    return run


@timeless
async def test_each_reply_has_its_own_time() -> None:
    wire, _ = asked(3)
    waiting = wire.arrival(3, 300)
    for _ in range(3):
        await asyncio.sleep(290)
        assert not waiting.done()
        wire.data_received(b"250 ok\r\n")
    await waiting
    assert not wire.trouble


@timeless
async def test_a_reply_that_dribbles_in_has_no_more_time_than_another() -> None:
    wire, transport = asked(2)
    waiting = wire.arrival(2, 300)
    wire.data_received(b"250 ok\r\n")
    dribbled = 0
    while not waiting.done():
        wire.data_received(b"250-x\r\n")
        dribbled += 1
        await asyncio.sleep(10)
    assert wire.trouble == "no reply in time"
    assert dribbled <= 31
    assert transport.is_closing()


@timeless
async def test_a_short_wait_after_a_long_one_is_short() -> None:
    wire, _ = asked()
    waiting = wire.arrival(1, 600)
    wire.data_received(b"250 ok\r\n")
    await waiting
    wire.received_replies.clear()
    wire.write(b"QUIT\r\n", 1)
    before = asyncio.get_running_loop().time()
    await wire.arrival(1, 2)
    assert wire.trouble == "no reply in time"
    assert asyncio.get_running_loop().time() - before < 3


@timeless
async def test_a_server_that_does_not_answer_quit_is_left_soon() -> None:
    connection, transport = session_with(Peer({"quit": [None]}))
    await connection.close()
    assert transport.is_closing()
    assert asyncio.get_running_loop().time() < 3


# -- what one copy leaves to the next


async def test_a_server_that_wants_the_text_of_a_refused_copy_gets_an_empty_one_and_the_next_copy_arrives() -> None:
    peer = Peer({"rcpt": [b"550 5.1.1 no\r\n"]})
    connection, transport = session_with(peer)
    first, second = copies(2)
    reply = await connection.send(first, second)
    assert (reply.stage, reply.code) == ("rcpt", 550)
    assert transport.written.endswith(b"DATA\r\n.\r\n")
    assert connection.announced is None
    assert (await connection.send(second)).accepted
    assert peer.told[0].text is None
    assert peer.told[1].text == second.text


async def test_an_open_transaction_is_ended_in_front_of_the_next_copy_without_a_round_trip() -> None:
    connection, transport = session_with(Peer({"data": [b"451 4.3.0 later\r\n"]}))
    first, second = copies(2)
    assert (await connection.send(first)).code == 451
    before = len(transport.written)
    assert (await connection.send(second)).accepted
    assert transport.written[before:].startswith(b"RSET\r\nMAIL FROM:")


async def test_the_announced_copy_must_come_next() -> None:
    connection, transport = session_with(Peer())
    first, second, third = copies(3)
    assert (await connection.send(first, second)).accepted
    assert connection.announced is second
    with pytest.raises(ConnectionLost) as lost:
        await connection.send(third)
    assert not lost.value.uncertain
    assert transport.is_closing()
    with pytest.raises(ConnectionLost) as lost:
        await connection.send(second)
    assert not lost.value.uncertain


async def test_closing_with_an_announced_copy_is_no_word_in_its_text() -> None:
    connection, transport = session_with(Peer())
    first, second = copies(2)
    await connection.send(first, second)
    await connection.close()
    assert b"QUIT" not in transport.written
    assert transport.is_closing()


async def test_a_copy_that_is_stopped_in_the_middle_ends_the_connection_and_the_announced_one_was_not_taken() -> None:
    peer = Peer({"body": [None]})
    connection, transport = session_with(peer)
    first, second = copies(2)
    sending = asyncio.create_task(connection.send(first, second))
    for _ in range(20):
        await asyncio.sleep(0)
    assert peer.told[0].text == first.text
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    assert transport.is_closing()
    with pytest.raises(ConnectionLost) as lost:
        await connection.send(second)
    assert (lost.value.stage, lost.value.uncertain) == ("mail", False)


# -- what is not even tried


@pytest.mark.parametrize(
    "address", ["a\r\nRSET\r\n@x.example", "a\x00@x.example", "学校@x.example", "\ud800@x.example"]
)
async def test_an_address_that_cannot_stand_in_a_command_is_refused_here_and_harms_no_other(address: str) -> None:
    connection, transport = session_with(Peer())
    good, after = copies(2)
    bad = Envelope("b-7@sakura.example", address, b"x\r\n")
    assert commands("", address) == b""
    assert (await connection.send(good, bad)).accepted
    assert connection.announced is None
    before = transport.written
    reply = await connection.send(bad, after)
    assert reply.permanent
    assert transport.written == before
    assert (await connection.send(after)).accepted


async def test_a_text_that_is_larger_than_the_server_takes_is_refused_here() -> None:
    connection, transport = session_with(Peer(), Extensions(pipelining=True, size=1000))
    small, after = copies(2)
    large = Envelope("b-7@sakura.example", "parent@home.example", b"x" * 1001)
    assert (await connection.send(small, large)).accepted
    reply = await connection.send(large, after)
    assert (reply.stage, reply.code, reply.enhanced) == ("mail", 552, "5.3.4")
    assert b"b-7@" not in transport.written
    assert (await connection.send(after)).accepted


# -- long texts


class SlowReader(MemoryTransport):
    """Takes one block each turn of the loop; asks to pause when more than that waits. `most`: that ever waited."""

    def __init__(self, answer: Callable[[bytes], bytes], *, reads: bool = True) -> None:
        super().__init__(answer)
        self._waiting = b""
        self._reads = reads
        self.most = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._read)
        self._waiting += bytes(data)
        self.most = max(self.most, len(self._waiting))
        if len(self._waiting) > BLOCK_BYTES // 2:
            assert self.wire is not None
            self.wire.pause_writing()

    def _read(self) -> None:
        if self.is_closing() or (not self._reads and len(self._waiting) > 1000):
            return
        waiting, self._waiting = self._waiting, b""
        assert self.wire is not None
        super().write(waiting)
        self.wire.resume_writing()


LONG_COPY = Envelope("b-0@sakura.example", "parent@home.example", LONG)
SHORT_COPY = copies(2)[1]


def slow_connection(script: Script | None = None, *, reads: bool = True) -> tuple[SmtpConnection, SlowReader, Peer]:
    peer = Peer(script)
    transport = SlowReader(peer.read, reads=reads)
    return SmtpConnection(Wire.over(transport), NextHop("hop", ()), "mx.example", PIPELINING), transport, peer


async def test_a_long_text_goes_out_no_faster_than_it_is_read() -> None:
    connection, transport, peer = slow_connection()
    assert (await connection.send(LONG_COPY, SHORT_COPY)).accepted
    assert connection.announced is SHORT_COPY
    assert (await connection.send(SHORT_COPY)).accepted
    assert peer.told[0].text == LONG
    assert peer.told[1].text == SHORT_COPY.text
    assert transport.most <= 2 * BLOCK_BYTES


def test_a_server_that_stops_reading_a_long_text_has_surely_not_taken_it() -> None:
    async def exchange() -> None:
        connection, transport, _ = slow_connection(reads=False)
        with pytest.raises(ConnectionLost, match="time") as lost:
            await connection.send(LONG_COPY)
        assert (lost.value.stage, lost.value.uncertain) == ("body", False)
        assert transport.is_closing()

    run_timeless(exchange)


@pytest.mark.parametrize(
    "early, code", [(b"552 5.3.4 too big\r\n", 552), (b"421 4.3.0 not now\r\n", 421), (b"250 ok\r\n", None)]
)
async def test_a_server_that_answers_in_the_middle_of_a_long_text_is_believed_only_if_it_refuses(
    early: bytes, code: int | None
) -> None:
    peer = Peer()
    heard = 0

    def answer(data: bytes) -> bytes:
        nonlocal heard
        heard += len(data)
        said = peer.read(data)
        return early if len(data) > 1000 and heard < 200_000 else said

    transport = SlowReader(answer)
    connection = SmtpConnection(Wire.over(transport), NextHop("hop", ()), "mx.example", PIPELINING)
    if code is None:
        with pytest.raises(ConnectionLost) as lost:
            await connection.send(LONG_COPY, SHORT_COPY)
        assert (lost.value.stage, lost.value.uncertain) == ("body", False)
    else:
        reply = await connection.send(LONG_COPY, SHORT_COPY)
        assert (reply.stage, reply.code) == ("body", code)
    assert not connection.usable
    assert connection.announced is None
    assert b"b-1@" not in transport.written
