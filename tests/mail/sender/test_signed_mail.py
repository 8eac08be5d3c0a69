"""A mail is handed to the checker of signatures in an easier form, but never as another mail."""

from __future__ import annotations

import dkim  # type: ignore[import-untyped]  # not annotated
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.sender.signed_mail import MOST_FIELDS, SignedMail

BODIES = st.lists(st.sampled_from([b"x", b" ", b"\t", b"\r\n", b"\r", b"\n", b"  ", b"yz"]), max_size=30).map(b"".join)


@given(BODIES)
def test_the_body_means_the_same_to_a_signature(body: bytes) -> None:
    raw = b"From: a@a.example\r\n\r\n" + body + b"\r\n"
    mail = SignedMail(raw)
    headers, whole = dkim.rfc822_parse(raw)
    assert [list(field) for field in mail.fields] == headers
    for canonical, easier in ((b"relaxed/simple", mail.body), (b"relaxed/relaxed", mail.relaxed_body)):
        policy = dkim.CanonicalizationPolicy.from_c_value(canonical)
        assert policy.canonicalize_body(easier) == policy.canonicalize_body(whole)


@pytest.mark.parametrize(
    "raw, names, broken",
    [
        (b"A: 1\r\nB: 2\r\n more\r\n\r\nbody", [b"A", b"B"], False),
        (b"A: 1\nB: 2\n\tmore\n\nbody", [b"A", b"B"], False),
        (b"From x\r\nA: 1\r\n\r\n", [b"A"], False),
        (b"A: 1\r\nno header\r\nB: 2\r\n\r\n", [b"A"], True),
        (b" folded at once\r\nA: 1\r\n\r\n", [], True),
        (b"A : 1\r\n\r\n", [b"A"], False),
        (b"\r\nA: 1\r\n\r\n", [], False),
        (b"A: 1", [b"A"], False),
        (b"A: 1\r\n" * (MOST_FIELDS + 1) + b"\r\n", [b"A"] * MOST_FIELDS, True),
        (b"A: " + b"x" * 300_000 + b"\r\n\r\n", [b"A"], True),
        (b"", [], False),
    ],
)
def test_the_header_is_read_as_far_as_it_is_one(raw: bytes, names: list[bytes], broken: bool) -> None:
    mail = SignedMail(raw)
    assert [name for name, _ in mail.fields] == names
    assert mail.broken == broken
