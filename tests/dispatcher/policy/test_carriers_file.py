"""Carriers as data: what is shipped, what operators lay over it, and that every mistake is named."""

import contextlib
import fnmatch
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import CARRIERS
from contracts.reasons import REASONS
from dispatcher.policy.carrier_table import CarrierTable
from dispatcher.policy.carriers_file import CarrierFileError, load_carriers
from dispatcher.policy.dispositions import disposition_of
from dispatcher.smtp.smtp_replies import read_reply
from mail import addresses
from mail.addresses import carrier_of

DEPLOYED = Path(__file__).parents[3] / "deploy" / "carriers.yaml"
WRITTEN = yaml.safe_load(DEPLOYED.read_text())
SHIPPED = load_carriers()


def laid_over(folder: Path, text: str) -> CarrierTable:
    file = folder / "ours.yaml"
    file.write_text(text)
    return load_carriers(file)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(CarrierFileError) as error:
        laid_over(folder, text)
    return str(error.value)


def test_every_carrier_that_has_a_queue_is_known() -> None:
    assert set(SHIPPED.policies) == set(CARRIERS)


def test_a_domain_belongs_to_the_carrier_in_whose_queue_its_mail_waits() -> None:
    for name, entry in WRITTEN["carriers"].items():
        for domain in entry.get("domains", ()):
            for each in (domain.removeprefix("*."),) if domain[0] != "*" else (f"d.{domain[2:]}", f"a.b.{domain[2:]}"):
                assert (carrier_of(each), SHIPPED.of_domain(each).name) == (name, name)
    for domain in addresses._BY_DOMAIN:
        assert SHIPPED.of_domain(domain).name == carrier_of(domain)
    for ending, name in addresses._BY_SUFFIX:
        assert SHIPPED.of_domain(f"x{ending}").name == name


@given(domain=st.one_of(st.sampled_from(sorted(addresses._BY_DOMAIN)), st.text("abjpcomne.-", max_size=30)))
def test_any_domain_has_a_carrier_and_it_is_the_one_of_its_queue(domain: str) -> None:
    assert SHIPPED.of_domain(domain).name == carrier_of(domain)


@pytest.mark.parametrize(
    "servers, carrier",
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "gmail"),
        (["ALT4.ASPMX.L.GOOGLE.COM."], "gmail"),
        (["smtp.google.com"], "gmail"),
        (["aspmx3.googlemail.com"], "gmail"),
        (["school-ed-jp.mail.protection.outlook.com"], "outlook"),
        (["hotmail-com.olc.protection.outlook.com"], "outlook"),
        (["school.p-v1.mx.microsoft"], "outlook"),
        (["mx3.mail.yahoo.co.jp"], "yahoo"),
        (["mx02.mail.icloud.com"], "icloud"),
        (["mfsmax.docomo.ne.jp"], "docomo"),
        (["msmx.au.com"], "au"),
        (["mx.school.example", "aspmx.l.google.com"], None),
        (["aspmx.l.google.com.example.jp"], None),
        (["notgoogle.com"], None),
        ([], None),
    ],
)
def test_mail_that_a_carrier_hosts_for_others_is_known_by_the_first_server(
    servers: list[str], carrier: str | None
) -> None:
    found = SHIPPED.of_servers(servers)
    assert (None if found is None else found.name) == carrier


def test_server_patterns_of_two_carriers_never_meet() -> None:
    patterns = [(form, name) for name, entry in WRITTEN["carriers"].items() for form in entry.get("mx_hosts", ())]
    for form, name in patterns:
        example = form.replace("*", "a")
        assert {other for pattern, other in patterns if fnmatch.fnmatchcase(example, pattern)} == {name}


def test_a_name_that_nobody_knows_is_treated_as_other() -> None:
    assert SHIPPED.named("carrierpigeon") is SHIPPED.named("other")
    assert SHIPPED.named("other").each_hop_apart
    assert not any(policy.each_hop_apart for name, policy in SHIPPED.policies.items() if name != "other")


def test_docomos_published_limit_is_kept() -> None:
    docomo = SHIPPED.named("docomo")
    assert (docomo.recipients_per_session, docomo.copies_per_connection) == (100, 100)
    assert docomo.full_hour_spread > 0
    assert SHIPPED.named("au").ipv4_only


def test_shipped_reasons_are_those_that_administrators_are_told_of() -> None:
    spoken = {rule.disposition.reason for policy in SHIPPED.policies.values() for rule in policy.rules}
    assert spoken <= REASONS


def test_the_package_carries_the_file_that_is_in_deploy() -> None:
    assert (Path(__file__).parents[3] / "services/dispatcher/src/dispatcher/policy/carriers.yaml").samefile(DEPLOYED)


def test_every_field_is_explained_where_operators_read() -> None:
    text = DEPLOYED.read_text().partition("\ncommon:")[0]
    for field in (*WRITTEN["common"], "domains", "mx_hosts", "stage", "code", "enhanced", "words", "outcome", "reason"):
        assert f"#   {field} " in text, field


def test_an_operator_changes_one_field_and_all_else_stays(tmp_path: Path) -> None:
    ours = laid_over(tmp_path, "carriers: {docomo: {connections: 3, pause_after_421: 2m, rate: 1.5}}").named("docomo")
    shipped = SHIPPED.named("docomo")
    assert (ours.connections, ours.pause_after_421, ours.rate) == (3, 120.0, 1.5)
    assert (ours.retry, ours.rules, ours.recipients_per_session) == (
        shipped.retry,
        shipped.rules,
        shipped.recipients_per_session,
    )


def test_null_takes_a_limit_off_and_lists_take_the_place_of_lists(tmp_path: Path) -> None:
    ours = laid_over(tmp_path, "carriers: {docomo: {recipients_per_session: null, retry: [30s, 1h]}}").named("docomo")
    assert (ours.recipients_per_session, ours.copies_per_connection, ours.retry) == (None, 100, (30.0, 3600.0))


def test_what_is_said_for_all_holds_for_those_who_say_nothing_else(tmp_path: Path) -> None:
    ours = laid_over(tmp_path, "common: {messages_per_connection: 7, tls: required}")
    assert ours.named("yahoo").messages_per_connection == 7
    assert ours.named("docomo").messages_per_connection == 100
    assert {policy.tls for policy in ours.policies.values()} == {"required"}


def test_operators_rules_are_asked_first_the_carriers_before_those_for_all(tmp_path: Path) -> None:
    ours = laid_over(
        tmp_path,
        """
        common:
          replies:
            - {code: 5, words: "unknown user|never here", outcome: failed, reason: ours for all}
        carriers:
          docomo:
            replies:
              - {stage: rcpt, code: 550, words: "unknown user", outcome: filtered}
        """,
    )
    unknown = read_reply("rcpt", 550, "Unknown user")
    assert disposition_of(unknown, ours.named("docomo")).outcome == "filtered"
    assert disposition_of(unknown, ours.named("au")).reason == "ours for all"
    # What the carrier itself has a rule for goes before the operator's for all.
    body = read_reply("body", 550, "Unknown user")
    assert disposition_of(body, ours.named("docomo")).reason == "refused by the recipient's filter"
    assert disposition_of(read_reply("rcpt", 550, "never here"), ours.named("docomo")).reason == "ours for all"


def test_a_file_in_the_words_of_release_0_1_is_read_as_before(tmp_path: Path) -> None:
    rules = "common: {replies: [{code: 5, words: 'never here', outcome: filtered}, {code: 4, outcome: deferred}]}"
    ours = laid_over(tmp_path, rules)
    assert laid_over(tmp_path, rules.replace("outcome", "verdict")).policies == ours.policies
    copied = tmp_path / "copy.yaml"
    copied.write_text(DEPLOYED.read_text().replace("outcome", "verdict"))
    assert disposition_of(read_reply("rcpt", 550, "never here"), ours.named("au")).outcome == "filtered"
    assert load_carriers(copied).policies == load_carriers(DEPLOYED).policies


def test_operators_add_carriers_of_their_own(tmp_path: Path) -> None:
    ours = laid_over(
        tmp_path,
        """
        carriers:
          cityhall: {domains: [city.example.jp, "*.ed.example.jp"], mx_hosts: ["*.mail.city.example.jp"], rate: 5}
        """,
    )
    assert ours.of_domain("city.example.jp").name == ours.of_domain("a.ed.example.jp").name == "cityhall"
    assert ours.of_domain("ed.example.jp").name == "other"
    found = ours.of_servers(["mx1.mail.city.example.jp"])
    assert found is not None
    assert (found.rate, found.connections, len(found.rules)) == (5, 6, len(WRITTEN["common"]["replies"]))


def test_the_example_in_the_operators_guide_can_be_used_as_it_stands(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    ours = laid_over(tmp_path, example)
    assert (ours.named("docomo").connections, ours.named("docomo").full_hour_spread) == (4, 120)
    assert ours.of_domain("city.example.jp").tls == "required"


@pytest.mark.parametrize(
    "text, words",
    [
        ("common: {conections: 3}", ["ours.yaml: common: conections: unknown field"]),
        ("carriers: {docomo: {idle: 5s}}", ["ours.yaml: docomo: idle: unknown field"]),
        ("carriers: {docomo: {connections: '4'}}", ["docomo: connections:"]),
        ("carriers: {docomo: {connections: 0}}", ["docomo: connections:"]),
        ("carriers: {docomo: {connections: true}}", ["docomo: connections:"]),
        ("carriers: {docomo: {rate: 0}}", ["docomo: rate:"]),
        ("carriers: {docomo: {pause_after_421: 10}}", ["docomo: pause_after_421: must be a duration"]),
        ("carriers: {docomo: {idle_seconds: 8d}}", ["docomo: idle_seconds: must be a duration"]),
        ("carriers: {docomo: {tls: yes}}", ["docomo: tls:"]),
        ("carriers: {docomo: {ipv4_only: }}", ["docomo: ipv4_only must not be empty"]),
        ("carriers: {docomo: {retry: [1m, soon]}}", ["docomo: retry: number 2: must be a duration"]),
        ("carriers: {docomo: {retry: []}}", ["docomo: retry:"]),
        ("carriers: {docomo: {full_hour_spread: 31m}}", ["docomo: full_hour_spread:"]),
        ("carriers: {docomo: {replies: [{outcome: dead}]}}", ["docomo: replies: number 1: code:"]),
        ("carriers: {docomo: {replies: [{code: 250, outcome: full}]}}", ["number 1: code: must be the beginning"]),
        ("carriers: {docomo: {replies: [{code: 4, outcome: dead}]}}", ["only for codes that begin with 5"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: delivered}]}}", ["number 1: outcome:"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, sure: true}]}}", ["sure is only for outcome dead"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, pace: later}]}}", ["pace is only for"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, stage: plan}]}}", ["number 1: stage: must be one"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, words: '('}]}}", ["words: is no regular expression"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, words: '(a+)+b'}]}}", ["may not be repeated"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, words: '(a|b){2,}c'}]}}", ["may not be repeated"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, words: 'a*.*.*b'}]}}", ["unlimited repeats"]),
        ("carriers: {docomo: {replies: [{code: 5, outcome: full, reason: 'Taro <a@b>'}]}}", ["number 1: reason:"]),
        (
            'carriers: {docomo: {replies: [{code: 5, outcome: full, "verdict": dead}]}}',
            ["docomo: replies: number 1: outcome stands there twice"],
        ),
        ('carriers: {docomo: {replies: [{code: 5, "verdict": gone}]}}', ["docomo: replies: number 1: verdict"]),
        ("carriers: {Docomo: {}}", ["Docomo:"]),
        ("carriers: {x: {domains: [EX.jp]}}", ["x: domains: number 1: must be a domain"]),
        ("carriers: {x: {mx_hosts: ['*']}}", ["x: mx_hosts: number 1: must be a host name"]),
        ("carriers: {x: {mx_hosts: ['*.jp']}}", ["x: mx_hosts: number 1: must be a host name"]),
        ("carriers: {x: {domains: [gmail.com]}}", ["x: gmail.com belongs to gmail, too"]),
        ("carriers: {other: {domains: [a.jp]}}", ["other: has neither domains nor mx_hosts"]),
        ("carriers: {x: }", ["ours.yaml: x: must hold fields"]),
        ("carriers: {x: {}, x: {}}", ["x stands there twice"]),
        ("carriers: [", ["ours.yaml: no YAML in line"]),
        ("!!python/object/apply:os.getcwd []", ["ours.yaml: no YAML"]),
        ("5", ["ours.yaml: must hold fields"]),
        (
            "common: {rate: soon}\ncarriers: {au: {connections: x}, gmail: {replies: [{code: 5}]}}",
            ["common: rate:", "au: connections:", "gmail: replies: number 1: outcome:"],
        ),
    ],
)
def test_every_mistake_is_named_with_file_carrier_and_field(tmp_path: Path, text: str, words: list[str]) -> None:
    said = complaint(tmp_path, text)
    assert all(line.startswith("ours.yaml: ") for line in said.splitlines())
    for each in words:
        assert each in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CarrierFileError, match=r"nothing\.yaml cannot be read"):
        load_carriers(tmp_path / "nothing.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert laid_over(tmp_path, "").policies == SHIPPED.policies


# Slow: YAML is read in Python, some hundred times.
@given(text=st.text(max_size=80))
def test_whatever_stands_in_the_file_is_a_complaint_or_a_table(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(text.encode("utf-8", "replace"))
    with contextlib.suppress(CarrierFileError):
        assert load_carriers(file).policies
