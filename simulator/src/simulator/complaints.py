"""Feedback reports as carriers send them (RFC 5965), about a mail of ours, and what they do to them on the way."""

from email.message import EmailMessage

BASE = "renrakumo.example"


def sent_copy(
    unit: str,
    *,
    message_id: str = "m-aaaaaaaaaaaaaaaaaaaaaaaa",
    reply: str = "",
    leave: str = "",
    bounce: str = "",
    to: str = "hanako-mama@docomo.example",
    base: str = BASE,
) -> bytes:
    """A copy as it lies in a mailbox: `reply`, `leave` and `bounce` are tokens with their prefix."""
    lines = [
        f"Return-Path: <{bounce}@{unit}.{base}>" if bounce else "Return-Path: <>",
        f"Received: from mx.{base} by mta.carrier.example; Wed, 08 Apr 2026 09:00:00 +0900",
        f"Message-ID: <{f'{reply}.1' if reply else message_id}@{unit}.{base}>",
        f"From: =?utf-8?b?44GC44GK44Gw?= <info@{unit}.{base}>",
        f"To: <{to}>",
        *([f"Reply-To: <{reply}@{unit}.{base}>"] if reply else []),
        *(
            [f"List-Unsubscribe: <mailto:{leave}@{unit}.{base}>,\r\n <https://{base}/u/{unit}/{leave}>"]
            if leave
            else []
        ),
        "Subject: =?utf-8?b?5L+d6K235bCP?=",
        "X-Renrakumo: 1",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "明日は遠足です。",
        "",
    ]
    return "\r\n".join(lines).encode()


def arf(
    original: bytes,
    kind: str = "abuse",
    *,
    fields: str = "",
    report_type: str = "; report-type=feedback-report",
    fields_type: str = "message/feedback-report",
    original_type: str = "message/rfc822",
    sender: str = "feedback@carrier.example",
    top: str = "multipart/report",
) -> bytes:
    """A report in the standard's form, or with its marks changed."""
    head = (
        f"From: Feedback Loop <{sender}>\r\nTo: <abuse@{BASE}>\r\nSubject: FW: report\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: {top}{report_type}; boundary="=_fb"\r\n\r\n'
        "--=_fb\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        f"This is an email {kind} report for an email message received from IP 192.0.2.1.\r\n\r\n"
        f"--=_fb\r\nContent-Type: {fields_type}\r\n\r\n"
        f"Feedback-Type: {kind}\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n{fields}\r\n"
        f"--=_fb\r\nContent-Type: {original_type}\r\n\r\n"
    )
    return head.encode() + original + b"\r\n--=_fb--\r\n"


def jmrp(original: bytes, *, marked: bool = True, sender: str = "staff@hotmail.com") -> bytes:
    """A complaint of Outlook.com: the mail, and not a word beside it."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = f"abuse@{BASE}"
    message["Subject"] = "complaint about message from 192.0.2.1"
    message["MIME-Version"] = "1.0"
    head = bytes(message).replace(b"\n", b"\r\n").rstrip(b"\r\n")
    mark = b"X-HmXmrOriginalRecipient: hanako-mama@outlook.example\r\n" if marked else b""
    return (
        head + b"\r\nContent-Type: multipart/mixed; boundary=F0\r\n\r\n--F0\r\nContent-Type: message/rfc822\r\n"
        b"Content-Disposition: inline\r\n\r\n" + mark + original + b"\r\n--F0--\r\n"
    )
