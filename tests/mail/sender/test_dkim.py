"""Signatures that somebody made to deceive us, or to keep us busy: none is counted that should not be, and any octets
end in results."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.sender.authentication import AuthenticationResults, Examiner, Origin, conclude
from mail.sender.dkim import LARGE_BODY, MOST_SIGNATURES
from mail.sender.dmarc import Organisations
from mail.sender.dns_answers import DnsAnswer, DnsQuestion
from simulator.signing import key_records, new_key, sealed, signed, signed_with

ORGANISATIONS = Organisations()
KEY = new_key("a.example")
SMALL = generate_private_key(65537, 1024)
NAME = "s1._domainkey.a.example"
RECORD = key_records(KEY)[NAME]
RAW = b"From: parent@a.example\r\nTo: r-x@b.example\r\nSubject: Re: survey\r\n\r\n3\r\n\r\n"
SIGNED = signed(RAW, KEY)


def look(
    raw: bytes, records: Mapping[str, str] | None = None, asked: list[DnsQuestion] | None = None
) -> AuthenticationResults:
    known = {NAME: RECORD} if records is None else records

    def answer(question: DnsQuestion) -> DnsAnswer:
        if asked is not None:
            asked.append(question)
        return (known[question.name],) if question.kind == "TXT" and question.name in known else ()

    origin = Origin("192.0.2.1", "h.example", "parent@a.example")
    return conclude(Examiner(ORGANISATIONS, frozenset({"a.example"})).examine(raw, origin), answer)


def test_a_good_signature_is_good() -> None:
    assert look(SIGNED).dkim == "pass"
    assert look(signed_with(RAW, KEY, {})).dkim == "pass"
    assert look(signed_with(RAW[:-2], KEY, {}, relax=False)).dkim == "pass"
    assert look(SIGNED.replace(b"\r\n", b"\n")).dkim == "pass"
    assert look(b"From mbox Mon\r\n" + SIGNED).dkim == "pass"


@pytest.mark.parametrize(
    "record, expected",
    [
        ("", "permerror"),
        ("v=DKIM1; p=", "permerror"),
        ("p=AAAA", "permerror"),
        ("p=****", "permerror"),
        ("no tags at all p=", "permerror"),
        (RECORD.replace("v=DKIM1", "v=DKIM2"), "permerror"),
        (RECORD.replace("h=sha256", "h=sha1"), "permerror"),
        (RECORD.replace("k=rsa", "k=dsa"), "permerror"),
        (RECORD.replace("k=rsa", "k=ed25519"), "permerror"),
        (RECORD + "; s=tlsrpt", "permerror"),
        (RECORD + "; s=email", "pass"),
        (RECORD + "; t=y", "neutral"),
        (RECORD + "; t=s", "pass"),
        (RECORD.replace("v=DKIM1; k=rsa; h=sha256; ", ""), "pass"),
        (RECORD + "; n=" + "x" * 5000, "permerror"),
        (key_records(new_key("a.example"))[NAME], "fail"),
    ],
)
def test_a_key_counts_as_its_owner_publishes_it(record: str, expected: str) -> None:
    assert look(SIGNED, {NAME: record}).dkim == expected


def public(modulus: int, exponent: int) -> str:
    der = RSAPublicNumbers(exponent, modulus).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"p={base64.b64encode(der).decode()}"


def test_keys_too_small_to_prove_anything_and_too_large_to_be_meant() -> None:
    assert look(SIGNED, {NAME: public((1 << 511) | 1, 65537)}).dkim == "policy"
    assert look(SIGNED, {NAME: public((1 << 8191) | 1, 65537)}).dkim == "permerror"
    modulus = KEY.private.public_key().public_numbers().n  # type: ignore[union-attr]  # an RSA key
    # To use it once would take a second and more.
    assert look(SIGNED, {NAME: public(modulus, (1 << 2040) | 1)}).dkim == "permerror"


@pytest.mark.parametrize(
    "tags, expected",
    [
        ({"h": "subject"}, "permerror"),
        ({"h": ":".join(["from"] * 300)}, "permerror"),
        ({"a": "rsa-sha1"}, "permerror"),
        ({"a": "none"}, "permerror"),
        ({"v": "2"}, "fail"),
        ({"x": "1000000000"}, "fail"),
        ({"t": "99999999999"}, "fail"),
        ({"i": "@b.example"}, "fail"),
        ({"i": "@sub.a.example"}, "pass"),
        ({"d": "b.example"}, "permerror"),
        ({"d": "a.example/../"}, "permerror"),
        ({"d": ""}, "permerror"),
        ({"s": "*"}, "permerror"),
        ({"c": "nonsense"}, "permerror"),
        ({"l": "0"}, "fail"),
        ({"l": "5"}, "pass"),
        ({"q": "http"}, "fail"),
        ({"bh": "AAAA"}, "fail"),
        ({"bh": "ÿ"}, "permerror"),
    ],
)
def test_a_signature_counts_by_the_rules(tags: dict[str, str], expected: str) -> None:
    assert look(signed_with(RAW, KEY, tags)).dkim == expected


def test_text_that_was_added_below_a_signed_part_is_not_signed() -> None:
    partly = signed_with(RAW, KEY, {"l": str(len(b"3\r\n"))})
    assert look(partly + b"1\r\n").dkim == "policy"


def test_an_author_who_was_put_on_top_is_not_signed() -> None:
    assert look(b"From: teacher@a.example\r\n" + SIGNED).dkim == "fail"


def test_of_hundreds_of_signatures_a_few_are_looked_at() -> None:
    asked: list[DnsQuestion] = []
    head = b"".join(
        signed_with(RAW, new_key("a.example", f"x{number}", ed25519=True), {})[: -len(RAW)] for number in range(300)
    )
    assert look(head + SIGNED, asked=asked).dkim == "permerror"
    assert sum("_domainkey" in question.name for question in asked) == MOST_SIGNATURES


def test_a_chain_of_hundreds_of_seals_is_not_gone_through() -> None:
    asked: list[DnsQuestion] = []
    seal = b"ARC-Seal: i=%d; a=rsa-sha256; d=a.example; s=x%d; cv=none; b=AAAA\r\n"
    assert look(b"".join(seal % (number, number) for number in range(500)) + RAW, asked=asked).arc == "policy"
    assert len(asked) <= 40


@pytest.mark.parametrize("instance", [b"0", b"999", b"9" * 5000, b"-1", b"x", b""])
def test_a_seal_with_an_odd_number_is_a_broken_chain(instance: bytes) -> None:
    raw = sealed(RAW, KEY, results="dmarc=pass")
    assert look(raw.replace(b"i=1;", b"i=" + instance + b";")).arc in ("fail", "none")


@pytest.mark.parametrize(
    "body",
    [
        b" " * 3_000_000 + b"\r\n",
        (b" \t" * 40_000 + b"x\r\n") * 30,
        b"\r\n" * 1_500_000,
        b"\n" * 1_000_000,
        b"x" * 3_000_000,
        (b" " * 63 + b"\r\n") * 40_000,
    ],
    ids=["blanks", "blanks in lines", "empty lines", "line feeds", "one line", "blank lines"],
)
@pytest.mark.parametrize("canonical", [b"relaxed/relaxed", b"simple/simple"])
def test_a_body_made_to_keep_us_busy_is_gone_through_in_one_go(body: bytes, canonical: bytes) -> None:
    raw = signed_with(RAW, KEY, {}).replace(b"relaxed/relaxed", canonical).replace(b"3\r\n\r\n", body)
    assert len(body) > LARGE_BODY
    assert look(raw).dkim == "fail"


@pytest.mark.parametrize(
    "value",
    [
        b"v=1; b=" + b" \r\n " * 20_000,
        b"v=1;" + b"b=a;" * 20_000,
        b"v=1; h=" + b"from:" * 20_000,
        b"v=1; bh=" + b"A " * 20_000,
        b"\tb" + b"\r\n " * 2_000 + b"=",
        b";" * 9_000,
        b"=" * 3_000,
        b"\xff\xfe\x00",
        b"",
    ],
)
@pytest.mark.parametrize("name", [b"DKIM-Signature", b"ARC-Seal", b"ARC-Message-Signature"])
def test_a_header_made_to_keep_us_busy_is_no_signature(name: bytes, value: bytes) -> None:
    results = look(name + b": " + value + b"\r\n" + RAW)
    assert results.dkim in ("none", "permerror")
    assert results.arc in ("none", "fail")


LINES = st.lists(
    st.one_of(
        st.binary(max_size=60),
        st.sampled_from(SIGNED.split(b"\r\n")),
        st.sampled_from(sealed(SIGNED, KEY, results="dmarc=pass").split(b"\r\n")),
        st.sampled_from(
            [
                b"From: <a@a.example>, b@b.example",
                b"From: \xff@\xfe, =?x?q?=40?= <@@>",
                b"DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=s1; h=from; bh=; b=",
                b"DKIM-Signature: v=1; a=ed25519-sha256; d=a.example; s=s1; h=from; bh=AAAA; b=AAAA",
                b"ARC-Seal: i=1; cv=pass; d=a.example; s=s1; b=; a=rsa-sha256",
                b"\tfolded",
                b"",
            ]
        ),
    ),
    max_size=12,
)
ANSWERS = st.one_of(
    st.none(),
    st.text(max_size=80),
    st.sampled_from(
        [RECORD, "v=DKIM1; p=", "v=spf1 include:%{i}.%{h} mx ptr a -all", "v=DMARC1; p=reject", "v=spf1 redirect=%{d}"]
    ),
)


@settings(max_examples=300)
@given(
    lines=LINES,
    end=st.sampled_from([b"\r\n", b"\n", b"\r"]),
    peer=st.sampled_from(["", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"]),
    helo=st.text(max_size=20),
    sender=st.one_of(st.text(max_size=30), st.sampled_from(["", "a@a.example", "x@y.a.example"])),
    answers=st.lists(ANSWERS, min_size=1, max_size=5),
)
def test_any_octets_and_any_dns_end_in_results(
    lines: list[bytes], end: bytes, peer: str, helo: str, sender: str, answers: list[str | None]
) -> None:
    count = 0

    def answer(question: DnsQuestion) -> DnsAnswer:
        nonlocal count
        count += 1
        text = answers[count % len(answers)]
        return None if text is None else (text,)

    examination = Examiner(ORGANISATIONS, frozenset({"a.example"})).examine(end.join(lines), Origin(peer, helo, sender))
    results = conclude(examination, answer)
    assert count <= 40
    assert not (results.sender_proven and not sender)
