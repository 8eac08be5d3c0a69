"""Mail for postmaster and abuse (RFC 2142), handed on to the operator. Fields: `from`, `subject`, `text`."""

from responder.texts.base import Text

SENDER_NAME = "Renrakumo"


def forwarded(unit: str, mailbox: str) -> Text:
    """The mail as it is, under a head that says where it came in."""
    text = f"Mail to: {mailbox} (unit: {unit})\nFrom: {{{{from}}}}\nSubject: {{{{subject}}}}\n\n{{{{text}}}}\n"
    return Text(f"[{mailbox}] {{{{subject}}}}", text)
