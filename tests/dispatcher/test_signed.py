"""What leaves the dispatcher is signed, and arrives so that others can check it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import dkim  # type: ignore[import-untyped]  # dkimpy is not annotated
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from contracts.sealed import MessageContent
from mail.outgoing.dkim_keys import DkimKey, write_key
from simulator import servers
from simulator.behaviour import greylisting
from simulator.carriers import CarrierSimulator
from tests.dispatcher.harness import BASE, CONTENT, UNIT, Harness, Office, kinds, people

GMAIL, DOCOMO = "gmail.com", "docomo.ne.jp"
KEYS = (
    DkimKey(BASE, "r1", generate_private_key(65537, 2048)),
    DkimKey(BASE, "e1", Ed25519PrivateKey.generate()),
    DkimKey(f"own.{BASE}", "e1", Ed25519PrivateKey.generate()),
)
RECORDS = {f"{key.record_name()}.": key.record().encode() for key in KEYS}
DOTS = MessageContent(from_name="School", subject="dots", text=".\n..\n.x\n\n. \n\ta  b \n.\n\n\n")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A bus of its own with a dispatcher that has keys."""
    nats = servers.start_nats(tmp_path_factory.mktemp("nats"))
    harness = Harness.build(nats, tmp_path_factory.mktemp("dispatcher"), DKIM_KEYS=",".join(map(write_key, KEYS)))
    process = harness.new_process()
    process.start_now()
    yield harness
    assert process.child.stop(within=30) == 0, process.child.log_tail()
    nats.stop()


@pytest.fixture
async def office(harness: Harness) -> AsyncIterator[Office]:
    async with harness.office() as office:
        yield office


def signers(raw: bytes) -> list[tuple[str, str]]:
    """Domain and selector of each signature, all of which fit."""
    message = dkim.DKIM(raw)
    number = raw.count(b"DKIM-Signature: ")
    found = []
    for which in range(number):
        assert message.verify(which, dnsfunc=lambda name, timeout=0: RECORDS.get(name.decode()))
        found.append((message.signature_fields[b"d"].decode(), message.signature_fields[b"s"].decode()))
    return found


async def received(office: Office, carrier: CarrierSimulator, addresses: list[str], **batch: Any) -> list[bytes]:
    async with carrier:
        outcomes = await office.ends(await office.send(addresses, **batch))
        assert kinds(outcomes) == {"delivered": len(addresses)}
        return [carrier.mailbox(address)[0].raw for address in addresses]


async def test_every_copy_of_a_batch_arrives_with_signatures_that_fit(harness: Harness, office: Office) -> None:
    carrier = CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL])
    copies = await received(office, carrier, people(100, GMAIL))
    assert all(signers(raw) == [(BASE, "r1"), (BASE, "e1")] for raw in copies)
    assert len(set(copies)) == 100


async def test_a_shared_text_from_its_bucket_is_signed_too(harness: Harness, office: Office) -> None:
    key = f"{UNIT}.4712"
    content = CONTENT.model_copy(update={"text": "本日は臨時休校です。\n"})
    await office.bus.kv_put("content", key, office.seal(content).model_dump_json().encode())
    carrier = CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL])
    copies = await received(office, carrier, people(20, GMAIL, 200), content=None, content_key=key)
    assert all(len(signers(raw)) == 2 for raw in copies)


async def test_dots_and_blanks_arrive_as_they_were_signed(harness: Harness, office: Office) -> None:
    carrier = CarrierSimulator(DOCOMO, harness.carrier_ports[DOCOMO])
    odd = ["foo..bar@docomo.ne.jp", ".foo@docomo.ne.jp"]
    copies = await received(office, carrier, odd, content=DOTS, reply_kind=None, null_sender=True)
    for raw in copies:
        assert len(signers(raw)) == 2
        assert raw.partition(b"\r\n\r\n")[2].startswith(b".\r\n..\r\n.x\r\n")


async def test_a_unit_with_a_key_of_its_own_signs_for_itself(harness: Harness, office: Office) -> None:
    carrier = CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL])
    (raw,) = await received(office, carrier, people(1, GMAIL, 300), unit="own")
    assert signers(raw) == [(f"own.{BASE}", "e1")]


async def test_a_copy_that_was_put_off_is_signed_when_it_comes_again(harness: Harness, office: Office) -> None:
    carrier = CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL], greylisting(0.5))
    copies = await received(office, carrier, people(3, GMAIL, 400))
    assert all(len(signers(raw)) == 2 for raw in copies)


async def test_no_key_stands_in_a_log(harness: Harness) -> None:
    logged = await asyncio.to_thread(harness.logged)
    assert not any(write_key(key).split(":")[3][30:] in logged for key in KEYS)
