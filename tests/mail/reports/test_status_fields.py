"""Delivery status fields: RFC 3464 and RFC 6533 as they are, and as programs and gateways deform them."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.reports import bounces, status_fields
from mail.reports.classification import Classification
from mail.reports.status_fields import address_in

TARO, HANA = "taro@example.jp", "hana@example.com"


def report(
    part: str, *, kind: str = "message/delivery-status", encoding: str = "", around: str = "multipart/report"
) -> bytes:
    octets = part.encode()
    if encoding == "base64":
        octets = base64.encodebytes(octets)
    elif encoding == "quoted-printable":
        octets = quopri.encodestring(octets)
    header = f"Content-Type: {kind}\n" + (f"Content-Transfer-Encoding: {encoding}\n" if encoding else "")
    head = (
        "From: MAILER-DAEMON@mx.example.org\nTo: info@midori.example.org\nSubject: Undelivered Mail Returned to Sender\n"
        f"Content-Type: {around}; report-type=delivery-status; boundary=x\n\n--x\nContent-Type: text/plain\n\nSorry.\n--x\n"
    )
    tail = "\n--x\nContent-Type: message/rfc822\n\nFrom: info@midori.example.org\nTo: other@example.jp\n\ntext\n--x--\n"
    return (head + header + "\n").encode() + octets + tail.encode()


def group(to: str, status: str, words: str, action: str = "failed") -> list[str]:
    return [
        f"Final-Recipient: rfc822; {to}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {words}",
    ]


PLAIN = "Reporting-MTA: dns; mx.example.org\n\n" + "\n".join(group(TARO, "5.1.1", "550 5.1.1 no such user")) + "\n"


@pytest.mark.parametrize("encoding", ["", "base64", "quoted-printable"])
@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status", "text/plain"])
@pytest.mark.parametrize("around", ["multipart/report", "multipart/mixed"])
def test_fields_are_found_under_any_type_and_encoding(encoding: str, kind: str, around: str) -> None:
    bounce = bounces.read(report(PLAIN, kind=kind, encoding=encoding, around=around))
    assert (bounce.is_bounce, bounce.hard, bounce.recipients, bounce.status) == (True, True, (TARO,), "5.1.1")


@pytest.mark.parametrize(
    "text",
    [
        f"Final-Recipient: {TARO}\nAction: failed\nStatus: 5.1.1\n",
        f"Final-Recipient: RFC822; <{TARO}>\nAction: Failed (to be sure)\nStatus: 5.1.1 (bad address)\n",
        f"Original-Recipient: <{TARO}>\nAction: failed\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n",
        f"Action: failed\nFinal-Recipient: rfc822; {TARO}\nDiagnostic-Code: smtp; 550 5.1.1 no such user\nStatus: 5.1.1\n",
        f"Diagnostic-Code: 550 5.1.1 no such\n   user\nStatus: 5.0.0\nFinal-Recipient: rfc822; {TARO}\nAction: FAILED\n",
        f"\n\nFinal-Recipient: rfc822; {TARO}\n\n\nAction: failed\n\nStatus: 5.1.1\n\nDiagnostic-Code: smtp; 550 no such user\n",
        f"final-recipient:rfc822;{TARO}\nstatus:5.1.1\n",
        "Final-Recipient: rfc822; TARO@Example.JP\nAction: undeliverable\nStatus: 5.1.1\n",
    ],
)
def test_deformed_fields_say_the_same(text: str) -> None:
    bounce = bounces.read(report("Reporting-MTA: dns; mx.example.org\n" + text))
    assert (bounce.is_bounce, bounce.hard, bounce.recipients) == (True, True, (TARO,))


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "delayed", "Delayed (4 hours)"])
def test_an_action_that_is_no_failure_is_no_bounce(action: str) -> None:
    bounce = bounces.read(report("\n".join(group(TARO, "4.4.1", "timed out", action))))
    assert (bounce.is_bounce, bounce.hard, bounce.recipients) == (False, False, (TARO,))


def test_each_recipient_has_his_own_classification() -> None:
    text = "\n".join(["Reporting-MTA: dns; mx", "", *group(TARO, "5.1.1", "550 no such user"), ""])
    text += "\n".join(
        [*group(HANA, "5.2.2", "552 mailbox full"), "", *group("jiro@example.net", "2.0.0", "ok", "delivered")]
    )
    bounce = bounces.read(report(text))
    assert bounce.recipients == (TARO, HANA)
    assert bounce.dead == (TARO,)
    assert [each.classification for each in bounce.per_recipient] == [Classification.DEAD, Classification.FULL]
    assert bounce.mildest is Classification.FULL


def test_the_text_beside_the_fields_tells_the_stage_of_each() -> None:
    part = "\n".join([*group(TARO, "5.0.0", "550 Unknown user"), "", *group(HANA, "5.0.0", "550 Unknown user")])
    text = (
        f"<{TARO}>: host mx said: 550 Unknown user (in reply to RCPT TO command)\n\n"
        f"<{HANA}>: host mx said: 550 Unknown user (in reply to end of DATA\n    command)\n"
    )
    bounce = bounces.read(report(part).replace(b"Sorry.", text.encode()))
    assert [each.classification for each in bounce.per_recipient] == [Classification.DEAD, Classification.FILTERED]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("utf-8; taro@example.jp", TARO),
        (r"utf-8; taro@\x{4F8B}\x{3048}.jp", "taro@xn--r8jz45g.jp"),
        (r"utf-8;\x{592A}\x{90CE}@example.jp", "太郎@example.jp"),
        ("rfc822;taro+40example.jp", TARO),
        ("rfc822; taro+40@example.jp", "taro+40@example.jp"),
        ("x500; /o=example/cn=taro", ""),
        ("rfc822; taro@mailhub", ""),
        ('rfc822; "foo.."@docomo.ne.jp', "foo..@docomo.ne.jp"),
        (r"utf-8; \x{FFFFFF}\x{D800}@example.jp", ""),
        ("", ""),
    ],
)
def test_recipients_are_read_in_every_encoding(value: str, address: str) -> None:
    assert address_in(value) == address


def test_a_report_in_utf8_names_its_recipient() -> None:
    text = f"Reporting-MTA: dns; mx\n\nFinal-Recipient: utf-8; {TARO}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 知らない\n"
    bounce = bounces.read(report(text, kind="message/global-delivery-status"))
    assert (bounce.hard, bounce.recipients) == (True, (TARO,))


_NOISE = st.sampled_from(
    ["X-Queue-ID: 1", "Last-Attempt-Date: today", "Remote-MTA: dns; mx.example.jp", "--", "  ", "Arrival-Date: x"]
)


@given(st.data())
def test_no_deformation_changes_who_is_meant_and_what_became_of_him(data: st.DataObject) -> None:
    first = group(TARO, "5.1.1", "550 5.1.1 no such user")
    second = group(HANA, "5.2.2", "552 5.2.2 mailbox full")
    written: list[str] = []
    for fields in (first, second):
        fields = fields[:1] + data.draw(st.permutations(fields[1:]))
        if data.draw(st.booleans()):
            fields.insert(1, fields[0].replace("Final", "Original"))
        for one in fields:
            name, colon, value = one.partition(":")
            name = data.draw(st.sampled_from([name, name.lower(), name.upper()]))
            blank = data.draw(st.sampled_from([" ", "", "\t", "\n  "]))
            written.append(f"{name}{colon}{blank}{value.strip()}")
            written.extend(data.draw(st.lists(_NOISE, max_size=1)))
            written.extend(data.draw(st.sampled_from([[], [""], ["", ""]])))
        written.append("")
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    encoding = data.draw(st.sampled_from(["", "base64", "quoted-printable"]))
    bounce = bounces.read(report(end.join(written), encoding=encoding))
    assert bounce.recipients == (TARO, HANA)
    assert [each.classification for each in bounce.per_recipient] == [Classification.DEAD, Classification.FULL]


@given(
    st.sampled_from(
        [
            "552 5.2.2 mailbox full",
            "554 5.7.1 spam",
            "451 4.3.0 try later",
            "550 no such user (in reply to end of DATA command)",
        ]
    ),
    st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=200),
)
def test_what_the_returned_mail_says_kills_nobody(words: str, original: str) -> None:
    fields = "\n".join(group(TARO, status_said(words), words))
    raw = report(fields).replace(b"\n\ntext\n", f"\n\n550 5.1.1 user unknown {original}\n".encode())
    assert not bounces.read(raw).hard


def status_said(words: str) -> str:
    return words[4:9] if words[4:5] in "45" else "5.0.0"


@given(st.text(max_size=400))
def test_any_text_has_some_fields_or_none(text: str) -> None:
    found = status_fields.read(text)
    kind, notified = status_fields.amazon(f'"notificationType":"Bounce" "bouncedRecipients":[{text}]')
    assert kind == "bounce"
    for address in (address_in(text), *(each.recipient for each in (*found, *notified))):
        assert address == "" or "@" in address


@pytest.mark.parametrize(
    "text",
    [
        "Final-Recipient: rfc822; a@b.jp\n" * 5_000,
        "Status: " + "5." * 50_000,
        "\n" * 100_000,
        " x\n" * 50_000,
        '"recipients":[{' * 5_000,
    ],
)
def test_hostile_fields_end(text: str) -> None:
    assert len(status_fields.read(text)) <= status_fields.MOST_RECIPIENTS
    status_fields.amazon(f'"eventType":"Bounce"{text}')
