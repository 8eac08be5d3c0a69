"""What was given up can be handled once more: by the very handler that gave it up, once, and as one case for ever."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from contracts import retired
from contracts.events.dead import DeadLetter, DeadLetterRetry
from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.bus.consumer import Delivery
from runtime.bus.dead_letter_retry import as_it_was
from runtime.errors import PermanentError
from runtime.process.lifecycle import Service
from tests.runtime.bus.consuming import until
from tests.runtime.conftest import connected, declare, settings_for, subject_of


class Work:
    """A handler that cannot do its work until it is mended."""

    def __init__(self) -> None:
        self.mended = False
        self.done: list[Delivery] = []
        self.given_up: list[Delivery] = []

    async def __call__(self, delivery: Delivery) -> None:
        if not self.mended:
            raise PermanentError("broken")
        self.done.append(delivery)

    async def give_up(self, delivery: Delivery) -> None:
        self.given_up.append(delivery)


@contextlib.asynccontextmanager
async def at_work(nats: NatsServer, spec: ConsumerSpec, work: Work) -> AsyncIterator[None]:
    """A process called registry with that consumer."""
    service = Service("registry", settings_for(nats))

    async def set_up(each: Service) -> None:
        bus = await each.connect_bus()
        each.consume(bus, spec, work)
        each.consume_dead_letter_retries(bus, work.give_up)

    life = asyncio.create_task(service.live(set_up))
    try:
        yield
    finally:
        service.stop.set()
        assert await life == 0


async def letters(bus: Bus) -> list[DeadLetter]:
    """What `registry` gave up, in order."""
    return [DeadLetter.model_validate_json(each.data) for each in await bus.all_of("DEADLETTERS", "dead.registry")]


async def letter_number(bus: Bus, number: int) -> DeadLetter:
    async with asyncio.timeout(20):
        while len(found := await letters(bus)) < number:  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(0.05)
    return found[number - 1]


def decided(letter: DeadLetter, number: int, *, given_up: bool = False) -> DeadLetterRetry:
    return DeadLetterRetry(
        id=f"{letter.first}/decision-{number}", occurred_at=datetime.now(UTC), dead_letter=letter, given_up=given_up
    )


async def test_a_message_that_was_given_up_is_handled_once_its_cause_is_mended(fresh_nats: NatsServer) -> None:
    bus, work = await connected(fresh_nats), Work()
    spec = await declare(bus)
    async with at_work(fresh_nats, spec, work):
        await bus.publish_raw(subject_of(spec), b"sealed", headers={"Renrakumo-Correlation": "abc"})
        first = await letter_number(bus, 1)
        assert (first.consumer, first.retry_of) == (spec.name, None)

        await bus.publish(decided(first, 1))
        second = await letter_number(bus, 2)
        assert (second.retry_of, second.consumer, second.subject) == (first.id, spec.name, first.subject)
        assert (second.message(), second.attempts) == (b"sealed", 2)
        assert second.id != first.id

        work.mended = True
        await bus.publish(decided(second, 2))
        await until(lambda: bool(work.done))
        await bus.publish(decided(second, 2))  # told twice
        await bus.publish_raw(subject_of(spec), b"next")
        await until(lambda: len(work.done) == 2)
    assert [each.data for each in work.done] == [b"sealed", b"next"]
    assert work.done[0].correlation == "abc"
    assert work.done[0].subject == subject_of(spec)
    assert len(await letters(bus)) == 2
    await bus.close()


async def test_what_is_given_up_for_good_is_told_to_who_can_say_so(fresh_nats: NatsServer) -> None:
    bus, work = await connected(fresh_nats), Work()
    spec = await declare(bus)
    async with at_work(fresh_nats, spec, work):
        await bus.publish_raw(subject_of(spec), b"batch")
        await bus.publish(decided(await letter_number(bus, 1), 1, given_up=True))
        await until(lambda: bool(work.given_up))
    assert [each.data for each in work.given_up] == [b"batch"]
    assert not work.done
    await bus.close()


async def test_what_no_consumer_knows_any_more_is_kept_as_the_same_case(fresh_nats: NatsServer) -> None:
    bus, work = await connected(fresh_nats), Work()
    spec = await declare(bus)
    async with at_work(fresh_nats, spec, work):
        await bus.publish_raw(subject_of(spec), b"x")
        first = await letter_number(bus, 1)
        await bus.publish(decided(first.model_copy(update={"consumer": "of-an-older-release"}), 1))
        second = await letter_number(bus, 2)
        assert (second.reason, second.retry_of) == ("PermanentError: consumer_is_no_more", first.id)
        await bus.publish_raw("dead-letter-retry.registry", b"not an event")
        third = await letter_number(bus, 3)
        assert (third.reason, third.retry_of) == ("PermanentError: message_not_understood", None)
    await bus.close()


def test_a_message_that_was_given_up_under_an_earlier_name_is_handled_under_that_of_today() -> None:
    renamed = retired.SUBJECTS[0].subject
    letter = DeadLetter(
        id="admin-api-inbound/1",
        occurred_at=datetime.now(UTC),
        service="admin-api",
        consumer="admin-api-inbound",
        subject=renamed.name,
        reason="KeyError",
        attempts=20,
        payload=base64.b64encode(b"{}").decode(),
    )
    assert as_it_was(letter, 1, "c").subject == renamed.successor


async def test_a_large_sealed_message_is_kept_whole(fresh_nats: NatsServer) -> None:
    bus, work = await connected(fresh_nats), Work()
    spec = await declare(bus)
    # As text, like every sealed box; base64 of it would be more than a message may hold.
    large = (bytes(range(33, 97)) * 120_000)[:7_000_000]
    async with at_work(fresh_nats, spec, work):
        await bus.publish_raw(subject_of(spec), large)
        letter = await letter_number(bus, 1)
        assert letter.packed
        work.mended = True
        await bus.publish(decided(letter, 1))
        await until(lambda: bool(work.done))
    assert work.done[0].data == large
    await bus.close()
