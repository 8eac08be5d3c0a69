"""Bounces: why a mail came back. Who it was for is told by the token in the address the report came to, never by this.

raw -> MIME tree -> delivery status fields (RFC 3464), also deformed -> one refusal per recipient: words, status,
stage -> verdict on each -> `Bounce`. Where there are no such fields, the report's own text names the recipients
(`report_text`), and flufl.bounce looks for them where that names none. A report that a person forwards is no report;
nor is `Action: delayed`, a read receipt, an abuse report or a vacation note. What the returned mail says is never read
as the server's words.
"""

from __future__ import annotations

import email
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from flufl.bounce import scan_message

from mail.mime import headers, parts
from mail.mime.parts import Limits, Part
from mail.mime.reading import sender_of
from mail.reports import feedback, report_text, status_fields, verdicts
from mail.reports import structure as reports
from mail.reports.status_fields import MOST_RECIPIENTS, StatusFields
from mail.reports.verdicts import Refusal, Verdict

__all__ = ["Bounce", "Judged", "Verdict", "judge"]

_LIMITS = Limits(size=2 * 1024 * 1024)
_STATUS_OCTETS = 100_000
_BLANK_LINES = re.compile(rb"(?:\r?\n){2,}")
_MOST_BLANK_LINES = 300
# It writes a traceback of each mail that it can't read, in which words of the mail may stand.
logging.getLogger("flufl.bounce").disabled = True
_NOTIFICATION = '"notificationType"', '"eventType"'


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one recipient (normalised, "" where the report names none). `sure`: dead beyond doubt."""

    recipient: str = field(repr=False)
    verdict: Verdict
    status: str | None
    why: str
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says.

    `hard` only where an address is dead; where a report speaks of several, `dead` says which, and `sure` whether that
    is beyond doubt. `verdict` is dead if any of them is. `recipients` are normalised addresses, for comparing only.
    `why` is static text.
    """

    is_bounce: bool
    hard: bool
    verdict: Verdict
    recipients: tuple[str, ...] = field(repr=False)
    status: str | None
    why: str
    judged: tuple[Judged, ...] = ()

    @property
    def dead(self) -> tuple[str, ...]:
        """The addresses that are dead, as far as they are named; where any is so beyond doubt, those only."""
        dead = [each for each in self.judged if each.verdict is Verdict.DEAD and each.recipient]
        return tuple(each.recipient for each in dead if each.sure or not self.sure)

    @property
    def sure(self) -> bool:
        """Whether an address is dead beyond doubt, so that one report is enough."""
        return any(each.sure for each in self.judged)

    @property
    def kindest(self) -> Verdict:
        """The mildest of the verdicts: what may be said of a copy as long as nobody knows which of them is its own."""
        return next((each.verdict for each in self.judged if each.verdict is not Verdict.DEAD), self.verdict)


_NONE = Bounce(False, False, Verdict.UNKNOWN, (), None, "no delivery report")


def judge(raw: bytes, top: Part | None = None) -> Bounce:
    """Return what a mail to a bounce address says. Never raises. `top`: its tree, where the caller has it already."""
    if (complaint := feedback.read(raw)) is not None:
        return Bounce(False, False, Verdict.UNKNOWN, complaint.recipients, None, "abuse report")
    top = top or parts.parse(raw, _LIMITS)
    own = [part for part in reports.own_parts(top) if part is not top or not top.children]
    if any(part.content_type == "message/feedback-report" for part in own):
        return Bounce(False, False, Verdict.UNKNOWN, (), None, "abuse report")
    if any(part.content_type == "message/disposition-notification" for part in own):
        return Bounce(False, False, Verdict.DELIVERED, (), None, "read receipt")
    status_parts = [part for part in own if part.content_type in reports.STATUS_TYPES]
    likely = bool(status_parts) or top.content_type == "multipart/report" or reports.looks_like_report(top)
    text = reports.own_text(own) if likely or b"ationType" in raw[:20_000] or b"eventType" in raw[:20_000] else ""
    if any(mark in text for mark in _NOTIFICATION) and (notified := _notified(text)):
        return notified
    if not likely:
        return _NONE
    fields = "\n\n".join(part.text(_STATUS_OCTETS)[0] for part in status_parts)
    told = status_fields.read(fields) or status_fields.read(text)
    if told:
        return _from_fields(top, told, text, status_fields.reporting_server(fields or text))
    return _from_text(raw, top, text) if reports.looks_like_report(top) or reports.says_it_is_one(top) else _NONE


def _notified(text: str) -> Bounce | None:
    """A notification of Amazon SES about a mail of ours."""
    kind, told = status_fields.amazon(text)
    recipients = tuple(dict.fromkeys(each.recipient for each in told if each.recipient))
    if kind in ("complaint", "delivery", "send") and told:
        return Bounce(False, False, Verdict.DELIVERED, recipients, None, "notification of a delivery")
    if kind not in ("bounce", "deliverydelay") or not told:
        return None
    if kind == "deliverydelay":
        return Bounce(False, False, Verdict.DELAYED, recipients, told[0].status, "still being tried")
    return _sum_up([_judge_one(each, "", "") for each in told])


def _from_fields(top: Part, told: Sequence[StatusFields], text: str, server: str) -> Bounce:
    failed = [each for each in told if each.failed]
    if not failed:
        delayed = next((each for each in told if each.delayed), None)
        verdict = Verdict.DELAYED if delayed else Verdict.DELIVERED
        recipients = tuple(dict.fromkeys(each.recipient for each in told if each.recipient))
        return Bounce(False, False, verdict, recipients, (delayed or told[0]).status, "nothing failed for good")
    passages = {each.recipient: each.text for each in report_text.passages(text, frozenset())}
    alone = len({each.recipient for each in told}) == 1
    judged = [_judge_one(each, server, passages.get(each.recipient, ""), text if alone else "") for each in failed]
    if not any(each.recipient for each in judged) and (named := _recipients(b"", top, text, list(passages))):
        judged = [replace(each, recipient=named[0]) for each in judged[:1]]
    return _sum_up(judged)


def _judge_one(told: StatusFields, server: str, passage: str, whole: str = "") -> Judged:
    """`passage` is what the text says of this recipient, `whole` all of it, where it speaks of nobody else."""
    stage = report_text.stage_in(told.words) or report_text.stage_in(passage) or report_text.stage_in(whole)
    status = verdicts.true_status(told.status, told.words)
    servers = f"{told.remote} {server}"
    opinion = verdicts.judge(Refusal(told.words, told.status, stage, told.recipient, servers))
    dead_by_status_alone = opinion.verdict is Verdict.DEAD and not told.words
    for more in (passage, whole) if opinion.verdict is Verdict.UNKNOWN or dead_by_status_alone else ():
        if more:
            said = f"{told.words}\n{report_text.refused_words(more)}"
            milder = verdicts.judge(Refusal(said, told.status, stage, told.recipient, servers))
            if not dead_by_status_alone or milder.verdict in (Verdict.FULL, Verdict.SUSPENDED, Verdict.FILTERED):
                opinion = milder
        if opinion.verdict is not Verdict.UNKNOWN:
            break
    return Judged(told.recipient, opinion.verdict, status, opinion.why, opinion.sure)


def _from_text(raw: bytes, top: Part, text: str) -> Bounce:
    not_these = frozenset({sender_of(top.raw("from")), sender_of(top.raw("to"))})
    passages = report_text.passages(text, not_these)
    recipients = _recipients(raw, top, text, [each.recipient for each in passages])
    if reports.only_a_warning(text):
        return Bounce(False, False, Verdict.DELAYED, recipients, verdicts.status_in(text), "still being tried")
    if len(passages) > 1:
        return _sum_up([_judge_words(each.recipient, each.text, "", text) for each in passages])
    passage = passages[0].text if passages else ""
    one = _judge_words(recipients[0] if recipients else "", passage, text, text)
    if one.verdict is Verdict.DELIVERED or (one.verdict is Verdict.UNKNOWN and not recipients):
        return Bounce(False, False, one.verdict, recipients, one.status, one.why)
    rest = [replace(one, recipient=recipient) for recipient in recipients[1:]]
    return _sum_up([one, *rest])


def _judge_words(recipient: str, passage: str, whole: str, report: str) -> Judged:
    """`passage` is what the `report` says of this recipient, `whole` all of it, where it speaks of nobody else."""
    result = Judged(recipient, Verdict.UNKNOWN, verdicts.status_in(passage or whole), "no rule fits")
    for text in (passage, whole):
        if text and result.verdict is Verdict.UNKNOWN:
            said = report_text.refused_words(text)
            stage = report_text.stage_in(passage) or report_text.stage_in(whole)
            own = text is passage and report_text.speaks_of_its_own(report, passage)
            found = verdicts.judge(Refusal(said, None, stage, recipient, own=own))
            status = verdicts.status_in(said) or result.status
            result = Judged(recipient, found.verdict, status, found.why, found.sure)
    return result


def _sum_up(judged: Sequence[Judged]) -> Bounce:
    worst = next((each for each in judged if each.verdict is Verdict.DEAD), judged[0])
    recipients = tuple(dict.fromkeys(each.recipient for each in judged if each.recipient))
    hard = worst.verdict is Verdict.DEAD
    return Bounce(True, hard, worst.verdict, recipients, worst.status, worst.why, tuple(judged))


def _recipients(raw: bytes, top: Part, text: str, named: Iterable[str]) -> tuple[str, ...]:
    found = list(named)
    if not found:
        failed = headers.decode_words(top.raw("x-failed-recipients"))
        found = [address for each in failed.split(",")[:MOST_RECIPIENTS] if (address := status_fields.address_in(each))]
    not_these = {sender_of(top.raw("from")), sender_of(top.raw("to"))}
    if not found and raw:
        found = [address for each in _by_flufl(raw) if (address := status_fields.address_in(each))]
    if not found and (address := sender_of(reports.returned_recipient(top))) and address not in not_these:
        found = [address]
    if not found and (address := report_text.any_address(text, frozenset(not_these))):
        found = [address]
    return tuple(dict.fromkeys(found))[:MOST_RECIPIENTS]


def _by_flufl(raw: bytes) -> list[str]:
    # The email package makes a message of every blank line of a status part, and flufl walks them all for each format.
    *pieces, rest = _BLANK_LINES.split(raw[:40_000], maxsplit=_MOST_BLANK_LINES)
    raw = b"\n\n".join((*pieces, _BLANK_LINES.sub(b"\n", rest)))
    try:
        found = scan_message(email.message_from_bytes(raw))
        return [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in found]
    except Exception:  # it raises all sorts of things on bad mail, and is only a second opinion
        return []
