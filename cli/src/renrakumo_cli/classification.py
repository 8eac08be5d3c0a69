"""What the system would make of a mail, as one JSON object: the same functions that the services call, and no server.

The kind of address the mail came to is left aside; whoever asks tells what is known of it (the text that had been sent,
the choices offered, the envelope sender).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mail import answers, automatic, bounces
from mail.reading import read

NEEDS_A_LOOK = "needs a look"


def classify(
    file: Path,
    *,
    sent: str | None = None,
    choices: Sequence[str] = (),
    envelope_from: str | None = None,
) -> dict[str, Any]:
    """Read one mail. `choice` is its 1-based number, None (none offered or none made), or "needs a look".

    Without an envelope sender the header From stands in for it. Never raises for what the mail holds; OSError when the
    file can't be read."""
    raw = file.read_bytes()
    letter = read(raw)
    sender = letter.sender if envelope_from is None else envelope_from
    marks = automatic.judge(letter, sender)
    answer = answers.answer_text(letter, sent)
    report = bounces.judge(raw)
    return {
        "file": str(file),
        "charset": letter.charset,
        "subject": letter.subject,
        "text": letter.text,
        "answer": answer,
        "choice": _choice(answer, choices, doubtful=marks.needs_look),
        "automatic": {"reply_allowed": marks.reply_allowed, "count_answer": marks.count_answer, "why": marks.why},
        "bounce": {
            "is_bounce": report.is_bounce,
            "hard": report.hard,
            "verdict": str(report.verdict),
            "recipients": list(report.recipients),
            "status": report.status,
            "why": report.why,
        },
    }


def _choice(answer: str, choices: Sequence[str], *, doubtful: bool) -> int | str | None:
    if not choices:
        return None
    choice = answers.recognise(answer, choices)
    return NEEDS_A_LOOK if choice.needs_look or doubtful else choice.number
