"""Mail that lists and forwarders handed on: whose word counts, and what a change breaks."""

from __future__ import annotations

import pytest

from simulator.signing import sealed, signed
from tests.mail.sender.world import (
    DOCOMO,
    LIST,
    SECOND,
    STRANGERS,
    forwarded,
    look,
    raw_mail,
)


def test_a_list_breaks_the_proof_and_is_not_believed_just_so() -> None:
    results = look(forwarded(), STRANGERS)
    assert (results.dkim, results.dmarc, results.arc) == ("fail", "fail", "pass")


def test_a_forwarder_that_the_operator_trusts_is_believed() -> None:
    results = look(forwarded(), STRANGERS, trusted=("lists.example",))
    assert (results.dmarc, results.arc, results.policy) == ("policy", "pass", "reject")
    assert not results.sender_proven


def test_whoever_hands_it_on_after_a_trusted_forwarder_must_be_trusted_too() -> None:
    raw = sealed(forwarded(), SECOND, results="arc=pass", number=2)
    assert look(raw, STRANGERS, trusted=("lists.example",)).dmarc == "fail"
    assert look(raw, STRANGERS, trusted=("lists.example", "second.example")).dmarc == "policy"


def test_a_trusted_forwarder_that_found_it_wrong_itself_vouches_for_nothing() -> None:
    raw = sealed(raw_mail(), LIST, results="dmarc=fail (p=reject dmarc=pass) header.from=docomo.ne.jp")
    results = look(raw, STRANGERS, trusted=("lists.example",))
    assert (results.arc, results.dmarc) == ("pass", "fail")


@pytest.mark.parametrize(
    "old, new", [(b"dmarc=pass", b"dmarc=pasS"), (b"\r\n3\r\n", b"\r\n1\r\n"), (b"cv=none", b"cv=pass")]
)
def test_a_chain_that_was_changed_is_broken(old: bytes, new: bytes) -> None:
    results = look(forwarded().replace(old, new), STRANGERS, trusted=("lists.example",))
    assert (results.arc, results.dmarc) == ("fail", "fail")


def test_a_forwarder_that_rewrites_the_envelope_keeps_the_signature() -> None:
    results = look(signed(raw_mail(), DOCOMO), STRANGERS, "srs0=x@relay.example")
    assert (results.spf, results.dkim, results.dmarc, results.sender_proven) == ("pass", "pass", "pass", True)


# DNS that does not say everything
