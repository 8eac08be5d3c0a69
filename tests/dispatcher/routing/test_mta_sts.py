"""MTA-STS: what a domain says about encryption is fetched, kept and renewed as RFC 8461 asks.

The policies come from a real HTTPS server with certificates of an authority of our own, found by a real DNS server.
"""

import asyncio
import ssl
import traceback
from collections.abc import AsyncIterator, Callable

import pytest
import trustme

from dispatcher.routing.mta_sts import PolicyUnavailable, StsPolicies, read_policy
from dispatcher.routing.mx import MxLookup
from dispatcher.routing.sts_fetch import MOST_OCTETS, PolicyFetcher
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from simulator.dns_server import DnsServer
from simulator.policy_server import PolicyServer

DOMAIN = "tanaka.example"
HOST = f"mta-sts.{DOMAIN}"
ENFORCE = "version: STSv1\r\nmode: enforce\r\nmx: mx1.host.example\r\nmx: *.host.example\r\nmax_age: 604800\r\n"
TESTING = ENFORCE.replace("enforce", "testing")


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


async def test_fetching_leaves_no_domain_in_the_logs(
    dns: DnsServer,
    web: PolicyServer,
    trust: ssl.SSLContext,
    capsys: pytest.CaptureFixture[str],
    configure_logs: Callable[[str, str], None],
) -> None:
    configure_logs("dispatcher", "DEBUG")
    web.status = 404
    policies = StsPolicies(DnsCache(SystemDns([dns.address])), fetcher(dns, web, trust))
    assert await policies.of(DOMAIN) is None
    written = capsys.readouterr().err
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
