"""Bounces: why a mail came back. Who it was for is told by the token in the address the report came to, never by this.

raw -> MIME tree -> delivery status fields (RFC 3464), also deformed -> one refusal per recipient: words, status,
stage -> classification of each -> `Bounce`. Where there are no such fields, the report's own text names the recipients
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
from mail.reports import feedback, report_text, status_fields, structure
from mail.reports.classification import Classification, Refusal, classify_refusal
from mail.reports.refusal_codes import status_in, true_status
from mail.reports.status_fields import MOST_RECIPIENTS, StatusFields

_LIMITS = Limits(size=2 * 1024 * 1024)
_STATUS_OCTETS = 100_000
_BLANK_LINES = re.compile(rb"(?:\r?\n){2,}")
_MOST_BLANK_LINES = 300
# It writes a traceback of each mail that it can't read, in which words of the mail may stand.
logging.getLogger("flufl.bounce").disabled = True
_NOTIFICATION = '"notificationType"', '"eventType"'


@dataclass(frozen=True, slots=True)
class ClassifiedRecipient:
    """What a report says of one recipient (normalised, "" where it names none). `sure`: dead beyond doubt."""

    recipient: str = field(repr=False)
    classification: Classification
    status: str | None
    why: str
    sure: bool = False


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says.

    `hard` only where an address is dead; where a report speaks of several, `dead` says which, and `sure` whether that
    is beyond doubt. `classification` is dead if any of them is. `recipients` are normalised addresses, for comparing
    only. `why` is static text.
    """

    is_bounce: bool
    hard: bool
    classification: Classification
    recipients: tuple[str, ...] = field(repr=False)
    status: str | None
    why: str
    per_recipient: tuple[ClassifiedRecipient, ...] = ()

    @property
    def dead(self) -> tuple[str, ...]:
        """The addresses that are dead, as far as they are named; where any is so beyond doubt, those only."""
        dead = [each for each in self.per_recipient if each.classification is Classification.DEAD and each.recipient]
        return tuple(each.recipient for each in dead if each.sure or not self.sure)

    @property
    def sure(self) -> bool:
        """Whether an address is dead beyond doubt, so that one report is enough."""
        return any(each.sure for each in self.per_recipient)

    @property
    def mildest(self) -> Classification:
        """The mildest classification: what may be said of a copy as long as nobody knows which address is its own."""
        return next(
            (each.classification for each in self.per_recipient if each.classification is not Classification.DEAD),
            self.classification,
        )


_NONE = Bounce(False, False, Classification.UNKNOWN, (), None, "no delivery report")


def read(raw: bytes, top: Part | None = None) -> Bounce:
    """Return what a delivery report says. Never raises. `top`: its tree, where the caller has it already."""
    if (complaint := feedback.read(raw)) is not None:
        return Bounce(False, False, Classification.UNKNOWN, complaint.recipients, None, "abuse report")
    top = top or parts.parse(raw, _LIMITS)
    own = [part for part in structure.own_parts(top) if part is not top or not top.children]
    if any(part.content_type == "message/feedback-report" for part in own):
        return Bounce(False, False, Classification.UNKNOWN, (), None, "abuse report")
    if any(part.content_type == "message/disposition-notification" for part in own):
        return Bounce(False, False, Classification.DELIVERED, (), None, "read receipt")
    status_parts = [part for part in own if part.content_type in structure.STATUS_TYPES]
    likely = bool(status_parts) or top.content_type == "multipart/report" or structure.looks_like_report(top)
    text = structure.own_text(own) if likely or b"ationType" in raw[:20_000] or b"eventType" in raw[:20_000] else ""
    if any(mark in text for mark in _NOTIFICATION) and (notified := _notified(text)):
        return notified
    if not likely:
        return _NONE
    fields = "\n\n".join(part.text(_STATUS_OCTETS)[0] for part in status_parts)
    told = status_fields.read(fields) or status_fields.read(text)
    if told:
        return _from_fields(top, told, text, status_fields.reporting_server(fields or text))
    return _from_text(raw, top, text) if structure.looks_like_report(top) or structure.says_it_is_one(top) else _NONE


def _notified(text: str) -> Bounce | None:
    """A notification of Amazon SES about a mail of ours."""
    kind, told = status_fields.amazon(text)
    recipients = tuple(dict.fromkeys(each.recipient for each in told if each.recipient))
    if kind in ("complaint", "delivery", "send") and told:
        return Bounce(False, False, Classification.DELIVERED, recipients, None, "notification of a delivery")
    if kind not in ("bounce", "deliverydelay") or not told:
        return None
    if kind == "deliverydelay":
        return Bounce(False, False, Classification.DELAYED, recipients, told[0].status, "still being tried")
    return _sum_up([_classify_fields(each, "", "") for each in told])


def _from_fields(top: Part, told: Sequence[StatusFields], text: str, server: str) -> Bounce:
    failed = [each for each in told if each.failed]
    if not failed:
        delayed = next((each for each in told if each.delayed), None)
        classification = Classification.DELAYED if delayed else Classification.DELIVERED
        recipients = tuple(dict.fromkeys(each.recipient for each in told if each.recipient))
        return Bounce(False, False, classification, recipients, (delayed or told[0]).status, "nothing failed for good")
    passages = {each.recipient: each.text for each in report_text.passages(text, frozenset())}
    alone = len({each.recipient for each in told}) == 1
    per_recipient = [
        _classify_fields(each, server, passages.get(each.recipient, ""), text if alone else "") for each in failed
    ]
    if not any(each.recipient for each in per_recipient) and (named := _recipients(b"", top, text, list(passages))):
        per_recipient = [replace(each, recipient=named[0]) for each in per_recipient[:1]]
    return _sum_up(per_recipient)


def _classify_fields(told: StatusFields, server: str, passage: str, whole: str = "") -> ClassifiedRecipient:
    """`passage` is what the text says of this recipient, `whole` all of it, where it speaks of nobody else."""
    stage = report_text.stage_in(told.diagnostic) or report_text.stage_in(passage) or report_text.stage_in(whole)
    status = true_status(told.status, told.diagnostic)
    servers = f"{told.remote} {server}"
    classified = classify_refusal(Refusal(told.diagnostic, told.status, stage, told.recipient, servers))
    dead_by_status_alone = classified.classification is Classification.DEAD and not told.diagnostic
    for more in (passage, whole) if classified.classification is Classification.UNKNOWN or dead_by_status_alone else ():
        if more:
            said = f"{told.diagnostic}\n{report_text.refused_words(more)}"
            milder = classify_refusal(Refusal(said, told.status, stage, told.recipient, servers))
            if not dead_by_status_alone or milder.classification in (
                Classification.FULL,
                Classification.SUSPENDED,
                Classification.FILTERED,
            ):
                classified = milder
        if classified.classification is not Classification.UNKNOWN:
            break
    return ClassifiedRecipient(told.recipient, classified.classification, status, classified.why, classified.sure)


def _from_text(raw: bytes, top: Part, text: str) -> Bounce:
    not_these = frozenset({sender_of(top.raw("from")), sender_of(top.raw("to"))})
    passages = report_text.passages(text, not_these)
    recipients = _recipients(raw, top, text, [each.recipient for each in passages])
    if structure.only_a_warning(text):
        return Bounce(False, False, Classification.DELAYED, recipients, status_in(text), "still being tried")
    if len(passages) > 1:
        return _sum_up([_classify_passage(each.recipient, each.text, "", text) for each in passages])
    passage = passages[0].text if passages else ""
    one = _classify_passage(recipients[0] if recipients else "", passage, text, text)
    if one.classification is Classification.DELIVERED or (
        one.classification is Classification.UNKNOWN and not recipients
    ):
        return Bounce(False, False, one.classification, recipients, one.status, one.why)
    rest = [replace(one, recipient=recipient) for recipient in recipients[1:]]
    return _sum_up([one, *rest])


def _classify_passage(recipient: str, passage: str, whole: str, report: str) -> ClassifiedRecipient:
    """`passage` is what the `report` says of this recipient, `whole` all of it, where it speaks of nobody else."""
    result = ClassifiedRecipient(recipient, Classification.UNKNOWN, status_in(passage or whole), "no rule fits")
    for text in (passage, whole):
        if text and result.classification is Classification.UNKNOWN:
            said = report_text.refused_words(text)
            stage = report_text.stage_in(passage) or report_text.stage_in(whole)
            own = text is passage and report_text.speaks_of_its_own(report, passage)
            found = classify_refusal(Refusal(said, None, stage, recipient, own=own))
            status = status_in(said) or result.status
            result = ClassifiedRecipient(recipient, found.classification, status, found.why, found.sure)
    return result


def _sum_up(per_recipient: Sequence[ClassifiedRecipient]) -> Bounce:
    worst = next((each for each in per_recipient if each.classification is Classification.DEAD), per_recipient[0])
    recipients = tuple(dict.fromkeys(each.recipient for each in per_recipient if each.recipient))
    hard = worst.classification is Classification.DEAD
    return Bounce(True, hard, worst.classification, recipients, worst.status, worst.why, tuple(per_recipient))


def _recipients(raw: bytes, top: Part, text: str, named: Iterable[str]) -> tuple[str, ...]:
    found = list(named)
    if not found:
        failed = headers.decode_words(top.raw("x-failed-recipients"))
        found = [address for each in failed.split(",")[:MOST_RECIPIENTS] if (address := status_fields.address_in(each))]
    not_these = {sender_of(top.raw("from")), sender_of(top.raw("to"))}
    if not found and raw:
        found = [address for each in _by_flufl(raw) if (address := status_fields.address_in(each))]
    if not found and (address := sender_of(structure.returned_recipient(top))) and address not in not_these:
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
