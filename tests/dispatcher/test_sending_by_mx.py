"""A real dispatcher that finds the route by DNS alone, from the recipient's domain to the server that takes the mail."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts import reasons
from renrakumo_cli.local.nats import NatsServer
from simulator.carriers import CarrierSimulator
from simulator.dns_server import DnsServer
from tests.dispatcher.harness import Harness

DEAD_END = "127.0.0.99"
ZONE = {
    "docomo.ne.jp": {"MX": ["10 mfsmax.docomo.ne.jp."]},
    "mfsmax.docomo.ne.jp": {"A": ["127.0.0.1"]},
    # The best server has no address, the next refuses connections, the third takes mail, but not by IPv6.
    "tanaka.example": {"MX": ["10 gone.host.example.", "20 down.host.example.", "30 mx.host.example."]},
    "down.host.example": {"A": [DEAD_END]},
    "mx.host.example": {"AAAA": ["::1"], "A": ["127.0.0.1"]},
    "alone.example": {"A": ["127.0.0.1"]},
    "null.example": {"MX": ["0 ."]},
    "literal.example": {"MX": ["10 127.0.0.1."]},
}


@pytest.fixture
async def server() -> AsyncIterator[CarrierSimulator]:
    async with CarrierSimulator("mx") as server:
        yield server


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    async with DnsServer(ZONE) as dns:
        yield dns


# Slow: a dispatcher of its own is started, and one name server never answers.
async def test_mail_finds_its_server_and_what_cannot_is_told_why(
    nats_server: NatsServer, tmp_path: Path, server: CarrierSimulator, dns: DnsServer
) -> None:
    dns.servfail.add("broken.example")
    address, port = dns.address
    harness = Harness.build(
        nats_server,
        tmp_path,
        retry_plan="600",
        ROUTES="*=mx",
        DNS_SERVERS=f"{address}:{port}",
        MX_PORT=str(server.port),
        MX_PRIVATE="allow",
        MTA_STS="on",
        LOG_LEVEL="DEBUG",
    )
    domains = ["tanaka", "alone", "null", "literal", "vanished", "broken"]
    process = harness.new_process()
    await process.start()
    try:
        async with harness.office() as office:
            batch = await office.send([f"parent@{name}.example" for name in domains])
            outcomes = dict(zip(domains, (await office.attempt(batch)).values(), strict=True))
            docomo = await office.send(["parent@docomo.ne.jp"])
            assert (await office.attempt(docomo))[1000].outcome == "delivered"
    finally:
        assert await process.stop() == 0
    assert {name: (outcome.outcome, outcome.reason) for name, outcome in outcomes.items()} == {
        "tanaka": ("delivered", ""),
        "alone": ("delivered", ""),
        "null": ("dead", "domain takes no mail"),
        "vanished": ("dead", "no such domain"),
        "literal": ("deferred", "no usable mail server named"),
        "broken": ("deferred", "dns gives no answer"),
    }
    # A server of somebody's own domain would tell whose mailbox it is.
    assert (outcomes["tanaka"].host, outcomes["alone"].host) == ("mx.host.example", None)
    assert {outcome.reason for outcome in outcomes.values()} - {""} <= reasons.REASONS
    assert all(outcome.stage == "plan" for outcome in outcomes.values() if outcome.outcome != "delivered")
    written = harness.logged()
    assert not [name for name in domains if f"{name}.example" in written]
    assert "host.example" not in written


async def test_a_dispatcher_in_the_world_connects_to_no_private_address(
    nats_server: NatsServer, tmp_path: Path, server: CarrierSimulator, dns: DnsServer
) -> None:
    address, port = dns.address
    harness = Harness.build(
        nats_server,
        tmp_path,
        ROUTES="*=mx",
        DNS_SERVERS=f"{address}:{port}",
        MX_PORT=str(server.port),
        retry_plan="600",
    )
    process = harness.new_process()
    await process.start()
    try:
        async with harness.office() as office:
            batch = await office.send(["parent@alone.example"])
            outcome = (await office.attempt(batch))[1000]
    finally:
        assert await process.stop() == 0
    assert (outcome.outcome, outcome.reason) == ("deferred", "no mail server has an address that we may use")
    assert server.stats.connections == 0
