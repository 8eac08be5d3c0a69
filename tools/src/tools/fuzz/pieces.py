"""What hostile and broken mail is made of: pieces that a fuzzer puts together, and the mails it starts from.

A fuzzer that only turns octets never writes `=?iso-2022-jp?B?`. So octets below 128 may stand for a piece each, and
what is found stays a short file.
"""

from __future__ import annotations

import base64

PIECES: tuple[bytes, ...] = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b":", b";", b"=", b'"', b"<", b">", b"@", b",", b"(", b")",
    b"From: ", b"To: ", b"Subject: ", b"Message-ID: <a@b>", b"References: <c@d> <e@f>", b"In-Reply-To: ",
    b"Return-Path: <>", b"Auto-Submitted: auto-replied", b"Precedence: bulk", b"List-Unsubscribe: <x>",
    b"Content-Type: text/plain", b"Content-Type: text/html", b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: multipart/alternative; boundary=c", b"Content-Type: multipart/report; boundary=b",
    b"Content-Type: message/rfc822", b"Content-Type: message/delivery-status",
    b"Content-Type: message/feedback-report", b"Content-Type: multipart/related; start=\"<x>\"; boundary=b",
    b"Content-Type: application/octet-stream", b"Content-Type: text/plain; charset=", b"Content-Disposition: attachment",
    b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: quoted-printable", b"Content-ID: <x>",
    b"--b\r\n", b"--c\r\n", b"--b--\r\n", b"--c--\r\n", b"; format=flowed; delsp=yes", b"; filename*0*=utf-8'ja'%E3",
    b"; name=\"", b"utf-8", b"iso-2022-jp", b"Shift_JIS", b"euc-jp", b"utf-7", b"utf-16", b"iso-8859-1", b"gb18030",
    b"=?utf-8?B?", b"=?utf-8?Q?", b"=?iso-2022-jp?B?", b"=?Shift_JIS?Q?", b"?=", b"=?", b"=E3=81=82", b"=\r\n",
    b"44GC", b"GyRCJCIbKEI=", b"==", b"\x1b$B", b"\x1b(B", b"\x1b(I", b"\x1b$(D", b"\x1b$@", b"\x0e", b"\x0f", b"$\"",
    b"\x82\xa0", b"\xa4\xa2", b"\xe3\x81\x82", b"\xf9\x87", b"\xff", b"\x80", b"\x00", b"\xef\xbb\xbf", b"+AAA-",
    b"<div style=\"display:none\">", b"<blockquote>", b"</blockquote>", b"<style>.a{", b"}", b"</style>", b"<!--",
    b"-->", b"<br>", b"<p class=a>", b"&#x3042;", b"&nbsp;", b"<img alt=\"", b"<pre>",
    b"> ", b"On 1 Jan 2026, X <x@y.example> wrote:", "2026年4月8日(水) 9:00 X <x@y.example>:".encode(),
    b"-----Original Message-----", "差出人: ".encode(), "件名: ".encode(), "iPhoneから送信".encode(), b"-- \n",
    "良好です".encode(), "③".encode(), "３".encode(), b"3\xef\xb8\x8f\xe2\x83\xa3", "1か2".encode(), "なし".encode(),
    b"Final-Recipient: rfc822; taro@docomo.ne.jp", b"Action: failed", b"Status: 5.1.1", b"Action: delayed",
    b"Diagnostic-Code: smtp; 550 5.1.1 User unknown", b"Feedback-Type: abuse", b"MAILER-DAEMON@example.net",
    b"Undelivered Mail Returned to Sender", b"X-Failed-Recipients: ", b"begin 644 x\nM", b"\nend\n",
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=docomo.ne.jp; s=s; h=from:to; bh=MIIB; b=MIIB",
    b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=docomo.ne.jp; s=s; b=MIIB",
    b"(This file must be converted with BinHex 4.0)\n:", b"r-", b"taro@docomo.ne.jp",
)  # fmt: skip


def assembled(data: bytes) -> bytes:
    """Octets as they are, or, if the first is odd, with a piece for each small enough."""
    if not data or data[0] % 2 == 0:
        return data[1:]
    return b"".join(PIECES[octet] if octet < len(PIECES) else bytes((octet,)) for octet in data[1:])


def _seed(*lines: str) -> bytes:
    return b"\0" + "\r\n".join(lines).encode()


def _packed(kind: str, structure: str) -> bytes:
    octets = base64.b64encode(bytes.fromhex(structure)).decode()
    return _seed("Subject: s", f"Content-Type: {kind}", "Content-Transfer-Encoding: base64", "", octets)


SEEDS: tuple[bytes, ...] = (
    _seed("From: taro@docomo.ne.jp", "Subject: Re: 健康調査", "In-Reply-To: <r-a@b>", "", "2です", "> 1 良好"),
    _seed(
        "From: =?iso-2022-jp?B?GyRCQkBPOhsoQg==?= <taro@ezweb.ne.jp>",
        "Content-Type: multipart/alternative; boundary=b",
        "",
        "--b",
        'Content-Type: text/plain; charset="iso-2022-jp"',
        "",
        "\x1b$BNI9%\x1b(B",
        "--b",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: base64",
        "",
        base64.b64encode("<style>.x{display:none}</style><p>良好<blockquote>?</blockquote>".encode()).decode(),
        "--b--",
    ),
    _seed(
        "From: MAILER-DAEMON@example.net",
        "Subject: Undelivered Mail Returned to Sender",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "",
        "--b",
        "",
        "<taro@docomo.ne.jp>: host mx said: 550 5.1.1 User unknown (in reply to RCPT TO command)",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx",
        "",
        "Final-Recipient: rfc822; taro@docomo.ne.jp",
        "Action: failed",
        "Status: 5.1.1",
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Subject: x",
        "",
        "y",
        "--b--",
    ),
    _seed(
        "From: staff@hotmail.com",
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b",
        "",
        "--b",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "Original-Rcpt-To: taro@example.net",
        "--b--",
    ),
    _seed("Subject: =?utf-8?Q?=E8=87=AA=E5=8B=95=E8=BF=94=E4=BF=A1?=", "Auto-Submitted: auto-replied", "", "x"),
    _seed('<@a,@b:"ta..ro"@docomo.ne.jp> SIZE=1 BODY=8BITMIME'),
    _seed("<xx1-entry@sakura.school.example>"),
    _seed("foo..bar@docomo.ne.jp"),
    _packed(
        "application/ms-tnef", "789f3e22 0100 01 03900600 18000000 01000000 1f000010 01000000 06000000 320067300000"
    ),
    _packed("application/pkcs7-mime", "3080 06092a864886f70d010701 a080 2480 0402 0a0a 0401 32 0000 0000 0000"),
    bytes((1, *range(16, 40, 3), 0, 2, *range(41, 120, 5))),
    bytes((1, *range(len(PIECES)))),
)
