"""Verdicts: what a server's reply means for the copy, as a table that is read from top to bottom.

The same words mean different things at different carriers and stages. docomo says `550 Unknown user` at RCPT for an
address that is gone and after DATA for a mail that the parent's own filter refused; au tells the two apart by whether
the address stands before the words. Deleting on any 550 loses living parents, so `dead` needs the recipient stage and
either an unambiguous status or unambiguous words. Mailbox full and suspended are the recipient's affair and pass;
5.7.x is about us. Pure: a reply and a carrier come in, a verdict goes out.
"""

import re
from dataclasses import dataclass
from typing import Literal

from contracts.events.delivery import Outcome
from dispatcher.replies import TOO_BUSY, Reply, SmtpError, Stage

Pace = Literal["soon", "later"]
"""How the retry plan goes on: `soon` as planned, `later` not before the carrier's slow step."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome and its reason in static words; `pace` counts only for `deferred`."""

    outcome: Outcome
    reason: str
    pace: Pace = "soon"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. What is None does not matter. `codes` are the first digits of the three-digit code,
    `enhanced` and `words` regular expressions (words are searched, without regard to case)."""

    verdict: Verdict
    codes: str = "5"
    stages: tuple[Stage, ...] | None = None
    carriers: tuple[str, ...] | None = None
    enhanced: str | None = None
    words: str | None = None

    def fits(self, reply: Reply, carrier: str) -> bool:
        return (
            f"{reply.code:03}".startswith(self.codes)
            and (self.stages is None or reply.stage in self.stages)
            and (self.carriers is None or carrier in self.carriers)
            and (self.enhanced is None or re.fullmatch(self.enhanced, reply.enhanced or "") is not None)
            and (self.words is None or re.search(self.words, reply.text, re.IGNORECASE) is not None)
        )


_DEAD = Verdict("dead", "no such user")
_FILTERED = Verdict("filtered", "refused by the recipient's filter")
_FULL = Verdict("full", "mailbox full")
_FULL_NOW = Verdict("deferred", "mailbox full", "later")
_SUSPENDED = Verdict("filtered", "mailbox suspended")
_POLICY = Verdict("policy", "refused by policy")
_SENDER = Verdict("policy", "sender refused")
_TOO_LARGE = Verdict("failed", "too large")
_FAILED = Verdict("failed", "refused")
_HOST_REFUSES = Verdict("deferred", "host refuses us", "later")
_BUSY = Verdict("deferred", "host is busy")
_GREYLISTED = Verdict("deferred", "greylisted")
_TEMPORARY = Verdict("deferred", "temporary refusal")
_NOT_UNDERSTOOD = Verdict("deferred", "reply not understood")

_NO_SUCH_USER = (
    r"user (is )?unknown|unknown (user|recipient|address|mailbox|local part)|no such (user|recipient|mailbox|address)"
    r"|(user|mailbox|recipient|account|address) (was )?(not found|does(n't| not) exist)"
    r"|invalid (recipient|mailbox|user|address)|no mailbox here"
)
_NO_ROOM = (
    r"mailbox (is )?full|full mailbox|quota|insufficient (disk |system )?storage|out of storage|too many messages in"
)
_ASLEEP = r"suspended|disabled|deactivated|inactive|not active"
_ABOUT_US = (
    r"spam|block(ed|list)|blacklist|reputation|policy|authenticat|\bspf\b|\bdkim\b|\bdmarc\b|access denied|relay"
    r"|reverse dns|\bptr\b|bulk|unsolicited|not authori[sz]ed|banned|rate limit"
)

RULES: tuple[Rule, ...] = (
    # The carriers' own words.
    Rule(_DEAD, "550", ("rcpt",), ("docomo",), words="unknown user"),
    Rule(_FILTERED, "550", ("data", "body"), ("docomo",), words="unknown user"),
    Rule(_DEAD, "550", ("rcpt",), ("au",), words=r"<[^<>\s]+>\s*:\s*user unknown"),
    Rule(_FILTERED, "550", None, ("au",), words=r"^\s*(<>)?\s*:\s*user unknown"),
    # A refused session says nothing about any recipient.
    Rule(_HOST_REFUSES, "5", ("connect", "ehlo", "starttls")),
    # The recipient's side.
    Rule(_FULL, enhanced=r"5\.2\.2|5\.3\.1"),
    Rule(_FULL, words=_NO_ROOM),
    Rule(_SUSPENDED, enhanced=r"5\.2\.1"),
    Rule(_TOO_LARGE, enhanced=r"5\.(2\.3|3\.4)"),
    Rule(_POLICY, enhanced=r"5\.7\.\d+"),
    Rule(_SENDER, "5", ("mail",)),
    Rule(_DEAD, "5", ("rcpt",), enhanced=r"5\.1\.(1|2|3|6|10)"),
    Rule(_SENDER, enhanced=r"5\.1\.[78]"),
    Rule(_SUSPENDED, words=_ASLEEP),
    Rule(_DEAD, "55", ("rcpt",), words=_NO_SUCH_USER),
    Rule(_FILTERED, "5", ("data", "body"), words=_NO_SUCH_USER),
    Rule(_FILTERED, "5", ("data", "body"), enhanced=r"5\.1\.\d+"),
    Rule(_POLICY, words=_ABOUT_US),
    Rule(_TEMPORARY, words=r"try (again )?later|temporar|grey-?list"),
    Rule(_TOO_LARGE, "552"),
    Rule(_FAILED),
    # For now.
    Rule(_BUSY, str(TOO_BUSY)),
    Rule(_FULL_NOW, "4", enhanced=r"4\.2\.2"),
    Rule(_FULL_NOW, "4", words=_NO_ROOM),
    Rule(_GREYLISTED, "45", ("rcpt", "data", "body"), words=r"grey-?list|gray-?list|try (again )?later"),
    Rule(Verdict("deferred", "asked to slow down", "later"), "4", enhanced=r"4\.7\.\d+", words="rate|too (many|fast)"),
    Rule(_TEMPORARY, "4"),
)


def judge(reply: Reply, carrier: str) -> Verdict:
    """The verdict on a copy from the last reply it got."""
    if reply.accepted:
        return Verdict("delivered", "") if reply.stage == "body" else _NOT_UNDERSTOOD
    return next((rule.verdict for rule in RULES if rule.fits(reply, carrier)), _NOT_UNDERSTOOD)


def judge_error(error: SmtpError, carrier: str) -> Verdict:
    """The verdict on a copy whose talk broke off: always for now, since nobody can know what became of it."""
    if error.reply is not None:
        verdict = judge(error.reply, carrier)
        if verdict.outcome == "deferred":
            return verdict
    return Verdict("deferred", str(error))
