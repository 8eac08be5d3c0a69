"""From a domain to its route: DNS, the carriers' policies and the domain's own wishes together."""

import random
from collections.abc import AsyncIterator, Iterable

import pytest

from dispatcher.policy.carriers_file import load_carriers
from dispatcher.routing.mta_sts import StsPolicy
from dispatcher.routing.mx import DnsTrouble, MxLookup, NoMail, NoServer
from dispatcher.routing.route_table import parse_routes
from dispatcher.routing.router import MOST_ADDRESSES, MOST_HOSTS, Router, without_route
from dispatcher.smtp.next_hop import MailHost
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from simulator.dns_server import DnsServer

ZONE = {
    "docomo.ne.jp": {"MX": ["10 mfsmax.docomo.ne.jp."]},
    "mfsmax.docomo.ne.jp": {"A": ["192.0.2.10"]},
    "family.example": {"MX": ["10 mx1.host.example.", "20 mx2.host.example."]},
    "cousins.example": {"MX": ["10 mx2.host.example.", "20 mx1.host.example."]},
    "mx1.host.example": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]},
    "mx2.host.example": {"A": ["192.0.2.2"]},
}


class WrittenPolicies:
    """MTA-STS policies out of a table."""

    def __init__(self, table: dict[str, StsPolicy] | None = None, renewed: dict[str, StsPolicy] | None = None) -> None:
        self.table = table or {}
        self._renewed = renewed or {}
        self.asked: list[str] = []

    async def of(self, domain: str, *, renewed: bool = False) -> StsPolicy | None:
        self.asked.append(domain)
        if renewed:
            self.table |= self._renewed
        return self.table.get(domain)


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE) as server:
        yield server


def a_router(dns: DnsServer, routes: str = "*=mx", policies: WrittenPolicies | None = None, **fields: object) -> Router:
    asked = SystemDns([dns.address])
    lookup = MxLookup(DnsCache(asked), fresh=asked, private=True)
    return Router(parse_routes(routes), lookup, load_carriers(), policies=policies, **fields)  # type: ignore[arg-type]


def policy(mode: str, *servers: str) -> StsPolicy:
    return StsPolicy(mode, servers, 86_400)  # type: ignore[arg-type]


def names(hosts: Iterable[MailHost]) -> list[str]:
    return [host.name for host in hosts]


async def test_a_route_has_the_servers_in_order_with_their_addresses(dns: DnsServer) -> None:
    route = await a_router(dns).route_for("family.example")
    assert route.hop.hosts == (
        MailHost("mx1.host.example", 25, ("2001:db8::1", "192.0.2.1")),
        MailHost("mx2.host.example", 25, ("192.0.2.2",)),
    )
    assert (route.hop.tls, route.hop.relayed, route.hop.mta_sts, route.policy.name) == (
        "opportunistic",
        False,
        False,
        "other",
    )


async def test_domains_with_the_same_servers_share_their_connections_and_the_key_names_nobody(dns: DnsServer) -> None:
    router = a_router(dns)
    one, other = await router.route_for("family.example"), await router.route_for("cousins.example")
    assert one.hop.key == other.hop.key
    assert "example" not in one.hop.key


async def test_a_carrier_is_known_by_its_domain_or_by_its_servers(dns: DnsServer) -> None:
    dns.zone["school.example"] = {"MX": ["1 aspmx.l.google.com.", "5 alt1.aspmx.l.google.com."]}
    dns.zone["aspmx.l.google.com"] = {"A": ["192.0.2.30"]}
    router = a_router(dns)
    assert (await router.route_for("docomo.ne.jp")).policy.name == "docomo"
    assert (await router.route_for("school.example")).policy.name == "gmail"


async def test_a_carrier_that_wants_ipv4_gets_ipv4(dns: DnsServer) -> None:
    dns.zone["ezweb.ne.jp"] = {"MX": ["10 lsean.ezweb.ne.jp."]}
    dns.zone["lsean.ezweb.ne.jp"] = {"A": ["192.0.2.40"], "AAAA": ["2001:db8::40"]}
    route = await a_router(dns).route_for("ezweb.ne.jp")
    assert route.policy.ipv4_only
    assert route.hop.hosts == (MailHost("lsean.ezweb.ne.jp", 25, ("192.0.2.40",)),)


async def test_servers_without_an_address_or_in_trouble_are_passed_over(dns: DnsServer) -> None:
    dns.zone["a.example"] = {"MX": ["10 gone.example.", "20 broken.example.", "30 mx2.host.example."]}
    dns.servfail.add("broken.example")
    assert names((await a_router(dns).route_for("a.example")).hop.hosts) == ["mx2.host.example"]


async def test_no_server_with_an_address_is_a_matter_for_later(dns: DnsServer) -> None:
    dns.zone["a.example"] = {"MX": ["10 gone.example."]}
    router = a_router(dns)
    with pytest.raises(NoServer):
        await router.route_for("a.example")
    dns.zone["b.example"] = {"MX": ["10 gone.example.", "20 broken.example."]}
    dns.servfail.add("broken.example")
    with pytest.raises(DnsTrouble) as trouble:
        await router.route_for("b.example")
    assert not isinstance(trouble.value, NoServer)


async def test_whoever_points_to_private_addresses_gets_nothing(dns: DnsServer) -> None:
    dns.zone["evil.example"] = {"MX": ["10 inside.example.", "20 here.example."]}
    dns.zone["inside.example"] = {"A": ["10.0.0.5"], "AAAA": ["fd00::5"]}
    dns.zone["here.example"] = {"A": ["127.0.0.1"], "AAAA": ["::1"]}
    lookup = MxLookup(DnsCache(SystemDns([dns.address])))
    with pytest.raises(NoServer, match="no mail server has an address that we may use"):
        await Router(parse_routes("*=mx"), lookup, load_carriers()).route_for("evil.example")


async def test_tries_are_bounded_whatever_a_domain_names(dns: DnsServer) -> None:
    dns.zone["many.example"] = {"MX": [f"10 mx{number}.many.example." for number in range(300)]}
    for number in range(300):
        dns.zone[f"mx{number}.many.example"] = {"A": [f"192.0.2.{last}" for last in range(1, 9)]}
    route = await a_router(dns).route_for("many.example")
    assert len(route.hop.hosts) == MOST_HOSTS
    assert all(len(host.addresses) == MOST_ADDRESSES for host in route.hop.hosts)
    assert sum(number for (_, kind), number in dns.asked.items() if kind == "A") == MOST_HOSTS


async def test_servers_of_equal_worth_share_the_load(dns: DnsServer) -> None:
    dns.zone["equal.example"] = {"MX": ["10 mx1.host.example.", "10 mx2.host.example."]}
    router = a_router(dns, chance=random.Random(7).random)
    firsts = {(await router.route_for("equal.example")).hop.hosts[0].name for _ in range(4)}
    assert firsts == {"mx1.host.example", "mx2.host.example"}


async def test_fixed_routes_ask_no_dns(dns: DnsServer) -> None:
    router = a_router(dns, "docomo.ne.jp=127.0.0.1:2601,*=127.0.0.1:2526")
    route = await router.route_for("docomo.ne.jp")
    assert (route.hop.hosts, route.policy.name) == ((MailHost("127.0.0.1", 2601),), "docomo")
    assert not dns.asked


async def test_a_trial_may_use_another_port(dns: DnsServer) -> None:
    route = await a_router(dns, port=2525).route_for("family.example")
    assert {host.port for host in route.hop.hosts} == {2525}


async def test_a_route_decides_about_encryption_before_the_carrier(dns: DnsServer) -> None:
    router = a_router(dns, "family.example=mx?starttls=required,*=mx?starttls=none")
    required, none = await router.route_for("family.example"), await router.route_for("cousins.example")
    assert (required.hop.tls, none.hop.tls) == ("required", "none")
    assert required.hop.key != none.hop.key


async def test_an_enforced_policy_leaves_only_its_servers_and_insists_on_encryption(dns: DnsServer) -> None:
    policies = WrittenPolicies({"family.example": policy("enforce", "mx2.host.example")})
    router = a_router(dns, policies=policies)
    route = await router.route_for("family.example")
    assert (names(route.hop.hosts), route.hop.tls, route.hop.mta_sts) == (["mx2.host.example"], "required", True)
    assert (await router.route_for("cousins.example")).hop.key != route.hop.key


async def test_an_enforced_policy_that_fits_no_server_is_fetched_anew_before_mail_has_to_wait(dns: DnsServer) -> None:
    old, new = policy("enforce", "old.example"), policy("enforce", "*.host.example")
    router = a_router(dns, policies=WrittenPolicies({"family.example": old}, renewed={"family.example": new}))
    assert (await router.route_for("family.example")).hop.mta_sts
    router = a_router(dns, policies=WrittenPolicies({"family.example": old}))
    with pytest.raises(NoServer, match="no server that its mta-sts policy allows"):
        await router.route_for("family.example")


@pytest.mark.parametrize("mode", ["testing", "none"])
async def test_a_policy_on_trial_changes_nothing(dns: DnsServer, mode: str) -> None:
    policies = WrittenPolicies({"family.example": policy(mode, "mx2.host.example")})
    route = await a_router(dns, policies=policies).route_for("family.example")
    assert (len(route.hop.hosts), route.hop.tls, route.hop.mta_sts) == (2, "opportunistic", False)


async def test_without_encryption_no_policy_is_asked_for(dns: DnsServer) -> None:
    policies = WrittenPolicies({"family.example": policy("enforce", "mx2.host.example")})
    await a_router(dns, "*=mx?starttls=none", policies).route_for("family.example")
    assert not policies.asked


async def test_a_route_is_kept_for_moments_and_then_follows_dns(dns: DnsServer) -> None:
    clock = [0.0]
    asked = SystemDns([dns.address])
    remembered = DnsCache(asked, now=lambda: clock[0])
    router = Router(parse_routes("*=mx"), MxLookup(remembered, private=True), load_carriers(), now=lambda: clock[0])
    await router.route_for("family.example")
    dns.zone["family.example"] = {"MX": ["10 mx2.host.example."]}
    assert len((await router.route_for("family.example")).hop.hosts) == 2
    clock[0] = 301
    assert names((await router.route_for("family.example")).hop.hosts) == ["mx2.host.example"]


def test_what_becomes_of_mail_without_a_route() -> None:
    table = load_carriers()
    other, docomo = table.named("other"), table.named("docomo")
    dead = NoMail("no such domain")
    assert without_route(dead, other).outcome == "dead"
    assert without_route(NoMail("our own domain", dead=False), other).outcome == "failed"
    # A carrier never dies by DNS.
    assert (without_route(dead, docomo).outcome, without_route(dead, docomo).retry_hint) == ("deferred", "later")
    assert without_route(DnsTrouble("x"), other).outcome == "deferred"
    assert (without_route(NoServer("x"), other).outcome, without_route(NoServer("x"), other).retry_hint) == (
        "deferred",
        "later",
    )
