"""Automatic mail: may we answer it, and does it count as somebody's answer? Two questions, on purpose.

Answering a robot starts a loop, so every known mark forbids it (RFC 3834 and what came before it). Throwing an answer
away loses a person, so only what no person's mail has does that: a mark that only machines set, or words of a machine
in two places. Words alone make an answer one to look at. Marks are checked in reading order, and the first one found
is the reason:

    sure marks -> neither answered nor counted
    words (mail.automatic_words) with a machine's mark, or in the subject and in the text -> the same
    words alone -> not answered, counted, to be looked at
    other marks -> not answered, counted
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mail.addresses import UnknownAddress, parse_local
from mail.automatic_words import Words, read_words
from mail.reading import Letter

MAX_HOPS = 25  # Received lines; more than this is a loop (RFC 5321 6.3 wants at least 100 before refusing)

_MACHINE_HEADER = re.compile(
    r"x-(?:[a-z0-9]+-){0,4}(?:auto-?(?:repl|respon[ds]|generated|answer)[a-z-]*|vacation[a-z-]*|autoresponder|ooo-reply)"
    r"|auto-?(?:reply|responder)|vacation"
)
_SURE_HEADERS = (
    "x-failed-recipients",
    "x-cron-env",
    "x-ms-exchange-generated-message-source",
    "x-ms-exchange-message-is-ndr",
    "x-servicenow-generated",
    "x-otrs-loop",
    "x-rt-loop-prevention",
    "x-tmda-fingerprint",
    "x-tmda-confirm-message-cookie",
    "x-askversion",
    "x-spamarrest-id",
    "x-boxbe-challenge",
    "x-sendio-challenge",
    "x-mailinblack-challenge",
    "x-cloudmark-challenge",
)
_REPORT_TYPES = ("multipart/report", "message/delivery-status", "message/disposition-notification")
_CHALLENGERS = re.compile(r"tmda|spam ?arrest|mail ?in ?black|boxbe|choicemail|sendio|spamblocker", re.IGNORECASE)
_ROBOT_PROGRAM = re.compile(r"auto-?(?:repl|respon)|vacation|\btmda\b|majordomo|listserv|^mlmmj", re.IGNORECASE)
_LIST_HEADERS = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "list-subscribe",
    "list-owner",
    "list-archive",
    "x-mailing-list",
    "x-beenthere",
    "mailing-list",
    "x-ml-name",
    "x-mailman-version",
)
_PERSONS_HEADERS = (
    "x-auto-response-suppress",
    "feedback-id",
    "x-loop",
    "x-ms-exchange-inbox-rules-loop",
    "auto-submitted",
)
"""Marks that mail of people can have: set by their server, their list or their forwarding, or asking for something."""
_MACHINES_HEADERS = (
    "x-php-originating-script",
    "x-php-script",
    "x-campaign",
    "x-campaign-id",
    "x-campaignid",
    "x-mc-user",
    "x-csa-complaints",
    "x-facebook-notify",
    "x-github-reason",
    "x-jira-fingerprint",
    "x-zendesk-from-account-id",
    "x-sfdc-lk",
    "x-managed-by",
    "x-powered-by",
)
_BULK_HEADERS = ("list-unsubscribe-post", "feedback-id", "x-campaign", "x-campaign-id", "x-campaignid", "x-mc-user")
_NO_REPLY = re.compile(
    r"(?:.*[-_.+])?(?:no|not|never|do[-_.]?not|dont|un)[-_.]?(?:reply|replies|respond|response|answer|henshin)(?:[-+_.].*)?"
    r"|(?:auto|system|jidou?|robot)[-_.]?(?:mail|mailer|reply|replies|responder|response|confirm|notify|henshin|soushin)?"
    r"|(?:.*[-_.])?(?:auto-?(?:reply|responder?)|vacation|notifications?|notify|alerts?)"
    r"|bounces?(?:[-+_.].*)?|.*-(?:bounces?|request|owner|confirm\+.*)|owner-.*|listserv|majordomo|mailman|mlmmj"
    r"|root|cron|daemon|nobody|www(?:-data)?|apache|httpd"
)
_DAEMON = re.compile(r"mailer[-_.]?daemon(?:[-+_.].*)?|double-bounce|mdaemon")
_OUR_TOKEN = re.compile(r"[rb]-[a-z2-7]{48}")
_OUR_MESSAGE_ID = re.compile(r"<(?:r-[a-z2-7]{48}(?:\.[0-9]{1,6})?|m-[a-z2-7]{24})@")


@dataclass(frozen=True, slots=True)
class Automatic:
    """The two decisions, and the mark that decided (static text, nothing from the mail).

    `needs_look`: counts, but it may have come from a robot after all, so nothing should be read out of it unseen.
    """

    reply_allowed: bool
    count_answer: bool
    why: str
    needs_look: bool = False


_PERSON = Automatic(reply_allowed=True, count_answer=True, why="")


def judge(letter: Letter, envelope_from: str, base_domain: str = "", *, by_words: bool = True) -> Automatic:
    """Judge a letter that came with an envelope sender ("" or "<>" is the empty one).

    `base_domain` is ours: no person writes from an address in it. Without `by_words` only the header counts, for mail
    whose words are meant for others.
    """
    envelope = envelope_from.strip().strip("<>").strip().lower()
    if why := _surely_machine(letter, envelope, base_domain.lower()):
        return Automatic(reply_allowed=False, count_answer=False, why=why)
    machines = _machines_mark(letter, envelope)
    mark = machines or _persons_mark(letter)
    if by_words and (said := _by_words(read_words(letter.subject, letter.text), machines)):
        return said
    return Automatic(reply_allowed=False, count_answer=True, why=mark) if mark else _PERSON


def is_our_automatic(letter: Letter) -> bool:
    """Whether a Renrakumo, this one or another, wrote the letter by itself (mail.rendering puts the marks on)."""
    return bool(letter.header("x-renrakumo") and letter.header("auto-submitted"))


def is_read_receipt(letter: Letter) -> bool:
    """A message disposition notification (RFC 8098): the mail was displayed, or thrown away, somewhere."""
    return "disposition-notification" in letter.header("content-type").lower()


def _surely_machine(letter: Letter, envelope: str, base_domain: str) -> str:
    if any(not value.lower().startswith("no") for value in letter.headers.get("auto-submitted", ()) if value):
        return "Auto-Submitted"
    if not envelope:
        return "empty envelope sender"
    if letter.content_type in _REPORT_TYPES:
        return "read receipt" if is_read_receipt(letter) else "report"
    if letter.header("x-renrakumo") or _OUR_MESSAGE_ID.match(letter.message_id.lower()):
        return "our own mail"
    if _is_ours(letter.sender, base_domain) or _is_ours(envelope, base_domain):
        return "our own address"
    for name, values in letter.headers.items():
        if (name in _SURE_HEADERS or (_MACHINE_HEADER.fullmatch(name) and not name.endswith("suppress"))) and (
            values[0].lower() not in ("no", "false", "0", "")
        ):
            return name
    if why := _by_value(letter):
        return why
    if len(letter.headers.get("received", ())) > MAX_HOPS:
        return "too many hops"
    if any(_DAEMON.fullmatch(address.partition("@")[0]) for address in (letter.sender, envelope)):
        return "mail system"
    return ""


def _by_value(letter: Letter) -> str:
    """Headers that anybody's mail has, with a value that only a machine gives them."""
    if any("auto" in letter.header(name).lower() for name in ("precedence", "x-precedence")):
        return "Precedence"
    if "autoresponder" in letter.header("x-post-messageclass").lower():
        return "x-post-messageclass"
    if "vacation" in (letter.header("x-apple-action") + letter.header("x-apple-criteria")).lower():
        return "x-apple-action"
    if any("autorespon" in value.lower() for value in letter.headers.get("delivered-to", ())):
        return "delivered-to"
    if any(value.replace(" ", "") == "<>" for value in letter.headers.get("return-path", ())):
        return "empty return path"
    for name in ("x-mailer", "user-agent", "x-delivery-agent", "x-generator"):
        if _ROBOT_PROGRAM.search(letter.header(name)):
            return name
    if _CHALLENGERS.search(letter.header("x-delivery-agent")) or _CHALLENGERS.search(letter.sender):
        return "challenge"
    junk = letter.header("precedence").lower() == "junk"
    if junk and letter.sender and letter.sender in letter.header("x-loop").lower():
        return "x-loop"  # procmail's vacation recipe: the loop mark is its owner's own address
    is_answer = bool(letter.references)
    bulk = "list-unsubscribe" in letter.headers and any(name in letter.headers for name in _BULK_HEADERS)
    if bulk and not is_answer and not any(name in letter.headers for name in ("list-post", "x-beenthere")):
        return "bulk mail"
    return ""


def _is_ours(address: str, base_domain: str) -> bool:
    """Is it an address of ours, by its token or as one of a unit's addresses? The domain itself may have people."""
    local, _, domain = address.rpartition("@")
    if _OUR_TOKEN.fullmatch(local):
        return True
    if not base_domain or not domain.endswith(f".{base_domain}"):
        return False
    try:
        parse_local(local)
    except UnknownAddress:
        return False
    return True


def _machines_mark(letter: Letter, envelope: str) -> str:
    """A mark of programs that send mail by themselves, but may also hand on what a person wrote."""
    if any(_NO_REPLY.fullmatch(address.partition("@")[0]) for address in (letter.sender, envelope)):
        return "no-reply sender"
    if letter.header("precedence").lower() == "junk":
        return "Precedence"
    if any(letter.header(name).lower().startswith("php") for name in ("x-mailer", "user-agent")):
        return "x-mailer"
    return next((name for name in _MACHINES_HEADERS if name in letter.headers), "")


def _persons_mark(letter: Letter) -> str:
    """A mark that mail of people can have, too."""
    if letter.header("precedence").lower() in ("bulk", "list"):
        return "Precedence"
    if any(name in letter.headers for name in _LIST_HEADERS):
        return "mailing list"
    for name in _PERSONS_HEADERS:
        value = letter.header(name).lower()
        if value and not (name == "auto-submitted" and value.startswith("no")):
            return name
    return ""


def _by_words(words: Words, mark: str) -> Automatic | None:
    """What the words say, together with a machine's mark ("" without one)."""
    subject = words.automatic_subject()
    text = words.statement()
    if subject and (text or mark or words.shapes()):
        return Automatic(reply_allowed=False, count_answer=False, why="automatic subject and text")
    if text and mark:
        return Automatic(reply_allowed=False, count_answer=False, why="automatic text")
    if words.receipt_subject():
        sure = words.empty or words.receipt()
        return Automatic(reply_allowed=False, count_answer=not sure, why="read receipt", needs_look=not sure)
    challenge = words.challenge()
    if challenge and mark:
        return Automatic(reply_allowed=False, count_answer=False, why="challenge")
    for found, why in ((challenge, "challenge"), (subject, "automatic subject"), (text, "automatic text")):
        if found:
            return Automatic(reply_allowed=False, count_answer=True, why=why, needs_look=True)
    if words.shapes() >= 2:
        return Automatic(reply_allowed=False, count_answer=True, why="text of somebody away", needs_look=True)
    return None
