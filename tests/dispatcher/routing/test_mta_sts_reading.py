"""MTA-STS: what a domain says about encryption is read as RFC 8461 asks, whatever a server or DNS says."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.routing.mta_sts import MOST_SECONDS, PolicyError, StsPolicy, read_policy, read_record

ENFORCE = "version: STSv1\r\nmode: enforce\r\nmx: mx1.host.example\r\nmx: *.host.example\r\nmax_age: 604800\r\n"


@pytest.mark.parametrize(
    "texts, number",
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=1"], "1"),
        (["v=STSv1 ;\tid=1 ; more=x"], "1"),
        (["v=STSv1; id=1; id=2"], "1"),
        (["v=spf1 -all", "v=STSv1; id=1"], "1"),
        ([], None),
        (["v=spf1 -all"], None),
        (["v=STSv1; id=1", "v=STSv1; id=2"], None),
        (["v=STSv1"], None),
        (["v=STSv1; id="], None),
        (["v=STSv1; id=a-b"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv10; id=1"], None),
        (["id=1; v=STSv1"], None),
    ],
)
def test_a_record_has_an_id_or_counts_as_none(texts: list[str], number: str | None) -> None:
    assert read_record(texts) == number


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_a_policy_is_read_whatever_its_line_ends(end: str) -> None:
    policy = read_policy(ENFORCE.replace("\r\n", end))
    assert policy == StsPolicy("enforce", ("mx1.host.example", "*.host.example"), 604_800)


def test_the_first_of_two_counts_and_what_is_unknown_is_passed_over() -> None:
    text = "version: STSv1\nmode:testing\nmode: enforce\nnew-thing: x: y\nmx:  MX.Host.Example \nmax_age: 99999999999"[
        :-1
    ]
    assert read_policy(text) == StsPolicy("testing", ("mx.host.example",), MOST_SECONDS)


def test_a_policy_that_is_given_up_names_no_server() -> None:
    assert read_policy("version: STSv1\nmode: none\nmax_age: 86400\n").mode == "none"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<html>",
        ENFORCE.replace("STSv1", "STSv2"),
        ENFORCE.replace("enforce", "Enforce"),
        ENFORCE.replace("604800", "a week"),
        ENFORCE.replace("604800", "-1"),
        ENFORCE.replace("604800", "12345678901"),
        ENFORCE.replace("max_age", "age"),
        ENFORCE.replace("mx1.host.example", "*"),
        ENFORCE.replace("mx1.host.example", "mx1..example"),
        ENFORCE.replace("mx1.host.example", "*.*.example"),
        "version: STSv1\nmode: enforce\nmax_age: 86400\n",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        read_policy(text)


def test_a_star_stands_for_exactly_one_label() -> None:
    policy = StsPolicy("enforce", ("mx.one.example", "*.two.example"), 1)
    assert policy.allows("mx.one.example")
    assert policy.allows("mx.two.example")
    assert not policy.allows("two.example")
    assert not policy.allows("a.mx.two.example")
    assert not policy.allows("other.one.example")


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.sampled_from([*ENFORCE.split("\r\n"), "mx", ":", "mode: none"])).map("\n".join),
    )
)
def test_whatever_a_web_server_says_is_a_policy_or_is_refused(text: str) -> None:
    try:
        policy = read_policy(text)
    except PolicyError:
        return
    assert policy.mode == "none" or policy.servers
    assert 0 <= policy.max_age <= MOST_SECONDS


LABELS = st.from_regex(r"\A[a-z0-9]{1,10}\Z")
HOSTS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)


@given(
    st.sampled_from(["enforce", "testing"]),
    st.lists(st.tuples(st.booleans(), HOSTS), min_size=1, max_size=5),
    st.integers(0, int(MOST_SECONDS)),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", " ", "\t "]),
    st.randoms(use_true_random=False),
)
def test_every_policy_that_is_written_is_understood(
    mode: str, servers: list[tuple[bool, str]], age: int, end: str, space: str, chance: random.Random
) -> None:
    names = [f"*.{host}" if star else host for star, host in servers]
    lines = [f"mx:{space}{name}{space}" for name in names]
    lines += [f"mode:{space}{mode}", f"max_age:{space}{age}", f"version:{space}STSv1"]
    chance.shuffle(lines)
    policy = read_policy(end.join(lines) + end)
    assert (policy.mode, set(policy.servers), policy.max_age) == (mode, set(names), age)
    for star, host in servers:
        assert policy.allows(f"any.{host}" if star else host)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_stands_in_dns_is_a_record_or_none(texts: list[str]) -> None:
    number = read_record(texts)
    assert number is None or number.isalnum()
