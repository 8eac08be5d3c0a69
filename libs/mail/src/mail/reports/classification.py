"""Bounce classification: what a refusal means for the address, from its words, codes, stage and carrier.

Only ``dead`` may ever take an address off, so everything that could mean something else is looked for first: a full
mailbox, a suspended account, the parent's own filter, our reputation, network trouble on the way. Then "no such user"
counts where it is certain to be about the address: said at RCPT, or with an address status (RFC 3463 X.1.x), or by a
system of its own users. The same words after the content, or nobody knows when, are a filter: docomo says
``550 Unknown user`` for both; au writes the address into the first and leaves it out of the second
(`550 : User unknown`). What is said at MAIL FROM or before is about us.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple

from mail.addresses import carrier_of
from mail.reports import refusal_phrases
from mail.reports.refusal_codes import anonymised, on_one_line, split_at_code, true_status

Stage = Literal["connect", "mail", "rcpt", "data", "message"]
"""When a refusal was said. `data`: in the answers after DATA, where some programs show a pipelined RCPT's, too;
`message`: certainly after the content."""


class Classification(StrEnum):
    """What became of a mail, as far as a report tells."""

    DEAD = "dead"
    FULL = "full"
    SUSPENDED = "suspended"
    FILTERED = "filtered"
    POLICY = "policy"
    DEFERRED = "deferred"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is known of one refusal: the server's words, the status (RFC 3463) reported beside them, when it was said,
    the recipient (normalised, "" if not named), the names of the servers that refused and that report it, and whether
    the reporting system speaks of its `own` users."""

    text: str = field(repr=False)
    status: str | None = None
    stage: Stage | None = None
    recipient: str = field(default="", repr=False)
    servers: str = field(default="", repr=False)
    own: bool = False


class ClassifiedRefusal(NamedTuple):
    """What a refusal means, and a static reason for it. `sure`: dead beyond doubt; else only by what is likely."""

    classification: Classification
    why: str
    sure: bool = False


_AU_WITH_ADDRESS = re.compile(r"550[ -](?:\d\.\d\.\d )?<[^<>\s]{1,254}>: user unknown", re.IGNORECASE)
_AU_FILTERS = re.compile(r"550[ -](?:\d\.\d\.\d )?: user unknown", re.IGNORECASE)
_DOCOMO = re.compile(r"550[ -](?:\d\.\d\.\d )?unknown user \S{1,254}@docomo\.ne\.jp", re.IGNORECASE)
_ACCESS_DENIED = re.compile(r"recipient address rejected: access denied", re.IGNORECASE)
_NO_REASON = re.compile(r"recipient address rejected\.? ?(?:\(in reply to rcpt|$)", re.IGNORECASE)
_MICROSOFT = re.compile(r"\b(?:outlook|hotmail)\.com\b", re.IGNORECASE)
_UNAVAILABLE = re.compile(
    r"requested action not taken:? mail ?box (?:un|not )available|mail ?box is unavailable", re.IGNORECASE
)
_BARELY_UNAVAILABLE = re.compile(r"mail ?box unavai?l?able", re.IGNORECASE)
_ADDRESS_REJECTED = re.compile(
    r"(?<!sender )(?<!from )address rejected\b|recipient (?:was )?rejected"
    r"|rejected (?:the )?recipient|recipient refused",
    re.IGNORECASE,
)
_DOT_ATOM = re.compile(r"[^.@]+(?:\.[^.@]+)*@")

_AT_RCPT_ONLY: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(server, re.IGNORECASE), re.compile(said, re.IGNORECASE))
    for server, said in (
        (r"\.messagelabs\.com\b", r"no such user|invalid recipient|mailbox is not allowed"),
        (r"\.mimecast\.com\b", r"invalid recipient"),
        (r"\.secureserver\.net\b", r"recipient not found|account does not exist"),
        (r"(?:@|\.|^)(?:vtext|vzwpix)\.com\b", r"no such user here|no valid recipients for this mm"),
        (r"\bmx\d*\.qq\.com\b", r"mailbox not found"),
        (r"\.yahoodns\.net\b", r"mailbox not found"),
    )
)
"""Servers that say these words of missing users only, whenever they say them."""
_RULES_OF_THE_OWNER = re.compile(r"\binbound-smtp\.[\w-]{1,30}\.amazonaws\.com\b", re.IGNORECASE)
"""Servers that accept all, and then refuse by rules that their customer wrote, in words of his own."""

DEAD_STATUS = ("5.1.1", "5.1.6", "5.1.10")
"""No such mailbox, moved away, a domain that takes no mail (RFC 3463 3.2, RFC 7505)."""
_ADDRESS_STATUS = (*DEAD_STATUS, "5.1.0", "5.1.2", "5.1.3", "5.1.351")
_OWNER_CHANGED = ("5.7.17", "5.7.18")
"""The mailbox or the domain is somebody else's now (RFC 7293)."""


def classify_refusal(refusal: Refusal) -> ClassifiedRefusal:
    """Return what a refusal says of the address."""
    said = anonymised(refusal.text, refusal.recipient)
    status = true_status(refusal.status, said) or ""
    code, core = split_at_code(said)
    if status.startswith("2."):
        return ClassifiedRefusal(Classification.DELIVERED, "status of success")
    if status in ("5.2.2", "4.2.2") or refusal_phrases.FULL.search(said):
        return ClassifiedRefusal(Classification.FULL, "mailbox full")
    no_user = bool(refusal_phrases.NO_USER.search(said))
    if no_user and _AU_FILTERS.search(on_one_line(refusal.text)):
        return ClassifiedRefusal(Classification.FILTERED, "au names no address: the recipient's own filter")
    if refusal.stage in ("connect", "mail"):
        return _of_us(status, code)
    strong = bool(refusal_phrases.STRONG_POLICY.search(core) or refusal_phrases.SENDER.search(core))
    if refusal_phrases.SUSPENDED.search(core) and not (refusal_phrases.OWN_NO_USER.search(said) and no_user):
        return ClassifiedRefusal(Classification.SUSPENDED, "account suspended")
    if _temporary(status, code):
        return _for_now(refusal, said, status, no_user=no_user, strong=strong)
    if _RULES_OF_THE_OWNER.search(refusal.servers):
        return ClassifiedRefusal(Classification.FILTERED, "recipient's filter")
    found = None if refusal.stage == "message" else _moved_or_no_host(core, status, code, strong=strong)
    if found is not None:
        if (
            found.classification is Classification.DEAD
            and "domain" in found.why
            and carrier_of_recipient(refusal) != "other"
        ):
            return ClassifiedRefusal(Classification.DEFERRED, "a carrier's domain does not vanish")
        return found
    if no_user:
        return _no_user(refusal, said, core, status, code, strong=strong)
    if _says_unavailable(said, status, refusal.stage):
        # Some servers were seen to say so of the living, too.
        return _no_user(refusal, said, core, status, code, strong=strong)._replace(sure=False)
    return _other(refusal, core, status, strong=strong)


def _temporary(status: str, code: str) -> bool:
    return status.startswith("4.") or (code.startswith("4") and not status.startswith("5.1."))


def _of_us(status: str, code: str) -> ClassifiedRefusal:
    """Refused before the recipient was named."""
    if _temporary(status, code):
        return ClassifiedRefusal(Classification.DEFERRED, "temporary refusal")
    return ClassifiedRefusal(Classification.POLICY, "refused before the recipient was named")


def _for_now(refusal: Refusal, said: str, status: str, *, no_user: bool, strong: bool) -> ClassifiedRefusal:
    given_up = no_user and status == "4.1.1" and refusal.stage == "rcpt"
    if (
        given_up
        and not strong
        and not refusal_phrases.GAVE_UP.search(said)
        and carrier_of_recipient(refusal) == "other"
    ):
        # All attempts of the carrier in between met the same words about the address.
        return ClassifiedRefusal(Classification.DEAD, "no such user, until the carrier gave up")
    return ClassifiedRefusal(Classification.DEFERRED, "temporary refusal")


def _moved_or_no_host(said: str, status: str, code: str, *, strong: bool) -> ClassifiedRefusal | None:
    if strong and not refusal_phrases.NO_MAIL_THERE.search(said):
        return None
    if code == "556" or refusal_phrases.NO_MAIL_THERE.search(said) or (status == "5.1.10" and "null" in said.lower()):
        if refusal_phrases.NOT_NOW.search(said):
            return ClassifiedRefusal(Classification.DEFERRED, "takes no mail now")
        return ClassifiedRefusal(Classification.DEAD, "domain takes no mail", sure=True)
    if (
        status in _OWNER_CHANGED
        or status == "5.1.6"
        or refusal_phrases.MOVED.search(said)
        or (code == "551" and refusal_phrases.NO_USER.search(said))
    ):
        return ClassifiedRefusal(Classification.DEAD, "moved away", sure=True)
    if status.startswith("5.7"):
        return None
    if refusal_phrases.NO_HOST.search(said) and not refusal_phrases.SOFT_HOST.search(said):
        return ClassifiedRefusal(Classification.DEAD, "no such domain", sure=True)
    contrary = (refusal_phrases.SOFT_HOST, refusal_phrases.PASSING, refusal_phrases.POLICY, refusal_phrases.PREFERENCES)
    if status == "5.1.2" and not any(each.search(said) for each in contrary):
        return ClassifiedRefusal(Classification.DEAD, "status says no such domain", sure=True)
    return None


def _says_unavailable(said: str, status: str, stage: Stage | None) -> bool:
    if _ACCESS_DENIED.search(said):
        return status == "5.4.1" or status.startswith("5.1.")
    if _NO_REASON.search(said):
        return stage == "rcpt"
    if _UNAVAILABLE.search(said):
        return stage == "rcpt" or status == "5.5.0" or status in _ADDRESS_STATUS
    if _BARELY_UNAVAILABLE.search(said):
        return status in _ADDRESS_STATUS
    return bool(_ADDRESS_REJECTED.search(said)) and status in ("5.1.0", "5.1.1")


def _no_user(refusal: Refusal, said: str, core: str, status: str, code: str, *, strong: bool) -> ClassifiedRefusal:
    carrier = carrier_of_recipient(refusal)
    at_rcpt = refusal.stage == "rcpt"
    address_status = status in _ADDRESS_STATUS
    if refusal.stage == "message":
        if refusal_phrases.SURE_NO_USER.search(said) and code.startswith("5"):
            return ClassifiedRefusal(Classification.DEAD, "no such account", sure=True)
        if status not in DEAD_STATUS or carrier in ("docomo", "au"):
            return ClassifiedRefusal(Classification.FILTERED, "refused only after the content was sent")
    if refusal_phrases.PREFERENCES.search(core):
        return ClassifiedRefusal(Classification.FILTERED, "recipient's filter")
    if strong:
        return ClassifiedRefusal(Classification.POLICY, "policy")
    if refusal_phrases.OWN_NO_USER.search(said) or (refusal.own and not code):
        return ClassifiedRefusal(Classification.DEAD, "no such user, says the system of the user", sure=True)
    if refusal_phrases.SURE_NO_USER.search(said) and code.startswith("5"):
        return ClassifiedRefusal(Classification.DEAD, "no such account", sure=True)
    if status.startswith("5.2.") and not at_rcpt:
        return ClassifiedRefusal(
            Classification.FILTERED, "the words say unknown, the status says that the mailbox exists"
        )
    if status.startswith("5.7") and not at_rcpt:
        return ClassifiedRefusal(Classification.FILTERED, "recipient's filter")
    if not code.startswith("5") and not status.startswith("5."):
        return ClassifiedRefusal(Classification.FILTERED, "words of death without a code")
    if carrier == "au" and _AU_WITH_ADDRESS.search(on_one_line(refusal.text)):
        return ClassifiedRefusal(Classification.DEAD, "au names the address: no such user", sure=True)
    if carrier == "au":
        return ClassifiedRefusal(Classification.FILTERED, "au names no address: the recipient's own filter")
    where = f"{refusal.recipient} {refusal.servers}"
    if code.startswith("5") and any(server.search(where) and own.search(said) for server, own in _AT_RCPT_ONLY):
        return ClassifiedRefusal(
            Classification.DEAD, "no such user, in words that this server says of nothing else", sure=True
        )
    if at_rcpt or address_status or (code and _of_microsoft(said, status, refusal.servers)):
        return ClassifiedRefusal(Classification.DEAD, "no such user", sure=True)
    return ClassifiedRefusal(Classification.FILTERED, "not certain that it was said before the content")


def _of_microsoft(said: str, status: str, servers: str) -> bool:
    """Whether Microsoft's servers say in their own way that there is nobody of that name."""
    ours = _ACCESS_DENIED.search(said) if status == "5.4.1" else _UNAVAILABLE.search(said) and status == "5.5.0"
    return bool(ours and _MICROSOFT.search(f"{said} {servers}"))


def _other(refusal: Refusal, said: str, status: str, *, strong: bool) -> ClassifiedRefusal:
    """Neither the user nor the domain is said to be missing."""
    if refusal_phrases.PREFERENCES.search(said):
        return ClassifiedRefusal(Classification.FILTERED, "recipient's filter")
    if status.startswith("5.7") or strong or refusal_phrases.POLICY.search(said):
        return ClassifiedRefusal(Classification.POLICY, "policy")
    if refusal_phrases.INACTIVE.search(said):
        gone = status == "5.1.1"  # iCloud's way to say that there is nobody any more
        return (
            ClassifiedRefusal(Classification.DEAD, "no longer in use")
            if gone
            else ClassifiedRefusal(Classification.SUSPENDED, "account suspended")
        )
    if refusal_phrases.PASSING.search(said):
        return ClassifiedRefusal(Classification.DEFERRED, "trouble on the way")
    if refusal.stage != "message" and status in DEAD_STATUS:
        return ClassifiedRefusal(Classification.DEAD, "status says no such user", sure=True)
    if status == "5.1.0" and refusal.stage == "rcpt":
        return ClassifiedRefusal(Classification.DEAD, "status says that the address is bad")
    if status == "5.1.3" and _DOT_ATOM.match(refusal.recipient):
        return ClassifiedRefusal(Classification.DEAD, "status says that there can be no such address")
    if status.startswith("5.2."):
        return ClassifiedRefusal(Classification.FILTERED, "status of the mailbox")
    return ClassifiedRefusal(Classification.UNKNOWN, "no rule fits")


def carrier_of_recipient(refusal: Refusal) -> str:
    """The carrier whose own meaning of words counts."""
    if _DOCOMO.search(refusal.text):
        return "docomo"
    domain = refusal.recipient.rpartition("@")[2]
    return carrier_of(domain) if domain else "other"
