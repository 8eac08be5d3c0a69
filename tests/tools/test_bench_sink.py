"""The benchmark's sink counts what really came, and its settings for the dispatcher are such as the dispatcher takes."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dispatcher.policy.carriers_file import load_carriers
from simulator import mailer
from simulator.crowd import DOMAINS
from tools.bench import sample_mail
from tools.bench.figures import FULL_PATH
from tools.bench.variants import PLAIN, Variant
from tools.load import sink
from tools.load.carriers import CONNECTIONS_A_CARRIER, lifted_limits


@pytest.fixture(params=["as found", "our own"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[sink.Sink]:
    async with sink.running(tmp_path, compiled=request.param == "as found") as running:
        yield running


async def send(target: sink.Sink, mails: int) -> None:
    for address in sample_mail.addresses(mails):
        await mailer.send(sink.HOST, target.port, sample_mail.SENDER, [address], sample_mail.sample().text)


async def test_the_sink_knows_when_the_last_of_the_expected_copies_is_there(target: sink.Sink) -> None:
    await send(target, 2)
    expected = target.expect(3)
    sending = asyncio.create_task(send(target, 3))
    arrivals = await expected.arrived(within=20)
    await sending
    assert arrivals.first <= arrivals.last
    assert target.mails == 5
    assert expected.beyond == 0


async def test_copies_that_never_come_end_the_wait_and_are_counted(target: sink.Sink) -> None:
    expected = target.expect(2)
    await send(target, 1)
    with pytest.raises(TimeoutError, match="1 of 2 copies"):
        await expected.arrived(within=0.1)


async def test_a_sender_that_fails_ends_the_wait_with_its_own_words(target: sink.Sink) -> None:
    def check() -> None:
        raise RuntimeError("the sender is gone")

    with pytest.raises(RuntimeError, match="gone"):
        await target.expect(1).arrived(within=20, check=check)


def test_the_limits_file_lets_the_crowds_carriers_go(tmp_path: Path) -> None:
    path = tmp_path / "carriers.yaml"
    path.write_text(lifted_limits())
    table = load_carriers(path)
    for carrier in DOMAINS:
        policy = table.named(carrier)
        assert policy.connections == policy.connections_per_hop == CONNECTIONS_A_CARRIER
        assert policy.rate is None
        assert policy.copies_per_connection >= 1000


def test_a_variant_tells_the_dispatcher_only_what_it_changes(tmp_path: Path) -> None:
    assert set(PLAIN.settings(tmp_path)) == {"RENRAKUMO_CARRIERS"}
    assert Variant(FULL_PATH, "off", free=False).settings(tmp_path) == {}


def test_every_peer_sends_a_letter_like_ours_to_different_people() -> None:
    text = sample_mail.sample().text
    assert text.isascii()
    assert b"\n" not in text.replace(b"\r\n", b"")
    assert len(set(sample_mail.addresses(1000))) == 1000
