"""DMARC by the table: whose domain is whose, which record counts, what aligns, what is asked for."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mail.sender.dmarc import Organisations, Record, Shown, evaluate, questions, read_record
from mail.sender.dns_answers import DnsAnswers, DnsQuestion

ORGANISATIONS = Organisations()


@pytest.mark.parametrize(
    "domain, organisation",
    [
        ("docomo.ne.jp", "docomo.ne.jp"),
        ("mail.docomo.ne.jp", "docomo.ne.jp"),
        ("a.b.example.co.jp", "example.co.jp"),
        ("minami.ed.jp", "minami.ed.jp"),
        ("es.minami.ed.jp", "minami.ed.jp"),
        ("city.shinjuku.lg.jp", "shinjuku.lg.jp"),
        ("www.city.shinjuku.tokyo.jp", "city.shinjuku.tokyo.jp"),
        ("x.minami.shinjuku.tokyo.jp", "minami.shinjuku.tokyo.jp"),
        ("mail.city.yokohama.jp", "city.yokohama.jp"),
        ("a.b.yokohama.jp", "a.b.yokohama.jp"),
        ("school.tokyo", "school.tokyo"),
        ("mail.school.tokyo", "school.tokyo"),
        ("mail.xn--48s290a.jp", "xn--48s290a.jp"),
        ("a.b.c.gmail.com", "gmail.com"),
        ("family.github.io", "family.github.io"),
        ("co.jp", "co.jp"),
        ("jp", "jp"),
        ("internal.nonsense", "internal.nonsense"),
    ],
)
def test_whose_a_domain_is(domain: str, organisation: str) -> None:
    assert ORGANISATIONS.of(domain) == organisation


@pytest.mark.parametrize(
    "texts, record",
    [
        (["v=DMARC1; p=reject"], Record("reject", "reject")),
        (["v=DMARC1;p=Quarantine;sp=none;"], Record("quarantine", "none")),
        ([" v = DMARC1 ; p = none ; adkim = s ; aspf = S "], Record("none", "none", True, True)),
        (["v=DMARC1; p=reject; pct=50"], Record("quarantine", "quarantine")),
        (["v=DMARC1; p=quarantine; sp=reject; pct=0"], Record("none", "quarantine")),
        (["v=DMARC1; p=reject; t=y"], Record("quarantine", "quarantine")),
        (["v=DMARC1; p=reject; pct=100; t=n"], Record("reject", "reject")),
        (["v=DMARC1; rua=mailto:a@b.example"], Record("none", "none")),
        (["v=DMARC1; p=rejekt; rua=mailto:a@b.example"], Record("none", "none")),
        (["v=DMARC1; p=reject; sp=nothing"], Record("reject", "reject")),
        (["v=DMARC1; p=none; p=reject"], Record("none", "none")),
        (["other", "v=DMARC1; p=none"], Record("none", "none")),
        (["v=DMARC1; p=rejekt"], None),
        (["v=DMARC1"], None),
        (["v=DMARC2; p=reject"], None),
        (["p=reject; v=DMARC1"], None),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], None),
        (["v=dmarc1; p=reject"], None),
        (["v=spf1 -all"], None),
        ([], None),
        (["v=DMARC1; p=reject; x=" + "y" * 3000], None),
    ],
)
def test_what_a_record_says(texts: Sequence[str], record: Record | None) -> None:
    assert read_record(texts) == record


@pytest.mark.parametrize(
    "domain, spf, dkim, expected",
    [
        ("a.example", "a.example", [], ("pass", "reject")),
        ("a.example", "sub.a.example", [], ("pass", "reject")),
        ("a.example", "b.example", [], ("fail", "reject")),
        ("a.example", None, ["sub.a.example"], ("pass", "reject")),
        ("a.example", None, ["b.example", "a.example"], ("pass", "reject")),
        ("a.example", None, [], ("fail", "reject")),
        ("sub.a.example", None, [], ("fail", "quarantine")),
        ("sub.a.example", "other.a.example", [], ("pass", "quarantine")),
        ("own.a.example", None, [], ("fail", "none")),
        ("strict.example", "sub.strict.example", ["sub.strict.example"], ("fail", "reject")),
        ("strict.example", "strict.example", [], ("pass", "reject")),
        ("strict.example", None, ["strict.example"], ("pass", "reject")),
        ("nothing.example", "nothing.example", ["nothing.example"], ("none", "")),
        ("kita.ed.jp", "minami.ed.jp", ["minami.ed.jp"], ("fail", "reject")),
        ("a.example", None, ["example"], ("fail", "reject")),
    ],
)
def test_what_aligns(domain: str, spf: str | None, dkim: list[str], expected: tuple[str, str]) -> None:
    zone = {
        "a.example": "v=DMARC1; p=reject; sp=quarantine",
        "own.a.example": "v=DMARC1; p=none",
        "strict.example": "v=DMARC1; p=reject; adkim=s; aspf=s",
        "kita.ed.jp": "v=DMARC1; p=reject",
    }
    dns = DnsAnswers(10)
    for name in {each.name for each in questions(domain, ORGANISATIONS)}:
        record = zone.get(name.removeprefix("_dmarc."))
        dns.add({DnsQuestion("TXT", name): (record,) if record else ()})
    assert evaluate(domain, Shown(spf, dkim), ORGANISATIONS, dns) == expected


@pytest.mark.parametrize("doubtful, expected", [("mail.a.example", "temperror"), ("b.example", "fail")])
def test_a_proof_that_might_still_align_leaves_it_open(doubtful: str, expected: str) -> None:
    dns = DnsAnswers(10)
    dns.add({DnsQuestion("TXT", "_dmarc.a.example"): ("v=DMARC1; p=reject",)})
    assert evaluate("a.example", Shown(None, [], [doubtful]), ORGANISATIONS, dns)[0] == expected
