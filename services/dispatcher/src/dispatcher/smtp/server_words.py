"""A server's words, fit for the ledger: one short line in which nothing tells whose mailbox it was.

    text -> words -> each that may hold an address, the recipient's local part or private domain becomes [] -> line
Servers repeat addresses in many spellings: in angle brackets or quoted, in capitals, with %40, &#64; or =40 for the at
sign, full-width, as `local=domain`. So a word is looked at in every form it can be read in. Taking out too much costs
a little clarity, too little costs somebody's secret. Most replies hold nothing of the kind, and are through quickly.
"""

import html
import re
import unicodedata
from urllib.parse import unquote

from dispatcher.smtp.smtp_replies import SmtpReply
from mail.addresses import carrier_of

MOST = 200
TAKEN_OUT = "[]"

_READ_MOST = 2000
# A shorter local part ("a", "in") stands inside of many a harmless word.
_INSIDE_FROM = 4
_SUSPICIOUS = re.compile(r"[@%&=\\\"'<>+*]|[^ -~\n]")
_QUOTED_PRINTABLE = re.compile(r"=([0-9A-Fa-f]{2})")
# A mark may be quotation, or a letter of the local part.
_MARKS = tuple(str.maketrans("", "", marks) for marks in ("", "\\", '\\"', "\\\"'`"))
_EDGE = r"[^0-9a-z]"
_REGISTRIES = re.compile(r"(?:ac|ad|co|com|ed|edu|go|gov|gr|lg|ne|net|or|org)\.[a-z]{2}")


def server_words(reply: SmtpReply, address: str) -> str:
    """What the server said, at most 200 characters; `address` is the recipient's, normalised."""
    return _clean(reply.text, address)


def server_name(host: str | None, address: str) -> str | None:
    """A mail server's name, unless it would tell a private domain."""
    return None if host is None or _clean(host, address) != host else host


def _clean(text: str, address: str) -> str:
    local, _, domain = address.rpartition("@")
    stem = _stem(domain) if carrier_of(domain) == "other" else None
    lowered = text.lower()
    told = local in lowered or (stem is not None and stem in lowered) or any(map(lowered.__contains__, _aliases(local)))
    if not told and not _SUSPICIOUS.search(text):
        return " ".join(text.split())[:MOST].rstrip()
    text = text[:_READ_MOST].encode("utf-8", "replace").decode("utf-8")
    secrets = [_secret(local), *map(_secret, _aliases(local))]
    if stem is not None:
        secrets += [re.compile(re.escape(form)) for form in {stem, _readable(stem)}]
    words = (TAKEN_OUT if _tells(word, secrets) else _plain(word) for word in text.split())
    return _once(" ".join(filter(None, words)))[:MOST].rstrip()


def _aliases(local: str) -> set[str]:
    """What else means the same mailbox at some servers: the local part without what follows +, without dots."""
    if "+" not in local and "." not in local:
        return set()
    base = local.partition("+")[0]
    return {base, base.replace(".", ""), local.replace(".", "")} - {local, ""}


def _readable(domain: str) -> str:
    """A domain of A-labels as people write it."""
    try:
        return _fold(domain.encode("ascii").decode("idna"))
    except UnicodeError:
        return domain


def _secret(name: str) -> re.Pattern[str]:
    if len(name) >= _INSIDE_FROM:
        return re.compile(re.escape(name))
    return re.compile(rf"(?:^|{_EDGE}){re.escape(name)}(?:$|{_EDGE})")


def _stem(domain: str) -> str:
    """What gives a private domain away: itself, or the domain that it is a part of."""
    parent = domain.partition(".")[2]
    return parent if "." in parent and not _REGISTRIES.fullmatch(parent) else domain


def _tells(word: str, secrets: list[re.Pattern[str]]) -> bool:
    return any("@" in form or any(secret.search(form) for secret in secrets) for form in _forms(word))


def _forms(word: str) -> set[str]:
    """Every way to read a word."""
    forms = {word}
    for _ in range(3):
        read = set(forms)
        for form in forms:
            read |= {unquote(form), html.unescape(form), _QUOTED_PRINTABLE.sub(_character, form)}
        if read == forms:
            break
        forms = read
    return {folded.translate(marks) for folded in map(_fold, forms) for marks in _MARKS}


def _character(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _fold(form: str) -> str:
    return _plain(unicodedata.normalize("NFKC", form)).casefold()


def _plain(word: str) -> str:
    """Without control characters and what cannot be seen."""
    return "".join(char for char in word if unicodedata.category(char)[0] != "C")


def _once(line: str) -> str:
    """Of several gaps in a row one."""
    return re.sub(r"(?:\[\] )+(?=\[\])", "", line)
