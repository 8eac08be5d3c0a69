"""The SMTP client against servers that encrypt, ask who we are, or misbehave in the middle of a copy."""

import asyncio
import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from aiosmtpd.smtp import Envelope as Received
from aiosmtpd.smtp import Session as Peer
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.smtp.client import Connector
from dispatcher.smtp.connection import Envelope, Timeouts
from dispatcher.smtp.next_hop import Login, MailHost, NextHop
from dispatcher.smtp.smtp_replies import ConnectionLost, NextHopUnavailable
from dispatcher.smtp.wire import dot_stuffed
from tests.dispatcher.smtp.smtp_sockets import listening, server_context, write_certificate

COPY = Envelope("b-x@sakura.example", "taro@parents.example", b"Subject: x\r\n\r\n.hidden dot\r\n")
QUICK = Timeouts(connect=3, command=3, text=3)


class Keeper:
    """Keeps what arrives, and whether the peer had encrypted and logged in."""

    def __init__(self) -> None:
        self.mails: list[tuple[bytes, bool, bool]] = []

    async def handle_DATA(self, _: SMTP, peer: Peer, envelope: Received) -> str:
        assert isinstance(envelope.original_content, bytes)
        self.mails.append((envelope.original_content, peer.ssl is not None, bool(peer.authenticated)))
        return "250 2.0.0 kept"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_certificate(tmp_path_factory.mktemp("tls"))


def hop(port: int, **fields: object) -> NextHop:
    return NextHop("hop", (MailHost("localhost", port),), **fields)  # type: ignore[arg-type]  # any field of NextHop


async def send_one(connector: Connector, to: NextHop) -> int:
    connection = await connector.open(to)
    try:
        return (await connection.send(COPY)).code
    finally:
        await connection.close()


async def test_a_server_that_can_encrypt_is_spoken_to_in_secret_whoever_signed_its_certificate(
    certificate: Path,
) -> None:
    keeper = Keeper()
    context = server_context(certificate)
    async with listening(lambda: SMTP(keeper, tls_context=context, require_starttls=True)) as port:
        assert await send_one(Connector("mail.example", timeouts=QUICK), hop(port)) == 250
    assert keeper.mails == [(COPY.text, True, False)]


async def test_a_relay_gets_login_and_mail_only_over_a_connection_it_has_proved(certificate: Path) -> None:
    keeper = Keeper()
    context = server_context(certificate)

    def who(_s: SMTP, _p: Peer, _e: Received, _m: str, data: object) -> AuthResult:
        right = getattr(data, "login", b"") == b"school" and getattr(data, "password", b"") == b"pw"
        return AuthResult(success=right, handled=False)  # the server itself says 535

    def relay() -> SMTP:
        return SMTP(keeper, tls_context=context, auth_required=True, authenticator=who)

    trusting = ssl.create_default_context(cafile=str(certificate))
    login = Login("school", "pw")
    async with listening(relay) as port:
        to = hop(port, tls="required", login=login)
        assert await send_one(Connector("mail.example", timeouts=QUICK, required_tls=trusting), to) == 250
        assert keeper.mails == [(COPY.text, True, True)]
        with pytest.raises(NextHopUnavailable) as untrusted:
            await send_one(Connector("mail.example", timeouts=QUICK), to)
        assert untrusted.value.stage == "starttls"
        assert str(untrusted.value) == "certificate not trusted"
        wrong = hop(port, tls="required", login=Login("school", "guess"))
        with pytest.raises(NextHopUnavailable, match="relay refuses our login"):
            await send_one(Connector("mail.example", timeouts=QUICK, required_tls=trusting), wrong)
    assert len(keeper.mails) == 1


class Script(asyncio.Protocol):
    """Says `greeting`, then answers each line by the first entry of `answers` that it starts with; an answer of None
    closes the connection. In the text it waits for the final dot."""

    def __init__(self, answers: dict[bytes, bytes | None], greeting: bytes = b"220 hello\r\n") -> None:
        self._answers = answers
        self._greeting = greeting
        self._buffer = b""
        self._in_text = False
        self.lines: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            if self._in_text and line != b".":
                continue
            self._in_text = False
            self.lines.append(line)
            answer = next((said for start, said in self._answers.items() if line.startswith(start)), b"250 ok\r\n")
            if answer is None:
                self._transport.close()
                return
            self._in_text = answer.startswith(b"354")
            self._transport.write(answer)


USUAL: dict[bytes, bytes | None] = {b"EHLO": b"250-there\r\n250 8BITMIME\r\n", b"DATA": b"354 go\r\n"}
PIPELINING: dict[bytes, bytes | None] = {**USUAL, b"EHLO": b"250-there\r\n250-PIPELINING\r\n250 SIZE 4000000\r\n"}
BOTH_WAYS = pytest.mark.parametrize("usual", [USUAL, PIPELINING], ids=["in steps", "pipelining"])


STARTTLS = b"250-there\r\n250 STARTTLS\r\n"


# Slow: who says nothing is waited for, twice a second.
@pytest.mark.parametrize(
    "said, why",
    [
        (None, "starttls failed"),
        (b"454 4.7.0 not now\r\n", "starttls refused"),
        (b"220 go\r\nrubbish", "starttls failed"),
    ],
)
async def test_a_server_whose_encryption_is_broken_gets_the_mail_in_plain_unless_it_must_be_secret(
    said: bytes | None, why: str
) -> None:
    made: list[Script] = []

    def broken() -> Script:
        made.append(Script({**USUAL, b"EHLO": STARTTLS, b"STARTTLS": said, b"\x16": None}))
        return made[-1]

    async with listening(broken) as port:
        connector = Connector("mail.example", timeouts=Timeouts(connect=1))
        connection = await connector.open(hop(port))
        assert connection.in_clear == why
        assert (await connection.send(COPY)).accepted
        await connection.close()
        with pytest.raises(NextHopUnavailable) as refused:
            await connector.open(hop(port, tls="required"))
    assert refused.value.stage == "starttls"
    assert str(refused.value) == why
    assert b"DATA" in made[1].lines
    assert b"DATA" not in made[2].lines


async def test_a_server_that_does_not_encrypt_gets_nothing_that_must_be_secret() -> None:
    async with listening(lambda: Script(USUAL)) as port:
        connector = Connector("mail.example", timeouts=QUICK)
        with pytest.raises(NextHopUnavailable, match="no starttls offered") as refused:
            await connector.open(hop(port, tls="required"))
        assert refused.value.stage == "starttls"
        connection = await connector.open(hop(port))
        assert connection.in_clear == ""  # nothing was tried
        connection.drop()


async def test_encryption_is_not_tried_where_it_is_switched_off() -> None:
    script = Script({**USUAL, b"EHLO": STARTTLS})
    async with listening(lambda: script) as port:
        assert await send_one(Connector("mail.example", timeouts=QUICK), hop(port, tls="none")) == 250
    assert b"STARTTLS" not in script.lines


async def test_the_addresses_of_a_server_are_tried_in_turn_and_its_name_is_what_it_must_prove(
    certificate: Path,
) -> None:
    keeper = Keeper()
    context = server_context(certificate)
    connector = Connector("mail.example", timeouts=QUICK, required_tls=ssl.create_default_context(cafile=certificate))
    async with listening(lambda: SMTP(keeper, tls_context=context)) as port:
        # Nobody listens on the first.
        addresses = ("127.0.0.9", "127.0.0.1")
        assert await send_one(connector, NextHop("hop", (MailHost("localhost", port, addresses),), "required")) == 250
        with pytest.raises(NextHopUnavailable, match="certificate not trusted") as refused:
            await connector.open(NextHop("hop", (MailHost("mx.other.example", port, addresses),), "required"))
        assert refused.value.host == "mx.other.example"
        connection = await connector.open(NextHop("hop", (MailHost("mx.other.example", port, addresses),)))
        assert (connection.host, connection.in_clear) == ("mx.other.example", "")
        await connection.close()
    assert keeper.mails == [(COPY.text, True, False)]


@BOTH_WAYS
@pytest.mark.parametrize(
    "answers, stage",
    [
        ({b"MAIL": None}, "mail"),
        ({b"RCPT": None}, "rcpt"),
        ({b"DATA": None}, "data"),
        ({b"DATA": b"250 what\r\n"}, "data"),
        ({b".": None}, "body"),
        ({b".": b"354 what\r\n"}, "body"),
        ({b"RCPT": b"nonsense\r\n"}, "rcpt"),
    ],
)
async def test_an_exchange_that_breaks_says_where_and_whether_the_copy_is_in_doubt_and_leaves_no_connection(
    answers: dict[bytes, bytes | None], stage: str, usual: dict[bytes, bytes | None]
) -> None:
    async with listening(lambda: Script({**usual, **answers})) as port:
        connection = await Connector("mail.example", timeouts=QUICK).open(hop(port))
        with pytest.raises(ConnectionLost) as lost:
            await connection.send(COPY)
        assert lost.value.stage == stage
        assert lost.value.uncertain == (stage == "body")
        assert not connection.usable
        connection.drop()


@BOTH_WAYS
async def test_a_refused_copy_leaves_a_clean_connection_and_a_421_none(usual: dict[bytes, bytes | None]) -> None:
    script = Script({**usual, b"RCPT": b"550 5.1.1 no\r\n", b"DATA": b"503 no recipients\r\n"})
    async with listening(lambda: script) as port:
        connection = await Connector("mail.example", timeouts=QUICK).open(hop(port))
        reply = await connection.send(COPY)
        assert (reply.stage, reply.code, reply.enhanced) == ("rcpt", 550, "5.1.1")
        assert connection.usable
        script._answers[b"RCPT"] = b"250 ok\r\n"
        script._answers[b"DATA"] = b"354 go\r\n"
        script._answers[b"."] = b"421 4.7.0 enough\r\n"
        assert (await connection.send(COPY)).code == 421
        assert script.lines.count(b"RSET") == 1
        assert not connection.usable


async def test_a_host_that_will_not_talk_is_left_for_the_next_one() -> None:
    keeper = Keeper()
    async with (
        listening(lambda: Script({}, b"421 4.3.2 not now\r\n")) as busy,
        listening(lambda: SMTP(keeper)) as good,
    ):
        connector = Connector("mail.example", timeouts=QUICK)
        both = NextHop("hop", (MailHost("localhost", busy), MailHost("localhost", good)))
        assert await send_one(connector, both) == 250
        with pytest.raises(NextHopUnavailable) as refused:
            await connector.open(hop(busy))
    assert refused.value.busy


@pytest.mark.parametrize("name", ["\\000" * 63 + ".parents.example", "x" * 64 + ".example", "a..example", "x" * 300])
async def test_a_name_that_cannot_be_a_host_is_a_hop_without_a_server(name: str) -> None:
    """Whoever holds a domain decides what its MX says; it must not break the batch for the others in it."""
    with pytest.raises(NextHopUnavailable) as caught:
        await Connector("us.example", timeouts=QUICK).open(NextHop("hop", (MailHost(name, 25),)))
    assert caught.value.stage == "connect"


async def test_a_server_that_knows_only_helo_is_served() -> None:
    async with listening(lambda: Script({**USUAL, b"EHLO": b"502 what\r\n"})) as port:
        assert await send_one(Connector("mail.example", timeouts=QUICK), hop(port)) == 250


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b".a", b"a."]), max_size=8))
def test_a_text_survives_the_dots(lines: list[bytes]) -> None:
    text = b"".join(line + b"\r\n" for line in lines) or b"\r\n"
    wire = dot_stuffed(text)
    assert wire.endswith(b"\r\n.\r\n")
    body = wire[:-3]
    assert b"".join(line.removeprefix(b".") for line in body.splitlines(keepends=True)) == text
    assert b".\r\n" not in body.splitlines(keepends=True)
