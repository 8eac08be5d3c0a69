"""What a server said, at which command it said it, and the errors of a connection that broke off.

An `SmtpReply` is an answer, good or bad, that belongs to one copy. The errors are for when there is no such answer: the
next hop would not accept a connection at all (NextHopUnavailable), or the connection broke in the middle
(ConnectionLost), which says whether the server may have taken the copy. A server's words may hold the address: reply
rules look at them, nobody logs them.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

from runtime.errors import RenrakumoError, TransientError

Stage = Literal["connect", "ehlo", "starttls", "mail", "rcpt", "data", "body", "plan"]
"""The SMTP command that was answered; `plan` when nothing was sent."""

TOO_BUSY = 421
"""The server ends the connection and wants to be left alone for a while (RFC 5321 3.8)."""

_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])")


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """An answer. `enhanced` is the status of RFC 3463 when the text begins with one; `text` is without it."""

    stage: Stage
    code: int
    text: str = field(repr=False)
    enhanced: str | None = None
    host: str | None = None

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def permanent(self) -> bool:
        return 500 <= self.code < 600


def read_reply(stage: Stage, code: int, text: str, host: str | None = None) -> SmtpReply:
    """The reply from code and text as they stood on the wire (lines joined by LF). Octets that were no UTF-8 and came
    as lone surrogates are replaced, since such a text cannot be stored."""
    if not text.isascii():
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    found = _ENHANCED.match(text.lstrip())
    if found is None:
        return SmtpReply(stage, code, text, None, host)
    lines = [line.lstrip().removeprefix(found[1]).lstrip() for line in text.split("\n")]
    return SmtpReply(stage, code, "\n".join(lines), found[1], host)


class SmtpError(RenrakumoError):
    """Root of what can go wrong with a connection. `stage` and `host` say where, `reply` is what the server said, if
    anything. The text is a static code."""

    def __init__(self, code: str, *, stage: Stage, host: str | None = None, reply: SmtpReply | None = None) -> None:
        super().__init__(code)
        self.stage: Stage = stage
        self.host = host
        self.reply = reply


class NextHopUnavailable(SmtpError, TransientError):
    """No server of the next hop would accept a connection."""

    @property
    def busy(self) -> bool:
        """It answered, but has no room for us right now: a moment later it may have."""
        return self.reply is not None and self.reply.code == TOO_BUSY


class TlsFailed(SmtpError, TransientError):
    """STARTTLS was offered or required and did not come about."""


class ConnectionLost(SmtpError, TransientError):
    """Reset, closed, silent for too long, or out of step, after the connection was open. `uncertain`: the end of the
    text was written, so that the server may have taken the copy; False: surely not taken."""

    def __init__(
        self,
        code: str,
        *,
        stage: Stage,
        host: str | None = None,
        reply: SmtpReply | None = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(code, stage=stage, host=host, reply=reply)
        self.uncertain = uncertain
