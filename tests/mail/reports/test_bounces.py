"""Bounces: a dead address is told from a living one, and in doubt it lives."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.reports import bounces
from mail.reports.classification import Classification


def report(
    diagnostic: str, *, action: str = "failed", status: str = "5.0.0", to: str = "taro@example.jp", prose: str = ""
) -> bytes:
    return f"""From: MAILER-DAEMON@mx.example.jp
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

Sorry.
{prose}
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.jp

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {diagnostic}

--x
Content-Type: message/rfc822

From: info@midori.example.jp
Subject: x

text
--x--
""".replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("diagnostic", "status", "to", "classification"),
    [
        ("550 5.1.1 <taro@example.jp>: Recipient address rejected: User unknown", "5.1.1", "taro@example.jp", Classification.DEAD),
        ("550 No such user here (in reply to RCPT TO command)", "5.0.0", "taro@example.jp", Classification.DEAD),
        ("550 No such user here", "5.0.0", "taro@example.jp", Classification.FILTERED),
        ("550-5.1.1 The email account that you tried to reach does not exist", "5.1.1", "taro@gmail.com", Classification.DEAD),
        ("550 Unknown user taro@docomo.ne.jp (in reply to RCPT TO command)", "5.0.0", "taro@docomo.ne.jp", Classification.DEAD),
        ("550 Unknown user taro@docomo.ne.jp (in reply to end of DATA command)", "5.0.0", "taro@docomo.ne.jp", Classification.FILTERED),
        ("550 Unknown user taro@docomo.ne.jp", "5.0.0", "taro@docomo.ne.jp", Classification.FILTERED),
        ("550 <taro@ezweb.ne.jp>: User unknown (in reply to RCPT TO command)", "5.0.0", "taro@ezweb.ne.jp", Classification.DEAD),
        ("550 : User unknown (in reply to RCPT TO command)", "5.0.0", "taro@ezweb.ne.jp", Classification.FILTERED),
        ("552 5.2.2 The email account that you tried to reach is over quota", "5.2.2", "taro@gmail.com", Classification.FULL),
        ("550 5.1.1 mailbox full", "5.1.1", "taro@example.jp", Classification.FULL),
        ("550 5.2.1 The email account that you tried to reach is disabled", "5.2.1", "taro@gmail.com", Classification.SUSPENDED),
        ("550 5.2.1 <taro@example.jp>... User unknown", "5.2.1", "taro@example.jp", Classification.FILTERED),
        ("550 5.7.26 This mail is unauthenticated: SPF did not pass", "5.7.26", "taro@gmail.com", Classification.POLICY),
        ("554 5.7.1 Service unavailable; blocked using zen.spamhaus.org", "5.7.1", "taro@example.jp", Classification.POLICY),
        ("450 4.2.0 Greylisted, try again later", "4.2.0", "taro@example.jp", Classification.DEFERRED),
        ("connect to mx.example.jp: Connection timed out", "4.4.1", "taro@example.jp", Classification.DEFERRED),
        ("450 4.1.1 <taro@example.jp>: User unknown in virtual table", "4.1.1", "taro@example.jp", Classification.DEFERRED),
        ("550 5.4.4 Host or domain name not found", "5.4.4", "taro@example.jp", Classification.DEAD),
        ("550 something nobody has seen", "5.0.0", "taro@example.jp", Classification.UNKNOWN),
    ],
)  # fmt: skip
def test_only_a_dead_address_is_hard(diagnostic: str, status: str, to: str, classification: Classification) -> None:
    bounce = bounces.read(report(diagnostic, status=status, to=to))
    assert bounce.is_bounce
    assert bounce.classification == classification
    assert bounce.hard == (classification is Classification.DEAD)
    assert bounce.recipients == (to,)


def test_a_delay_or_a_success_is_no_bounce() -> None:
    delayed = bounces.read(report("timed out", action="delayed", status="4.4.1"))
    assert (delayed.is_bounce, delayed.hard, delayed.classification) == (False, False, Classification.DELAYED)
    delivered = bounces.read(report("250 ok", action="delivered", status="2.0.0"))
    assert (delivered.is_bounce, delivered.classification) == (False, Classification.DELIVERED)


def test_an_inner_status_is_truer_than_a_gateways() -> None:
    assert bounces.read(report("550 5.1.1 User unknown")).status == "5.1.1"


def test_a_refusal_after_data_is_no_dead_address() -> None:
    bounce = bounces.read(report("550 No such user", prose="   ----- Transcript -----\n>>> DATA\n<<< 550 No such user"))
    assert (bounce.hard, bounce.classification) == (False, Classification.FILTERED)


def test_of_two_recipients_only_the_dead_one_is_named_dead() -> None:
    other = (
        b"Final-Recipient: rfc822; b@example.jp\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        b"Diagnostic-Code: smtp; 552 full\r\n\r\n--x\r\n"
    )
    raw = report("550 5.1.1 User unknown", status="5.1.1").replace(
        b"--x\r\nContent-Type: message/rfc822", other + b"Content-Type: message/rfc822"
    )
    bounce = bounces.read(raw)
    assert bounce.recipients == ("taro@example.jp", "b@example.jp")
    assert (bounce.hard, bounce.classification, bounce.dead) == (True, Classification.DEAD, ("taro@example.jp",))
    assert bounce.mildest is Classification.FULL


def test_a_forwarded_bounce_is_a_persons_mail() -> None:
    inner = report("550 5.1.1 User unknown", status="5.1.1")
    raw = (
        b"From: taro@example.jp\r\nSubject: Fwd: Undelivered\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\nwhat is this?\r\n"
        b"--y\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--y--\r\n"
    )
    assert not bounces.read(raw).is_bounce


@pytest.mark.parametrize(
    "raw",
    [
        b"From: taro@example.jp\r\nSubject: Re: survey\r\n\r\n3",
        b"Return-Path: <>\r\nFrom: taro@example.jp\r\nSubject: Automatic reply: away\r\nAuto-Submitted: auto-replied\r\n\r\nuser unknown",
        (
            b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x\r\n\r\nread\r\n--x\r\n"
            b"Content-Type: message/disposition-notification\r\n\r\nDisposition: displayed\r\n\r\n--x--"
        ),
        (
            b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\n\r\nspam\r\n--x\r\n"
            b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--x--"
        ),
        b"",
    ],
)
def test_what_is_no_bounce(raw: bytes) -> None:
    bounce = bounces.read(raw)
    assert not bounce.is_bounce
    assert not bounce.hard


def test_a_report_in_plain_words_is_read_too() -> None:
    raw = (
        b"From: MAILER-DAEMON@mx.example.jp\r\nSubject: failure notice\r\n\r\nHi. This is the qmail-send program.\r\n\r\n"
        b"<taro@example.jp>:\r\nRemote host said: 550 5.1.1 no such user\r\n\r\n--- Below this line is a copy of the message.\r\n\r\n"
        b"Subject: mailbox full\r\n"
    )
    bounce = bounces.read(raw)
    assert (bounce.is_bounce, bounce.hard, bounce.recipients) == (True, True, ("taro@example.jp",))


def test_no_recipient_shows_in_its_representation() -> None:
    assert "taro" not in repr(bounces.read(report("550 5.1.1 User unknown", status="5.1.1")))


@given(st.binary(max_size=500))
def test_any_octets_may_come_to_a_bounce_address(raw: bytes) -> None:
    bounces.read(raw)
    found = bounces.read(report("550 x").replace(b"Sorry", raw))
    # Chance may write an enhanced status (RFC 3463), and 5.1.1 is a word for death wherever it stands.
    assert not found.hard or re.search(rb"5\.[0-9]\.[0-9]", raw)


@pytest.mark.parametrize(
    "body", [b"\r\n" * 50_000, b"said: 550 <" * 9000, b"user " * 30_000, b"a@b.jp " * 20_000, b"-" * 100_000]
)
def test_hostile_reports_are_read_all_the_same(body: bytes) -> None:
    assert not bounces.read(b"From: MAILER-DAEMON@x.jp\r\nSubject: failure notice\r\n\r\n" + body).hard
