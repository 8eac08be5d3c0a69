"""A batch that was given up goes out once when the operator has it handled once more; dropped, each copy still gets an
outcome. Real bus, real dispatcher."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nacl.public import PrivateKey

from contracts.events import CopyOutcome, DeadLetter, DeadLetterRetry, DeliveryBatch
from contracts.reasons import DROPPED
from contracts.sealed import RecipientCard, RecipientCards
from contracts.streams import delivery_consumer
from dispatcher.attempt.progress import Progress
from dispatcher.store import BusStore
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.consumer import Delivery, dead_letter
from runtime.crypto.sealing import Sealer
from runtime.errors import PermanentError
from simulator.carriers import CarrierSimulator
from tests.dispatcher.harness import Harness, Office, encoded, kinds, people

GMAIL = "gmail.com"


@pytest.fixture
def harness(fresh_nats: NatsServer, tmp_path: Path) -> Harness:
    """A bus of its own, no dispatcher yet."""
    return Harness.build(fresh_nats, tmp_path)


@pytest.fixture
async def office(harness: Harness) -> AsyncIterator[Office]:
    async with harness.office() as office:
        yield office


def given_up(batch: DeliveryBatch) -> DeadLetter:
    """The dead letter of a batch, as the dispatcher would have written it."""
    spec = delivery_consumer(batch.lane, batch.carrier)
    data = batch.model_dump_json().encode()
    delivery = Delivery(batch.bus_subject(), data, {}, 8, "DELIVERY", 17)
    return dead_letter(spec, delivery, PermanentError("broken"))


def decision(letter: DeadLetter, number: int, *, drop: bool = False) -> DeadLetterRetry:
    return DeadLetterRetry(
        id=f"{letter.first}/{number}", occurred_at=datetime.now(UTC), dead_letter=letter, given_up=drop
    )


async def progressed(office: Office, batch: DeliveryBatch, outcomes: dict[int, CopyOutcome]) -> None:
    """What was recorded of the batch before it was given up."""
    progress = await Progress.claim(BusStore(office.bus), batch, lambda: datetime.now(UTC))
    await progress.record(*outcomes.values())


def came_to(copy: int, **fields: object) -> CopyOutcome:
    values = {"copy_ref": copy, "outcome": "delivered", "at": datetime.now(UTC), "attempt": 1, **fields}
    return CopyOutcome.model_validate(values)


# Slow: two dispatchers start one after the other.
async def test_a_batch_that_could_not_be_opened_goes_out_once_when_the_key_is_there(
    harness: Harness, office: Office
) -> None:
    newer = PrivateKey.generate()
    cards = RecipientCards(
        cards=tuple(RecipientCard(copy_ref=1 + n, address=who) for n, who in enumerate(people(5, GMAIL)))
    )
    sealed = Sealer({"dispatcher": ("d2", bytes(newer.public_key))}).seal(cards, "dispatcher")
    process = harness.new_process()
    await process.start()
    batch = await office.send(people(5, GMAIL), recipients=sealed)

    async def buried() -> DeadLetter:
        while (stored := await office.bus.last("DEADLETTERS", "dead.dispatcher")) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return DeadLetter.model_validate_json(stored.data)

    letter = await asyncio.wait_for(buried(), 30)
    assert (letter.reason, letter.consumer) == ("SealError: sealed_with_unknown_key", "dispatcher-ordinary-gmail")
    assert await process.stop() == 0

    harness.environment["RENRAKUMO_SEAL_PRIVATE_KEYS"] += f",d2:{encoded(bytes(newer))}"
    async with CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL]) as gmail:
        process = harness.new_process()
        await process.start()
        for number in (1, 2):  # twice, as when the operator is impatient
            await office.bus.publish(decision(letter, number))
        assert kinds(await office.ends(batch)) == {"delivered": 5}
        other = await office.send(people(1, GMAIL, 50))
        await office.ends(other)
        assert await process.stop() == 0
        assert gmail.stats.messages == 6


async def test_what_had_gone_out_before_a_batch_was_given_up_does_not_go_out_again(
    harness: Harness, office: Office
) -> None:
    batch = office.batch(people(5, GMAIL))
    await progressed(office, batch, {copy: came_to(copy) for copy in (1000, 1003)})
    async with CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL]) as gmail:
        process = harness.new_process()
        await process.start()
        await office.bus.publish(decision(given_up(batch), 1))
        assert kinds(await office.ends(batch)) == {"delivered": 5}
        assert await process.stop() == 0
        assert gmail.stats.messages == 3
        assert not gmail.mailbox(people(5, GMAIL)[0])


async def test_copies_of_a_dropped_batch_keep_their_outcome_or_fail(harness: Harness, office: Office) -> None:
    batch = office.batch(people(5, GMAIL))
    later = datetime.now(UTC) + timedelta(seconds=1)
    known = {1000: came_to(1000), 1001: came_to(1001, outcome="deferred", next_attempt_at=later)}
    await progressed(office, batch, known)
    async with CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL]) as gmail:
        process = harness.new_process()
        await process.start()
        await office.bus.publish(decision(given_up(batch), 1, drop=True))
        outcomes = await office.ends(batch)
        assert kinds(outcomes) == {"delivered": 1, "failed": 4}
        assert {each.reason for each in outcomes.values() if each.outcome == "failed"} == {DROPPED}

        foreign = office.batch(people(1, GMAIL), recipients=batch.recipients.model_copy(update={"key_id": "old"}))
        await office.bus.publish(decision(given_up(foreign), 1, drop=True))
        after = await office.send(people(1, GMAIL, 70))
        await office.ends(after)
        assert await process.stop() == 0
        assert gmail.stats.messages == 1, "nothing of what was dropped"
    assert await office.bus.last("DEADLETTERS", "dead.dispatcher") is None, "what is dropped does not come back"
