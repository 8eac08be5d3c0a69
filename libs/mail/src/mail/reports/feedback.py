"""Feedback reports: a carrier tells that its user pressed "this is spam" on a mail of ours (RFC 5965, RFC 6449).

raw -> MIME tree -> the fields of the report -> the header of the mail that it holds -> tokens of ours in that header.
Read too are reports without the fields (Outlook.com's) and with the marks lost on the way. Whom a report is about is
told by a token alone, which the caller checks: carriers hide the recipient, and anybody can write a report.

Only what names the reported mail itself is looked at for tokens, never References: a mail that merely answers or
forwards one of ours is somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mail.addresses import AddressError, normalise
from mail.mime import headers, parts
from mail.mime.parts import Limits, Part

__all__ = ["Feedback", "FeedbackType", "Named", "may_be_feedback", "read"]

_LIMITS = Limits(size=2 * 1024 * 1024, parts=60, depth=5)
_FIELDS_OCTETS = 20_000
_HEADER_OCTETS = 64_000
_MOST = 50
_REPEATED = 5
"""Fields of one name that are looked at for tokens."""
_REPORT_TYPE = "message/feedback-report"
_HELD_TYPES = ("text/rfc822-headers", "text/rfc822-header", "message/rfc822-headers", "message/partial")
_HINT = re.compile(
    rb"feedback[-_]report|^feedback-type[ \t]*:|^x-hmxmroriginalrecipient|complaint about message from",
    re.IGNORECASE | re.MULTILINE,
)
_WITHOUT_FIELDS = re.compile(r"\s*complaint about message from\b", re.IGNORECASE)
_ITS_SENDERS = re.compile(r"(?:^|[@.])(?:hotmail|outlook|live|msn|microsoft)\.", re.IGNORECASE)
_SAID_IN_WORDS = re.compile(r"\b(opt-out|abuse|fraud|virus|phishing|not[- ]spam) report\b", re.IGNORECASE)
_TOKEN = re.compile(r"(?<![a-z0-9])([rb]-[a-z2-7]{48})(?![a-z0-9])(?:\.[0-9]{1,6})?(?:@([a-z0-9.-]{1,253}))?")
# What stands before it in an address that a forwarder rewrote (SRS), and in the URL of the info site.
_BEFORE = re.compile(r"(?:=([a-z0-9-]{1,63}\.[a-z0-9.-]{1,190})=|/u/([a-z][a-z0-9]{1,19})/)\Z")
_ADDRESS = re.compile(r"[^\s<>()\",;:@]{1,64}@[^\s<>()\",;:@]{1,255}")


class FeedbackType(StrEnum):
    """What is reported (RFC 5965 7.3, RFC 6591; opt-out from its drafts, still in use)."""

    ABUSE = "abuse"
    OPT_OUT = "opt-out"
    FRAUD = "fraud"
    VIRUS = "virus"
    AUTH_FAILURE = "auth-failure"
    NOT_SPAM = "not-spam"
    OTHER = "other"

    @property
    def unwanted(self) -> bool:
        """The recipient doesn't want this mail."""
        return self in (FeedbackType.ABUSE, FeedbackType.OPT_OUT)


_TYPES: Mapping[str, FeedbackType] = {
    **{str(each): each for each in FeedbackType},
    "spam": FeedbackType.ABUSE,
    "complaint": FeedbackType.ABUSE,
    "unsolicited": FeedbackType.ABUSE,
    "junk": FeedbackType.ABUSE,
    "opt-out-list": FeedbackType.OPT_OUT,
    "optout": FeedbackType.OPT_OUT,
    "unsubscribe": FeedbackType.OPT_OUT,
    "phishing": FeedbackType.FRAUD,
    "not_spam": FeedbackType.NOT_SPAM,
    "notspam": FeedbackType.NOT_SPAM,
    "miscategorized": FeedbackType.NOT_SPAM,
    "auth_failure": FeedbackType.AUTH_FAILURE,
    "dkim": FeedbackType.AUTH_FAILURE,
    "dmarc": FeedbackType.AUTH_FAILURE,
}


@dataclass(frozen=True, slots=True)
class Named:
    """A token of ours, unchecked, and the unit that its domain names; "" where it stood without one."""

    token: str = field(repr=False)
    unit: str


@dataclass(frozen=True, slots=True)
class Feedback:
    """What a report says. `tokens` stand in the order of trust, `recipients` are normalised addresses that it names,
    for comparing only. `why` is static text: by which mark it was known."""

    type: FeedbackType
    tokens: tuple[Named, ...]
    recipients: tuple[str, ...] = field(repr=False)
    why: str


def may_be_feedback(raw: bytes) -> bool:
    """Whether it is worth while to call `read`: fast, and never False for a report."""
    return _HINT.search(raw, 0, _LIMITS.size) is not None


def read(raw: bytes) -> Feedback | None:
    """Return what a feedback report says, None for any other mail. Never raises."""
    if not may_be_feedback(raw):
        return None
    top = parts.parse(raw, _LIMITS)
    own = [part for part in _own_parts(top) if part is not top or not top.children]
    fields, why = _report_fields(top, own)
    held = _held_header(own)
    if not why and not (why := _known_without_fields(top, own, held)):
        return None
    return Feedback(_type(fields, own, why), _tokens(fields, held), _recipients(fields, held), why)


def _own_parts(part: Part) -> Iterator[Part]:
    """The parts of the report itself: what lies in the reported mail says nothing."""
    yield part
    if not part.content_type.startswith("message/"):
        for child in part.children:
            yield from _own_parts(child)


def _report_fields(top: Part, own: Iterable[Part]) -> tuple[headers.Fields, str]:
    """The machine-readable fields, and how they were found."""
    for part in own:
        if part.content_type == _REPORT_TYPE:
            return _fields_of(part), "feedback report part"
    is_report = top.content_type == "multipart/report"
    if is_report and top.parameters.get("report-type", "").strip().lower() in ("feedback-report", "feedback_report"):
        return _lost_fields(own), "report type"
    if is_report and (lost := _lost_fields(own)):
        return lost, "fields of a feedback report"
    return [], ""


def _lost_fields(own: Iterable[Part]) -> headers.Fields:
    """Fields whose part lost its type on the way."""
    for part in own:
        if not part.children and part.content_type not in _HELD_TYPES:
            fields = _fields_of(part)
            if any(name == "feedback-type" for name, _ in fields):
                return fields
    return []


def _fields_of(part: Part) -> headers.Fields:
    payload = part.payload(_FIELDS_OCTETS * 2).lstrip(b"\r\n")
    return headers.split(payload, _FIELDS_OCTETS, 200)[0]


def _held_header(own: Iterable[Part]) -> headers.Fields:
    """The header of the mail that the report is about."""
    for part in own:
        if part.children and part.content_type.startswith("message/"):
            return part.children[0].fields
        if part.content_type in _HELD_TYPES:
            return headers.split(part.payload(_HEADER_OCTETS * 2).lstrip(b"\r\n"), _HEADER_OCTETS, 500)[0]
    for part in own:  # as a text, or as a file of an unknown type
        if not part.children and part.content_type != _REPORT_TYPE:
            fields = headers.split(part.payload(_HEADER_OCTETS * 2).lstrip(b"\r\n"), _HEADER_OCTETS, 500)[0]
            if {"from", "message-id"} <= {name for name, _ in fields}:
                return fields
    return []


def _known_without_fields(top: Part, own: Iterable[Part], held: headers.Fields) -> str:
    """Outlook.com sends the mail as it is, without a word beside it."""
    if not held:
        return ""
    if any(part.content_type.startswith("text/") and part.payload(2000).strip() for part in own):
        return ""  # somebody wrote something: a person who forwards a mail
    if any(name == "x-hmxmroriginalrecipient" for name, _ in held):
        return "mail handed on by Outlook.com"
    subject = headers.decode_words(top.raw("subject"))
    if _WITHOUT_FIELDS.match(subject) and _ITS_SENDERS.search(headers.decode_words(top.raw("from"))):
        return "complaint of Outlook.com"
    return ""


def _type(fields: headers.Fields, own: Iterable[Part], why: str) -> FeedbackType:
    for wanted in ("feedback-type", "abuse-type"):
        for name, value in fields:
            if name == wanted:
                said = headers.decode_words(value).partition("(")[0].partition(";")[0].strip().lower()
                return _TYPES.get(said, FeedbackType.OTHER)
    if why.endswith("Outlook.com"):
        return FeedbackType.ABUSE
    words = (part.text(_FIELDS_OCTETS)[0] for part in own if part.content_type == "text/plain")
    said = next((found[1].lower() for text in words if (found := _SAID_IN_WORDS.search(text))), "")
    return _TYPES.get(said.replace(" ", "-"), FeedbackType.OTHER)


def _tokens(fields: headers.Fields, held: headers.Fields) -> tuple[Named, ...]:
    found: dict[Named, None] = {}
    report = ("original-mail-from", "original-message-id", "message-id", "original-envelope-id")
    mail = ("message-id", "return-path", "list-unsubscribe", "reply-to")
    for where, names in ((held, mail[:1]), (fields, report), (held, mail[1:])):
        for wanted in names:
            values = [value for name, value in where if name == wanted]
            for value in values[:_REPEATED]:
                found.update(dict.fromkeys(_in_value(value)))
    return tuple(found)[:_MOST]


def _in_value(value: bytes) -> Iterator[Named]:
    text = headers.decode_words(value[:2000]).lower()
    for match in _TOKEN.finditer(text):
        before = _BEFORE.search(text[max(0, match.start() - 260) : match.start()])
        domain, unit = (before[1], before[2]) if before else (match[2], None)
        yield Named(match[1], unit or (domain or "").partition(".")[0])


def _recipients(fields: headers.Fields, held: headers.Fields) -> tuple[str, ...]:
    """Whom the report names, at the first place where it names anybody."""
    for where, wanted in (
        (fields, ("original-rcpt-to", "original-recipient", "removal-recipient")),
        (held, ("x-hmxmroriginalrecipient", "x-apparently-to", "delivered-to", "x-original-to")),
        (held, ("to",)),
    ):
        values = [value for name, value in where if name in wanted][:_MOST]
        found = dict.fromkeys(address for value in values for address in _addresses(value))
        if found:
            return tuple(found)[:_MOST]
    return ()


def _addresses(value: bytes) -> Iterator[str]:
    for address in _ADDRESS.findall(headers.decode_words(value[:4000]))[:_MOST]:
        try:
            yield normalise(address)
        except AddressError:
            continue
