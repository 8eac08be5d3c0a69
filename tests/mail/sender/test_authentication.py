"""Whether a mail comes from where it says: what is shown, what is held against it, and whom we may answer freely."""

from __future__ import annotations

import pytest

from mail.sender.authentication import (
    NOTHING_SHOWN,
    AuthenticationResults,
    domain_of,
    from_domains,
)
from simulator.signing import signed
from tests.mail.sender.world import (
    CARRIERS,
    DOCOMO,
    DOCOMO_ED,
    SCHOOL,
    STRANGER,
    STRANGERS,
    ZONE,
    World,
    look,
    raw_mail,
)


def test_a_parents_mail_from_the_carriers_own_servers_is_proven() -> None:
    results = look(raw_mail())
    assert results == AuthenticationResults(spf="pass", dmarc="pass", policy="reject", sender_proven=True)


@pytest.mark.parametrize("key", [DOCOMO, DOCOMO_ED], ids=["rsa", "ed25519"])
def test_a_signature_proves_it_wherever_the_mail_comes_from(key: object) -> None:
    assert isinstance(key, type(DOCOMO))
    results = look(signed(raw_mail(), key), STRANGERS)
    assert results == AuthenticationResults(spf="fail", dkim="pass", dmarc="pass", policy="reject", sender_proven=True)


@pytest.mark.parametrize(
    "sender",
    ["Parent@DOCOMO.ne.jp.", '"parent"@docomo.ne.jp', "parent@docomo．ne．jp"],
    ids=["case", "quotes", "width"],
)
def test_a_signature_proves_its_author_however_the_envelope_spells_him(sender: str) -> None:
    assert look(signed(raw_mail(), DOCOMO), STRANGERS, sender).sender_proven


@pytest.mark.parametrize(
    "author, above",
    [
        ("attacker@docomo.ne.jp", b""),
        ('"parent@docomo.ne.jp" <attacker@docomo.ne.jp>', b""),
        ("parent@docomo.ne.jp, attacker@docomo.ne.jp", b""),
        ("attacker@docomo.ne.jp", b"From: parent@docomo.ne.jp\r\n"),
    ],
    ids=["one", "with a name", "two", "two fields"],
)
def test_a_mail_signed_for_one_proves_nothing_for_another_at_the_same_carrier(author: str, above: bytes) -> None:
    # Anybody can have his own mail signed there once, and hand it in in a neighbour's name as often as he likes.
    assert not look(above + signed(raw_mail(author), DOCOMO), STRANGERS).sender_proven


def test_a_forged_mail_of_a_domain_that_wants_such_refused_is_known() -> None:
    results = look(raw_mail(), STRANGERS)
    assert (results.spf, results.dmarc, results.policy, results.sender_proven) == ("fail", "fail", "reject", False)


@pytest.mark.parametrize("old, new", [(b"\r\n3\r\n", b"\r\n1\r\n"), (b"Re: survey", b"Re: other")])
def test_a_mail_that_was_changed_is_not_what_was_signed(old: bytes, new: bytes) -> None:
    results = look(signed(raw_mail(), DOCOMO).replace(old, new), STRANGERS)
    assert (results.dkim, results.dmarc) == ("fail", "fail")


def test_somebody_elses_signature_proves_nothing_for_the_sender() -> None:
    results = look(signed(raw_mail(), STRANGER), STRANGERS)
    assert (results.dkim, results.dmarc, results.sender_proven) == ("pass", "fail", False)


def test_an_honest_header_does_not_help_a_forged_envelope() -> None:
    # The mail would be answered to the envelope sender, and is from a poster if he is one.
    honest = raw_mail("x@attacker.example")
    results = look(signed(honest, STRANGER), STRANGERS, "teacher@docomo.ne.jp")
    assert (results.dmarc, results.policy, results.sender_proven) == ("fail", "reject", False)
    assert look(signed(honest, STRANGER), STRANGERS, "x@attacker.example").dmarc == "pass"


def test_an_honest_envelope_does_not_help_a_forged_header() -> None:
    results = look(raw_mail(), STRANGERS, "x@attacker.example")
    assert (results.spf, results.dmarc, results.policy) == ("pass", "fail", "reject")
    # It did come from there, though: an answer to the envelope sender reaches nobody else.
    assert results.sender_proven


@pytest.mark.parametrize(
    "author",
    [
        '"teacher@docomo.ne.jp" <x@attacker.example>',
        "x@attacker.example (teacher@docomo.ne.jp)",
        "=?utf-8?q?teacher=40docomo=2Ene=2Ejp?= <x@attacker.example>",
    ],
)
def test_a_name_that_looks_like_an_address_is_none(author: str) -> None:
    assert look(raw_mail(author), STRANGERS, "x@attacker.example").dmarc == "pass"


@pytest.mark.parametrize(
    "raw",
    [
        raw_mail("x@attacker.example, teacher@docomo.ne.jp"),
        raw_mail("x@attacker.example", more="From: teacher@docomo.ne.jp\r\n"),
        raw_mail("<x@attacker.example>, <teacher@docomo.ne.jp>"),
    ],
    ids=["two addresses", "two headers", "two in brackets"],
)
def test_of_several_authors_the_one_that_cannot_be_true_counts(raw: bytes) -> None:
    assert look(raw, STRANGERS, "x@attacker.example").dmarc == "fail"


def test_the_null_sender_is_nobody_and_so_never_proven() -> None:
    zone = {**ZONE, "mail.docomo.ne.jp": f"v=spf1 ip4:{CARRIERS} -all"}
    results = look(signed(raw_mail("mailer-daemon@docomo.ne.jp"), DOCOMO), sender="", world=World(zone))
    # SPF asks for the HELO name then (RFC 7208 2.4), and DMARC may use that.
    assert (results.spf, results.dmarc, results.sender_proven) == ("pass", "pass", False)


@pytest.mark.parametrize("helo", ["localhost", "[192.0.2.5]", "", "PC", "..", "スマホ", "a" * 300 + ".example"])
def test_a_helo_that_is_no_domain_says_nothing(helo: str) -> None:
    world = World()
    assert look(raw_mail("x@nowhere.example"), sender="", helo=helo, world=world).spf == "none"
    assert all(question.name.isascii() for question in world.asked)


@pytest.mark.parametrize("local", ["foo..bar", ".foo", "foo.", '"foo.."', '"a@b"', "taro/hanako+x", "%{d}", "ねこ"])
def test_the_odd_addresses_of_phones_are_proven_like_others(local: str) -> None:
    assert look(raw_mail(f"{local}@docomo.ne.jp"), sender=f"{local}@docomo.ne.jp").sender_proven


@pytest.mark.parametrize("sender", ["x", "x@", "@", "x@localhost", "x@[192.0.2.5]", "x@..", "x@\udcff.example"])
def test_a_sender_without_a_domain_is_not_proven(sender: str) -> None:
    results = look(raw_mail(), sender=sender)
    assert (results.spf, results.sender_proven) == ("none", False)


def test_a_domain_that_publishes_nothing_is_neither_proven_nor_refused() -> None:
    assert look(raw_mail("a@nothing.example"), sender="a@nothing.example") == NOTHING_SHOWN


def test_a_relay_of_our_own_says_nothing_and_nothing_is_held_against_a_mail_for_it() -> None:
    world = World()
    assert look(raw_mail(), "", world=world) == NOTHING_SHOWN
    assert not world.asked
    assert look(signed(raw_mail("x@attacker.example"), STRANGER), "", "a@docomo.ne.jp").dmarc == "none"
    results = look(signed(raw_mail(), DOCOMO), "")
    assert (results.spf, results.dkim, results.dmarc, results.sender_proven) == ("none", "pass", "pass", True)


def test_a_sub_domains_signature_is_the_organisations() -> None:
    author = "teacher@minami.ed.jp"
    results = look(signed(raw_mail(author), SCHOOL), STRANGERS, author)
    assert (results.dmarc, results.policy, results.sender_proven) == ("pass", "quarantine", True)


def test_another_school_under_the_same_suffix_is_another() -> None:
    author = "teacher@kita.ed.jp"
    zone = {**ZONE, "_dmarc.kita.ed.jp": "v=DMARC1; p=reject"}
    results = look(signed(raw_mail(author), SCHOOL), STRANGERS, author, world=World(zone))
    assert (results.dkim, results.dmarc, results.sender_proven) == ("pass", "fail", False)


# Forwarders and lists


@pytest.mark.parametrize(
    "name, expected",
    [
        ("Docomo.NE.jp.", "docomo.ne.jp"),
        ("学校.jp", "xn--48s290a.jp"),
        ("_spf.example.com", "_spf.example.com"),
        ("localhost", ""),
        ("192.0.2.1", ""),
        ("a..b", ""),
        ("-a.example", ""),
        ("a b.example", ""),
        ("", ""),
    ],
)
def test_what_is_a_domain(name: str, expected: str) -> None:
    assert domain_of(name) == expected


def test_the_authors_of_a_mail_are_few() -> None:
    many = ", ".join(f"a@d{number}.example" for number in range(1000))
    assert len(from_domains([many])) == 5
    assert from_domains(["", "no address", "<>", "a@b"]) == ()
