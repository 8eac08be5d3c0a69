"""Signatures: an independent verifier (dkimpy) accepts every copy as it is, and none that somebody changed."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

import dkim as verifier  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from dkim.canonicalization import Relaxed  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.outgoing.dkim import SEALED, Signer, body_hash, field_names, relaxed
from mail.outgoing.dkim_keys import DkimKey
from mail.outgoing.rendering import SLOT, Rendering

DATE = datetime(2026, 4, 8, 9, 0, tzinfo=UTC)
BASE = "renraku.example"
DOMAIN = f"sakura.{BASE}"
RSA = DkimKey(BASE, "r1", generate_private_key(65537, 2048))
ED25519 = DkimKey(BASE, "e1", Ed25519PrivateKey.generate())
UNITS_OWN = DkimKey(DOMAIN, "u1", Ed25519PrivateKey.generate())
RECORDS = {f"{key.record_name()}.": key.record() for key in (RSA, ED25519, UNITS_OWN)}
ALGORITHMS = pytest.mark.parametrize("key", [RSA, ED25519, UNITS_OWN], ids=["rsa", "ed25519", "the unit's own"])

lines = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(
            ["", " ", "\t", ".", "..", ".x", "two  blanks", "blank at the end ", "tab\t", "太郎さん", "x" * 200]
        ),
    ),
    max_size=12,
).map("\n".join)
names = st.one_of(
    st.text(max_size=40), st.sampled_from(["さくら小学校", 'a "quoted" name', "two  blanks", "長い名前" * 20])
)
keys = st.sampled_from([(RSA,), (ED25519,), (RSA, ED25519), (UNITS_OWN,)])


def dns(name: bytes, timeout: int = 0) -> bytes | None:
    record = RECORDS.get(name.decode())
    return None if record is None else record.encode()


def signatures(raw: bytes) -> int:
    return raw.count(b"DKIM-Signature: ")


def verified(raw: bytes) -> bool:
    """Does every signature fit?"""
    assert signatures(raw)
    try:
        return all(verifier.DKIM(raw).verify(number, dnsfunc=dns) for number in range(signatures(raw)))
    except verifier.DKIMException:
        return False


def copy(
    *signed_by: DkimKey,
    subject: str = "お知らせ",
    text: str = "本文です。\n",
    from_name: str = "さくら小学校",
    list_name: str | None = "さくら小学校",
    automatic: bool = False,
    reply: str = "r-x",
    to: str = "taro@docomo.ne.jp",
    fields: Mapping[str, str] | None = None,
) -> bytes:
    rendering = Rendering(
        subject,
        text,
        from_name,
        f"info@{DOMAIN}",
        DATE,
        list_id=DOMAIN if list_name else None,
        list_name=list_name,
        auto_submitted="auto-replied" if automatic else None,
    )
    form = rendering.form(
        f"{SLOT}.1@{DOMAIN}",
        f"{SLOT}@{DOMAIN}" if reply else None,
        f"{SLOT}@{DOMAIN}" if list_name else None,
        f"https://info.{BASE}/100%25/{SLOT}" if list_name else None,
        keys=signed_by,
    )
    return form.copy(to, reply, "m-y", "r-z", fields or {})


@settings(max_examples=150)
@given(
    signed_by=keys,
    subject=names,
    text=lines,
    from_name=names,
    list_name=st.none() | names,
    automatic=st.booleans(),
    reply=st.sampled_from(["", "r-token"]),
    to=st.sampled_from(["taro@docomo.ne.jp", "foo..bar@docomo.ne.jp", ".odd@example.jp", "100%s%d@example.jp"]),
    fields=st.fixed_dictionaries({"child": names, "text": lines}),
)
def test_every_copy_that_we_write_is_accepted(
    signed_by: tuple[DkimKey, ...],
    subject: str,
    text: str,
    from_name: str,
    list_name: str | None,
    automatic: bool,
    reply: str,
    to: str,
    fields: Mapping[str, str],
) -> None:
    for pattern in (subject, subject + "{{child}}"):
        for body in (text, text + "{{text}}"):
            raw = copy(
                *signed_by,
                subject=pattern,
                text=body,
                from_name=from_name,
                list_name=list_name,
                automatic=automatic,
                reply=reply,
                to=to,
                fields=fields,
            )
            assert signatures(raw) == len(signed_by)
            assert verified(raw)


def test_a_copy_without_keys_bears_no_signature_and_is_otherwise_the_same() -> None:
    signed, plain = copy(RSA, ED25519), copy()
    assert not signatures(plain)
    assert signed.endswith(plain)
    assert verified(signed)


def test_the_same_copy_bears_the_same_signature_at_every_attempt() -> None:
    assert copy(RSA, ED25519) == copy(RSA, ED25519)


@ALGORITHMS
def test_any_changed_header_line_is_noticed(key: DkimKey) -> None:
    raw = copy(key, automatic=True)
    head = raw.partition(b"\r\n\r\n")[0]
    fields = re.split(rb"\r\n(?![ \t])", head)[1:]
    present = {field.partition(b":")[0].lower() for field in fields}
    assert {b"from", b"to", b"subject", b"date", b"message-id", b"reply-to", b"list-unsubscribe",
            b"list-unsubscribe-post", b"content-type", b"content-transfer-encoding", b"mime-version"} < present  # fmt: skip
    for field in fields:
        name, _, value = field.partition(b":")
        for other in (name + b":" + value + b"x", name + b": ", b"X-Was-" + field):
            assert not verified(raw.replace(b"\r\n" + field + b"\r\n", b"\r\n" + other + b"\r\n", 1)), other
        assert not verified(raw.replace(b"\r\n" + field, b"", 1)), name


@ALGORITHMS
@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("plain", [False, True], ids=["a broadcast", "a plain mail"])
def test_a_line_put_on_later_is_noticed(key: DkimKey, name: str, plain: bool) -> None:
    raw = copy(key, list_name=None, reply="") if plain else copy(key)
    line = f"{name.title()}: forged@example.net\r\n".encode()
    head, _, body = raw.partition(b"\r\n\r\n")
    assert not verified(line + raw), "on top"
    assert not verified(head + b"\r\n" + line + b"\r\n" + body), "at the bottom"


@ALGORITHMS
@pytest.mark.parametrize(
    "text", ["本文です。\n", "plain  text \n\nwith blanks\n", "mixed テキスト text is quoted-printable\n"]
)
def test_any_changed_text_is_noticed(key: DkimKey, text: str) -> None:
    raw = copy(key, text=text)
    head, _, body = raw.partition(b"\r\n\r\n")
    for other in (b"", body[1:], b"x" + body, body + b"x\r\n", body.swapcase(), b"\r\n" + body):
        assert not verified(head + b"\r\n\r\n" + other)


def test_what_relays_tidy_does_no_harm() -> None:
    raw = copy(RSA, ED25519, text="two  blanks, and one at the end \n\n\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    assert verified(head + b"\r\n\r\n" + body.replace(b"  ", b" ").replace(b" \r\n", b"\r\n").rstrip(b"\r\n") + b"\r\n")
    assert verified(raw + b"\r\n\r\n")
    assert verified(
        b"Received: from x by y\r\n" + raw.replace(b"Subject: ", b"SUBJECT:   ").replace(b"\r\n ", b"\r\n\t")
    )


def test_the_signature_speaks_for_the_unit_and_promises_no_end() -> None:
    tags = re.sub(rb"\s", b"", copy(RSA).partition(b"To: ")[0]).split(b";")
    assert tags[0] == b"DKIM-Signature:v=1"
    assert {b"a=rsa-sha256", b"c=relaxed/relaxed", b"d=renraku.example", b"i=@sakura.renraku.example", b"s=r1"} < set(
        tags
    )
    assert f"t={int(DATE.timestamp())}".encode() in tags
    assert not [tag for tag in tags if tag.startswith((b"x=", b"l="))]
    assert b"i=" not in copy(UNITS_OWN).partition(b"; h=")[0].replace(b"\r\n ", b" ").partition(b"h=")[0]


def test_signature_lines_are_short() -> None:
    assert all(len(line) <= 78 for line in copy(RSA, ED25519).split(b"\r\n"))


def test_only_rsa_takes_so_long_that_others_should_not_wait() -> None:
    form = Rendering("s", "t", "n", f"info@{DOMAIN}", DATE).form
    assert form("m@x.jp", keys=[RSA]).costly
    assert form("m@x.jp", keys=[RSA, ED25519]).costly
    assert not form("m@x.jp", keys=[ED25519]).costly
    assert not form("m@x.jp").costly


def test_a_name_that_stands_twice_is_not_signed_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match="stands twice"):
        Signer([RSA], ["from", "to", "from"], identity=DOMAIN, signed_at=DATE)


blanks = st.text(alphabet=" \t", max_size=3)
field_values = st.lists(st.text(alphabet="aB:=;. \t", max_size=12), min_size=1, max_size=4).map(
    lambda parts: "\r\n ".join(parts)
)


@given(st.lists(st.tuples(st.from_regex(r"[A-Za-z-]{1,12}", fullmatch=True), blanks, field_values), max_size=6))
def test_header_lines_are_made_canonical_as_others_do_it(fields: list[tuple[str, str, str]]) -> None:
    block = "".join(f"{name}:{blank}{value}\r\n" for name, blank, value in fields).encode()
    theirs = Relaxed.canonicalize_headers([(n.encode(), f"{b}{v}\r\n".encode()) for n, b, v in fields])
    assert relaxed(block) == b"".join(name + b":" + value for name, value in theirs)
    assert field_names(block) == tuple(name.lower() for name, _, _ in fields)


@given(st.lists(st.text(alphabet="aé. \t", max_size=8), max_size=8).map("\r\n".join), st.booleans())
def test_bodies_are_hashed_as_others_do_it(text: str, ended: bool) -> None:
    body = text.encode() + (b"\r\n" if ended else b"")
    theirs = Relaxed.canonicalize_body(body if body.endswith(b"\r\n") else body + b"\r\n")
    assert body_hash(body) == base64.b64encode(hashlib.sha256(theirs).digest())
