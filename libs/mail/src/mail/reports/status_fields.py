"""The fields of delivery reports (RFC 3464, RFC 6533), however deformed: in a part of their own or amid a text.

text -> fields, blank lines or not -> one group per recipient -> `StatusFields`. Blank lines can't be trusted (some
programs put them between all fields, some between none), nor can the order: a field that comes a second time begins a
new recipient, and what lies about before the next one is the last one's. Amazon's notifications (JSON) give the same
groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mail.addresses import AddressError, normalise
from mail.mime import headers

MOST_RECIPIENTS = 50
_MOST_LINES = 4_000
_SUCCESSES = frozenset({"delivered", "relayed", "expanded"})
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{2,40})[ \t]{0,4}:[ \t]*(.*)")
_RECIPIENTS = ("final-recipient", "original-recipient", "x-actual-recipient")
_OURS = frozenset(
    (*_RECIPIENTS, "action", "status", "diagnostic-code", "remote-mta", "x-notes-item", "x-supplementary-info",
     "x-powermta-bouncecategory", "localized-final-recipient")
)  # fmt: skip
_CATEGORIES = {
    "bad-mailbox": "no such user (in reply to RCPT TO)",
    "bad-domain": "no such domain",
    "inactive-mailbox": "mailbox inactive",
    "quota-issues": "mailbox full",
}
"""What PowerMTA has read from the words, in words."""
_ENDS = frozenset(("action", "status", "final-recipient", "original-recipient"))
_TELLING = frozenset(("action", "status", "diagnostic-code"))
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPORTING = re.compile(
    r"^reporting-mta[ \t]*:[ \t]*(?:[\w-]{1,20};)?[ \t]*([\w.-]{1,253})", re.IGNORECASE | re.MULTILINE
)
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_BRACKETED = re.compile(r"<([^<>\s]{1,320})>")
_DIAGNOSTIC_TYPE = re.compile(r"^\s*[A-Za-z][\w-]{1,40}\s?;\s*")
_AMAZON = re.compile(
    r'"(?:bouncedRecipients|complainedRecipients|delayedRecipients|recipients|destination)"\s{0,9}:\s{0,9}\[([^\[\]]{0,20000})\]'
)
_AMAZON_KIND = re.compile(r'"(?:notificationType|eventType)"\s{0,9}:\s{0,9}"(\w{1,30})"')
_JSON_OBJECT = re.compile(r"\{([^{}]{1,4000})\}")
_JSON_PAIR = re.compile(r'"(emailAddress|action|status|diagnosticCode)"\s{0,9}:\s{0,9}"((?:[^"\\]|\\.){0,2000})"')
_JSON_TEXT = re.compile(r'"([^"\\\s]{1,320}@[^"\\\s]{1,255})"')


@dataclass(frozen=True, slots=True)
class StatusFields:
    """What a report says of one recipient: normalised address or "", action in lower case, status (RFC 3463), the
    words of the server that refused, and its name."""

    recipient: str = field(repr=False)
    action: str
    status: str | None
    diagnostic: str = field(repr=False)
    remote: str = ""

    @property
    def failed(self) -> bool:
        return not self.succeeded and not self.delayed

    @property
    def succeeded(self) -> bool:
        return self.action in _SUCCESSES

    @property
    def delayed(self) -> bool:
        return self.action.startswith("delay")


def read(text: str) -> list[StatusFields]:
    """The recipients' groups in a text, at most MOST_RECIPIENTS. Never raises."""
    groups: list[dict[str, str]] = []
    current: dict[str, str] = {}
    for name, value in _fields(text):
        if not name:  # a blank line
            if _complete(current):
                current = _close(groups, current)
        elif name in current and name in _ENDS:
            current = _close(groups, current)
            current[name] = value
        elif name in _RECIPIENTS and current and groups and not any(key in current for key in _RECIPIENTS):
            # Left over from the last recipient, unless it has all of that already (some write the recipient last).
            if not _TELLING & set(current) & set(groups[-1]):
                current = _close(groups, current)
            current[name] = value
        elif name == "diagnostic-code" and name in current:
            if current[name] != value:
                current[name] = f"{current[name]} {value}"
        else:
            current.setdefault(name, value)
        if len(groups) >= MOST_RECIPIENTS:
            break
    _close(groups, current)
    found = [_status_fields(group) for group in groups[:MOST_RECIPIENTS]]
    return [each for each in found if each.action or each.status]


def reporting_server(text: str) -> str:
    """The name of the system that reports, "" if it doesn't say."""
    found = _REPORTING.search(text)
    return found[1].lower() if found else ""


def _complete(group: dict[str, str]) -> bool:
    return ("action" in group or "status" in group) and any(name in group for name in _RECIPIENTS)


def _close(groups: list[dict[str, str]], current: dict[str, str]) -> dict[str, str]:
    if current:
        if groups and not any(name in current for name in _RECIPIENTS):
            for name, value in current.items():
                groups[-1].setdefault(name, value)
        else:
            groups.append(current)
    return {}


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Name in lower case and unfolded value of the fields that matter; ("", "") for a blank line."""
    name, pieces, blank = "", [], False
    for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
        if name and line[:1] in " \t" and line.strip():
            pieces.append(line)
            continue
        if name:
            yield name, headers.decode_words(" ".join(piece.strip() for piece in pieces).encode("utf-8", "replace"))
            name = ""
        if not line.strip():
            if not blank:
                yield "", ""
            blank = True
            continue
        found = _FIELD.match(line)
        if found and found[1].lower() in _OURS:
            name, pieces, blank = found[1].lower(), [found[2]], False
    if name:
        yield name, headers.decode_words(" ".join(piece.strip() for piece in pieces).encode("utf-8", "replace"))


def _status_fields(group: dict[str, str]) -> StatusFields:
    recipient = next((found for name in _RECIPIENTS if (found := address_in(group.get(name, "")))), "")
    diagnostic = " ".join(
        _DIAGNOSTIC_TYPE.sub("", group.get(name, ""))
        for name in ("diagnostic-code", "x-notes-item", "x-supplementary-info")
    )
    diagnostic = f"{diagnostic} {_CATEGORIES.get(group.get('x-powermta-bouncecategory', '').lower(), '')}"
    status = _STATUS.search(group.get("status", ""))
    return StatusFields(
        recipient=recipient,
        action=group.get("action", "").partition("(")[0].strip().lower(),
        status=".".join(status.groups()) if status else None,
        diagnostic=diagnostic.strip(),
        remote=group.get("remote-mta", "").rpartition(";")[2].strip().lower()[:253],
    )


def address_in(value: str) -> str:
    """The address of a recipient field, normalised, or "": with or without its type, in any of the encodings of
    RFC 3461 and RFC 6533. One that isn't ASCII (RFC 6531) is returned in lower case: nobody of ours has such."""
    kind, semicolon, rest = value.partition(";")
    text = (rest if semicolon else value).strip()
    if bracketed := _BRACKETED.search(text):
        text = bracketed[1]
    text = _UNITEXT.sub(lambda found: _character(found[1]), text.partition(" ")[0].strip("<>' \t"))
    if text.count('"') == 1 or text.endswith('"'):
        text = text.strip('"')
    if "@" not in text and kind.strip().lower() in ("rfc822", "utf-8"):
        text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)
    try:
        return normalise(text)
    except AddressError:
        local, at, domain = text.rpartition("@")
        if text.isascii() or not at or not local or not domain or not text.isprintable() or len(text) > 254:
            return ""
        return text.lower()


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def amazon(text: str) -> tuple[str, list[StatusFields]]:
    """Kind ("bounce", "complaint", "delivery", ..., "" for none) and recipients of a notification of Amazon SES.

    Read by patterns rather than as JSON, since it comes folded and with lines of text around it."""
    kind = _AMAZON_KIND.search(text)
    if not kind:
        return "", []
    text = text.replace("\r", "").replace("\n", "")
    found: list[StatusFields] = []
    for each in _AMAZON.finditer(text):
        for one in _JSON_OBJECT.finditer(each[1]):
            pairs = dict(_JSON_PAIR.findall(one[1]))
            status = _STATUS.search(pairs.get("status", ""))
            found.append(
                StatusFields(
                    recipient=address_in(pairs.get("emailAddress", "")),
                    action=pairs.get("action", "").lower(),
                    status=".".join(status.groups()) if status else None,
                    diagnostic=_DIAGNOSTIC_TYPE.sub("", pairs.get("diagnosticCode", "")),
                )
            )
        if not found:
            found.extend(StatusFields(address_in(plain), "", None, "") for plain in _JSON_TEXT.findall(each[1]))
        if found:
            break
    return kind[1].lower(), found[:MOST_RECIPIENTS]
