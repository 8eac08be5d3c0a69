"""What the system would make of a mail, as one JSON object: the same functions that the services call, and no server.

octets -> read once -> answer and choice, automatic or not, bounce or not, signed or not. Whoever asks tells what is
known of the mail beside itself: the text that had been sent, the choices offered, the envelope.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mail import addresses
from mail.addresses import MailboxKind
from mail.automatic.decision import decide
from mail.mime.reading import DEFAULT_LIMITS, ParsedMail, read
from mail.reply import answers
from mail.reports import bounces
from renrakumo_cli import authentication

NEEDS_A_LOOK = "needs a look"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a mail beside itself. None: not told.

    `origin` looks up where a mail comes from, by its octets and its envelope sender; without it nothing is asked.
    Without an envelope sender the Return-Path that a mailbox noted stands in for it, or else the header From."""

    sent: str | None = None
    sent_subject: str | None = None
    choices: Sequence[str] = ()
    envelope_from: str | None = None
    envelope_to: str | None = None
    origin: Callable[[bytes, str], dict[str, str | bool]] | None = None

    @property
    def base_domain(self) -> str:
        """Ours, if it came to an address of a unit; "" where that isn't told."""
        return (self.envelope_to or "").partition("@")[2].partition(".")[2]

    @property
    def to_bounces(self) -> bool:
        """Whether it came to an envelope sender of ours, where nobody answers anything."""
        try:
            return addresses.parse_local((self.envelope_to or "").partition("@")[0]).kind is MailboxKind.BOUNCE
        except addresses.UnknownAddress:
            return False


NOTHING_KNOWN = Known()


def classify_file(file: Path, known: Known = NOTHING_KNOWN) -> dict[str, Any]:
    """Classify the mail in a file. One that can't be read comes out as an empty mail with an `error` at the end."""
    name = os.fsencode(file).decode("utf-8", "replace")
    try:
        with file.open("rb") as mail:
            raw = mail.read(DEFAULT_LIMITS.size)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return {"file": name, **classify(b"", known), "error": reason}
    try:
        return {"file": name, **classify(raw, known)}
    except Exception as error:  # a mistake of ours, which must not keep the other mails from being looked at
        return {"file": name, **classify(b"", known), "error": f"could not be read: {type(error).__name__}"}


def classify(raw: bytes, known: Known = NOTHING_KNOWN) -> dict[str, Any]:
    """Read one mail. `choice` is its 1-based number, None (none offered, or the mail is no answer at all), or "needs a
    look". Never raises."""
    parsed = read(raw)
    marks = decide(parsed, _envelope_from(parsed, known), known.base_domain)
    report = bounces.read(raw, parsed.tree)
    answer = answers.answer_text(parsed, known.sent, sent_subject=known.sent_subject)
    counts = marks.count_answer and not report.is_bounce and not known.to_bounces
    return {
        "charset": parsed.charset,
        "subject": parsed.subject,
        "text": parsed.text,
        "answer": answer,
        "choice": _choice(answer, known.choices, doubtful=marks.needs_look) if counts and known.choices else None,
        "automatic": {"reply_allowed": marks.reply_allowed, "count_answer": marks.count_answer, "why": marks.why},
        "bounce": {
            "is_bounce": report.is_bounce,
            "hard": report.hard,
            "classification": str(report.classification),
            "recipients": list(report.recipients),
            "status": report.status,
            "why": report.why,
        },
        "authentication": known.origin(raw, _envelope_from(parsed, known))
        if known.origin
        else authentication.without_network(parsed),
    }


def _envelope_from(parsed: ParsedMail, known: Known) -> str:
    if known.envelope_from is not None:
        return known.envelope_from
    if "return-path" in parsed.headers:
        return parsed.header("return-path")
    return parsed.sender or "unknown"  # which isn't the same as the empty sender of a machine


def _choice(answer: str, choices: Sequence[str], *, doubtful: bool) -> int | str | None:
    choice = answers.recognise(answer, choices)
    return NEEDS_A_LOOK if choice.needs_look or doubtful else choice.number
