"""Who tries out secret post addresses is slowed, and counted for those whom it concerns."""

from typing import Any

from contracts.events import InboundSecretProbe
from ingress_smtp.admission.secret_probes import SecretProbes
from tests.ingress_smtp.smtp_server import BASE, NOW, away, open_server
from tests.ingress_smtp.wire import connected
from tests.support.fake_bus import FakeBus


async def test_what_several_servers_count_in_the_same_minute_adds_up() -> None:
    bus = FakeBus()
    for tries in (2, 3):
        secret_probes = SecretProbes(bus, lambda: NOW)
        for _ in range(tries):
            secret_probes.note("minami", "1nen")
        await secret_probes.publish()
    assert sum(event.tries for event in bus.events(InboundSecretProbe)) == 5


async def test_probes_of_a_post_address_are_slowed_and_told_once_a_minute() -> None:
    bus = FakeBus()
    secret_probes = SecretProbes(bus, lambda: NOW)
    tried = [f"1nen-{letter * 12}@minami.{BASE}" for letter in "abc"]
    slips = [
        f"{local}@minami.{BASE}" for local in ("1nen-entri", "1nen-registration", "2nen-aaaaaaaaaaaa", "1nen-abcdefg")
    ]
    changes: dict[str, Any] = {"smtp_unknown_burst_per_peer": 21, "smtp_unknown_rate_per_peer": 0.001}
    async with open_server(bus, secret_probes=secret_probes, **changes) as server:
        async with connected(server.port) as wire:
            assert await wire.ask("MAIL FROM:<a@b.example>") == 250
            for address in slips:
                assert await wire.ask(f"RCPT TO:<{address}>") == 550
        async with connected(server.port) as wire:
            assert await wire.ask("MAIL FROM:<a@b.example>") == 250
            codes = [await wire.ask(f"RCPT TO:<{address}>") for address in tried]
            assert codes == [550, 550, 421]  # ten times as dear as any unknown recipient
        bus.failures = [away()]
        await secret_probes.publish()
        assert not bus.messages
        await secret_probes.publish()
        await secret_probes.publish()
    (event,) = bus.events(InboundSecretProbe)
    assert (event.unit, event.group, event.tries) == ("minami", "1nen", 3)
    assert event.id.startswith("guessed-minami-1nen-")
