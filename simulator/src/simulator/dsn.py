"""The delivery report that a carrier sends when it changes its mind after the 250 (RFC 3464, RFC 6522)."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from .behaviour import LateDsn


def delivery_report(
    *, carrier: str, envelope_from: str, recipient: str, raw: bytes, plan: LateDsn, at: datetime, number: int
) -> bytes:
    """multipart/report about one recipient of `raw`, addressed to `envelope_from`; holds the header of the original.

    `at` is an aware datetime, `number` makes the Message-ID and the boundary unique in the carrier.
    """
    boundary = f"=_report_{number}"
    date = format_datetime(at)
    header, _, _ = raw.partition(b"\r\n\r\n")
    text = f"""\
Return-Path: <>
From: Mail Delivery System <MAILER-DAEMON@{carrier}>
To: <{envelope_from}>
Subject: Undelivered Mail Returned to Sender
Date: {date}
Message-ID: <dsn.{number}.{int(at.timestamp() * 1000)}@{carrier}>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="{boundary}"

--{boundary}
Content-Type: text/plain; charset=us-ascii

This is the mail system at host {carrier}.

Your message could not be delivered to one or more recipients.

<{recipient}>: {plan.diagnostic}

--{boundary}
Content-Type: message/delivery-status

Reporting-MTA: dns; {carrier}
Arrival-Date: {date}

Final-Recipient: rfc822; {recipient}
Original-Recipient: rfc822; {recipient}
Action: {plan.action}
Status: {plan.status}
Diagnostic-Code: smtp; {plan.diagnostic}

--{boundary}
Content-Type: text/rfc822-headers

"""
    start = text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")
    return start + header + f"\r\n\r\n--{boundary}--\r\n".encode()
