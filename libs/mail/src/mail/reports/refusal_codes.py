"""The codes in a refusal: enhanced status codes (RFC 3463) and reply codes (RFC 5321); and its words on one line.

A refusal comes as text: the words of a server, often with the prose of the reporting system around them. What is said
there of codes is found here; what it means for the address is for `mail.reports.classification`.
"""

from __future__ import annotations

import re

from mail.reports import refusal_phrases

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_REPLY_CODE = re.compile(r"(?<![\w.\[(#@-])([245][0-5]\d)(?=[ \-:,;]|$)")
_BLANKS = re.compile(r"\s+")
_ADDRESS = re.compile(r"[^\s<>\[\]()\"',;:@]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,9}")
_URL = re.compile(r"\bhttps?:? ?//\S{0,300}", re.IGNORECASE)
_HINT = re.compile(r"[?&]p=(\w{3,30})")


def status_in(text: str) -> str | None:
    """The first enhanced status code (RFC 3463) in a text."""
    found = _ENHANCED.search(text)
    return found[1] if found else None


def true_status(reported: str | None, text: str) -> str | None:
    """The status that counts: a gateway often writes 5.0.0 above (or 5.0.350), and the true one into the words."""
    if reported and not reported[1:].startswith(".0."):
        return reported
    found = _ENHANCED.findall(text)
    return next((each for each in found if not each[1:].startswith(".0.")), found[0] if found else reported)


def anonymised(text: str, recipient: str = "") -> str:
    """A server's words on one line: the recipient's address is called so, others are nobody's, and of URLs is left the
    reason that Google writes into them."""
    text = on_one_line(text)
    if "@" in text:
        text = _ADDRESS.sub(lambda found: "recipient" if found[0].lower() == recipient else "somebody", text)
    if "//" not in text:
        return text
    return _URL.sub(lambda url: " ".join(["", *_HINT.findall(url[0])]), text)


def split_at_code(said: str) -> tuple[str, str]:
    """The reply code of a refusal, and the words from there on: what stands before is the reporting system's prose.

    Without a code ("") all of the words are the server's."""
    found = next((each for each in _REPLY_CODE.finditer(said) if each[1][0] in "45"), None)
    return (found[1], said[found.start() :]) if found else ("", said)


def on_one_line(text: str) -> str:
    """As much of a refusal as is ever looked at, with single blanks."""
    return _BLANKS.sub(" ", text[: refusal_phrases.MOST])
