"""Each behaviour of a simulated carrier, seen from outside by a real SMTP talk."""

from __future__ import annotations

import asyncio
import smtplib
import socket
from email import message_from_bytes
from email.message import Message
from typing import cast

import pytest

from simulator.behaviour import (
    Behaviour,
    GreylistBy,
    ResetMoment,
    accept,
    filtering,
    greylisting,
    late_dsn,
    overload,
    resetting,
    sink,
    slow,
    unknown_users,
)
from simulator.carriers import CarrierSimulator, Fate
from simulator.mailer import ClientConnection, send

RAW = b"Message-ID: <1@school.example>\r\nSubject: x\r\n\r\nhello\r\n"
SENDER = "b-token@school.example"


async def test_an_accepted_mail_lies_in_the_mailbox_as_it_was_sent() -> None:
    async with CarrierSimulator("docomo", behaviour=accept(), domains=["docomo.ne.jp"]) as carrier:

        def talk() -> str:
            with smtplib.SMTP("127.0.0.1", carrier.port, timeout=10) as client:
                client.ehlo("test.example")
                client.sendmail(SENDER, ["Taro@docomo.ne.jp"], b"Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n")
                return " ".join(sorted(client.esmtp_features))

        features = await asyncio.to_thread(talk)
        [mail] = carrier.mailbox("taro@DOCOMO.ne.jp")
        assert features == "8bitmime enhancedstatuscodes pipelining size smtputf8"
        assert mail.raw == b"Subject: x\r\n\r\n.\r\n..dots\r\nend\r\n"
        assert (mail.envelope_from, mail.recipient, mail.fate) == (SENDER, "Taro@docomo.ne.jp", Fate.DELIVERED)
        assert mail.at.utcoffset() is not None
        assert carrier.stats.messages == 1


async def test_quoted_and_bare_spelling_are_one_mailbox() -> None:
    async with CarrierSimulator("docomo") as carrier:
        await send("127.0.0.1", carrier.port, SENDER, ['"foo.."@docomo.ne.jp'], RAW)
        await send("127.0.0.1", carrier.port, SENDER, ["foo..@docomo.ne.jp"], RAW)
        assert len(carrier.mailbox("foo..@docomo.ne.jp")) == 2
        assert carrier.duplicates() == {("foo..@docomo.ne.jp", "<1@school.example>"): 2}


async def test_a_foreign_domain_is_refused() -> None:
    async with CarrierSimulator("au", domains=["ezweb.ne.jp"]) as carrier:
        replies = await send("127.0.0.1", carrier.port, SENDER, ["a@docomo.ne.jp", "b@ezweb.ne.jp"], RAW)
        assert [reply.code for reply in replies.values()] == [550, 250]


async def test_unknown_users_are_refused_at_rcpt_and_every_attempt_is_told() -> None:
    behaviour = unknown_users(["Gone@docomo.ne.jp"], share=0.03, seed="s")
    async with CarrierSimulator("docomo", behaviour=behaviour) as carrier:
        people = [f"p{i}@docomo.ne.jp" for i in range(400)]
        async with ClientConnection("127.0.0.1", carrier.port) as connection:
            replies = await connection.send(SENDER, ["gone@docomo.ne.jp", *people], RAW)
        assert replies["gone@docomo.ne.jp"] == (550, "5.1.1 User unknown")
        refused = {address for address, reply in replies.items() if reply.code == 550}
        assert refused == {address for address in replies if behaviour.is_unknown(address)}
        assert 4 <= len(refused) <= 25
        assert len(carrier.attempts) == 401
        assert carrier.stats.unknown == len(refused)


@pytest.mark.parametrize(("by", "second"), [(GreylistBy.PAIR, 450), (GreylistBy.RECIPIENT, 250)])
async def test_greylisting_takes_the_mail_at_a_later_attempt(by: GreylistBy, second: int) -> None:
    async with CarrierSimulator("gmail", behaviour=greylisting(0.05, by=by)) as carrier:

        async def attempt(sender: str) -> int:
            return (await send("127.0.0.1", carrier.port, sender, ["a@gmail.com"], RAW))["a@gmail.com"].code

        assert await attempt("b-1@school.example") == 450
        await asyncio.sleep(0.1)  # the simulator greylists by the clock
        assert await attempt("b-2@school.example") == second
        assert await attempt("b-1@school.example") == 250
        assert [one.code for one in carrier.attempts] == [450, second, 250]


async def test_greylisting_goes_on_until_the_time_is_over() -> None:
    async with CarrierSimulator("gmail", behaviour=greylisting(60)) as carrier:
        async with ClientConnection("127.0.0.1", carrier.port) as connection:
            codes = [(await connection.send(SENDER, ["a@gmail.com"], RAW))["a@gmail.com"].code for _ in range(3)]
        assert codes == [450, 450, 450]
        carrier.behaviour = accept()
        assert (await send("127.0.0.1", carrier.port, SENDER, ["a@gmail.com"], RAW))["a@gmail.com"].code == 250


async def test_too_many_connections_get_421() -> None:
    async with CarrierSimulator("softbank", behaviour=overload(connections=1)) as carrier:
        async with ClientConnection("127.0.0.1", carrier.port) as first:
            async with ClientConnection("127.0.0.1", carrier.port) as second:
                assert second.refused is not None
                assert second.refused.code == 421
                assert (await second.send(SENDER, ["a@softbank.ne.jp"], RAW))["a@softbank.ne.jp"].code == 421
            assert (await first.send(SENDER, ["a@softbank.ne.jp"], RAW))["a@softbank.ne.jp"].code == 250
        await carrier.wait_until(lambda: carrier.stats.active == 0)
        assert (await send("127.0.0.1", carrier.port, SENDER, ["b@softbank.ne.jp"], RAW))[
            "b@softbank.ne.jp"
        ].code == 250
        assert (carrier.stats.connections_refused, carrier.stats.peak_active) == (1, 2)


async def test_too_many_messages_end_the_session() -> None:
    async with CarrierSimulator("softbank", behaviour=overload(messages_per_session=2)) as carrier:
        async with ClientConnection("127.0.0.1", carrier.port) as connection:
            codes = [(await connection.send(SENDER, ["a@x.jp"], RAW))["a@x.jp"].code for _ in range(3)]
            with pytest.raises(ConnectionError):
                await connection.command("NOOP")
        assert codes == [250, 250, 421]
        assert carrier.stats.sessions_ended == 1


async def test_the_421_reaches_a_client_that_pipelines() -> None:
    async with CarrierSimulator("softbank", behaviour=overload(messages_per_session=0)) as carrier:
        reader, writer = await asyncio.open_connection("127.0.0.1", carrier.port)
        writer.write(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        refusal = b"421 4.7.0 Too many messages in this session\r\n"
        assert (await asyncio.wait_for(reader.readuntil(refusal), 5)).endswith(refusal)
        writer.write(b"RSET\r\nQUIT\r\n")
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()


@pytest.mark.parametrize("per", ["message", "session"])
async def test_too_many_recipients_get_452(per: str) -> None:
    limit = Behaviour(max_recipients_per_message=2) if per == "message" else Behaviour(max_recipients_per_session=2)
    async with (
        CarrierSimulator("docomo", behaviour=limit) as carrier,
        ClientConnection("127.0.0.1", carrier.port) as connection,
    ):
        first = await connection.send(SENDER, ["a@x.jp", "b@x.jp", "c@x.jp"], RAW)
        second = await connection.send(SENDER, ["d@x.jp"], RAW)
        assert [reply.code for reply in first.values()] == [250, 250, 452]
        assert second["d@x.jp"].code == (250 if per == "message" else 452)


async def test_a_slow_carrier_answers_each_command_late_but_in_order() -> None:
    async with CarrierSimulator("softbank", behaviour=slow(0.02)) as carrier:
        loop = asyncio.get_running_loop()
        began = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", carrier.port)
        writer.write(b"EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n")
        writer.write(b"Subject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n")
        talk = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        codes = [line[:3] for line in talk.split(b"\r\n") if line[3:4] == b" "]
        assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"]
        assert loop.time() - began >= 7 * 0.02 - 0.01  # a lower bound: a busy machine only makes it longer
        assert len(carrier.mailbox("c@d")) == 1


async def test_every_second_connection_is_torn_before_the_mail_is_kept() -> None:
    async with CarrierSimulator("au", behaviour=resetting(every=2)) as carrier:
        assert (await send("127.0.0.1", carrier.port, SENDER, ["a@au.com"], RAW))["a@au.com"].code == 250
        with pytest.raises(ConnectionResetError):
            await send("127.0.0.1", carrier.port, SENDER, ["b@au.com"], RAW)
        assert (await send("127.0.0.1", carrier.port, SENDER, ["b@au.com"], RAW))["b@au.com"].code == 250
        assert carrier.stats.resets_before_recording == 1
        assert len(carrier.received) == 2
        assert not carrier.duplicates()


async def test_a_reset_does_not_swallow_the_250_of_the_mail_before() -> None:
    async with CarrierSimulator("au", behaviour=resetting(every=2)) as carrier:
        mail = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"

        def talk_until_torn() -> bytes:
            heard = b""
            with socket.create_connection(("127.0.0.1", carrier.port), timeout=5) as client:
                client.sendall(b"EHLO x\r\n" + mail + mail)
                try:
                    while piece := client.recv(4096):
                        heard += piece
                except ConnectionResetError:
                    return heard
            raise AssertionError("closed in peace")

        talk = await asyncio.to_thread(talk_until_torn)
        assert talk.count(b"250 2.0.0 Queued") == 1
        assert len(carrier.received) == 1


async def test_a_reset_after_keeping_the_mail_is_marked_and_shows_as_duplicate_when_sent_again() -> None:
    behaviour = resetting(every=2, moment=ResetMoment.AFTER_RECORDING)
    async with CarrierSimulator("au", behaviour=behaviour) as carrier:
        await send("127.0.0.1", carrier.port, SENDER, ["a@au.com"], RAW)
        with pytest.raises(ConnectionResetError):
            await send("127.0.0.1", carrier.port, SENDER, ["b@au.com"], RAW)
        await send("127.0.0.1", carrier.port, SENDER, ["b@au.com"], RAW)
        assert [mail.fate for mail in carrier.mailbox("b@au.com")] == [Fate.UNANSWERED, Fate.DELIVERED]
        assert carrier.stats.resets_after_recording == 1
        assert carrier.duplicates() == {("b@au.com", "<1@school.example>"): 2}


async def test_resets_by_probability_are_the_same_in_every_run_and_do_not_doom_a_recipient() -> None:
    behaviour = resetting(probability=0.3, seed="s")
    fates = [[behaviour.resets(1, f"p{i}@au.com", attempt) for attempt in range(1, 9)] for i in range(200)]
    assert fates == [[behaviour.resets(7, f"p{i}@au.com", attempt) for attempt in range(1, 9)] for i in range(200)]
    assert 30 <= sum(one[0] is not None for one in fates) <= 90
    assert all(None in one for one in fates)


async def test_a_filter_refuses_after_data() -> None:
    async with CarrierSimulator("docomo", behaviour=filtering(["a@docomo.ne.jp"])) as carrier:
        replies = await send("127.0.0.1", carrier.port, SENDER, ["a@docomo.ne.jp"], RAW)
        assert replies["a@docomo.ne.jp"] == (550, "Unknown user")
        assert [one.code for one in carrier.attempts] == [250]
        assert [one.recipient for one in carrier.refused_after_data] == ["a@docomo.ne.jp"]
        assert not carrier.received


async def test_a_late_dsn_goes_to_the_envelope_sender_and_the_mail_never_reaches_the_mailbox() -> None:
    async with CarrierSimulator("school", domains=["school.example"]) as school:
        behaviour = late_dsn("127.0.0.1", school.port, delay=0.01, addresses=["gone@docomo.ne.jp"])
        async with CarrierSimulator("docomo", behaviour=behaviour) as carrier:
            await send("127.0.0.1", carrier.port, SENDER, ["gone@docomo.ne.jp", "here@docomo.ne.jp"], RAW)
            [report] = await school.wait_for_mails(SENDER)
            await carrier.wait_until(lambda: carrier.stats.dsns_sent == 1)
            assert report.envelope_from == ""
            message = message_from_bytes(report.raw)
            assert message.get_content_type() == "multipart/report"
            assert message.get_param("report-type") == "delivery-status"
            _, status, headers = cast(list[Message], message.get_payload())
            [_, per_recipient] = cast(list[Message], status.get_payload())
            assert per_recipient["Final-Recipient"] == "rfc822; gone@docomo.ne.jp"
            assert (per_recipient["Action"], per_recipient["Status"]) == ("failed", "5.1.1")
            assert "<1@school.example>" in str(headers.get_payload())
            assert not carrier.mailbox("gone@docomo.ne.jp")
            assert [mail.fate for mail in carrier.received] == [Fate.BOUNCED_LATER, Fate.DELIVERED]


async def test_a_late_dsn_that_nobody_takes_is_counted() -> None:
    async with CarrierSimulator("school", behaviour=unknown_users(share=1.0)) as school:
        behaviour = late_dsn("127.0.0.1", school.port, share=1.0)
        async with CarrierSimulator("docomo", behaviour=behaviour) as carrier:
            await send("127.0.0.1", carrier.port, SENDER, ["a@docomo.ne.jp"], RAW)
            await carrier.wait_until(lambda: carrier.stats.dsns_failed == 1)
            await send("127.0.0.1", carrier.port, "", ["a@docomo.ne.jp"], RAW)
        assert carrier.stats.bounced_later == 2
        assert carrier.stats.dsns_sent == 0


async def test_a_sink_counts_and_keeps_nothing() -> None:
    async with CarrierSimulator("sink", behaviour=sink()) as carrier:
        async with ClientConnection("127.0.0.1", carrier.port) as connection:
            for i in range(50):
                await connection.send(SENDER, [f"p{i}@x.jp"], RAW)
        assert (carrier.stats.messages, carrier.received, carrier.attempts) == (50, [], [])


async def test_behaviours_combine_and_the_later_one_wins() -> None:
    both = greylisting(0.0) | unknown_users(["a@x.jp"]) | unknown_users(["b@x.jp"])
    assert both.greylist_seconds == 0.0
    assert (both.is_unknown("a@x.jp"), both.is_unknown("B@x.jp")) == (False, True)


async def test_mails_come_by_callback_and_by_feed() -> None:
    heard: list[str] = []
    async with CarrierSimulator("docomo") as carrier:
        carrier.on_mail.append(lambda mail: heard.append(mail.recipient))
        feed = carrier.feed()
        await send("127.0.0.1", carrier.port, SENDER, ["a@x.jp", "b@x.jp"], RAW)
        first = await asyncio.wait_for(anext(feed), 5)
    assert [mail.recipient async for mail in feed] == ["b@x.jp"]
    assert (first.recipient, heard) == ("a@x.jp", ["a@x.jp", "b@x.jp"])


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"RCPT TO:<a@b>", b"503"),
        (b"MAIL FROM:a@b", b"501"),
        (b"MAIL FROM:<a@b> SIZE=99999999", b"552"),
        (b"DATA", b"503"),
        (b"VRFY x", b"252"),
        (b"STARTTLS", b"502"),
        (b"X" * 5000, b"500"),
    ],
)
async def test_bad_commands_get_the_reply_of_the_rfc(line: bytes, code: bytes) -> None:
    async with CarrierSimulator("x") as carrier:
        reader, writer = await asyncio.open_connection("127.0.0.1", carrier.port)
        await reader.readline()
        writer.write(line + b"\r\n")
        assert (await asyncio.wait_for(reader.readline(), 5))[:3] == code
        writer.close()


async def test_an_empty_message_and_one_in_small_pieces_arrive_whole() -> None:
    async with CarrierSimulator("x") as carrier:
        reader, writer = await asyncio.open_connection("127.0.0.1", carrier.port)
        start = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
        for piece in (start + b".\r\n", start + b"x\r\n", b"y\r", b"\n.", b"\r", b"\nQUIT\r\n"):
            writer.write(piece)
            await asyncio.sleep(0.01)  # the kernel would join pieces that come at once
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert [mail.raw for mail in carrier.mailbox("a@b")] == [b"", b"x\r\ny\r\n"]
