"""Reading: the octets of a mail to a `ParsedMail`, whatever they are. Total: never raises, never hangs.

raw -> parts.parse (bounded MIME tree) -> what a person wrote (mail.mime.body) -> charset and transfer encoding off ->
text with LF line ends. The header From is only what the mail says about itself; who wrote is told by envelope and
token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mail.addresses import AddressError, normalise
from mail.mime import body, headers, parts
from mail.mime.parts import DEFAULT_LIMITS, Limits, Part

__all__ = ["DEFAULT_LIMITS", "Limits", "ParsedMail", "read", "sender_of"]

_MESSAGE_ID = re.compile(r"<([^<>]{1,998})>")
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"(?!@)', re.DOTALL)
_COMMENT = re.compile(r"\([^()]*+\)")
_ANGLE = re.compile(r"<([^<>]*+)>")
_SPACE = re.compile(r"\s+")
_MAX_REFERENCES = 100
_MAX_SUBJECT = 10_000


@dataclass(frozen=True, slots=True)
class ParsedMail:
    """A mail as far as we care about it.

    `text` has LF line ends. `html_only` says that the text was made from HTML. `charset` is the one really used.
    `sender` is the normalised address of the header From, or "". `message_id` and `references` keep their angle
    brackets; references stand nearest first (In-Reply-To, then References backwards). `headers` has lower-case names
    and decoded one-line values. `content_type` is that of the whole mail, `raw_size` its octets. `tree` are its parts,
    for who else reads the same mail.
    """

    subject: str = field(repr=False)
    text: str = field(repr=False)
    html_only: bool
    charset: str
    sender: str = field(repr=False)
    message_id: str
    references: tuple[str, ...]
    headers: Mapping[str, tuple[str, ...]] = field(repr=False)
    content_type: str
    raw_size: int
    tree: Part | None = field(default=None, repr=False, compare=False)

    def header(self, name: str) -> str:
        """The first header of a (lower-case) name, or ""."""
        values = self.headers.get(name)
        return values[0] if values else ""


def read(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> ParsedMail:
    """Return the mail taken apart and decoded. Never raises: what can't be read comes out empty."""
    top = parts.parse(raw, limits)
    decoded: dict[str, list[str]] = {}
    for name, value in top.fields:
        decoded.setdefault(name, []).append(headers.decode_words(value))
    written = body.written(top, limits)
    own = _ids(decoded.get("message-id", ()))
    return ParsedMail(
        subject=_SPACE.sub(" ", next(iter(decoded.get("subject", ())), "")).strip()[:_MAX_SUBJECT],
        text=written.text,
        html_only=written.from_html,
        charset=written.charset,
        sender=sender_of(top.raw("from")),
        message_id=own[0] if own else "",
        references=_references(decoded),
        headers={name: tuple(values) for name, values in decoded.items()},
        content_type=top.content_type,
        raw_size=len(raw),
        tree=top,
    )


def _references(decoded: Mapping[str, list[str]]) -> tuple[str, ...]:
    nearest = _ids(decoded.get("in-reply-to", ()))
    nearest += reversed(_ids(decoded.get("references", ())))
    return tuple(dict.fromkeys(nearest))[:_MAX_REFERENCES]


def _ids(values: list[str] | tuple[str, ...]) -> list[str]:
    """Message ids with their angle brackets; one that was folded in its middle comes out whole."""
    found: list[str] = []
    for value in values:
        ids = ["".join(each.split()) for each in _MESSAGE_ID.findall(value)]
        ids = [each for each in ids if each] or [word for word in value.split() if "@" in word and len(word) < 999]
        found.extend(f"<{message_id.strip('<>')}>" for message_id in ids)
    return found


def sender_of(value: bytes) -> str:
    """Return the normalised address of a From header, or "" when there is none that we could write to.

    The address is read from the undecoded value, so nothing hidden in an encoded word can become one.
    """
    text = _SPACE.sub(" ", value[:4000].decode("latin-1")).strip()
    bare = _QUOTED_STRING.sub("", text)
    angles = _ANGLE.findall(bare)
    candidates = angles[:5] if angles else [part.strip() for part in _COMMENT.sub("", bare).split(",")][:5]
    for candidate in candidates:
        try:
            return normalise(candidate.strip())
        except AddressError:
            continue
    return ""
