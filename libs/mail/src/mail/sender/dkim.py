"""DKIM (RFC 6376, 8301, 8463) and ARC (RFC 8617): which signatures of a received mail hold? dkimpy checks.

    signature  vetted here (size, algorithm, From covered, key of a bearable size) -> dkimpy -> result
    chain      the same for every seal and signature of the chain, then dkimpy over the whole

What a verifier must not count is said here, since dkimpy leaves it to its caller: SHA-1, keys in trial, revoked or too
small, a signature over a part of the body. Total: hostile mail and keys give a result, in bounded time.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import dkim  # type: ignore[import-untyped]  # dkimpy is not annotated

from mail.sender.dns_answers import DnsAnswers, DnsQuestion, NoDnsAnswer, QuestionOpen
from mail.sender.signed_mail import SignedMail, is_sound

SignatureResult = Literal["pass", "fail", "neutral", "none", "policy", "temperror", "permerror"]
ChainResult = Literal["pass", "fail", "none", "policy", "temperror"]

MOST_SIGNATURES = 5
MOST_SEALS = 10
LARGE_BODY = 200_000
"""Octets; of a larger one fewer signatures are looked at, as each goes through it once."""
MOST_OF_LARGE = 2
MOST_NAMES = 200
SMALLEST_KEY, LARGEST_KEY, LARGEST_EXPONENT = 1024, 4096, 33
LONGEST_RECORD = 4_000

_ALGORITHMS = (b"rsa-sha256", b"ed25519-sha256")
_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_ARC = (b"arc-seal", b"arc-message-signature", b"arc-authentication-results")
_INSTANCE = re.compile(rb"(?:\A|[;\s])i\s*=\s*(\d{1,3})\b")
_COMMENT = re.compile(rb"\([^()]*\)")
_DMARC_PASS = re.compile(rb";\s*dmarc\s*=\s*pass\b", re.IGNORECASE)
# dkimpy logs what stands in signatures, which may name a person's domain.
_MUTE = logging.Logger("mute", logging.CRITICAL + 1)

Tags = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM-Signature: who signed, and whether that holds."""

    domain: str
    result: SignatureResult


@dataclass(frozen=True, slots=True)
class Chain:
    """`vouchers`: for each set, the latest first, who sealed it, and whether he had found the mail's DMARC right."""

    result: ChainResult
    vouchers: Sequence[tuple[str, bool]] = ()


def signatures(mail: SignedMail) -> list[bytes]:
    """Those that are looked at, from the top."""
    most = MOST_OF_LARGE if len(mail.body) > LARGE_BODY else MOST_SIGNATURES
    return mail.named(b"dkim-signature")[:most]


def questions(mail: SignedMail) -> list[DnsQuestion]:
    """The keys that will be needed."""
    found: list[DnsQuestion] = []
    for value in signatures(mail) + [each for name in _ARC[:2] for each in mail.named(name)[:MOST_SEALS]]:
        tags = _tags(value)
        if tags is not None and (name := _key_name(tags)):
            found.append(DnsQuestion("TXT", name))
    return found


def check(mail: SignedMail, index: int, dns: DnsAnswers) -> Signature:
    """One of `signatures`. Raises Unanswered."""
    value = signatures(mail)[index]
    tags = _tags(value)
    if tags is None:
        return Signature("", "permerror")
    domain = _text(tags.get(b"d", b""))
    name = _key_name(tags)
    if mail.broken or not name or not _is_complete(tags):
        return Signature(domain, "permerror")
    try:
        texts = dns.lookup("TXT", name)
    except NoDnsAnswer:
        return Signature(domain, "temperror")
    key = next((text for text in texts if "p=" in text), "")
    objection = _objection(key, tags.get(b"a", b""), tags.get(b"i", b"").lower(), domain)
    if objection is not None:
        return Signature(domain, objection)
    return Signature(domain, _verified(mail, index, tags, key))


def _verified(mail: SignedMail, index: int, tags: Tags, key: str) -> SignatureResult:
    verifier = dkim.DKIM(logger=_MUTE, minkey=SMALLEST_KEY)
    verifier.headers = [list(field) for field in mail.fields]
    verifier.body = mail.relaxed_body if _relaxes_body(tags) else mail.body
    try:
        holds = verifier.verify(index, dnsfunc=lambda name, timeout: key.encode())
    except dkim.ValidationError:
        return "fail"
    except Exception:
        # Not only dkimpy's own errors come out of it on strange mail.
        return "permerror"
    if not holds:
        return "fail"
    return "policy" if b"l" in tags and not _covers(verifier.body, tags) else "pass"


def chain(mail: SignedMail, dns: DnsAnswers) -> Chain:
    """The mail's ARC chain. Raises Unanswered."""
    found = [(name.lower(), value) for name, value in mail.fields if name.lower() in _ARC]
    if not found:
        return Chain("none")
    most = MOST_OF_LARGE if len(mail.body) > LARGE_BODY else MOST_SEALS
    if len(found) > 3 * most:
        return Chain("policy")
    if mail.broken or not all(is_sound(value) for _, value in found):
        return Chain("fail")
    try:
        result, sets, _ = _arc(mail, dns)
    except NoDnsAnswer:
        return Chain("temperror")
    except QuestionOpen:
        raise
    except Exception:
        return Chain("fail")
    if result != dkim.CV_Pass:
        return Chain("fail")
    return Chain("pass", [(_sealer(each), _found_right(each["aar-value"])) for each in sets])


def _arc(mail: SignedMail, dns: DnsAnswers) -> Any:
    def key_of(name: bytes, timeout: int) -> bytes | None:
        texts = dns.lookup("TXT", _text(name).removesuffix("."))
        key = next((text for text in texts if "p=" in text), "")
        return None if _objection(key, b"rsa-sha256", b"", "") is not None else key.encode()

    verifier = dkim.ARC(logger=_MUTE, minkey=SMALLEST_KEY)
    verifier.headers = [list(field) for field in mail.fields]
    signed = [_tags(value) for value in mail.named(b"arc-message-signature")]
    relaxing = {tags is not None and (_relaxes_body(tags) or b"c" not in tags) for tags in signed}
    if len(relaxing) != 1 or any(tags is None or b"l" in tags or not _is_complete(tags) for tags in signed):
        raise ValueError
    verifier.body = mail.relaxed_body if True in relaxing else mail.body
    return verifier.verify(dnsfunc=key_of)


def _sealer(one: Mapping[str, Any]) -> str:
    """Who sealed and signed one set; "" when these are two."""
    sealer, signer = _text(one["as-domain"]), _text(one["ams-domain"])
    return sealer if sealer == signer else ""


def _found_right(results: bytes) -> bool:
    return _DMARC_PASS.search(_COMMENT.sub(b"", results)) is not None


def _tags(value: bytes) -> Tags | None:
    """The tags of a signature that may be looked at."""
    if not is_sound(value):
        return None
    try:
        tags: dict[bytes, bytes] = dkim.util.parse_tag_value(value)
    except dkim.InvalidTagValueList:
        return None
    return tags


def _is_complete(tags: Tags) -> bool:
    names = [name.strip().lower() for name in tags.get(b"h", b"").split(b":")]
    return tags.get(b"a") in _ALGORITHMS and b"from" in names and len(names) <= MOST_NAMES


def _key_name(tags: Tags) -> str:
    """Where the key is published; "" when that is no name."""
    name = f"{_text(tags.get(b's', b''))}._domainkey.{_text(tags.get(b'd', b''))}"
    return name if _DOMAIN.fullmatch(name) else ""


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip().lower()


def _relaxes_body(tags: Tags) -> bool:
    return tags.get(b"c", b"").strip().endswith(b"/relaxed")


def _covers(body: bytes, tags: Tags) -> bool:
    policy = dkim.CanonicalizationPolicy.from_c_value(tags.get(b"c", b"simple/simple"))
    return int(tags[b"l"]) >= len(policy.canonicalize_body(body))


def _objection(record: str, algorithm: bytes, identity: bytes, domain: str) -> SignatureResult | None:
    """Why a key cannot be used; None when it can."""
    found = _key(record)
    if isinstance(found, str):
        return found
    kind, flags = found
    if kind != algorithm.partition(b"-")[0].decode("ascii", "replace"):
        return "permerror"
    if "y" in flags:
        return "neutral"  # the signer is trying it out: as good as unsigned (RFC 6376 3.6.1)
    if "s" in flags and identity and _text(identity).rpartition("@")[2] != domain:
        return "permerror"
    return None


@lru_cache(maxsize=2_000)
def _key(record: str) -> tuple[str, frozenset[str]] | SignatureResult:
    """The kind of key in a DNS record and its flags, or why it is none."""
    if len(record) > LONGEST_RECORD or not record.isascii():
        return "permerror"
    try:
        tags: Tags = dkim.util.parse_tag_value(record.encode())
    except dkim.InvalidTagValueList:
        return "permerror"
    kind = _text(tags.get(b"k", b"rsa"))
    services = _text(tags.get(b"s", b"*")).replace(" ", "").split(":")
    hashes = _text(tags.get(b"h", b"sha256")).replace(" ", "").split(":")
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or not {"*", "email"} & set(services) or "sha256" not in hashes:
        return "permerror"
    flags = frozenset(_text(tags.get(b"t", b"")).replace(" ", "").split(":"))
    try:
        key = base64.b64decode(tags.get(b"p", b""))
        if kind == "ed25519":
            return (kind, flags) if len(key) == 32 else "permerror"
        if kind != "rsa":
            return "permerror"
        numbers = dkim.parse_public_key(key)
        bits, exponent = numbers["modulus"].bit_length(), numbers["publicExponent"]
    except (binascii.Error, dkim.UnparsableKeyError):
        return "permerror"
    except Exception:
        # Its reader of ASN.1 trusts lengths and types.
        return "permerror"
    if bits < SMALLEST_KEY:
        return "policy"
    if bits > LARGEST_KEY or not 3 <= exponent < 1 << LARGEST_EXPONENT:
        return "permerror"
    return kind, flags
