"""What is asked of DNS for a mail: at once where that can be, within bounds, and what its silence means."""

from __future__ import annotations

import pytest

from mail.sender.authentication import (
    MOST_QUESTIONS,
    AuthenticationResults,
    Examination,
    Examiner,
    Origin,
)
from mail.sender.dns_answers import DnsAnswer, DnsQuestion
from simulator.signing import signed
from tests.mail.sender.world import (
    CARRIERS,
    DOCOMO,
    ORGANISATIONS,
    STRANGERS,
    World,
    Zone,
    forwarded,
    look,
    raw_mail,
)


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
        def __call__(self, question: DnsQuestion) -> DnsAnswer:
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
