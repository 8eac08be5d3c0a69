"""What the bus loop makes of a message: handled once, tried again, given up with a reason, never buried in an outage."""

import base64
import dataclasses
from datetime import timedelta

import asyncpg
from sqlalchemy.exc import IntegrityError, OperationalError

from contracts.events.dead import DeadLetter
from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.bus.consumer import Delivery, dead_letter_id
from runtime.errors import BusUnavailable, PermanentError, Postponed, TransientError
from runtime.faults import is_outage
from tests.runtime.bus.consuming import NewConsumer, running, settled, until
from tests.runtime.conftest import connected, subject_of


async def dead_letter(bus: Bus, spec: ConsumerSpec) -> DeadLetter | None:
    stored = await bus.last("DEADLETTERS", "dead.registry")
    letter = DeadLetter.model_validate_json(stored.data) if stored else None
    return letter if letter and letter.consumer == spec.name else None


async def test_a_message_that_was_handled_never_comes_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.data)

    for number in range(500):
        await bus.publish_raw(subject_of(spec), str(number).encode())
    async with running(bus, spec, handler):
        await until(lambda: len(seen) >= 500)
        await settled(bus, spec)
    assert sorted(map(int, seen)) == list(range(500))


async def test_a_handler_that_raises_gets_the_message_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    attempts: list[int] = []

    async def handler(delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if len(attempts) < 3:
            raise ValueError("surprise")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, backoff=(0.05,)):
        await until(lambda: len(attempts) == 3)
        await settled(bus, spec)
    assert attempts == [1, 2, 3]


async def test_a_permanent_error_goes_to_the_dead_letters_at_once(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise PermanentError("group_unknown")

    await bus.publish_raw(subject_of(spec), b"sealed", headers={"Renrakumo-Correlation": "abc"})
    async with running(bus, spec, handler):
        await until(lambda: bool(calls))
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert letter.reason == "PermanentError: group_unknown"
    assert base64.b64decode(letter.payload) == b"sealed"
    assert letter.headers["Renrakumo-Correlation"] == "abc"
    assert calls == [1]


async def test_a_message_has_one_dead_letter_and_shares_it_with_none_of_a_bus_that_was_made_anew(
    bus: Bus, new_consumer: NewConsumer
) -> None:
    spec = await new_consumer()
    seen: list[Delivery] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery)
        if len(seen) < 2:
            raise TransientError("away")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, backoff=(0.05,)):
        await until(lambda: len(seen) == 2)
        await settled(bus, spec)
    first, second = (dead_letter_id(spec, each) for each in seen)
    assert first == second
    assert seen[0].stored_at is not None
    anew = dataclasses.replace(seen[0], stored_at=seen[0].stored_at + timedelta(days=1))
    assert dead_letter_id(spec, anew) != first


async def test_a_dead_letter_may_hold_less_than_the_message(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise PermanentError("anybody_could_send_that", kept=delivery.data[:3])

    await bus.publish_raw(subject_of(spec), b"sealed")
    async with running(bus, spec, handler):
        await until(lambda: bool(calls))
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert (letter.reason, base64.b64decode(letter.payload)) == ("PermanentError: anybody_could_send_that", b"sea")


async def test_a_mistake_is_tried_so_often_and_buried_without_its_text(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        raise ValueError("taro@docomo.ne.jp 山田")

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=3, backoff=(0.02,)):
        await until(lambda: len(calls) >= 3)
        await settled(bus, spec)
    letter = await dead_letter(bus, spec)
    assert letter is not None
    assert letter.reason == "ValueError"
    assert len(calls) == 3


async def test_an_outage_never_buries_a_message(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 6:
            raise ConnectionRefusedError

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=2, backoff=(0.02,)):
        await until(lambda: len(calls) == 7)
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is None


async def test_attempts_in_an_outage_do_not_count_as_mistakes(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 4:
            raise BusUnavailable("away")
        if len(calls) == 5:
            raise ValueError

    await bus.publish_raw(subject_of(spec), b"x")
    async with running(bus, spec, handler, max_attempts=2, backoff=(0.02,)):
        await until(lambda: len(calls) == 6)
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is None


async def test_a_handler_may_say_when_a_message_comes_again(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()
    calls: list[int] = []

    async def handler(delivery: Delivery) -> None:
        calls.append(delivery.attempt)
        if len(calls) <= 3:
            raise Postponed("not_yet", delay=0.05)

    await bus.publish_raw(subject_of(spec), b"x")
    # The loop's own delay is far too long for this test to end: it was the handler's that counted.
    async with running(bus, spec, handler, max_attempts=2, backoff=(3600,)):
        await until(lambda: len(calls) == 4)
        await settled(bus, spec)
    assert calls == [1, 2, 3, 4]


async def test_a_body_that_is_not_the_event_is_buried(bus: Bus, new_consumer: NewConsumer) -> None:
    spec = await new_consumer()

    async def handler(delivery: Delivery) -> None:
        delivery.event(DeadLetter)

    await bus.publish_raw(subject_of(spec), b"not json")
    async with running(bus, spec, handler):
        await settled(bus, spec)
    assert await dead_letter(bus, spec) is not None


async def test_the_rights_of_a_service_are_enough(nats_server: NatsServer, bus: Bus) -> None:
    from contracts.streams import REGISTRY_INBOUND

    service = await connected(nats_server, "registry")
    seen: list[str] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.correlation)
        raise PermanentError("enough")

    try:
        await bus.publish_raw("inbound.entry", b"{}", headers={"Renrakumo-Correlation": "the-mail"})
        async with running(service, REGISTRY_INBOUND, handler):
            await until(lambda: "the-mail" in seen)
            await settled(bus, REGISTRY_INBOUND)
        assert await dead_letter(bus, REGISTRY_INBOUND) is not None
    finally:
        await service.close()


def test_outages_are_told_from_mistakes() -> None:
    assert is_outage(OperationalError("SELECT", {}, Exception()))
    assert is_outage(asyncpg.AdminShutdownError("x"))
    assert is_outage(asyncpg.InterfaceError("connection is closed"))
    assert is_outage(asyncpg.UndefinedTableError("x"))
    assert is_outage(TimeoutError())
    assert not is_outage(IntegrityError("INSERT", {}, Exception()))
    assert not is_outage(asyncpg.UniqueViolationError("x"))
    assert not is_outage(KeyError("x"))
