"""Whatever a server says, in pieces of any size, and whenever it breaks off: each copy gets the outcome that is its
own, and nothing hangs. The peers are scripted (smtp_peer.py), the clock jumps."""

import asyncio
from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st

from dispatcher.smtp.connection import Envelope, Extensions, SmtpConnection
from dispatcher.smtp.next_hop import NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost
from dispatcher.smtp.wire import REPLY_BYTES, Wire
from tests.dispatcher.smtp.smtp_peer import (
    NO_SMTP,
    WELL,
    Kind,
    MemoryTransport,
    Outcome,
    Peer,
    copies,
    right_outcome,
    run_timeless,
)

HOP = NextHop("hop", ())

YES = (b"250 2.0.0 ok\r\n", b"250-first\r\n250 last\r\n", b"250\r\n", b"251 bare\n", b"250 caf\xe9 \x80\xff\r\n")
NO = (
    b"450 4.2.1 later\r\n",
    b"550-5.1.1 no\r\n550 5.1.1 such\r\n",
    b"503 5.5.1 sequence\r\n",
    b"599\n",
    b"452 \xe9\r\n",
)
END = (b"421 4.7.0 enough\r\n", b"421-4.7.0 really\r\n421 4.7.0 enough\r\n")
GO = (b"354 go\r\n", b"354-go\n354 on\n", b"354\r\n")


def answers(good: tuple[bytes, ...], bad: tuple[bytes, ...], senseless: tuple[bytes, ...]) -> st.SearchStrategy[object]:
    """Mostly what is usual, or an exchange would seldom get far; None is silence."""
    usual, refusal = st.sampled_from(good), st.sampled_from(bad)
    rare = st.sampled_from((*END, *NO_SMTP, *senseless, None))
    return st.lists(st.one_of(usual, usual, usual, refusal, refusal, rare), max_size=8)


SCRIPTS = st.fixed_dictionaries(
    {
        "rset": answers((b"250 2.0.0 reset\r\n",), (b"250 ok\n",), (*NO, b"251 hm\r\n")),
        "mail": answers(YES, NO, GO),
        "rcpt": answers(YES, NO, GO),
        "data": answers(GO, NO, YES),
        "body": answers(YES, NO, GO),
    }
)
SIZES = st.lists(st.integers(1, 60), max_size=6)
CUTS = st.one_of(st.none(), st.none(), st.integers(0, 900))


async def outcome(connection: SmtpConnection, envelope: Envelope, following: Envelope | None) -> Outcome:
    try:
        reply = await connection.send(envelope, following)
    except ConnectionLost as lost:
        assert not connection.usable
        return Outcome(lost.stage, uncertain=lost.uncertain)
    assert not any(0xD800 <= ord(letter) < 0xE000 for letter in reply.text)
    return Outcome(reply.stage, reply.code)


# Slow: over a thousand conversations, as the rare orders of replies are the ones that matter.
@settings(max_examples=1200)
@given(
    script=SCRIPTS,
    sizes=SIZES,
    cut=CUTS,
    pipelining=st.sampled_from([True, True, True, False]),
    announce=st.lists(st.booleans(), min_size=6, max_size=6),
)
@example({"rcpt": [NO[1]]}, [1], None, True, [True] * 6)  # a recipient is refused, and the text asked for
@example({"mail": [NO[1]], "rcpt": [YES[0]]}, [], None, True, [True] * 6)
@example({"body": [NO[1]], "mail": [YES[0], NO[2]]}, [], None, True, [True] * 6)
@example({"body": [GO[0]]}, [], None, True, [True] * 6)
@example({"mail": [YES[0], END[0]]}, [3], None, True, [True] * 6)
def test_every_copy_gets_its_own_outcome_whatever_the_server_answers(
    script: dict[Kind, list[bytes | None]], sizes: list[int], cut: int | None, pipelining: bool, announce: list[bool]
) -> None:
    async def exchange() -> None:
        peer = Peer(script)
        transport = MemoryTransport(peer.read, sizes, cut)
        connection = SmtpConnection(Wire.over(transport), HOP, "mx.example", Extensions(pipelining=pipelining))
        mails = copies(6)
        session_lost = False
        for number, mail in enumerate(mails):
            peer.sending = number
            after = mails[number + 1] if number + 1 < len(mails) and announce[number] else None
            happened = await outcome(connection, mail, after)
            expected = right_outcome(peer, number, transport.got, first=number == 0)
            if session_lost:
                expected = Outcome("mail")
            assert happened == expected, (number, transport.written)
            session_lost = session_lost or happened.code is None
            if happened == Outcome("body", 250):
                assert peer.told[number].text == mail.text
            # Gone on both sides, or usable on both.
            assert connection.usable != transport.is_closing()
        assert peer.mistakes == []
        for number, told in peer.told.items():
            assert told.text is None or told.text == mails[number].text
        await connection.close()
        assert transport.is_closing()

    run_timeless(exchange)


FRAGMENTS = st.one_of(
    st.sampled_from((*YES, *NO, *END, *GO, *NO_SMTP, b"250", b"\n", b"\r", b"-", b" ", b"354 go\r\n250 2.0.0 ok\r\n")),
    st.binary(max_size=6),
)


def chatterbox(said: list[list[bytes]]) -> Callable[[bytes], bytes]:
    """Says the next of these whatever it is told, then nothing."""
    script = iter(said)
    return lambda _: b"".join(next(script, []))


# Slow: hundreds of conversations, as the rare orders of replies are the ones that matter.
@settings(max_examples=600)
@given(said=st.lists(st.lists(FRAGMENTS, max_size=8), max_size=12), sizes=SIZES, cut=CUTS, pipelining=st.booleans())
@example([[WELL["mail"], WELL["rcpt"], WELL["data"], WELL["body"]]], [], None, True)  # accepted before it was sent
def test_a_server_that_talks_as_it_likes_gets_no_copy_marked_as_taken_that_it_was_not_sent(
    said: list[list[bytes]], sizes: list[int], cut: int | None, pipelining: bool
) -> None:
    async def exchange() -> None:
        transport = MemoryTransport(chatterbox(said), sizes, cut)
        wire = Wire.over(transport)
        connection = SmtpConnection(wire, HOP, "mx.example", Extensions(pipelining=pipelining))
        mails = copies(4)
        doubts = 0
        for mail, after in zip(mails, [*mails[1:], None], strict=True):
            happened = await outcome(connection, mail, after)
            whole = mail.text.replace(b"\r\n.", b"\r\n..") + b".\r\n" in transport.written
            assert whole == (happened.stage == "body" and (happened.code is not None or happened.uncertain))
            doubts += happened.uncertain
            assert len(wire.received_replies) <= 3
            assert len(wire._rest) + wire._size <= 2 * REPLY_BYTES
        assert doubts <= 1
        await connection.close()
        assert transport.is_closing()

    run_timeless(exchange)


def test_a_server_that_keeps_step_for_hours_keeps_its_connection() -> None:
    async def exchange() -> None:
        peer = Peer()
        transport = MemoryTransport(peer.read)
        connection = SmtpConnection(Wire.over(transport), HOP, "mx.example", Extensions(pipelining=True))
        mails = copies(300)
        for number, (mail, after) in enumerate(zip(mails, [*mails[1:], None], strict=True)):
            peer.sending = number
            await asyncio.sleep(90)
            assert await outcome(connection, mail, after) == Outcome("body", 250)
        await connection.close()
        assert [told.text for told in peer.told.values()][:300] == [mail.text for mail in mails]
        assert peer.commands[-1] == "QUIT"

    run_timeless(exchange)
