"""Signing mail with DKIM (RFC 6376, RFC 8463): header lines in, DKIM-Signature lines out. No I/O; keys come in.

    header lines --relaxed--> canonical ---+
                                           +--> hash --> signature, one for each key
    body --body_hash (once per text) ------+

Every header line that we write is signed, in the order it stands in. Beyond that, names in `SEALED` are listed once
more than they occur, so that a line of that name put on later breaks the signature (RFC 6376 8.15). relaxed/relaxed,
because relays tidy blanks. No l= (text could be added), no x= (a late or forwarded mail is still ours). t= is the
mail's own date and both algorithms are deterministic: the same mail always gets the same signature.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from mail.outgoing.dkim_keys import DkimKey

SEALED = (
    "from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id", "list-unsubscribe",
    "list-unsubscribe-post", "mime-version", "content-type", "content-transfer-encoding",
)  # fmt: skip
"""Lines that nobody may add."""

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_NAME = re.compile(rb"(?:\A|\r\n)([!-9;-~]+)[ \t]*:")
_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+(?=\r\n)")
_LINE = 76
_PADDING, _HASH = PKCS1v15(), SHA256()


def relaxed(header_lines: bytes) -> bytes:
    """Header lines, each with its line end, in relaxed canonical form (RFC 6376 3.4.2)."""
    lines = _FOLD.sub(b"", header_lines).split(b"\r\n")[:-1]
    fields = [line.partition(b":") for line in lines]
    return b"".join(
        [b"%b:%b\r\n" % (name.strip().lower(), _BLANKS.sub(b" ", value).strip(b" ")) for name, _, value in fields]
    )


def field_names(header_lines: bytes) -> tuple[str, ...]:
    """Names of header lines in their order, in lower case."""
    return tuple(name.decode("ascii").lower() for name in _NAME.findall(header_lines))


def body_hash(body: bytes) -> bytes:
    """The bh= value of a body with CRLF line ends: base64 of SHA-256 over its relaxed form (RFC 6376 3.4.4)."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    if b"\t" in body or b"  " in body or b" \r\n" in body:
        body = _BLANKS.sub(b" ", _BLANKS_AT_END.sub(b"", body))
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n":
        body = b""
    return base64.b64encode(hashlib.sha256(body).digest())


class Signer:
    """Signs mails that have the same header names in the same order. May be used by several threads at once."""

    def __init__(self, keys: Sequence[DkimKey], names: Sequence[str], *, identity: str, signed_at: datetime) -> None:
        """`names`: of all header lines, in their order (`field_names`); `identity`: the mail domain of From, which
        is each key's domain or lies below it; `signed_at` is aware."""
        if len(set(names)) < len(names):
            raise ValueError("a header name that stands twice would have to be signed from the bottom up")
        listed = [name.encode("ascii") for name in (*names, *SEALED)]
        self._seals = [_Seal(key, _tags(key, listed, identity, signed_at)) for key in keys]

    def sign(self, canonical: bytes, body_hash: bytes) -> bytes:
        """The DKIM-Signature lines, which go above all others. `canonical`: all header lines as `relaxed` makes them;
        `body_hash` as the function of that name."""
        return b"".join([seal.line(canonical, body_hash) for seal in self._seals])

    @property
    def costly(self) -> bool:
        """Does it take so long (RSA: a fifth of a millisecond and more) that an event loop should not wait for it?"""
        return any(isinstance(seal.private, RSAPrivateKey) for seal in self._seals)


class _Seal:
    """One key, and the part of its DKIM-Signature that is the same on all mails, on the wire and canonical."""

    def __init__(self, key: DkimKey, tags: bytes) -> None:
        self.private = key.private
        self._start = tags
        self._canonical = relaxed(tags + b"\r\n").removesuffix(b"\r\n")

    def line(self, canonical: bytes, body_hash: bytes) -> bytes:
        data = b"%b%b%b; b=" % (canonical, self._canonical, body_hash)
        if isinstance(self.private, Ed25519PrivateKey):
            signature = self.private.sign(hashlib.sha256(data).digest())
        else:
            signature = self.private.sign(data, _PADDING, _HASH)
        text = base64.b64encode(signature)
        folded = b"\r\n ".join([text[at : at + _LINE - 3] for at in range(0, len(text), _LINE - 3)])
        return b"%b%b;\r\n b=%b\r\n" % (self._start, body_hash, folded)


def _tags(key: DkimKey, listed: Sequence[bytes], identity: str, signed_at: datetime) -> bytes:
    """Everything from the header's name to `bh=`."""
    domain = key.domain.encode("ascii")
    tags = [b"v=1; a=%b-sha256; c=relaxed/relaxed;" % key.algorithm.encode("ascii"), b"d=%b;" % domain]
    if identity != key.domain:
        tags.append(b"i=@%b;" % identity.encode("ascii"))
    tags += (b"s=%b; t=%d;" % (key.selector.encode("ascii"), int(signed_at.timestamp())), _folded_names(listed), b"bh=")
    return b"DKIM-Signature: " + b"\r\n ".join(tags)


def _folded_names(names: Sequence[bytes]) -> bytes:
    lines = [b"h="]
    for name in names:
        if len(lines[-1]) + len(name) + 2 > _LINE:
            lines.append(b"")
        lines[-1] += name + b":"
    return b"\r\n ".join(lines).removesuffix(b":") + b";"
