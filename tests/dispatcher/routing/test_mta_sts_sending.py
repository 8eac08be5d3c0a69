"""A domain's MTA-STS policy decides to which server its mail goes and how: DNS, policy, route and SMTP together."""

import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiosmtpd.smtp import SMTP
from aiosmtpd.smtp import Envelope as Received
from aiosmtpd.smtp import Session as Peer

from dispatcher.policy.carriers_file import load_carriers
from dispatcher.routing.mta_sts import StsPolicies
from dispatcher.routing.mx import MxLookup
from dispatcher.routing.route_table import parse_routes
from dispatcher.routing.router import Router
from dispatcher.routing.sts_fetch import PolicyFetcher
from dispatcher.smtp.client import Connector
from dispatcher.smtp.connection import Envelope, Timeouts
from dispatcher.smtp.smtp_replies import NextHopUnavailable
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from simulator.dns_server import DnsServer
from simulator.policy_server import PolicyServer
from tests.dispatcher.smtp.smtp_sockets import listening

COPY = Envelope("b-x@sakura.example", "taro@family.example", b"Subject: x\r\n\r\ntext\r\n")
POLICY = "version: STSv1\nmode: enforce\nmx: mx1.host.example\nmx: mx2.host.example\nmax_age: 86400\n"
HERE = {"A": ["127.0.0.1"]}
ZONE = {
    "family.example": {"MX": ["5 mx.cheap.example.", "10 mx1.host.example.", "20 mx2.host.example."]},
    "_mta-sts.family.example": {"TXT": ['"v=STSv1; id=1"']},
    "mta-sts.family.example": HERE,
    "mx.cheap.example": HERE,
    "mx1.host.example": HERE,
    "mx2.host.example": HERE,
}


class Keeper:
    """Keeps whether the peer had encrypted."""

    def __init__(self) -> None:
        self.encrypted: list[bool] = []

    async def handle_DATA(self, _: SMTP, peer: Peer, __: Received) -> str:
        self.encrypted.append(peer.ssl is not None)
        return "250 2.0.0 kept"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
async def web(authority: trustme.CA) -> AsyncIterator[PolicyServer]:
    async with PolicyServer(authority.issue_cert("mta-sts.family.example"), POLICY) as server:
        yield server


async def send(web: PolicyServer, trust: ssl.SSLContext, port: int) -> str:
    """Find the route and send one copy; the name of the server that took it. Raises NextHopUnavailable."""
    async with DnsServer(ZONE) as dns:
        remembered = DnsCache(SystemDns([dns.address]))
        lookup = MxLookup(remembered, private=True)
        policies = StsPolicies(remembered, PolicyFetcher(lookup.addresses, trust=trust, port=web.port))
        router = Router(parse_routes("*=mx"), lookup, load_carriers(), policies=policies, port=port)
        route = await router.route_for("family.example")
    connector = Connector("mail.example", timeouts=Timeouts(connect=3, command=3, text=3), required_tls=trust)
    connection = await connector.open(route.hop)
    try:
        assert (await connection.send(COPY)).accepted
        return connection.host
    finally:
        await connection.close()


def server_tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_mail_goes_to_the_first_server_that_the_policy_names_and_that_proves_its_name(
    authority: trustme.CA, trust: ssl.SSLContext, web: PolicyServer
) -> None:
    keeper = Keeper()
    tls = server_tls(authority, "mx2.host.example")
    async with listening(lambda: SMTP(keeper, tls_context=tls)) as port:
        assert await send(web, trust, port) == "mx2.host.example"
    assert keeper.encrypted == [True]


@pytest.mark.parametrize("offered, reason", [(True, "certificate not trusted"), (False, "no starttls offered")])
async def test_mail_waits_rather_than_go_to_a_server_that_cannot_prove_its_name(
    authority: trustme.CA, trust: ssl.SSLContext, web: PolicyServer, offered: bool, reason: str
) -> None:
    keeper = Keeper()
    tls = server_tls(authority, "mx.cheap.example") if offered else None
    async with listening(lambda: SMTP(keeper, tls_context=tls)) as port:
        with pytest.raises(NextHopUnavailable, match=reason) as told:
            await send(web, trust, port)
    assert told.value.stage == "starttls"
    assert not keeper.encrypted


async def test_without_a_policy_in_force_the_same_server_gets_its_mail(
    authority: trustme.CA, trust: ssl.SSLContext, web: PolicyServer
) -> None:
    web.body = POLICY.replace("enforce", "testing")
    keeper = Keeper()
    async with listening(lambda: SMTP(keeper)) as port:
        assert await send(web, trust, port) == "mx.cheap.example"
    assert keeper.encrypted == [False]
