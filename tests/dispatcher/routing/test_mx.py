"""Finding the mail servers of a domain, asked of a real DNS server over real sockets."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.routing.mx import (
    Addresses,
    DnsTrouble,
    Exchanger,
    MxLookup,
    NoMail,
    NoServer,
    OurNames,
    in_order,
    is_public,
)
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from simulator.dns_server import DnsServer

CARRIERS = {"docomo.ne.jp": {"MX": ["10 mfsmax.docomo.ne.jp."]}, "mfsmax.docomo.ne.jp": {"A": ["192.0.2.10"]}}

PRIVATE = "tanaka.example"


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    async with DnsServer(CARRIERS) as server:
        yield server


@pytest.fixture
def lookup(dns: DnsServer) -> MxLookup:
    """Addresses of the documentation ranges are taken for public ones here."""
    asked = SystemDns([dns.address])
    ours = OurNames("mail.renraku.example", "renraku.example")
    return MxLookup(DnsCache(asked), fresh=asked, ours=ours, private=True)


async def names(lookup: MxLookup, domain: str) -> list[str]:
    return [one.host for one in await lookup.exchangers(domain)]


async def test_servers_come_in_order_of_preference(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["a.example"] = {"MX": ["20 second.example.", "10 First.Example.", "30 third.example."]}
    assert await names(lookup, "a.example") == ["first.example", "second.example", "third.example"]


async def test_servers_of_equal_preference_come_in_an_order_of_chance() -> None:
    equal = [Exchanger(10, f"mx{number}.example") for number in range(4)]
    draws = iter([0.4, 0.1, 0.3, 0.2])
    assert in_order(equal, lambda: next(draws)) == ("mx1.example", "mx3.example", "mx2.example", "mx0.example")


async def test_a_domain_without_mx_takes_mail_itself(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["four.example"] = {"A": ["192.0.2.1"]}
    dns.zone["six.example"] = {"AAAA": ["2001:db8::1"]}
    assert await names(lookup, "four.example") == ["four.example"]
    assert await names(lookup, "six.example") == ["six.example"]
    assert await lookup.addresses("six.example") == Addresses(("2001:db8::1",), ())


async def test_a_domain_may_be_an_alias(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["alias.example"] = {"CNAME": ["real.example."]}
    dns.zone["real.example"] = {"MX": ["10 mx.real.example."]}
    assert await names(lookup, "alias.example") == ["mx.real.example"]


async def test_a_server_may_be_an_alias_and_keeps_the_name_that_mx_gave_it(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["a.example"] = {"MX": ["10 mx.a.example."]}
    dns.zone["mx.a.example"] = {"CNAME": ["machine.a.example."]}
    dns.zone["machine.a.example"] = {"A": ["192.0.2.7"]}
    assert await names(lookup, "a.example") == ["mx.a.example"]
    assert (await lookup.addresses("mx.a.example")).fours == ("192.0.2.7",)


@pytest.mark.parametrize(
    "kinds, reason",
    [
        ({"MX": ["0 ."]}, "domain takes no mail"),
        ({"TXT": ['"nothing here"']}, "domain has no mail server"),
        (None, "no such domain"),
    ],
)
async def test_a_domain_that_takes_no_mail_is_dead(
    dns: DnsServer, lookup: MxLookup, kinds: dict[str, Sequence[str]] | None, reason: str
) -> None:
    if kinds is not None:
        dns.zone["gone.example"] = kinds
    with pytest.raises(NoMail, match=f"^{reason}$") as no:
        await lookup.exchangers("gone.example")
    assert no.value.dead


async def test_a_dangling_alias_is_no_mail_domain(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["alias.example"] = {"CNAME": ["gone.example."]}
    with pytest.raises(NoMail, match="no such domain"):
        await lookup.exchangers("alias.example")


async def test_when_dns_knows_no_carrier_its_no_is_not_believed(dns: DnsServer, lookup: MxLookup) -> None:
    carriers = dict(dns.zone)
    dns.zone.clear()
    with pytest.raises(DnsTrouble):
        await lookup.exchangers("a.example")
    dns.zone.update(carriers)
    with pytest.raises(NoMail):
        await lookup.exchangers("a.example")


async def test_a_null_mx_beside_others_is_passed_over(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["odd.example"] = {"MX": ["0 .", "10 mx.example."]}
    assert await names(lookup, "odd.example") == ["mx.example"]


@pytest.mark.parametrize("domain", ["192.0.2.1", "[192.0.2.1]", "[ipv6:2001:db8::1]", "a.example.7"])
async def test_an_address_instead_of_a_domain_is_refused_without_asking(
    dns: DnsServer, lookup: MxLookup, domain: str
) -> None:
    with pytest.raises(NoMail, match="address literal") as no:
        await lookup.exchangers(domain)
    assert not no.value.dead
    assert not dns.asked


async def test_an_mx_that_names_an_address_is_no_server_and_may_be_mended(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["literal.example"] = {"MX": ["10 192.0.2.1."], "A": ["192.0.2.1"]}
    with pytest.raises(NoServer):
        await lookup.exchangers("literal.example")
    dns.zone["half.example"] = {"MX": ["10 192.0.2.1.", "20 mx.example.", "30 bad\\032name.example."]}
    assert await names(lookup, "half.example") == ["mx.example"]


async def test_mail_never_goes_round_to_ourselves(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["loop.example"] = {"MX": ["10 Mail.Renraku.Example."]}
    with pytest.raises(NoMail, match="mail would come back to us") as no:
        await lookup.exchangers("loop.example")
    assert not no.value.dead
    dns.zone["backup.example"] = {"MX": ["10 mx.example.", "20 mail.renraku.example.", "30 worse.example."]}
    assert await names(lookup, "backup.example") == ["mx.example"]
    with pytest.raises(NoMail, match="our own domain"):
        await lookup.exchangers("sakura.renraku.example")


@pytest.mark.parametrize("trouble", ["servfail", "refused", "loop"])
async def test_trouble_is_for_now_and_tells_no_domain(dns: DnsServer, lookup: MxLookup, trouble: str) -> None:
    if trouble == "loop":
        dns.zone[PRIVATE] = {"CNAME": ["round.example."]}
        dns.zone["round.example"] = {"CNAME": [f"{PRIVATE}."]}
    else:
        getattr(dns, trouble).add(PRIVATE)
    with pytest.raises(DnsTrouble) as told:
        await lookup.exchangers(PRIVATE)
    assert not isinstance(told.value, NoServer)
    assert PRIVATE not in "".join(traceback.format_exception(told.value))


async def test_a_server_that_stays_silent_is_trouble(dns: DnsServer) -> None:
    dns.silent.add(PRIVATE)
    with pytest.raises(DnsTrouble) as told:
        await SystemDns([dns.address], seconds=0.3).mx(PRIVATE)
    assert PRIVATE not in "".join(traceback.format_exception(told.value))


async def test_the_next_resolver_is_asked_when_one_is_lame(dns: DnsServer) -> None:
    async with DnsServer({"a.example": {"MX": ["10 mx.example."]}}) as other:
        dns.refused.add("a.example")
        found = await SystemDns([dns.address, other.address]).mx("a.example")
    assert [one.host for one in found.records] == ["mx.example"]


async def test_a_truncated_answer_is_asked_for_again_by_tcp(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["cut.example"] = {"MX": ["10 mx.example."]}
    dns.truncated.add("cut.example")
    assert await names(lookup, "cut.example") == ["mx.example"]
    assert dns.asked_by_tcp["cut.example", "MX"] == 1


async def test_hundreds_of_servers_are_understood(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["many.example"] = {"MX": [f"{number} mx{number}.example." for number in range(400, 0, -1)]}
    found = await names(lookup, "many.example")
    assert (len(found), found[0]) == (400, "mx1.example")


async def test_both_families_are_found_and_either_is_enough(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["both.example"] = {"A": ["192.0.2.1", "192.0.2.2"], "AAAA": ["2001:db8::1"]}
    dns.zone["four.example"] = {"A": ["192.0.2.1"]}
    dns.zone["none.example"] = {"TXT": ['"-"']}
    both = await lookup.addresses("both.example")
    assert (sorted(both.fours), both.sixes) == (["192.0.2.1", "192.0.2.2"], ("2001:db8::1",))
    assert await lookup.addresses("both.example", ipv4_only=True) == Addresses((), both.fours)
    assert await lookup.addresses("four.example") == Addresses((), ("192.0.2.1",))
    assert await lookup.addresses("none.example") == Addresses()
    assert await lookup.addresses("gone.example") == Addresses()
    dns.servfail.add("broken.example")
    with pytest.raises(DnsTrouble):
        await lookup.addresses("broken.example")


async def test_a_carrier_that_wants_ipv4_is_not_asked_for_ipv6(dns: DnsServer, lookup: MxLookup) -> None:
    dns.zone["both.example"] = {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"]}
    await lookup.addresses("both.example", ipv4_only=True)
    assert dns.asked["both.example", "AAAA"] == 0


def test_the_families_take_turns_ipv6_first() -> None:
    addresses = Addresses(("2001:db8::1", "2001:db8::2"), ("192.0.2.1", "192.0.2.2", "192.0.2.3"))
    assert addresses.in_order(9, lambda: 0.5) == (
        "2001:db8::1",
        "192.0.2.1",
        "2001:db8::2",
        "192.0.2.2",
        "192.0.2.3",
    )
    assert addresses.in_order(2, lambda: 0.5) == ("2001:db8::1", "192.0.2.1")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::10.0.0.1",
        "2002:7f00:1::1",
        "not an address",
    ],
)
def test_nobody_makes_us_connect_to_a_private_address(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2404:6800:4008::1a", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_in_the_world_are_fine(address: str) -> None:
    assert is_public(address)


async def test_a_domain_that_points_to_private_addresses_has_no_server(dns: DnsServer) -> None:
    dns.zone["mx.evil.example"] = {"A": ["127.0.0.1", "10.0.0.1", "8.8.8.8"], "AAAA": ["::1"]}
    strict = MxLookup(DnsCache(SystemDns([dns.address])))
    assert await strict.addresses("mx.evil.example") == Addresses((), ("8.8.8.8",))


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abcdef")), min_size=1))
def test_no_server_is_lost_or_named_twice(records: list[tuple[int, str]]) -> None:
    found = in_order((Exchanger(preference, host) for preference, host in records), lambda: 0.5)
    assert set(found) == {host for _, host in records}
    assert len(set(found)) == len(found)
    best = {host: min(preference for preference, other in records if other == host) for _, host in records}
    assert [best[name] for name in found] == sorted(best.values())


@given(st.lists(st.ip_addresses(v=6), max_size=5), st.lists(st.ip_addresses(v=4), max_size=5), st.integers(1, 12))
def test_addresses_are_bounded_and_both_families_get_their_turn(
    sixes: list[IPv6Address], fours: list[IPv4Address], most: int
) -> None:
    addresses = Addresses(tuple(map(str, sixes)), tuple(map(str, fours)))
    found = addresses.in_order(most, lambda: 0.5)
    assert len(found) == min(most, len(addresses))
    if sixes and fours and most > 1:
        assert {":" in address for address in found[:2]} == {True, False}


async def test_carriers_are_asked_even_while_many_dead_domains_time_out(dns: DnsServer) -> None:
    asked = SystemDns([dns.address], is_carrier=lambda name: name.endswith("docomo.ne.jp"))
    dead = [f"dead{number}.example" for number in range(250)]
    dns.silent.update(dead)
    waiting = [asyncio.create_task(asked.mx(name)) for name in dead]
    assert (await asked.mx("docomo.ne.jp")).records
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
