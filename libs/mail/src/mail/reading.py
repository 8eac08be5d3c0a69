"""Reading: the octets of a mail to a `Letter`, whatever they are. Total: never raises, never hangs.

raw -> parts.parse (bounded MIME tree) -> the part that a person wrote -> charset and transfer encoding off -> text
with LF line ends. The header From is only what the mail says about itself; who wrote is told by envelope and token.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mail import headers, parts, plaintext
from mail.addresses import AddressError, normalise
from mail.parts import Limits, Part

DEFAULT_LIMITS = Limits()

_MESSAGE_ID = re.compile(r"<([^<>\s]{1,998})>")
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(?!@)')
_COMMENT = re.compile(r"\([^()]*\)")
_ANGLE = re.compile(r"<([^<>]*)>")
_SPACE = re.compile(r"\s+")
_MAX_REFERENCES = 100


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as far as we care about it.

    `text` has LF line ends. `html_only` says that the text was made from HTML. `charset` is the one really used.
    `sender` is the normalised address of the header From, or "". `message_id` and `references` keep their angle
    brackets; references stand nearest first (In-Reply-To, then References backwards). `headers` has lower-case names
    and decoded one-line values. `content_type` is that of the whole mail, `raw_size` its octets.
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

    def header(self, name: str) -> str:
        """The first header of a (lower-case) name, or ""."""
        values = self.headers.get(name)
        return values[0] if values else ""


def read(raw: bytes, limits: Limits = DEFAULT_LIMITS) -> Letter:
    """Return the letter that a mail is. Never raises: what can't be read comes out empty."""
    top = parts.parse(raw, limits)
    decoded: dict[str, list[str]] = {}
    for name, value in top.fields:
        decoded.setdefault(name, []).append(headers.decode_words(value))
    text, charset, html_only = _body(top, limits)
    own = _ids(decoded.get("message-id", ()))
    return Letter(
        subject=_SPACE.sub(" ", next(iter(decoded.get("subject", ())), "")).strip(),
        text=text,
        html_only=html_only,
        charset=charset,
        sender=sender_of(top.raw("from")),
        message_id=own[0] if own else "",
        references=_references(decoded),
        headers={name: tuple(values) for name, values in decoded.items()},
        content_type=top.content_type,
        raw_size=len(raw),
    )


def _references(decoded: Mapping[str, list[str]]) -> tuple[str, ...]:
    nearest = _ids(decoded.get("in-reply-to", ()))
    nearest += reversed(_ids(decoded.get("references", ())))
    return tuple(dict.fromkeys(nearest))[:_MAX_REFERENCES]


def _ids(values: list[str] | tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for value in values:
        ids = _MESSAGE_ID.findall(value) or [word for word in value.split() if "@" in word and len(word) < 999]
        found.extend(f"<{message_id.strip('<>')}>" for message_id in ids)
    return found


def sender_of(value: bytes) -> str:
    """Return the normalised address of a From header, or "" when there is none that we could write to.

    The address is read from the undecoded value, so nothing hidden in an encoded word can become one.
    """
    text = _SPACE.sub(" ", value[:4000].decode("latin-1")).strip()
    bare = _QUOTED_STRING.sub("", text)
    angles = _ANGLE.findall(bare)
    candidates = angles[:1] if angles else [part.strip() for part in _COMMENT.sub("", bare).split(",")][:5]
    for candidate in candidates:
        try:
            return normalise(candidate.strip())
        except AddressError:
            continue
    return ""


def _body(top: Part, limits: Limits) -> tuple[str, str, bool]:
    """The text that a person wrote, its charset, and whether it was made from HTML."""
    texts: list[tuple[str, str, bool]] = [
        found for part in _chosen(top, limits) if (found := _readable(part, limits))[0].strip()
    ]
    if not texts:
        return "", "us-ascii", False
    text = "\n".join(text.rstrip("\n") for text, _, _ in texts) + "\n"
    return text[: limits.text_octets], texts[0][1], all(from_html for _, _, from_html in texts)


def _chosen(part: Part, limits: Limits) -> Iterator[Part]:
    """The parts that together are the letter, in reading order."""
    if part.content_type == "multipart/alternative":
        options = [list(_chosen(child, limits)) for child in part.children]
        written = [option for option in options if any(_readable(each, limits)[0].strip() for each in option)]
        plain = [option for option in written if any(each.content_type == "text/plain" for each in option)]
        yield from next(iter(plain or written), [])
    elif part.content_type in ("multipart/report", "multipart/related"):
        yield from (found for child in part.children[:1] for found in _chosen(child, limits))
    elif part.content_type.startswith("multipart/") and part.children:
        for child in part.children:
            yield from _chosen(child, limits)
    elif part.content_type.startswith(("text/", "multipart/")) and not part.is_attachment:
        # A multipart without a boundary line in it is read as the text that it really is.
        yield part


def _readable(part: Part, limits: Limits) -> tuple[str, str, bool]:
    text, charset = part.text(limits.text_octets)
    if part.content_type == "text/html":
        return plaintext.from_html(text), charset, True
    if part.parameters.get("format", "").lower() == "flowed":
        text = plaintext.unflow(text, part.parameters.get("delsp", "").lower() == "yes")
    return text, charset, False
