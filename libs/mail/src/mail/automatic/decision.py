"""Automatic mail: may we answer it, and does it count as somebody's answer? Two questions, on purpose.

Answering a robot starts a loop, so every known mark forbids it (RFC 3834 and what came before it). Throwing an answer
away loses a person, so only what no person's mail has does that: a mark that only machines set, or words of a machine
in two places. Words alone make an answer one to look at. Marks are checked in reading order, and the first one found
is the reason:

    sure marks -> neither answered nor counted
    words (mail.automatic.phrases) with a mark, or in the subject and in the text -> the same
    words alone, a list's mail that answers nothing -> not answered, counted, to be looked at
    other marks -> not answered, counted
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mail.addresses import UnknownAddress, parse_local
from mail.automatic.phrases import Phrases, find_phrases
from mail.mime.reading import ParsedMail

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
    "x-fc-machinegenerated",
)
_REPORT_TYPES = ("multipart/report", "message/delivery-status", "message/disposition-notification")
_CHALLENGERS = re.compile(r"tmda|spam-?arrest|mail-?in-?black|boxbe|choicemail|sendio|spamblocker|askversion")
"""Programs and services that challenge senders; their users' own mail has the same marks."""
_ROBOT_PROGRAM = re.compile(r"auto-?(?:repl|respon)|vacation|majordomo|listserv|^mlmmj", re.IGNORECASE)
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
    "x-rt-loop-prevention",
    "x-zendesk-from-account-id",
    "x-sfdc-lk",
    "x-managed-by",
    "x-powered-by",
)
_BULK_HEADERS = ("list-unsubscribe-post", "feedback-id", "x-campaign", "x-campaign-id", "x-campaignid", "x-mc-user")
_NOBODY = re.compile(
    r"(?:.*[-_.+])?(?:no|not|never|do[-_.]?not|dont|un)[-_.]?(?:reply|replies|respond|response|answer|henshin)(?:[-+_.].*)?"
)
_NO_REPLY = re.compile(
    rf"{_NOBODY.pattern}"
    r"|(?:auto|system|jidou?|robot)[-_.]?(?:mail|mailer|reply|replies|responder|response|confirm|notify|henshin|soushin)?"
    r"|(?:.*[-_.])?(?:auto-?(?:reply|responder?)|vacation|notifications?|notify|alerts?)"
    r"|bounces?(?:[-+_.].*)?|.*-(?:bounces?|request|owner|confirm\+.*)|owner-.*|listserv|majordomo|mailman|mlmmj"
    r"|root|cron|daemon|nobody|www(?:-data)?|apache|httpd"
)
_REPLY_SUBJECT = re.compile(
    r"(?:re|aw|sv|antw|vs|res|rif)\s{0,2}(?:\[\d+\])?[:：]|返信[:：]|回复[:：]|回覆[:：]", re.IGNORECASE
)
_DAEMON = re.compile(r"mailer[-_.]?daemon(?:[-+_.].*)?|double-bounce|mdaemon")
_OUR_TOKEN = re.compile(r"[rb]-[a-z2-7]{48}")
_REPLY_ADDRESS = re.compile(r"[rb]-[a-z0-9]{8,}@")  # of another system of our kind
_OUR_MESSAGE_ID = re.compile(r"<(?:r-[a-z2-7]{48}(?:\.[0-9]{1,6})?|m-[a-z2-7]{24})@")


@dataclass(frozen=True, slots=True)
class Decision:
    """The two decisions, and the mark that decided (static text, nothing from the mail).

    `needs_look`: counts, but it may have come from a robot after all, so nothing should be read out of it unseen.
    """

    reply_allowed: bool
    count_answer: bool
    why: str
    needs_look: bool = False


_LIST = "mailing list"
_RETURNED = "empty return path"
_PERSON = Decision(reply_allowed=True, count_answer=True, why="")


def decide(mail: ParsedMail, envelope_from: str, base_domain: str = "", *, by_phrases: bool = True) -> Decision:
    """Decide for a mail that came with an envelope sender ("" or "<>" is the empty one).

    `base_domain` is ours: no person writes from an address in it. Without `by_phrases` only the header counts, for mail
    whose words are meant for others.
    """
    envelope = envelope_from.strip().strip("<>").strip().lower()
    if why := _surely_machine(mail, envelope, base_domain.lower()):
        return _machine(why)
    machines = _machines_mark(mail, envelope)
    mark = machines or _persons_mark(mail)
    if by_phrases and (said := _by_phrases(find_phrases(mail.subject, mail.text), mark, bool(machines))):
        return said
    if by_phrases and (mark == _RETURNED or (mark == _LIST and not _is_answer(mail))):
        return _doubt(mark)
    return Decision(reply_allowed=False, count_answer=True, why=mark) if mark else _PERSON


def is_our_automatic(mail: ParsedMail) -> bool:
    """Whether a Renrakumo, this one or another, wrote the mail by itself.

    The marks are put on by mail.outgoing.rendering."""
    return bool(mail.header("x-renrakumo") and mail.header("auto-submitted"))


def is_read_receipt(mail: ParsedMail) -> bool:
    """A message disposition notification (RFC 8098): the mail was displayed, or thrown away, somewhere."""
    return "disposition-notification" in mail.header("content-type").lower()


def _surely_machine(mail: ParsedMail, envelope: str, base_domain: str) -> str:
    if any(not value.lower().startswith("no") for value in mail.headers.get("auto-submitted", ()) if value):
        return "Auto-Submitted"
    if not envelope:
        return "empty envelope sender"
    if mail.content_type in _REPORT_TYPES:
        return "read receipt" if is_read_receipt(mail) else "report"
    if mail.header("x-renrakumo") or _OUR_MESSAGE_ID.match(mail.message_id.lower()):
        return "our own mail"
    if _is_ours(mail.sender, base_domain) or _is_ours(envelope, base_domain):
        return "our own address"
    for name, values in mail.headers.items():
        if (name in _SURE_HEADERS or (_MACHINE_HEADER.fullmatch(name) and not name.endswith("suppress"))) and (
            values[0].lower() not in ("no", "false", "0", "")
        ):
            return name
    if why := _by_value(mail, envelope):
        return why
    if len(mail.headers.get("received", ())) > MAX_HOPS:
        return "too many hops"
    if any(_DAEMON.fullmatch(address.partition("@")[0]) for address in (mail.sender, envelope)):
        return "mail system"
    return ""


def _by_value(mail: ParsedMail, envelope: str) -> str:
    """Headers that anybody's mail has, with a value that only a machine gives them."""
    if any("auto" in mail.header(name).lower() for name in ("precedence", "x-precedence")):
        return "Precedence"
    if "autoresponder" in mail.header("x-post-messageclass").lower():
        return "x-post-messageclass"
    if "vacation" in (mail.header("x-apple-action") + mail.header("x-apple-criteria")).lower():
        return "x-apple-action"
    if any("autorespon" in value.lower() for value in mail.headers.get("delivered-to", ())):
        return "delivered-to"
    for name in ("x-mailer", "user-agent", "x-delivery-agent", "x-generator"):
        if _ROBOT_PROGRAM.search(mail.header(name)):
            return name
    junk = mail.header("precedence").lower() == "junk"
    if junk and mail.sender and mail.sender in mail.header("x-loop").lower():
        return "x-loop"  # procmail's vacation recipe: the loop mark is its owner's own address
    loop = mail.header("x-loop").lower().strip("<> ")
    if "@" in loop and loop != mail.sender and loop in mail.header("to").lower():
        return "x-loop"  # the loop mark names whom it was sent to: it has been there
    if _is_recipient(mail) and _REPLY_ADDRESS.match(mail.sender):
        return "our own address"
    if mail.header("x-list-administrivia").lower() == "yes" or mail.content_type == "multipart/digest":
        return "list program"
    if _is_answer(mail):
        return ""
    bulk = "list-unsubscribe" in mail.headers and any(name in mail.headers for name in _BULK_HEADERS)
    if bulk and not any(name in mail.headers for name in ("list-post", "x-beenthere")):
        return "bulk mail"
    if any(_NOBODY.fullmatch(address.partition("@")[0]) for address in (mail.sender, envelope)):
        return "no-reply sender"
    return ""


def _is_answer(mail: ParsedMail) -> bool:
    """Whether it answers some mail, as far as its program tells."""
    return bool(mail.references) or _REPLY_SUBJECT.match(mail.subject) is not None


def _is_recipient(mail: ParsedMail) -> bool:
    return bool(mail.sender) and f"<{mail.sender}>" in f"<{mail.header('to').lower().strip('<>')}>"


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


def _machines_mark(mail: ParsedMail, envelope: str) -> str:
    """A mark of programs that send mail by themselves, but may also hand on what a person wrote."""
    if any(_NO_REPLY.fullmatch(address.partition("@")[0]) for address in (mail.sender, envelope)):
        return "no-reply sender"
    if any(value.replace(" ", "") == "<>" for value in mail.headers.get("return-path", ())):
        return _RETURNED  # that of a stop on its way: somebody hands on what came from nobody
    if mail.header("precedence").lower() == "junk":
        return "Precedence"
    if any(mail.header(name).lower().startswith("php") for name in ("x-mailer", "user-agent")):
        return "x-mailer"
    if _CHALLENGERS.search(f"{mail.sender} {envelope} {mail.header('x-delivery-agent').lower()}") or any(
        name.startswith("x-") and _CHALLENGERS.search(name) for name in mail.headers
    ):
        return "challenger"
    return next((name for name in _MACHINES_HEADERS if name in mail.headers), "")


def _persons_mark(mail: ParsedMail) -> str:
    """A mark that mail of people can have, too."""
    if any(name in mail.headers for name in _LIST_HEADERS):
        return _LIST
    if mail.header("precedence").lower() in ("bulk", "list"):
        return "Precedence"
    if _is_recipient(mail):
        return "sent to itself"
    for name in _PERSONS_HEADERS:
        value = mail.header(name).lower()
        if value and not (name == "auto-submitted" and value.startswith("no")):
            return name
    return ""


def _by_phrases(phrases: Phrases, mark: str, machines: bool) -> Decision | None:
    """What the words say, together with a mark ("" without one), which may be one that only `machines` have."""
    programs, away = phrases.programs_subject(), phrases.away_subject()
    text = phrases.statement()
    shapes = phrases.shapes()
    sure = (
        ((programs or away) and (text or mark))
        or (programs and shapes)
        or (away and shapes >= 2 and phrases.promises())
        or (text and (machines or mark == "Precedence"))
    )
    if sure:
        return _machine("automatic subject" if programs or away else "automatic text")
    if phrases.receipt_subject():
        return _machine("read receipt") if phrases.empty or phrases.receipt() else _doubt("read receipt")
    challenge = phrases.challenge()
    if challenge and machines:
        return _machine("challenge")
    for found, why in ((challenge, "challenge"), (programs or away, "automatic subject"), (text, "automatic text")):
        if found:
            return _doubt(why)
    return _doubt("text of somebody away") if shapes >= 2 else None


def _machine(why: str) -> Decision:
    return Decision(reply_allowed=False, count_answer=False, why=why)


def _doubt(why: str) -> Decision:
    return Decision(reply_allowed=False, count_answer=True, why=why, needs_look=True)
