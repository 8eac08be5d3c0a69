"""Whether a mail comes from where it says: what is shown, what is held against it, and whom we may answer freely."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from mail.sender.authentication import (
    MOST_QUESTIONS,
    NOTHING_SHOWN,
    AuthenticationResults,
    Examination,
    Examiner,
    Origin,
    conclude,
    domain_of,
    from_domains,
)
from mail.sender.dmarc import Organisations
from mail.sender.dns_answers import Answer, DnsTrouble, Question
from simulator.signing import key_records, new_key, sealed, signed

ORGANISATIONS = Organisations()
CARRIERS = "192.0.2.5"
STRANGERS = "203.0.113.9"
DOCOMO = new_key("docomo.ne.jp")
DOCOMO_ED = new_key("docomo.ne.jp", "e1", ed25519=True)
STRANGER = new_key("attacker.example")
LIST = new_key("lists.example", "arc")
SECOND = new_key("second.example", "arc")
SCHOOL = new_key("mail.minami.ed.jp")

Zone = Mapping[str, str]
ZONE: Zone = {
    "docomo.ne.jp": "v=spf1 ip4:192.0.2.0/24 -all",
    "_dmarc.docomo.ne.jp": "v=DMARC1; p=reject",
    "attacker.example": f"v=spf1 ip4:{STRANGERS} -all",
    "_dmarc.attacker.example": "v=DMARC1; p=reject",
    "quiet.example": "v=spf1 ~all",
    "minami.ed.jp": "v=spf1 -all",
    "_dmarc.minami.ed.jp": "v=DMARC1; p=quarantine; sp=reject",
    "relay.example": f"v=spf1 ip4:{STRANGERS} -all",
    **key_records(DOCOMO, DOCOMO_ED, STRANGER, LIST, SECOND, SCHOOL),
}


def raw_mail(author: str = "parent@docomo.ne.jp", text: str = "3\r\n", more: str = "") -> bytes:
    return f"From: {author}\r\n{more}Subject: Re: survey\r\nMessage-ID: <1@phone.example>\r\n\r\n{text}".encode()


class World:
    """DNS, made of a dictionary."""

    def __init__(self, zone: Zone = ZONE, trouble: tuple[str, ...] = ()) -> None:
        self.zone = zone
        self.trouble = trouble
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Answer:
        self.asked.append(question)
        if question.name in self.trouble:
            raise DnsTrouble
        if question.kind == "TXT" and question.name in self.zone:
            return (self.zone[question.name],)
        found = self.zone.get(f"{question.kind} {question.name}")
        return tuple(found.split(",")) if found else ()


def look(
    raw: bytes,
    peer: str = CARRIERS,
    sender: str = "parent@docomo.ne.jp",
    *,
    helo: str = "mail.docomo.ne.jp",
    world: World | None = None,
    trusted: tuple[str, ...] = (),
) -> AuthenticationResults:
    examiner = Examiner(ORGANISATIONS, frozenset(trusted))
    return conclude(examiner.examine(raw, Origin(peer, helo, sender)), world or World())


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


def forwarded() -> bytes:
    """A parent's mail as a list hands it on: with a mark in the subject, and sealed."""
    through = signed(raw_mail(), DOCOMO).replace(b"Re: survey", b"[PTA] Re: survey")
    return sealed(through, LIST, results="dmarc=pass header.from=docomo.ne.jp")


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


@pytest.mark.parametrize(
    "trouble, expected",
    [
        (("docomo.ne.jp",), ("temperror", "fail", "temperror")),
        (("_dmarc.docomo.ne.jp",), ("fail", "fail", "temperror")),
        (("s1._domainkey.docomo.ne.jp",), ("fail", "temperror", "temperror")),
    ],
)
def test_what_cannot_be_looked_up_is_held_against_nobody(
    trouble: tuple[str, ...], expected: tuple[str, str, str]
) -> None:
    raw = signed(raw_mail(), DOCOMO).replace(b"\r\n3\r\n", b"\r\n1\r\n")
    results = look(raw, STRANGERS, world=World(trouble=trouble))
    assert (results.spf, results.dkim, results.dmarc) == expected


def test_without_dns_nothing_is_said_and_everything_asked_once() -> None:
    class Offline(World):
        def __call__(self, question: Question) -> Answer:
            self.asked.append(question)
            return None

    world = Offline()
    results = look(forwarded(), STRANGERS, world=world)
    assert (results.spf, results.dkim, results.dmarc, results.arc) == ("temperror",) * 4
    assert len(world.asked) == len(set(world.asked))


def test_what_can_be_asked_at_once_is_asked_together() -> None:
    examination = Examiner(ORGANISATIONS).examine(signed(raw_mail(), DOCOMO), Origin(CARRIERS, "h", "p@docomo.ne.jp"))
    assert {question.name for question in next(examination)} == {
        "docomo.ne.jp",
        "_dmarc.docomo.ne.jp",
        "s1._domainkey.docomo.ne.jp",
    }


# SPF records of all kinds


@pytest.mark.parametrize(
    "records, expected",
    [
        ({"a.example": "v=spf1 ip4:192.0.2.5 -all"}, "pass"),
        ({"a.example": "v=spf1 ip6:2001:db8::/32 -all"}, "fail"),
        ({"a.example": "v=spf1 include:b.example -all", "b.example": "v=spf1 ip4:192.0.2.0/24 -all"}, "pass"),
        ({"a.example": "v=spf1 redirect=b.example", "b.example": "v=spf1 ~all"}, "softfail"),
        ({"a.example": "v=spf1 mx -all", "MX a.example": "10 m.example", "A m.example": "192.0.2.5"}, "pass"),
        ({"a.example": "v=spf1 a:m.example/24 -all", "A m.example": "192.0.2.77"}, "pass"),
        (
            {
                "a.example": "v=spf1 ptr -all",
                "PTR 5.2.0.192.in-addr.arpa": "m.a.example",
                "A m.a.example": "192.0.2.5",
            },
            "pass",
        ),
        ({"a.example": "v=spf1 exists:%{i}.%{l}.a.example -all", "A 192.0.2.5.parent.a.example": "127.0.0.2"}, "pass"),
        ({"a.example": "v=spf1 ?all"}, "neutral"),
        ({"a.example": "v=spf1"}, "neutral"),
        ({"a.example": "v=spf2.0/pra -all"}, "none"),
        ({"a.example": "v=spf1 ipv4:192.0.2.5 -all"}, "permerror"),
        ({"a.example": "v=spf1 include:a.example -all"}, "permerror"),
        ({"a.example": "v=spf1 include:nothing.example -all"}, "permerror"),
        ({"a.example": "v=spf1 include:b.example", "b.example": "v=spf1 include:a.example"}, "permerror"),
        ({"a.example": "v=spf1 redirect=b.example", "b.example": "v=spf1 redirect=a.example"}, "permerror"),
        ({"a.example": "v=spf1 a:1.example a:2.example a:3.example ip4:192.0.2.5 -all"}, "permerror"),
        ({"a.example": "v=spf1 " + " ".join(f"include:{n}.example" for n in range(11)) + " -all"}, "permerror"),
        ({"a.example": "v=spf1 " + "%{s}" * 60 + " -all"}, "permerror"),
        ({"a.example": "v=spf1 exp=why.example -all"}, "fail"),
        ({"a.example": "v=spf1 ip4:192.0.2.5\x00 -all"}, "permerror"),
        ({"a.example": "v=spf1 ip4:１９２.0.2.5 -all"}, "permerror"),
    ],
)
def test_spf_as_its_rfc_has_it(records: Zone, expected: str) -> None:
    zone = {**{f"{n}.example": "v=spf1 -all" for n in range(11)}, **records}
    world = World(zone)
    results = look(raw_mail("parent@a.example"), sender="parent@a.example", world=world)
    assert results.spf == expected
    assert len(world.asked) <= MOST_QUESTIONS


def test_a_record_that_would_have_us_ask_for_ever_is_given_up() -> None:
    zone = {"a.example": "v=spf1 " + " ".join(f"mx:{n}.example" for n in range(10)) + " -all"}
    zone |= {f"MX {n}.example": ",".join(f"{m} m{m}.{n}.example" for m in range(10)) for n in range(10)}
    zone |= {f"A m{m}.{n}.example": "198.51.100.1" for m in range(10) for n in range(10)}
    world = World(zone)
    results = look(raw_mail("a@a.example"), sender="a@a.example", world=world)
    assert results.spf == "temperror"
    assert len(world.asked) == MOST_QUESTIONS


def run(examination: Examination, world: World) -> tuple[int, AuthenticationResults]:
    """How often DNS was waited for, and what came of it."""
    waits, questions = 0, next(examination)
    while True:
        waits += 1
        answers = {question: world(question) for question in questions}
        try:
            questions = examination.send(answers)
        except StopIteration as end:
            return waits, end.value


def test_records_that_name_others_are_asked_for_together() -> None:
    zone = {"a.example": "v=spf1 " + " ".join(f"include:{n}.example" for n in range(4)) + " -all"}
    zone |= {f"{n}.example": f"v=spf1 ip4:198.51.100.{n} -all" for n in range(4)}
    world = World(zone)
    examination = Examiner(ORGANISATIONS).examine(raw_mail("a@a.example"), Origin(CARRIERS, "h.example", "a@a.example"))
    waits, results = run(examination, world)
    assert (waits, results.spf) == (2, "fail")


def test_a_record_of_endless_length_is_not_read() -> None:
    zone = {"a.example": "v=spf1 " + "ip4:198.51.100.1 " * 3_000 + "ip4:192.0.2.5 -all"}
    assert look(raw_mail("a@a.example"), sender="a@a.example", world=World(zone)).spf == "permerror"


# Small parts


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
