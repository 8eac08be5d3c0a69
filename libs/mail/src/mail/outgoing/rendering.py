"""Rendering: the octets of every copy of a message, with all that the copies share made only once.

    Rendering    a message: text and shared header lines, encoded and, for signing, hashed
      .form()    a Form: where in the header a copy's own address and tokens stand, and who signs it
        .copy()  one recipient's copy, put together from ready pieces

An EmailMessage per recipient costs a thousand times more. A text or subject with placeholders (``{{name}}``) is
filled in and encoded per copy; placeholders without a field stay as they are, since a teacher may have typed them.
How lines are encoded is in mail.outgoing.writing, how they are signed in mail.outgoing.dkim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import cached_property
from operator import itemgetter

from mail.addresses import wire_form
from mail.outgoing import dkim, writing
from mail.outgoing.dkim_keys import DkimKey
from mail.outgoing.writing import RenderingError, exact
from mail.placeholders import PLACEHOLDER, fill

__all__ = ["SLOT", "CopyTemplate", "Rendering", "RenderingError"]

SLOT = "\x00"
"""Where a copy's own token stands in what `Rendering.form` takes."""
_VALUES = ("to", "reply", "ident", "leave")
_NO_FIELDS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Rendering:
    """What all copies of a message share.

    `text` has LF line ends; `date` is aware; `from_address` is a normalised one; `list_id` is the bare identifier
    (RFC 2919), `list_name` what people call the list; `auto_submitted` is the RFC 3834 value where one is due.
    `feedback_id` is by what a carrier's statistics of complaints are counted (Gmail's Postmaster Tools); nobody's own.
    """

    subject: str = field(repr=False)
    text: str = field(repr=False)
    from_name: str = field(repr=False)
    from_address: str
    date: datetime
    list_id: str | None = None
    auto_submitted: str | None = None
    list_name: str | None = None
    feedback_id: str | None = None
    _shared: bytes = field(init=False, repr=False, compare=False)
    _top: _Lines | None = field(init=False, repr=False, compare=False)
    _remainder: _Remainder | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lines = [
            writing.mailbox("From", self.from_name, self.from_address),
            b"Date: " + format_datetime(self.date).encode("ascii"),
        ]
        if self.list_id:
            lines.append(writing.mailbox("List-Id", self.list_name or "", self.list_id.strip("<>")))
        if self.auto_submitted:
            lines.append(b"Auto-Submitted: " + exact("Auto-Submitted", self.auto_submitted).encode("ascii"))
        if self.feedback_id:
            lines.append(b"Feedback-ID: " + exact("Feedback-ID", self.feedback_id).encode("ascii"))
        lines += (b"X-Renrakumo: 1", b"MIME-Version: 1.0", b"")  # the first is the mark by which we know our own loops
        object.__setattr__(self, "_shared", b"\r\n".join(lines))
        varies = PLACEHOLDER.search
        object.__setattr__(self, "_top", None if varies(self.subject) else self._with(self.subject))
        shared = self._top is not None and not varies(self.text)
        object.__setattr__(self, "_remainder", self._filled(_NO_FIELDS) if shared else None)

    def form(
        self,
        message_id: str,
        reply_to: str | None = None,
        list_unsubscribe_mail: str | None = None,
        list_unsubscribe_url: str | None = None,
        keys: Sequence[DkimKey] = (),
    ) -> CopyTemplate:
        """How the copies look that have these lines, each with or without a SLOT in it; `keys` sign them.

        `message_id` has no angle brackets; `list_unsubscribe_mail` is an address, `list_unsubscribe_url` an https URL
        (both RFC 2369; the URL gets RFC 8058 one-click). Raises RenderingError.
        """
        own = _OwnLines()
        own.add("To", f"<{own.slot('To', SLOT, 'to')}>")
        if reply_to:
            own.add("Reply-To", f"<{own.slot('Reply-To', reply_to, 'reply')}>")
        own.add("Message-ID", f"<{own.slot('Message-ID', message_id, 'ident')}>")
        ways = []
        if list_unsubscribe_mail:
            ways.append(f"<mailto:{own.slot('List-Unsubscribe', list_unsubscribe_mail, 'leave')}>")
        if list_unsubscribe_url:
            ways.append(f"<{own.slot('List-Unsubscribe', list_unsubscribe_url, 'leave')}>")
        if ways:
            own.add("List-Unsubscribe", ",\r\n ".join(ways))
        if list_unsubscribe_url:
            own.add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        return CopyTemplate(self, own, keys)

    def remainder(self, fields: Mapping[str, str]) -> _Remainder:
        """Everything below the copy's own lines."""
        return self._remainder or self._filled(fields)

    def _filled(self, fields: Mapping[str, str]) -> _Remainder:
        top = self._top or self._with(fill(self.subject, fields))
        return _Remainder(top, *writing.content(fill(self.text, fields)))

    def _with(self, subject: str) -> _Lines:
        return _Lines(b"%b\r\n%b" % (writing.unstructured("Subject", subject), self._shared))


class CopyTemplate:
    """Makes the copies of a message that have the same lines. May be used by several threads at once."""

    def __init__(self, rendering: Rendering, own: _OwnLines, keys: Sequence[DkimKey]) -> None:
        self._rendering = rendering
        self._pattern = own.pattern
        self._pick = itemgetter(*own.order)
        self._signer: dkim.Signer | None = None
        if keys:
            # A value holds no blank, so it makes no difference whether it comes in before or after.
            self._canonical = dkim.relaxed(own.pattern.encode("ascii")).decode("ascii")
            self._signer = dkim.Signer(
                keys,
                dkim.field_names(own.pattern.encode("ascii") + rendering.remainder(_NO_FIELDS).lines),
                identity=rendering.from_address.rpartition("@")[2],
                signed_at=rendering.date,
            )

    @property
    def costly(self) -> bool:
        """Does a copy take so long that an event loop should not wait for it?"""
        return self._signer is not None and self._signer.costly

    def copy(
        self, to_address: str, reply: str = "", ident: str = "", leave: str = "", fields: Mapping[str, str] = _NO_FIELDS
    ) -> bytes:
        """One recipient's copy, whole, with CRLF line ends and not dot-stuffed.

        `to_address` is a normalised one; `reply`, `ident` and `leave` take the slots of Reply-To, Message-ID and
        List-Unsubscribe: they are tokens, and not looked at. Raises RenderingError.
        """
        own = self._pick((exact("To", wire_form(to_address)), reply, ident, leave))
        remainder = self._rendering.remainder(fields)
        copy: bytes = (self._pattern % own).encode("ascii") + remainder.octets
        if self._signer is None:
            return copy
        canonical: bytes = (self._canonical % own).encode("ascii") + remainder.canonical
        return self._signer.sign(canonical, remainder.body_hash) + copy


class _OwnLines:
    """A copy's own header lines while they are collected: a pattern, and which of _VALUES come into it one by one."""

    def __init__(self) -> None:
        self.pattern = ""
        self.order: list[int] = []

    def slot(self, header: str, value: str, name: str) -> str:
        """A piece of the pattern, with this copy's value in place of SLOT. Raises RenderingError for what cannot stand
        around it."""
        before, found, after = value.partition(SLOT)
        exact(header, f"{before}x{after}")
        if found:
            self.order.append(_VALUES.index(name))
        return "%s".join(part.replace("%", "%%") for part in (before, *([after] if found else [])))

    def add(self, header: str, piece: str) -> None:
        self.pattern += f"{header}: {piece}\r\n"


class _Lines:
    """Header lines, each with its line end; made canonical when first asked for."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    @cached_property
    def canonical(self) -> bytes:
        return dkim.relaxed(self.octets)


class _Remainder:
    """All that stands below a copy's own lines: the lines that copies share, those of the content, and the text."""

    def __init__(self, top: _Lines, content_lines: bytes, body: bytes) -> None:
        self._top = top
        self._content_lines = content_lines
        self._body = body
        self.octets = b"%b%b\r\n%b" % (top.octets, content_lines, body)

    @property
    def lines(self) -> bytes:
        return self._top.octets + self._content_lines

    @cached_property
    def canonical(self) -> bytes:
        return self._top.canonical + dkim.relaxed(self._content_lines)

    @cached_property
    def body_hash(self) -> bytes:
        return dkim.body_hash(self._body)
