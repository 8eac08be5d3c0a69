"""Bounces: why a mail came back. Who it was for is told by the token in the address the report came to, never by this.

raw -> MIME tree -> delivery status fields (RFC 3464), also deformed -> words of the refusing server -> verdict. Where
there are no such fields, the report's own text is read by rules, and flufl.bounce looks for the recipients. A report
that a person forwards is no report; nor is `Action: delayed`, a read receipt, an abuse report or a vacation note.
"""

from __future__ import annotations

import email
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from flufl.bounce import scan_message

from mail import headers, parts, verdicts
from mail.addresses import AddressError, normalise
from mail.parts import Limits, Part
from mail.reading import sender_of
from mail.verdicts import Verdict

__all__ = ["Bounce", "Verdict", "judge"]

_LIMITS = Limits(size=2 * 1024 * 1024)
_TEXT = 20_000
_MAX_RECIPIENTS = 50
_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_DAEMON = re.compile(
    r"mailer[-_.]?daemon|post[-_]?master|mail[-_.]?(?:deliver|system|admin|er)|daemon|mdaemon|bounce", re.IGNORECASE
)
_SUBJECT = re.compile(
    r"fail|undeliver|un-?delivered|return(?:ed|ing)? (?:mail|to sender|message)|delivery (?:status|error"
    r"|problem|report|notif)"
    r"|mail(?: system)? error|could ?n.?t be (?:sent|delivered)|not (?:be )?delivered|bounce"
    r"|warning: could not|nondeliver"
    r"|non-?delivery|rejected|mail delivery|message status|エラー|配信(?:不能|できません|失敗)|届きません"
    r"|返送|送信できません|戻",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(
    r"^(?:-{2,} ?(?:Below this line|This is a copy|Original [Mm]essage|The header|Copy of|Returned|Unsent"
    r"|Included|Message header|"
    r"Transcript of header)|[ \t]{0,20}-{3,} ?(?:original|returned) ?(?:message|mail)|Original message follows"
    r"|Received: from"
    r"|The (?:following|original) message (?:text|header)|Return-Path:|--- Original)",
    re.IGNORECASE | re.MULTILINE,
)
_SURE_SUBJECT = re.compile(
    r"failure notice|mail(?: system)? error|メールエラー|undeliver|delivery (?:status )?notif", re.IGNORECASE
)
_REPLY = re.compile(r"re:", re.IGNORECASE)
_DATA_REFUSED = re.compile(
    r"in reply to end of data|>>> DATA\s+<<< 5\d\d|^-+SMTP command\s+DATA\b", re.IGNORECASE | re.MULTILINE
)
_REPLY_CODE = re.compile(r"(?<![\d.])5[0-5]\d(?![\d.])")
_IN_TEXT = re.compile(r"[<(\s:\"]([^\s<>()\"@:;,]{1,64}@[A-Za-z0-9.-]{3,190}\.[A-Za-z]{2,24})(?=[>)\s:\",;.]|$)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says.

    `hard` only where the address is certainly dead. `verdict` is one of `Verdict`. `recipients` are normalised
    addresses, for comparing only. `why` is static text.
    """

    is_bounce: bool
    hard: bool
    verdict: str
    recipients: tuple[str, ...] = field(repr=False)
    status: str | None
    why: str


@dataclass(frozen=True, slots=True)
class _Report:
    """One recipient's fields of a delivery status part."""

    recipient: str = field(repr=False)
    action: str
    status: str | None
    words: str = field(repr=False)


_NONE = Bounce(False, False, Verdict.UNKNOWN, (), None, "no delivery report")


def judge(raw: bytes) -> Bounce:
    """Return what a mail to a bounce address says. Never raises."""
    top = parts.parse(raw, _LIMITS)
    own = [part for part in _own_parts(top) if part is not top or not top.children]
    if any(part.content_type == "message/feedback-report" for part in own):
        return Bounce(False, False, Verdict.UNKNOWN, (), None, "abuse report")
    if any(part.content_type == "message/disposition-notification" for part in own):
        return Bounce(False, False, Verdict.DELIVERED, (), None, "read receipt")
    text = _own_text(own)
    status_parts = [part for part in own if part.content_type in _STATUS_TYPES]
    reports = [report for part in status_parts for report in _reports(part.payload(_TEXT * 5))]
    if not reports and (status_parts or _looks_like_report(top)):
        reports = _reports(text.encode("utf-8", "replace"))
    if reports and (status_parts or top.content_type == "multipart/report" or _looks_like_report(top)):
        return _from_reports(top, reports, text)
    if _looks_like_report(top):
        return _from_text(raw, top, text)
    return _NONE


def _own_parts(part: Part) -> Iterable[Part]:
    """The parts of the report itself, without what lies in the mail that it returns."""
    yield part
    if not part.content_type.startswith("message/"):
        for child in part.children:
            yield from _own_parts(child)


def _own_text(own: Iterable[Part]) -> str:
    pieces: list[str] = []
    for part in own:
        # A multipart whose boundary is nowhere to be found is read as the text that it is.
        readable = part.content_type.startswith(("text/", "multipart/")) and not part.children
        if readable and part.content_type != "text/rfc822-headers":
            text = part.text(_TEXT * 2)[0]
            if part.content_type == "text/html":
                text = re.sub(r"<[^<>]{0,500}>", " ", text)
            original = _ORIGINAL.search(text)
            pieces.append(text[: original.start()] if original and original.start() > 40 else text)
    return "\n".join(pieces)[:_TEXT]


def _looks_like_report(top: Part) -> bool:
    """Whether a mail without delivery status fields comes from a mail system and says that something failed."""
    if top.raw("x-failed-recipients"):
        return True
    sender = headers.decode_words(top.raw("from"))[:300]
    subject = headers.decode_words(top.raw("subject"))[:300]
    return_path = headers.decode_words(top.raw("return-path"))[:300]
    from_daemon = bool(_DAEMON.search(sender))
    if top.raw("auto-submitted").lower().startswith(b"auto-replied") and not from_daemon:
        return False  # a vacation note; some mail systems mark their reports so too
    if from_daemon and (not subject or return_path == "<>" or _REPLY.match(subject)):
        return True
    if return_path == "<>" and any(child.content_type == "message/rfc822" for child in top.children):
        return True
    daemon = from_daemon or return_path == "<>" or bool(_DAEMON.search(return_path))
    return bool(_SUBJECT.search(subject) if daemon else _SURE_SUBJECT.match(subject))


def _from_filter(top: Part) -> bool:
    """Whether a content filter or a gateway to something else reports.

    It took the mail first, so its "no such user" may be its own verdict.
    """
    mailer = top.raw("x-mailer").lower()
    in_the_guise_of_an_answer = _REPLY.match(headers.decode_words(top.raw("subject"))[:10])
    return b"filter" in mailer or bool(top.raw("x-ahmailid") or in_the_guise_of_an_answer)


def _reports(payload: bytes) -> list[_Report]:
    """The per-recipient groups of delivery status fields (RFC 3464 2.1), wherever blank lines were put."""
    found: list[_Report] = []
    current: dict[str, str] = {}
    position = 0
    for _ in range(_MAX_RECIPIENTS * 4):
        if position >= len(payload) or len(found) >= _MAX_RECIPIENTS:
            break
        fields, used = headers.split(payload[position:], len(payload), 100)
        if used == 0:
            used = max(payload.find(b"\n", position) + 1 - position, 0) or len(payload)
        position += used
        for name, value in fields:
            text = headers.decode_words(value)
            if name in ("final-recipient", "original-recipient", "action") and name in current and "status" in current:
                found.append(_report(current))
                current = {}
            current.setdefault(name, text)
            if name == "diagnostic-code":
                current[name] = text if current[name] == text else f"{current[name]} {text}"
        if "status" in current or "action" in current:
            found.append(_report(current))
            current = {}
    return [report for report in found if report.action or report.status]


def _report(fields: dict[str, str]) -> _Report:
    recipient = ""
    for name in ("final-recipient", "original-recipient", "x-actual-recipient"):
        recipient = recipient or _address(fields.get(name, "").rpartition(";")[2])
    words = " ".join(fields.get(name, "") for name in ("diagnostic-code", "x-notes-item", "x-supplementary-info"))
    return _Report(
        recipient=recipient,
        action=fields.get("action", "").split("(")[0].strip().lower(),
        status=verdicts.status_in(fields.get("status", "")),
        words=words.strip(),
    )


def _address(text: str) -> str:
    try:
        return normalise(text.strip().strip("<>").strip())
    except AddressError:
        return ""


def _from_reports(top: Part, reports: list[_Report], text: str) -> Bounce:
    recipients = tuple(dict.fromkeys(report.recipient for report in reports if report.recipient))
    failed = [report for report in reports if report.action not in ("delivered", "relayed", "expanded", "delayed")]
    if not failed:
        delayed = next((report for report in reports if report.action == "delayed"), None)
        verdict = Verdict.DELAYED if delayed else Verdict.DELIVERED
        status = (delayed or reports[0]).status
        return Bounce(False, False, verdict, recipients, status, "the report says that nothing failed")
    judged = [_judge_one(report, text) for report in failed]
    # With several recipients the kindest verdict counts: nobody loses an address for what another's server said.
    verdict, why, status = next((each for each in judged if each[0] is not Verdict.DEAD), judged[0])
    return _result(top, text, recipients, status, verdict, why)


def _result(
    top: Part, text: str, recipients: tuple[str, ...], status: str | None, verdict: Verdict, why: str
) -> Bounce:
    if verdict is Verdict.DELIVERED or (verdict is Verdict.UNKNOWN and not recipients):
        return Bounce(False, False, verdict, recipients, status, why)
    if verdict is Verdict.DEAD and _from_filter(top):
        verdict, why = Verdict.FILTERED, "said by a content filter or gateway"
    if verdict is Verdict.DEAD and status not in verdicts.DEAD_STATUS and _DATA_REFUSED.search(text):
        verdict, why = Verdict.FILTERED, "refused only after the content was sent"
    return Bounce(True, verdict is Verdict.DEAD, verdict, recipients, status, why)


def _judge_one(report: _Report, text: str) -> tuple[Verdict, str, str | None]:
    domain = report.recipient.rpartition("@")[2]
    inner = verdicts.status_in(report.words)
    # A gateway often writes 5.0.0 above and the true code into the diagnostic text.
    status = inner if inner and (not report.status or report.status.endswith(".0.0")) else report.status
    verdict, why = verdicts.judge(report.words, status, domain)
    if verdict is Verdict.UNKNOWN or (verdict is Verdict.DEAD and not report.words):
        verdict, why = verdicts.judge(f"{report.words}\n{text}", status, domain)
    elif verdict is Verdict.DEAD and not (status or "").startswith("5.1.") and not _REPLY_CODE.search(report.words):
        verdict, why = Verdict.UNKNOWN, "words of death without a code"
    return verdict, why, status or report.status


def _from_text(raw: bytes, top: Part, text: str) -> Bounce:
    recipients = _recipients(raw, top, text)
    status = verdicts.status_in(text)
    domain = recipients[0].rpartition("@")[2] if recipients else ""
    verdict, why = verdicts.judge(text, status, domain)
    return _result(top, text, recipients, status, verdict, why)


def _recipients(raw: bytes, top: Part, text: str) -> tuple[str, ...]:
    failed = headers.decode_words(top.raw("x-failed-recipients"))
    found = [address for each in failed.split(",")[:_MAX_RECIPIENTS] if (address := _address(each))]
    if not found:
        found = [address for address in map(_address, _by_flufl(raw)) if address]
    if not found:
        own = {sender_of(top.raw("from")), sender_of(top.raw("to"))}
        in_text = (_address(match[1]) for match in _IN_TEXT.finditer(text))
        found = [address for address in in_text if address and address not in own][:1]
    return tuple(dict.fromkeys(found))[:_MAX_RECIPIENTS]


def _by_flufl(raw: bytes) -> list[str]:
    # The email package makes a message of every blank line of a status part, and flufl walks them all for each format.
    raw = re.sub(rb"(?:\r?\n){3,}", b"\n\n", raw[:40_000])
    try:
        found = scan_message(email.message_from_bytes(raw))
        return [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in found]
    except Exception:  # it raises all sorts of things on bad mail, and is only a second opinion
        return []
