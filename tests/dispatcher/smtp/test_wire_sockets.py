"""The SMTP client over real sockets, on both event loops, in clear and encrypted: from the greeting to QUIT."""

import asyncio
import inspect
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatcher.smtp.client import Connector
from dispatcher.smtp.connection import Envelope, SmtpConnection, Timeouts
from dispatcher.smtp.next_hop import MailHost, NextHop, Tls
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable
from simulator.behaviour import (
    Behaviour,
    ResetMoment,
    accept,
    filtering,
    greylisting,
    overload,
    resetting,
    slow,
    unknown_users,
)
from simulator.carriers import CarrierSimulator
from tests.dispatcher.smtp.smtp_peer import NO_SMTP, Kind, Outcome, Peer, copies, right_outcome
from tests.dispatcher.smtp.smtp_sockets import PeerServer, listening, server_context, write_certificate

QUICK = Timeouts(connect=5, command=5, block=5, text=5)
LOOPS = {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


def on_both_loops(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that runs on each event loop in turn."""

    def run(new_loop: Callable[[], asyncio.AbstractEventLoop], *values: Any, **arguments: Any) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(test(*values, **arguments))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    parameters = inspect.signature(test).parameters.values()
    loop = inspect.Parameter("new_loop", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    run.__signature__ = inspect.Signature([loop, *parameters])  # type: ignore[attr-defined]
    marked: Callable[..., None] = pytest.mark.parametrize("new_loop", LOOPS.values(), ids=LOOPS.keys())(run)
    return marked


UNTRUSTING = Connector("mail.example", timeouts=QUICK)


async def opened(port: int, tls: Tls = "none", trusted: ssl.SSLContext | None = None) -> SmtpConnection:
    connector = Connector("mail.example", timeouts=QUICK, required_tls=trusted) if trusted else UNTRUSTING
    return await connector.open(NextHop("hop", (MailHost("localhost", port, ("127.0.0.1",)),), tls))


async def outcome(connection: SmtpConnection, mail: Envelope, following: Envelope | None) -> Outcome:
    try:
        reply = await connection.send(mail, following)
    except ConnectionLost as lost:
        return Outcome(lost.stage, uncertain=lost.uncertain)
    return Outcome(reply.stage, reply.code)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    return server_context(certificate)


@pytest.fixture
def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


OFTEN = st.sampled_from([b"250 ok\r\n", b"250 ok\r\n", b"550 no\r\n", b"450 later\r\n", b"250-a\r\n250 b\n"])
RARE = st.sampled_from([b"421 enough\r\n", NO_SMTP[0], b"354 go\r\n"])
ANSWERS = st.lists(st.one_of(OFTEN, OFTEN, OFTEN, RARE), max_size=6)
GO = st.lists(st.sampled_from([b"354 go\r\n", b"354 go\r\n", b"503 no\r\n", b"250 what\r\n"]), max_size=6)


@settings(max_examples=60)
@given(
    script=st.fixed_dictionaries({"mail": ANSWERS, "rcpt": ANSWERS, "data": GO, "body": ANSWERS}),
    sizes=st.lists(st.integers(1, 40), max_size=4),
    pipelining=st.booleans(),
    cut=st.one_of(st.none(), st.integers(1, 300)),
)
@on_both_loops
async def test_every_copy_gets_its_own_outcome_over_a_socket(
    script: dict[Kind, list[bytes]], sizes: list[int], pipelining: bool, cut: int | None
) -> None:
    peer = Peer(script)
    server = PeerServer(peer, pipelining=pipelining, sizes=sizes, cut=cut)
    async with listening(lambda: server) as port:
        connection = await opened(port)
        mails = copies(5)
        lost = False
        for number, (mail, after) in enumerate(zip(mails, [*mails[1:], None], strict=True)):
            peer.sending = number
            happened = await outcome(connection, mail, after)
            told = peer.told.get(number)
            if cut is None:
                right = Outcome("mail") if lost else right_outcome(peer, number, peer.said, first=number == 0)
                assert happened == right
            elif happened.code is None:
                assert happened.uncertain or told is None or told.text is None
            elif happened.stage == "body":
                assert told is not None
                assert told.text == mail.text
                assert told.accepted == (happened.code < 300)
            lost = lost or happened.code is None
        await connection.close()
        assert peer.mistakes == []


@pytest.mark.parametrize("behind, busy", [(b"421 4.3.2 going down\r\n", True), (b"250 twice\r\n", False)])
@on_both_loops
async def test_what_a_server_says_behind_its_greeting_is_not_lost(behind: bytes, busy: bool) -> None:
    async with listening(lambda: PeerServer(Peer(), behind_ehlo=behind)) as port:
        with pytest.raises(NextHopUnavailable) as refused:
            await opened(port)
        assert (refused.value.stage, refused.value.busy) == ("ehlo", busy)


@pytest.mark.parametrize("sizes", [[], [1], [7, 30]], ids=["whole", "single octets", "pieces"])
@on_both_loops
async def test_an_encrypted_connection_carries_many_copies_and_long_ones(
    sizes: list[int], server_tls: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    peer = Peer({"rcpt": [b"250 ok\r\n", b"550 no\r\n"]})
    server = PeerServer(peer, sizes=sizes, tls=server_tls)
    long = b"Subject: long\r\n\r\n" + b"." * 60 + b"\r\n" + b".dots and more\r\n" * 100_000
    mails = copies(40)
    mails[20] = Envelope(mails[20].sender, mails[20].recipient, long)
    async with listening(lambda: server) as port:
        connection = await opened(port, "required", trusted)
        assert server.secret
        for number, (mail, after) in enumerate(zip(mails, [*mails[1:], None], strict=True)):
            expected = Outcome("rcpt", 550) if number == 1 else Outcome("body", 250)
            assert await outcome(connection, mail, after) == expected
        await connection.close()
    assert [told.text for number, told in peer.told.items() if number >= 0] == [
        None if number == 1 else mail.text for number, mail in enumerate(mails)
    ]
    assert peer.commands[-1] == "QUIT"


@pytest.mark.parametrize("secret", [False, True], ids=["in clear", "encrypted"])
@on_both_loops
async def test_a_connection_that_its_server_has_closed_is_noticed(
    secret: bool, server_tls: ssl.SSLContext, trusted: ssl.SSLContext
) -> None:
    server = PeerServer(Peer(), tls=server_tls)
    first, second = copies(2)
    async with listening(lambda: server) as port:
        connection = await opened(port, "required" if secret else "none", trusted)
        assert (await connection.send(first, second)).accepted
        server.transport.close()
        with pytest.raises(ConnectionLost) as lost:
            await connection.send(second)
        assert not connection.usable
        assert lost.value.stage in ("body", "mail")


@on_both_loops
async def test_a_server_that_reads_no_more_is_given_up_with_the_text_in_our_hands() -> None:
    class Deaf(PeerServer):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if b"DATA\r\n" in data:
                self.transport.pause_reading()

    server = Deaf(Peer())
    async with listening(lambda: server) as port:
        connector = Connector("mail.example", timeouts=Timeouts(block=0.3))
        connection = await connector.open(NextHop("hop", (MailHost("127.0.0.1", port),), "none"))
        endless = Envelope("b-0@sakura.example", "parent@home.example", (b"x" * 78 + b"\r\n") * 100_000)
        with pytest.raises(ConnectionLost, match="time") as lost:
            await connection.send(endless)
        assert (lost.value.stage, lost.value.uncertain) == ("body", False)
        server.transport.abort()


BEHAVIOURS: dict[str, Behaviour] = {
    "accepts": accept(),
    "unknown": unknown_users(share=0.2, seed="x"),
    "greylists": greylisting(0.05),
    "filters": filtering(share=0.2, seed="x"),
    "tired": overload(messages_per_session=7),
    "tears": resetting(every=5),
    "takes and tears": resetting(every=5, moment=ResetMoment.AFTER_RECORDING),
    "everything": unknown_users(share=0.1)
    | filtering(share=0.1)
    | overload(messages_per_session=9)
    | resetting(every=11),
    "slow": slow(0.001) | unknown_users(share=0.2, seed="y"),
}


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelining", "in steps"])
@pytest.mark.parametrize("name", BEHAVIOURS)
@on_both_loops
async def test_carriers_and_client_agree_on_every_copy(name: str, pipelining: bool) -> None:
    """Each copy is offered until it is answered for good; the mailboxes are what the client believes."""
    behaviour = BEHAVIOURS[name] | Behaviour(pipelining=pipelining)
    mails = [
        Envelope(f"b-{i}@sakura.example", f"p{i}@docomo.ne.jp", b"Message-ID: <%d@x>\r\n\r\n.%d\r\n" % (i, i))
        for i in range(120)
    ]
    delivered: set[str] = set()
    refused: set[str] = set()
    doubtful: set[str] = set()
    async with CarrierSimulator("docomo", behaviour=behaviour) as carrier:
        waiting = list(mails)
        connection: SmtpConnection | None = None
        for _ in range(5000):
            if not waiting:
                break
            if connection is None or not connection.usable:
                connection = await opened(carrier.port)
            mail = waiting.pop(0)
            try:
                reply = await connection.send(mail, waiting[0] if waiting else None)
            except ConnectionLost as lost:
                if lost.uncertain:
                    doubtful.add(mail.recipient)
                else:
                    waiting.insert(0, mail)
                continue
            if reply.accepted:
                delivered.add(mail.recipient)
            elif reply.permanent:
                refused.add(mail.recipient)
            elif connection.usable and connection.announced is not None:
                waiting.insert(1, mail)
            else:
                waiting.append(mail)
                await asyncio.sleep(0.001)  # a peer that refuses for now is not asked without a pause
        assert connection is not None
        await connection.close()
        assert not waiting
        for mail in mails:
            box = carrier.mailbox(mail.recipient)
            assert [kept.raw for kept in box] in ([], [mail.text])
            if mail.recipient in delivered:
                assert box
            elif mail.recipient in refused:
                assert not box
        assert len(delivered) + len(refused) + len(doubtful) == len(mails)
        assert len(doubtful) == carrier.stats.resets_before_recording + carrier.stats.resets_after_recording
        assert not carrier.duplicates()
