"""The rules, without I/O: what a path on the wire is, whom it is for, which reply it earns.

RCPT TO argument -> split_path -> resolve(directory) -> Recipient, or the Reply that refuses it
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts import directory as contract
from contracts.directory import UnitEntry
from mail.addresses import AddressError, MailboxKind, UnknownAddress, mailbox_of, normalise, parse_local

OPERATOR_UNIT = "operator"
"""Stands for the unit in mail to the postmaster of the base domain itself."""

_NEEDS_SENDER = frozenset({MailboxKind.ENTRY, MailboxKind.LEAVE, MailboxKind.POST, MailboxKind.INFO})
_WITH_GROUP = frozenset({MailboxKind.ENTRY, MailboxKind.LEAVE, MailboxKind.POST, MailboxKind.INFO})
_WHOLE = frozenset({MailboxKind.REPLY, MailboxKind.BOUNCE, MailboxKind.INFO, MailboxKind.OPERATOR})
_MAX_PATH = 1000
LONGEST_POST = 20_000
"""Characters of a message to a group; phones write far less, and much more would not fit on its way out."""


@dataclass(frozen=True, slots=True)
class SmtpReply:
    """An SMTP reply with its enhanced status code (RFC 3463). The text never holds an address."""

    code: int
    status: str
    text: str
    secret_probe: bool = field(default=False, compare=False)
    """Said to somebody who tried what could have been a post secret; it sounds like any unknown address."""

    def __str__(self) -> str:
        return f"{self.code} {self.status} {self.text}"

    @property
    def accepted(self) -> bool:
        """Does it say yes, or go on?"""
        return self.code < 400


RECIPIENT_OK = SmtpReply(250, "2.1.5", "Recipient OK")
SENDER_OK = SmtpReply(250, "2.1.0", "Sender OK")
STORED = SmtpReply(250, "2.0.0", "Accepted and stored")
UNKNOWN = SmtpReply(550, "5.1.1", "No such address here")
WRONG_SECRET = SmtpReply(550, "5.1.1", "No such address here", secret_probe=True)
MALFORMED = SmtpReply(553, "5.1.3", "The address is not in a form that we understand")
UNUSABLE_SENDER = SmtpReply(
    550, "5.1.7", "We cannot write back to the sender address, so this mail would have no effect"
)
NOT_READY = SmtpReply(451, "4.3.2", "Starting up, please try again shortly")
NOT_STORED = SmtpReply(451, "4.3.0", "The mail could not be stored just now, please try again later")
TOO_LARGE = SmtpReply(552, "5.3.4", "The mail is too large")
TEXT_TOO_LONG = SmtpReply(552, "5.3.4", f"A message to a group may have at most {LONGEST_POST} characters of text")
TOO_MANY_RECIPIENTS = SmtpReply(452, "4.5.3", "Too many recipients in one mail")
TOO_FAST = SmtpReply(451, "4.7.1", "Too many mails from your server in a short time, please try again later")
TOO_MANY_CONNECTIONS = SmtpReply(421, "4.7.0", "Too many connections, please try again later")
TOO_MANY_UNKNOWN = SmtpReply(421, "4.7.0", "Too many unknown recipients")
CONNECTION_TOO_LONG = SmtpReply(421, "4.4.2", "This session has lasted long enough, please connect anew")
TOO_SLOW = SmtpReply(421, "4.4.2", "Nothing came for too long, please connect anew")
SHUTTING_DOWN = SmtpReply(421, "4.3.2", "Going down for a moment, please try again shortly")
NO_ROOM = SmtpReply(452, "4.3.1", "There is no room for more mails just now, please try again later")
BUSY = SmtpReply(451, "4.3.2", "There is more to do here than we can take in just now, please try again later")
SENDER_TOO_FAST = SmtpReply(451, "4.7.1", "Too many mails from this sender in a short time, please try again later")
UNIT_TOO_FAST = SmtpReply(451, "4.7.1", "Too many mails for this address in a short time, please try again later")
TLS_REQUIRED = SmtpReply(530, "5.7.0", "Mail from this domain is taken over TLS only: STARTTLS first")
EARLY_TALKER = SmtpReply(554, "5.5.0", "You spoke before the greeting")
EARLY_PIPELINING = SmtpReply(554, "5.5.0", "You sent more before you had the reply that you must wait for")
NO_WEB_SERVER = SmtpReply(554, "5.5.0", "This is a mail server")
UNKNOWN_COMMAND = SmtpReply(500, "5.5.2", "We do not know this command")
LINE_TOO_LONG = SmtpReply(500, "5.5.2", "The command line is too long")
BAD_LINE = SmtpReply(500, "5.5.2", "A command is a line of printable characters that ends in CR LF")
MAIL_LINE_TOO_LONG = SmtpReply(554, "5.6.0", "A line of the mail is too long")
BARE_NEWLINES = SmtpReply(550, "5.6.0", "The mail holds a CR or an LF that is no part of a CR LF (RFC 5321 2.3.8)")
TOO_MANY_ERRORS = SmtpReply(421, "4.7.0", "Too many mistakes, please try again when they are repaired")
INTERNAL_ERROR = SmtpReply(451, "4.3.0", "Something went wrong here, please try again later")


@dataclass(frozen=True, slots=True)
class EnvelopeSender:
    """The envelope sender. `address` is normalised, "" when it is empty or unusable; `given` is what stood on the wire,
    "" for the null sender."""

    address: str
    given: str

    @property
    def mailbox(self) -> str:
        """By what the sender is limited: the same for all names of one mailbox, as registry has it."""
        return mailbox_of(self.address) if self.address else self.given.lower()

    @property
    def unusable(self) -> bool:
        """There is a sender, but not one that we could write to."""
        return bool(self.given) and not self.address


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a mail is for, understood. `token` (with its prefix) and `mailbox` (postmaster or abuse): "" where the kind
    has none."""

    kind: MailboxKind
    unit: str
    group: str | None = None
    token: str = ""
    mailbox: str = ""

    @property
    def key(self) -> str:
        """Equal for all spellings of one recipient, so that a mail comes to him once."""
        return "/".join((self.kind, self.unit, self.group or "", self.token, self.mailbox))

    @property
    def whole(self) -> bool:
        """Its event may hold the whole mail."""
        return self.kind in _WHOLE


def split_path(argument: str) -> tuple[str, str] | None:
    """Take `<path> parameters` apart (RFC 5321 4.1.2): the path without angle brackets and source route, as it was
    spelled, and what follows. None when it is no path. Dots are free, because carriers gave out such addresses; an
    unquoted blank ends nothing but a path without brackets. Linear in the length of the argument."""
    argument = argument.strip()
    if not argument.startswith("<"):
        path, _, rest = argument.partition(" ")
        return (path, rest.strip()) if path and ">" not in path else None
    quoted = escaped = False
    for position, char in enumerate(argument):
        if escaped:
            escaped = False
        elif quoted and char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif char == ">" and not quoted:
            path = argument[1:position]
            rest = argument[position + 1 :]
            if rest and not rest.startswith(" "):
                return None
            if path.startswith("@"):
                _, colon, path = path.partition(":")
                if not colon:
                    return None
            return (path, rest.strip()) if len(path) <= _MAX_PATH else None
    return None


def read_sender(given: str) -> EnvelopeSender:
    """What the envelope sender is good for."""
    if not given:
        return EnvelopeSender("", "")
    try:
        return EnvelopeSender(normalise(given), given)
    except AddressError:
        return EnvelopeSender("", given)


def resolve(
    address: str,
    sender: EnvelopeSender,
    base_domain: str,
    unit_of: Callable[[str], UnitEntry | None],
    secret_fits: Callable[[str, str, str, tuple[str, ...]], bool],
) -> Recipient | SmtpReply:
    """Who is this recipient? `unit_of` gives an active unit by code; `secret_fits(unit, group, secret, hashes)`
    compares a post secret in constant time. What is not ASCII, lone surrogates too, is refused."""
    if not address.isascii() or any(char < " " or char == "\x7f" for char in address):
        return MALFORMED
    local, at, domain = address.rpartition("@")
    if not at:
        local, domain = address, base_domain  # RCPT TO:<Postmaster> (RFC 5321 4.1.1.3)
    if len(local) > 1 and local.startswith('"') and local.endswith('"'):
        local = local[1:-1]
    domain = domain.lower().removesuffix(".")
    try:
        part = parse_local(local)
    except UnknownAddress:
        return UNKNOWN
    if domain == base_domain:
        return (
            Recipient(part.kind, OPERATOR_UNIT, mailbox=local.lower()) if part.kind is MailboxKind.OPERATOR else UNKNOWN
        )
    code, dot, rest = domain.partition(".")
    unit = unit_of(code) if dot and rest == base_domain else None
    if unit is None:
        return UNKNOWN
    if part.kind in _WITH_GROUP and part.group is not None:
        group = unit.groups.get(part.group)
        hashes = group.post_secrets if group else ()
        if part.secret is not None and not secret_fits(unit.unit, part.group, part.secret, hashes):
            return WRONG_SECRET if hashes and contract.could_be_secret(part.secret) else UNKNOWN
        if group is None:
            return UNKNOWN
    if part.kind in _NEEDS_SENDER and sender.unusable:
        return UNUSABLE_SENDER
    mailbox = local.lower() if part.kind is MailboxKind.OPERATOR else ""
    return Recipient(part.kind, unit.unit, part.group, part.token or "", mailbox)


def digest(raw: bytes, sender: EnvelopeSender, recipient: Recipient) -> bytes:
    """32 octets that are the same whenever the same mail is handed in again for the same recipient, so that a sender's
    second try after a 451 does not double what was stored."""
    content = hashlib.sha256(raw).digest()
    envelope = f"{sender.address or sender.given}\0{recipient.key}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(content + envelope).digest()


def event_id(fingerprint: bytes) -> str:
    """The id of an event, made from the digest of its mail."""
    return f"in-{fingerprint.hex()}"


def reference(fingerprint: bytes) -> int:
    """A positive 63-bit number, made from the digest of a mail."""
    return (int.from_bytes(fingerprint[:8], "big") >> 1) or 1
