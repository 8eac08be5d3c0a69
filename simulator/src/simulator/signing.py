"""Signs mails for tests: DKIM as we sign ourselves (mail.outgoing.dkim), or with tags as the test wants them, and seals them with
ARC (RFC 8617).

    key = new_key("docomo.ne.jp", "s1")
    raw = signed(raw, key)                 # a DKIM-Signature line above it
    raw = sealed(raw, key, results="dmarc=pass")
    zone = key_zone(key)                   # for simulator.dns_server
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from mail.outgoing.dkim import Signer, body_hash, field_names, relaxed
from mail.outgoing.dkim_keys import DkimKey

WHEN = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)


def new_key(domain: str, selector: str = "s1", *, ed25519: bool = False, bits: int = 2048) -> DkimKey:
    """A key pair that a domain might sign with."""
    return DkimKey(domain, selector, Ed25519PrivateKey.generate() if ed25519 else generate_private_key(65537, bits))


def key_records(*keys: DkimKey) -> dict[str, str]:
    """What has to stand in DNS: name -> TXT."""
    return {key.record_name(): key.record() for key in keys}


def key_zone(*keys: DkimKey) -> dict[str, dict[str, Sequence[str]]]:
    """What has to stand in DNS for these keys, as a zone of simulator.dns_server; long texts are cut into strings."""
    return {name: {"TXT": [txt(record)]} for name, record in key_records(*keys).items()}


def txt(text: str) -> str:
    """A TXT record's value as in a zone file."""
    return " ".join(f'"{text[at : at + 250]}"' for at in range(0, len(text), 250))


def signed(raw: bytes, key: DkimKey) -> bytes:
    """The mail with a DKIM-Signature above it, made as our dispatcher makes them."""
    header, body = _parts(raw)
    signer = Signer((key,), field_names(header), identity=key.domain, signed_at=WHEN)
    return signer.sign(relaxed(header), body_hash(body)) + raw


def signed_with(raw: bytes, key: DkimKey, tags: Mapping[str, str], *, relax: bool = True) -> bytes:
    """The mail with a signature that has these tags beside or in place of the usual ones (relaxed headers; the body
    simple when not `relax`)."""
    header, body = _parts(raw)
    digest = body_hash(body).decode() if relax else base64.b64encode(hashlib.sha256(body).digest()).decode()
    usual = {"v": "1", "a": f"{key.algorithm}-sha256", "c": "relaxed/relaxed" if relax else "relaxed/simple"}
    usual |= {"d": key.domain, "s": key.selector, "h": "from:subject", "bh": digest}
    return _line("DKIM-Signature", usual | dict(tags), header, key) + raw


def sealed(raw: bytes, key: DkimKey, *, results: str, number: int = 1, cv: str | None = None) -> bytes:
    """The mail with one ARC set more, the `number`th: what the sealer found, a signature, a seal over all sets."""
    header, body = _parts(raw)
    common = {"i": str(number), "a": f"{key.algorithm}-sha256"}
    who = {"d": key.domain, "s": key.selector}
    found = f"ARC-Authentication-Results: i={number}; {key.domain}; {results}\r\n".encode()
    tags = common | {"c": "relaxed/relaxed"} | who | {"h": "from:subject", "bh": body_hash(body).decode()}
    signature = _line("ARC-Message-Signature", tags, header, key)
    before = _sets(header)
    lines = b"".join(b"".join(before[name, one] for name in _ARC) for one in range(1, number))
    status = cv or ("none" if number == 1 else "pass")
    start = b"ARC-Seal: " + _written(common | {"cv": status} | who) + b"; b="
    seal = _sign(relaxed(lines + found + signature) + relaxed(start + b"\r\n").removesuffix(b"\r\n"), key)
    return start + seal + b"\r\n" + signature + found + raw


_ARC = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
_SET = re.compile(rb"(?im)^(arc-[a-z-]+):(?:[^\r\n]|\r\n[ \t])*?\bi=(\d+)(?:[^\r\n]|\r\n[ \t])*\r\n")


def _sets(header: bytes) -> dict[tuple[bytes, int], bytes]:
    return {(found[1].lower(), int(found[2])): found[0] for found in _SET.finditer(header)}


def _line(name: str, tags: Mapping[str, str], header: bytes, key: DkimKey) -> bytes:
    start = f"{name}: ".encode() + _written(tags) + b"; b="
    fields = {line.partition(b":")[0]: line + b"\r\n" for line in relaxed(header).split(b"\r\n") if line}
    covered = b"".join(fields.get(each.encode(), b"") for each in tags["h"].lower().split(":"))
    data = covered + relaxed(start + b"\r\n").removesuffix(b"\r\n")
    return start + _sign(data, key) + b"\r\n"


def _written(tags: Mapping[str, str]) -> bytes:
    return "; ".join(f"{name}={value}" for name, value in tags.items()).encode()


def _sign(data: bytes, key: DkimKey) -> bytes:
    if isinstance(key.private, RSAPrivateKey):
        return base64.b64encode(key.private.sign(data, PKCS1v15(), SHA256()))
    return base64.b64encode(key.private.sign(hashlib.sha256(data).digest()))


def _parts(raw: bytes) -> tuple[bytes, bytes]:
    header, _, body = raw.partition(b"\r\n\r\n")
    return header + b"\r\n", body
