"""Mail addresses: one spelling per mailbox, the carrier behind a domain, and what our own local parts mean.

``normalise`` turns what arrives on the wire or in a list into the one form that is indexed and stored.
``wire_form`` turns that form back into what an SMTP peer understands. ``carrier_of`` groups domains that share
mail servers and policy. ``parse_local`` reads the left side of an address of ours.

The Japanese carriers gave out addresses that break RFC 5321 (``foo..bar@docomo.ne.jp``, ``foo.@ezweb.ne.jp``) and
they are alive; dots are therefore free everywhere. Errors never hold the address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import idna


class AddressError(ValueError):
    """The text is no mail address that we can write to. The message says why, never the address."""


class UnknownAddress(ValueError):
    """The local part means nothing here: 550 5.1.1."""


MAX_ADDRESS_OCTETS = 254  # RFC 5321 4.5.3.1.3: a path is 256 octets with its angle brackets
MAX_LOCAL_OCTETS = 64  # RFC 5321 4.5.3.1.1

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+")
_DOT_ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ORDINARY = re.compile(rf"{_DOT_ATOM.pattern}@[a-z0-9.-]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Characters that look like nothing: IDNA mapping would drop them without a word and reach another domain.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)


def normalise(address: str) -> str:
    """Return the one spelling of a mailbox: lower case, unquoted, domain as IDNA A-labels.

    Raises AddressError for whatever is no single, sendable ASCII mailbox (control characters, spaces, commas, two
    at signs, non-ASCII local part, bare host or IP, more than 254 octets).
    """
    if len(address) > 4 * MAX_ADDRESS_OCTETS:
        raise AddressError("too long")
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in address):
        raise AddressError("control character or undecodable octet")
    local, domain = _split(address)
    if not _LOCAL.fullmatch(local):
        raise AddressError("character not allowed before the at sign")
    if len(local) > MAX_LOCAL_OCTETS:
        raise AddressError("local part too long")
    result = f"{local.lower()}@{normalise_domain(domain)}"
    if len(result) > MAX_ADDRESS_OCTETS:
        raise AddressError("too long")
    return result


def _split(address: str) -> tuple[str, str]:
    if not address.startswith('"'):
        local, at, domain = address.partition("@")
        if not at or not local or "@" in domain:
            raise AddressError("not of the form local@domain")
        return local, domain
    local = ""
    position = 1
    while position < len(address) and address[position] != '"':
        if address[position] == "\\":
            position += 1
        local += address[position : position + 1]
        position += 1
    if address[position : position + 2] != '"@' or not local:
        raise AddressError("badly quoted local part")
    return local, address[position + 2 :]


def normalise_domain(domain: str) -> str:
    """Return a domain in lower-case A-labels (RFC 5891), without a final dot. Raises AddressError."""
    if not domain.isascii():
        if _INVISIBLE.search(domain):
            raise AddressError("invisible character in the domain")
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            # Without "from": the cause would carry the domain into a log.
            raise AddressError("domain is not valid IDNA") from None
    domain = domain.lower().removesuffix(".")
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError("not a domain name")
    if labels[-1].isdigit():
        raise AddressError("an IP address is no mail domain")
    return domain


def mailbox_of(address: str) -> str:
    """One name for all the addresses that certainly or very likely reach the same mailbox as this normalised one: what
    stands behind a plus is a label, and Gmail overlooks dots. Only for limits: people are written to as they wrote."""
    local, _, domain = address.partition("@")
    local = local.partition("+")[0] or local
    if domain in _WITHOUT_DOTS:
        return f"{local.replace('.', '')}@{_WITHOUT_DOTS[0]}"
    return f"{local}@{domain}"


def tidy(text: str) -> str:
    """Take off what people and spreadsheets put around an address; the result still has to be normalised.

    Byte order mark, zero-width spaces, blanks at the ends (also full-width), ``mailto:``, one pair of angle brackets,
    full-width at sign and dots. A blank in the middle stays, and is refused later: ask rather than guess.
    """
    text = (
        re.sub("[\ufeff\u200b\u2060]", "", text).strip().translate({0xFF20: "@", 0xFF0E: ".", 0x3002: ".", 0xFF61: "."})
    )
    if text[:7].lower() == "mailto:":
        text = text[7:]
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    return text.strip()


_WITHOUT_DOTS = ("gmail.com", "googlemail.com")

_CARRIERS: dict[str, tuple[str, ...]] = {
    "docomo": ("docomo.ne.jp",),
    "au": ("ezweb.ne.jp", "au.com", "uqmobile.jp"),
    "softbank": (
        "softbank.ne.jp",
        "i.softbank.jp",
        "disney.ne.jp",
        "ymobile.ne.jp",
        "y-mobile.ne.jp",
        "ymobile1.ne.jp",
        "willcom.com",
        "wcm.ne.jp",
        "emobile.ne.jp",
    ),
    "rakuten": ("rakuten.jp", "rakumail.jp"),
    "gmail": ("gmail.com", "googlemail.com"),
    "yahoo": ("yahoo.co.jp", "ymail.ne.jp"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
    "outlook": ("outlook.com", "outlook.jp", "hotmail.com", "hotmail.co.jp", "live.jp", "live.com", "msn.com"),
}
CARRIERS: tuple[str, ...] = (*_CARRIERS, "other")
"""Every name that carrier_of can return."""
_BY_DOMAIN = {domain: carrier for carrier, domains in _CARRIERS.items() for domain in domains}
_BY_SUFFIX = ((".ezweb.ne.jp", "au"), (".vodafone.ne.jp", "softbank"))
_UNQUOTED_AT_HOME = frozenset({"docomo", "au"})


def carrier_of(domain: str) -> str:
    """Return the carrier (one of CARRIERS) whose servers and policy a domain shares."""
    domain = domain.lower().removesuffix(".")
    if carrier := _BY_DOMAIN.get(domain):
        return carrier
    return next((carrier for suffix, carrier in _BY_SUFFIX if domain.endswith(suffix)), "other")


def wire_form(address: str, *, relayed: bool = False) -> str:
    """Return a normalised address as an SMTP peer wants it in RCPT TO and To.

    A local part that is no dot-atom (RFC 5321 4.1.2) is quoted, except for docomo and au when they are spoken to
    directly: they know their own addresses unquoted. `relayed` says that some other server stands between.
    """
    if _ORDINARY.fullmatch(address):
        return address
    local, _, domain = address.rpartition("@")
    if _DOT_ATOM.fullmatch(local) or (not relayed and carrier_of(domain) in _UNQUOTED_AT_HOME):
        return address
    return f'"{local}"@{domain}'


class MailboxKind(StrEnum):
    """What a mail to an address of ours asks for."""

    ENTRY = "entry"
    LEAVE = "leave"
    POST = "post"
    INFO = "info"
    REPLY = "reply"
    BOUNCE = "bounce"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class LocalPart:
    """A local part of ours, understood. `token` is whole and lower-case, with its prefix (``r-...``, ``b-...``)."""

    kind: MailboxKind
    group: str | None = None
    secret: str | None = None
    token: str | None = None


GROUP_CODE = re.compile(r"[a-z0-9]{1,12}")
POST_SECRET = re.compile(r"[a-z0-9]{6,24}")
_TOKEN_BODY = re.compile(r"[a-z2-7]{48}")
_WHOLE = {
    "leave": MailboxKind.LEAVE,
    "info": MailboxKind.INFO,
    "postmaster": MailboxKind.OPERATOR,
    "abuse": MailboxKind.OPERATOR,
}
_SUFFIXES = {"entry": MailboxKind.ENTRY, "ent": MailboxKind.ENTRY, "leave": MailboxKind.LEAVE, "info": MailboxKind.INFO}
_TOKEN_KINDS = {"r": MailboxKind.REPLY, "b": MailboxKind.BOUNCE}


def parse_local(local: str) -> LocalPart:
    """Read the local part of an address in a unit's mail domain, in any case. Raises UnknownAddress.

    ``r-`` and ``b-`` belong to tokens alone, so no group can be called r or b.
    """
    local = local.lower()
    if kind := _WHOLE.get(local):
        return LocalPart(kind)
    head, dash, tail = local.partition("-")
    if not dash:
        raise UnknownAddress("no such address")
    if token_kind := _TOKEN_KINDS.get(head):
        if not _TOKEN_BODY.fullmatch(tail):
            raise UnknownAddress("not the shape of a token")
        return LocalPart(token_kind, token=local)
    if not GROUP_CODE.fullmatch(head):
        raise UnknownAddress("not the shape of a group code")
    if group_kind := _SUFFIXES.get(tail):
        return LocalPart(group_kind, group=head)
    if POST_SECRET.fullmatch(tail):
        return LocalPart(MailboxKind.POST, group=head, secret=tail)
    raise UnknownAddress("no such address")
