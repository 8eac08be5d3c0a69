"""MTA-STS: what a domain says about encryption is read, fetched, kept and renewed as RFC 8461 asks.

The policies come from a real HTTPS server with certificates of an authority of our own, found by a real DNS server.
"""

import asyncio
import logging
import random
import ssl
import traceback
from collections.abc import AsyncIterator, Iterator

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.routing.mta_sts import (
    MOST_SECONDS,
    PolicyError,
    PolicyUnavailable,
    StsPolicies,
    StsPolicy,
    read_policy,
    read_record,
)
from dispatcher.routing.mx import MxLookup
from dispatcher.routing.sts_fetch import MOST_OCTETS, PolicyFetcher
from runtime import logs
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from simulator.dns_server import DnsServer
from simulator.policy_server import PolicyServer

DOMAIN = "tanaka.example"
HOST = f"mta-sts.{DOMAIN}"
ENFORCE = "version: STSv1\r\nmode: enforce\r\nmx: mx1.host.example\r\nmx: *.host.example\r\nmax_age: 604800\r\n"
TESTING = ENFORCE.replace("enforce", "testing")


# -- reading


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


# -- fetching


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def web(authority: trustme.CA) -> AsyncIterator[PolicyServer]:
    async with PolicyServer(authority.issue_cert(HOST), ENFORCE) as server:
        yield server


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    zone = {HOST: {"A": ["127.0.0.1"]}, f"_mta-sts.{DOMAIN}": {"TXT": ['"v=STSv1; id=1"']}}
    async with DnsServer(zone) as server:
        yield server


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def fetcher(dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext | None, *, private: bool = True) -> PolicyFetcher:
    lookup = MxLookup(SystemDns([dns.address]), private=private)
    return PolicyFetcher(lookup.addresses, trust=trust, port=web.port)


async def test_a_policy_is_fetched_from_the_domains_own_server(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    assert await fetcher(dns, web, trust)(DOMAIN) == read_policy(ENFORCE)
    assert web.asked == [(HOST, "/.well-known/mta-sts.txt")]


async def test_the_next_address_is_tried_when_one_gives_no_connection(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    dns.zone[HOST] = {"A": ["127.0.0.1"], "AAAA": ["::1"]}  # nobody listens on ::1
    assert (await fetcher(dns, web, trust)(DOMAIN)).mode == "enforce"


@pytest.mark.parametrize(
    "fault, reason",
    [
        ({"status": 404}, "web server has no policy"),
        ({"status": 301, "headers": {"Location": f"https://{HOST}/other"}}, "web server has no policy"),
        ({"content_type": "text/html"}, "policy is not plain text"),
        ({"body": "x" * (MOST_OCTETS + 1)}, "policy too large"),
        ({"broken": True}, "web server gives no policy"),
    ],
)
async def test_a_server_that_gives_no_policy_is_told_from_one_that_does(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext, fault: dict[str, object], reason: str
) -> None:
    for name, value in fault.items():
        setattr(web, name, value)
    with pytest.raises(PolicyUnavailable, match=reason) as told:
        await fetcher(dns, web, trust)(DOMAIN)
    assert DOMAIN not in "".join(traceback.format_exception(told.value))
    assert len(web.asked) == 1


async def test_a_certificate_that_nobody_vouches_for_gives_no_policy(dns: DnsServer, web: PolicyServer) -> None:
    with pytest.raises(PolicyUnavailable, match="no trusted connection"):
        await fetcher(dns, web, None)(DOMAIN)
    assert not web.asked


async def test_a_certificate_for_another_name_gives_no_policy(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    dns.zone["mta-sts.other.example"] = {"A": ["127.0.0.1"]}
    with pytest.raises(PolicyUnavailable, match="no trusted connection"):
        await fetcher(dns, web, trust)("other.example")
    assert not web.asked


async def test_nobody_makes_us_fetch_from_a_private_address(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    with pytest.raises(PolicyUnavailable, match="no usable address"):
        await fetcher(dns, web, trust, private=False)(DOMAIN)
    assert not web.asked


async def test_a_web_server_that_never_answers_is_given_up(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    web.hold = asyncio.Event()
    lookup = MxLookup(SystemDns([dns.address]), private=True)
    impatient = PolicyFetcher(lookup.addresses, trust=trust, port=web.port, seconds=0.2)
    with pytest.raises(PolicyUnavailable, match="web server too slow"):
        await impatient(DOMAIN)


@pytest.fixture
def everything_logged(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    before = logging.getLogger().level, list(logging.getLogger().handlers)
    logs.configure("dispatcher", "DEBUG")
    yield capsys
    logging.getLogger().setLevel(before[0])
    logging.getLogger().handlers[:] = before[1]


async def test_fetching_leaves_no_domain_in_the_logs(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext, everything_logged: pytest.CaptureFixture[str]
) -> None:
    web.status = 404
    policies = StsPolicies(DnsCache(SystemDns([dns.address])), fetcher(dns, web, trust))
    assert await policies.of(DOMAIN) is None
    written = everything_logged.readouterr().err
    assert "mta_sts_policy_not_fetched" in written
    assert "tanaka" not in written
    assert "127.0.0.1" not in written


# -- keeping


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policies(dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext, clock: Clock) -> StsPolicies:
    dns.ttl = 60
    return StsPolicies(DnsCache(SystemDns([dns.address]), now=clock), fetcher(dns, web, trust), now=clock)


async def beside() -> None:
    """Let what goes on beside come to its end."""
    others = [task for task in asyncio.all_tasks() if "_look" in repr(task.get_coro())]
    if others:
        await asyncio.wait(others, timeout=10)


async def mode(policies: StsPolicies, *, renewed: bool = False) -> str | None:
    policy = await policies.of(DOMAIN, renewed=renewed)
    return None if policy is None else policy.mode


async def test_a_policy_is_fetched_once_and_for_all_who_ask_at_once(policies: StsPolicies, web: PolicyServer) -> None:
    assert set(await asyncio.gather(*(mode(policies) for _ in range(20)))) == {"enforce"}
    assert await mode(policies) == "enforce"
    assert len(web.asked) == 1


async def test_most_domains_have_none_and_are_not_fetched_from(
    policies: StsPolicies, dns: DnsServer, web: PolicyServer
) -> None:
    del dns.zone[f"_mta-sts.{DOMAIN}"]
    assert await mode(policies) is None
    assert await mode(policies) is None
    assert dns.asked[f"_mta-sts.{DOMAIN}", "TXT"] == 1
    assert not web.asked


async def test_a_new_id_brings_the_new_policy_beside_while_the_old_one_holds(
    policies: StsPolicies, dns: DnsServer, web: PolicyServer, clock: Clock
) -> None:
    assert await mode(policies) == "enforce"
    web.body = TESTING
    clock.now = 400
    assert await mode(policies) == "enforce"
    await beside()
    assert len(web.asked) == 1  # the id is the same
    dns.zone[f"_mta-sts.{DOMAIN}"] = {"TXT": ['"v=STSv1; id=2"']}
    clock.now = 800
    assert await mode(policies) == "enforce"
    await beside()
    assert await mode(policies) == "testing"


@pytest.mark.parametrize("trouble", ["web", "dns", "record gone", "no policy"])
async def test_what_was_once_promised_holds_until_its_end_whatever_fails(
    policies: StsPolicies, dns: DnsServer, web: PolicyServer, clock: Clock, trouble: str
) -> None:
    assert await mode(policies) == "enforce"
    dns.zone[f"_mta-sts.{DOMAIN}"] = {"TXT": ['"v=STSv1; id=2"']}
    if trouble in ("web", "dns"):
        web.status = 500
    if trouble == "dns":
        dns.servfail.add(f"_mta-sts.{DOMAIN}")
    elif trouble == "record gone":
        del dns.zone[f"_mta-sts.{DOMAIN}"]
    elif trouble == "no policy":
        web.body = "nothing of the kind"
    for hours in (1, 24, 167):
        clock.now = hours * 3600
        assert await mode(policies) == "enforce"
        await beside()
    clock.now = 168 * 3600
    assert await mode(policies) is None


async def test_a_policy_that_could_not_be_had_counts_as_none_and_is_tried_again(
    policies: StsPolicies, web: PolicyServer, clock: Clock
) -> None:
    web.status = 503
    assert await mode(policies) is None
    assert await mode(policies) is None
    assert len(web.asked) == 1
    web.status = 200
    clock.now = 301
    assert await mode(policies) == "enforce"


async def test_a_policy_in_use_is_renewed_long_before_it_ends(
    policies: StsPolicies, web: PolicyServer, clock: Clock
) -> None:
    assert await mode(policies) == "enforce"
    clock.now = 86_401
    assert await mode(policies) == "enforce"
    await beside()
    assert len(web.asked) == 2
    clock.now = 604_900
    assert await mode(policies) == "enforce"


async def test_a_policy_that_no_longer_fits_is_renewed_at_once_but_not_each_time(
    policies: StsPolicies, web: PolicyServer, clock: Clock
) -> None:
    assert await mode(policies) == "enforce"
    web.body = TESTING
    assert await mode(policies, renewed=True) == "enforce"  # fetched a moment ago
    clock.now = 61
    assert await mode(policies, renewed=True) == "testing"
    assert await mode(policies, renewed=True) == "testing"
    assert len(web.asked) == 2


async def test_a_domain_whose_web_server_hangs_holds_up_its_first_mail_only_for_moments(
    dns: DnsServer, web: PolicyServer, trust: ssl.SSLContext
) -> None:
    web.hold = asyncio.Event()
    policies = StsPolicies(DnsCache(SystemDns([dns.address])), fetcher(dns, web, trust), wait=0.1)
    assert await mode(policies) is None
    web.hold.set()
    await beside()
    assert await mode(policies) == "enforce"
