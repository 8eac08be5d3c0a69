"""The server says on every event what a mail showed of its origin, as DNS has it, and never waits long for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from contracts.base import Event
from contracts.events import (
    Authentication,
    InboundBounce,
    InboundEntry,
    InboundInfo,
    InboundLeave,
    InboundPost,
    InboundReply,
)
from ingress_smtp.authentication import Authenticator, CircuitBreakerDns, peer_address
from ingress_smtp.settings import PRIVATE
from mail.sender.authentication import Examination, Examiner, Origin
from mail.sender.dmarc import Organisations
from runtime.dns.cache import DnsCache
from runtime.dns.client import AddressKind, DnsTrouble, Exchanger, Found, SystemDns
from simulator import mailer
from simulator.dns_server import DnsServer
from simulator.signing import key_zone, new_key, signed
from tests.ingress_smtp.smtp_server import BASE, BOUNCE_TOKEN, SECRET, TOKEN, mail, open_server
from tests.ingress_smtp.wire import HOST, connected
from tests.support.fake_bus import FakeBus

PARENT = "parent@family.example"
INFO = f"info@minami.{BASE}"
KEY = new_key("family.example")
PROVEN = Authentication(spf="pass", dmarc="pass", policy="reject", sender_proven=True)
FORGED = Authentication(spf="fail", dmarc="fail", policy="reject")


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    zone: dict[str, dict[str, Sequence[str]]] = {
        "family.example": {"TXT": ['"v=spf1 ip4:127.0.0.1 -all"']},
        "_dmarc.family.example": {"TXT": ['"v=DMARC1; p=reject"']},
        "mx.family.example": {"TXT": ['"v=spf1 a -all"'], "A": ["127.0.0.1"]},
        **key_zone(KEY),
    }
    async with DnsServer(zone) as server:
        yield server


def watching(dns: DnsServer, **changes: Any) -> dict[str, Any]:
    """A server that asks this DNS, about peers on this machine, too."""
    return {"dns_servers": f"127.0.0.1:{dns.port}", "trusted_relays": "", **changes}


async def handed_in(port: int, raw: bytes, recipient: str = INFO, sender: str = PARENT) -> int:
    """The code that a mail gets."""
    replies = await mailer.send(HOST, port, sender, [recipient], raw)
    return replies[recipient].code


async def shown(
    dns: DnsServer,
    raw: bytes,
    recipient: str = INFO,
    kind: type[Event] = InboundInfo,
    *,
    sender: str = PARENT,
    **changes: Any,
) -> Authentication | None:
    """Send a mail; what its event says."""
    bus = FakeBus()
    async with open_server(bus, **watching(dns, **changes)) as server:
        assert await handed_in(server.port, raw, recipient, sender) == 250
    (event,) = bus.events(kind)
    found: Authentication | None = event.authentication  # type: ignore[attr-defined]  # every inbound event has it
    return found


@pytest.mark.parametrize(
    "recipient, kind",
    [
        (f"1nen-entry@minami.{BASE}", InboundEntry),
        (f"leave@minami.{BASE}", InboundLeave),
        (f"1nen-{SECRET}@minami.{BASE}", InboundPost),
        (INFO, InboundInfo),
        (f"{TOKEN}@minami.{BASE}", InboundReply),
        (f"{BOUNCE_TOKEN}@minami.{BASE}", InboundBounce),
    ],
)
async def test_every_event_says_what_its_mail_showed(dns: DnsServer, recipient: str, kind: type[Event]) -> None:
    assert await shown(dns, mail("x", sender=PARENT), recipient, kind) == PROVEN


async def test_a_signature_is_checked_with_the_key_that_dns_holds(dns: DnsServer) -> None:
    found = await shown(dns, signed(mail("x", sender=PARENT), KEY))
    assert found == PROVEN.model_copy(update={"dkim": "pass"})
    changed = signed(mail("x", sender=PARENT), KEY).replace(b"\r\nx\r\n", b"\r\ny\r\n")
    assert await shown(dns, changed) == PROVEN.model_copy(update={"dkim": "fail"})


async def test_a_large_signed_mail_is_checked_like_a_small_one(dns: DnsServer) -> None:
    raw = signed(mail("0123456789\r\n" * 100_000, sender=PARENT), KEY)
    found = await shown(dns, raw)
    assert found is not None
    assert found.dkim == "pass"


async def from_elsewhere(dns: DnsServer, raw: bytes, **changes: Any) -> Authentication | None:
    """What the event of a mail says that came from no server of its sender's domain."""
    bus = FakeBus()
    balanced = watching(dns, proxy_protocol=True, proxy_from="127.0.0.0/8", **changes)
    async with open_server(bus, **balanced) as server, connected(server.port, hello=False) as wire:
        wire.say(b"PROXY TCP4 192.0.2.66 192.0.2.2 40000 25\r\n")
        assert await wire.code() == 220
        for line in ("EHLO attacker.example", f"MAIL FROM:<{PARENT}>", f"RCPT TO:<{INFO}>"):
            assert await wire.ask(line) == 250
        assert await wire.ask("DATA") == 354
        wire.say(raw + b".\r\n")
        assert await wire.code() == 250
    (event,) = bus.events(InboundInfo)
    return event.authentication


async def test_a_mail_from_elsewhere_is_known_for_a_forgery(dns: DnsServer) -> None:
    assert await from_elsewhere(dns, mail("x", sender=PARENT)) == FORGED


@pytest.mark.parametrize("text", ["x", "0123456789\r\n" * 20_000], ids=["small", "large"])
async def test_a_forgery_is_known_although_it_names_a_domain_that_never_answers(dns: DnsServer, text: str) -> None:
    dns.silent |= {"s1._domainkey.slow.example"}
    raw = signed(mail(text, sender=PARENT), new_key("slow.example"))
    found = await from_elsewhere(dns, raw, authentication_seconds=0.5)
    assert found == FORGED.model_copy(update={"dkim": "temperror"})


async def test_for_the_null_sender_the_greeting_is_looked_at_and_nobody_is_proven(dns: DnsServer) -> None:
    bus = FakeBus()
    async with open_server(bus, **watching(dns)) as server, connected(server.port, hello=False) as wire:
        assert await wire.code() == 220
        for line in ("HELO mx.family.example", "MAIL FROM:<>", f"RCPT TO:<{BOUNCE_TOKEN}@minami.{BASE}>"):
            assert await wire.ask(line) == 250
        assert await wire.ask("DATA") == 354
        wire.say(mail("x", sender="mailer-daemon@mx.family.example") + b".\r\n")
        assert await wire.code() == 250
    (event,) = bus.events(InboundBounce)
    assert event.authentication is not None
    assert (event.authentication.spf, event.authentication.sender_proven) == ("pass", False)


async def test_what_dns_said_is_remembered(dns: DnsServer) -> None:
    bus = FakeBus()
    async with open_server(bus, **watching(dns)) as server:
        for number in range(5):
            raw = signed(mail(f"{number}", sender=PARENT), KEY)
            assert await handed_in(server.port, raw) == 250
    assert len(bus.events(InboundInfo)) == 5
    assert set(dns.asked.values()) == {1}


async def test_dns_that_says_nothing_delays_a_mail_for_a_moment_and_refuses_none(dns: DnsServer) -> None:
    dns.silent |= {"family.example", "_dmarc.family.example"}
    found = await shown(dns, mail("x", sender=PARENT), authentication_seconds=0.2)
    assert found == Authentication(spf="temperror", dmarc="temperror")


async def test_dns_that_is_broken_for_one_domain_is_held_against_nobody(dns: DnsServer) -> None:
    dns.servfail |= {"family.example"}
    found = await shown(dns, mail("x", sender=PARENT))
    assert found == Authentication(spf="temperror", dmarc="temperror", policy="reject")


async def test_about_a_relay_of_our_own_dns_is_not_asked(dns: DnsServer) -> None:
    bus = FakeBus()
    async with open_server(bus, dns_servers=f"127.0.0.1:{dns.port}") as server:
        assert await handed_in(server.port, mail("x", sender=PARENT)) == 250
    assert not dns.asked
    assert bus.events(InboundInfo)[0].authentication == Authentication()


async def test_it_can_be_left_out(dns: DnsServer) -> None:
    assert await shown(dns, mail("x", sender=PARENT), authentication="off") is None
    assert not dns.asked


class Broken(Examiner):
    """An examiner with a mistake in it."""

    def examine(self, raw: bytes, origin: Origin) -> Examination:
        raise LookupError(origin.envelope_from)
        yield ()


async def test_a_mistake_of_ours_turns_no_mail_away(capsys: pytest.CaptureFixture[str]) -> None:
    dns = DnsCache(CircuitBreakerDns(Moody()))
    authenticator = Authenticator(Broken(Organisations()), dns, relays=(), seconds=1.0)
    found = await authenticator.authenticate(Origin("192.0.2.1", "h.example", PARENT), mail("x"))
    assert (found.dmarc, found.refused, found.sender_proven) == ("temperror", False, False)
    assert "family.example" not in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    "given, expected",
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:10.1.2.3", ""),
        ("192.168.0.7", ""),
        ("fe80::1%eth0", ""),
        ("fd12::1", ""),
        ("", ""),
        ("unix", ""),
    ],
)
def test_machines_of_our_own_hand_on_what_others_sent(given: str, expected: str) -> None:
    assert peer_address(given, PRIVATE) == expected


class Moody:
    """DNS that answers or not."""

    def __init__(self) -> None:
        self.well = False
        self.asked = 0

    async def texts(self, name: str) -> Found[str]:
        self.asked += 1
        if not self.well:
            raise DnsTrouble("dns gives no answer")
        return Found(("text",), 60)

    async def mx(self, domain: str) -> Found[Exchanger]:
        raise NotImplementedError

    async def addresses(self, host: str, kind: AddressKind) -> Found[str]:
        raise NotImplementedError

    async def hosts(self, reverse_name: str) -> Found[str]:
        raise NotImplementedError


async def test_while_dns_is_away_nobody_waits_for_it_and_it_is_tried_now_and_then() -> None:
    now, dns = 0.0, Moody()
    dns_behind_breaker = CircuitBreakerDns(dns, now=lambda: now)

    async def outcomes(questions: int) -> set[str]:
        done = await asyncio.gather(
            *(dns_behind_breaker.texts("x.example") for _ in range(questions)), return_exceptions=True
        )
        return {type(each).__name__ for each in done}

    for _ in range(50):
        assert await outcomes(1) == {"DnsTrouble"}
    assert dns.asked == 10
    now = 11.0
    assert await outcomes(20) == {"DnsTrouble"}
    assert dns.asked == 11
    dns.well, now = True, 22.0
    assert await outcomes(1) == {"Found"}
    assert await outcomes(30) == {"Found"}


async def test_names_that_are_kept_silent_switch_nothing_off_while_dns_is_well(dns: DnsServer) -> None:
    names = [f"{number}.slow.example" for number in range(30)]
    dns.silent |= set(names)
    asked = SystemDns([dns.address], seconds=0.2)
    for known, works in ((BASE, True), (None, False)):
        dns_behind_breaker = CircuitBreakerDns(asked, known)
        await asyncio.gather(*map(dns_behind_breaker.texts, names), return_exceptions=True)
        if works:
            assert (await dns_behind_breaker.texts("family.example")).records
        else:
            with pytest.raises(DnsTrouble):
                await dns_behind_breaker.texts("family.example")
