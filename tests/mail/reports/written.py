"""Mails as mail systems write them, for the tests of reports."""

TARO = "taro@example.jp"
HANA = "hana@example.com"


def mail(
    text: str, *, sender: str = "MAILER-DAEMON@mx.example.org", subject: str = "Returned mail", **fields: str
) -> bytes:
    extra = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items())
    head = f"From: {sender}\nTo: info@midori.example.org\nSubject: {subject}\n{extra}"
    return f"{head}\n{text}".replace("\n", "\r\n").encode()
