"""What release 0.1 left on the bus is there under the names of today, also when moving it was interrupted anywhere."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, RawStreamMsg
from nats.js.errors import NoStreamResponseError, NotFoundError

from contracts import retired as declared
from contracts.streams import BUCKETS, STREAMS, consumers
from renrakumo_cli import bus
from renrakumo_cli.bus import retired
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.nats import NatsServer
from tests.support import released_bus

RETIRED = tuple(sorted(retired.names()))
MOVED = {
    ("subject", "inbound.guessed -> inbound.secret-probe"),
    ("stream", "AGAIN -> DEADLETTER_RETRIES"),
    ("bucket", "superseded -> stopped-messages"),
    ("bucket", "answered -> recent-automatic-mail"),
    ("bucket", "postmen -> dispatchers"),
}


async def apply(server: NatsServer) -> dict[tuple[str, str], str]:
    changes = await bus.apply(server.url, OPERATOR, server.passwords[OPERATOR])
    return {(change.kind, change.name): change.outcome for change in changes}


@pytest.fixture
async def client(fresh_nats: NatsServer) -> AsyncIterator[Client]:
    """Connected as the operator to a bus of today."""
    async with bus.connected(fresh_nats.url, OPERATOR, fresh_nats.passwords[OPERATOR]) as client:
        yield client


@pytest.fixture
async def js(client: Client) -> JetStreamContext:
    """The bus of release 0.1 with something under way everywhere."""
    js = client.jetstream()
    for info in await js.streams_info():
        await js.delete_stream(str(info.config.name))
    await released_bus.build(client, "release-0.1")
    await fill(js)
    await js.publish("inbound.entry", b"a mail")
    await js.publish("delivery.ordinary.docomo", b"a batch", headers={"Nats-Msg-Id": "batch-1"})
    await js.publish("$KV.pace.docomo", b"halved")
    return js


async def fill(js: JetStreamContext) -> None:
    """Put something under each retired name. Of the work some is in a service's hands, which dies with it."""
    await say(js, "again.registry", "decision-1", correlation="c1")
    await say(js, "again.registry", "decision-2")
    await say(js, "again.receipts", "decision-3")
    await say(js, "inbound.guessed", "probe-1", correlation="c2")
    await say(js, "inbound.guessed", "probe-2")
    await js.publish("$KV.superseded.71", b"stopped")
    await js.publish("$KV.superseded.72", b"told by mistake")
    await js.publish("$KV.superseded.72", b"", headers={"KV-Operation": "DEL"})
    await js.publish("$KV.superseded.73", b"corrected", headers={"Nats-Msg-Id": "stop-73"})
    await js.publish("$KV.answered.somebody", b"two mails")
    await js.publish("$KV.postmen.one", b"busy")
    for stream, consumer in (("AGAIN", "registry-again"), ("INBOUND", "admin-api-inbound")):
        await (await js.pull_subscribe_bind(consumer, stream)).fetch(1)


async def say(js: JetStreamContext, subject: str, number: str, *, correlation: str = "c0") -> None:
    headers = {"Nats-Msg-Id": number, "Renrakumo-Correlation": correlation}
    await js.publish(subject, number.encode(), headers=headers)


async def messages(js: JetStreamContext, stream: str) -> list[RawStreamMsg]:
    found: list[RawStreamMsg] = []
    number = 1
    while True:
        try:
            message = await js.get_msg(stream, seq=number, subject=">", next=True)
        except NotFoundError:
            return found
        found.append(message)
        number = int(message.seq or 0) + 1


async def told(js: JetStreamContext, stream: str) -> dict[str, bytes | None]:
    return {str(message.subject): message.data for message in await messages(js, stream)}


async def streams(js: JetStreamContext) -> set[str]:
    return {str(info.config.name) for info in await js.streams_info()}


async def test_all_that_was_under_way_is_there_under_the_names_of_today(
    fresh_nats: NatsServer, js: JetStreamContext
) -> None:
    outcomes = await apply(fresh_nats)

    assert {change for change, outcome in outcomes.items() if outcome == "moved"} == MOVED
    assert "unknown" not in outcomes.values()
    assert not await streams(js) & set(RETIRED)
    assert await told(js, "KV_stopped-messages") == {
        "$KV.stopped-messages.71": b"stopped",
        "$KV.stopped-messages.73": b"corrected",
    }
    assert await told(js, "KV_recent-automatic-mail") == {"$KV.recent-automatic-mail.somebody": b"two mails"}
    assert await told(js, "KV_dispatchers") == {}
    assert await told(js, "KV_pace") == {"$KV.pace.docomo": b"halved"}
    assert await told(js, "DELIVERY") == {"delivery.ordinary.docomo": b"a batch"}
    decisions = await messages(js, "DEADLETTER_RETRIES")
    assert [(each.subject, each.data, each.headers) for each in decisions] == [
        ("dead-letter-retry.registry", b"decision-1", headers("decision-1", "c1")),
        ("dead-letter-retry.registry", b"decision-2", headers("decision-2", "c0")),
        ("dead-letter-retry.receipts", b"decision-3", headers("decision-3", "c0")),
    ]


def headers(number: str, correlation: str) -> dict[str, str]:
    return {"Nats-Msg-Id": number, "Renrakumo-Correlation": correlation, "Nats-Expected-Stream": "DEADLETTER_RETRIES"}


@pytest.mark.parametrize(
    ("stream", "consumer", "expected"),
    [
        ("DEADLETTER_RETRIES", "registry-dead-letter-retry", [b"decision-1", b"decision-2"]),
        ("DEADLETTER_RETRIES", "receipts-dead-letter-retry", [b"decision-3"]),
        ("INBOUND", "admin-api-inbound", [b"probe-1", b"probe-2"]),
        ("INBOUND", "registry-inbound", [b"a mail"]),
        ("DELIVERY", "dispatcher-ordinary-docomo", [b"a batch"]),
    ],
)
async def test_the_services_of_today_are_given_each_message_once(
    fresh_nats: NatsServer, js: JetStreamContext, stream: str, consumer: str, expected: list[bytes]
) -> None:
    await apply(fresh_nats)

    subscription = await js.pull_subscribe_bind(consumer, stream)
    given = await subscription.fetch(len(expected))
    for message in given:
        await message.ack_sync()

    assert [message.data for message in given] == expected
    state = await js.consumer_info(stream, consumer)
    assert (state.num_pending, state.num_ack_pending) == (0, 0)


async def test_probes_are_heard_under_their_new_name_alone(fresh_nats: NatsServer, js: JetStreamContext) -> None:
    await apply(fresh_nats)
    config = (await js.consumer_info("INBOUND", "admin-api-inbound")).config
    assert (config.filter_subject, config.filter_subjects) == ("inbound.secret-probe", None)


async def test_a_second_time_changes_nothing(fresh_nats: NatsServer, js: JetStreamContext) -> None:
    await apply(fresh_nats)
    assert set((await apply(fresh_nats)).values()) == {"unchanged"}
    assert len(await messages(js, "DEADLETTER_RETRIES")) == 3
    assert len(await messages(js, "KV_stopped-messages")) == 2


async def test_an_entry_that_was_told_anew_is_not_overwritten_by_the_old_one(client: Client) -> None:
    js = client.jetstream()
    await released_bus.build(client, "release-0.1", only=("KV_superseded",))
    await js.publish("$KV.superseded.71", b"of before")
    await js.publish("$KV.superseded.72", b"of before")
    await js.publish("$KV.stopped-messages.71", b"of now")

    await retired.move_streams(js)

    assert await told(js, "KV_stopped-messages") == {
        "$KV.stopped-messages.71": b"of now",
        "$KV.stopped-messages.72": b"of before",
    }


class ConnectionLost(Exception):
    """What Interrupted raises."""


class Interrupted(JetStreamContext):
    """A connection that is lost when its nth write has been done, before anybody hears of it."""

    def __init__(self, client: Client, nth: int) -> None:
        super().__init__(client)
        self._left = nth

    def _lost(self, result: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            raise ConnectionLost
        return result

    async def publish(self, *args: Any, **named: Any) -> Any:
        return self._lost(await super().publish(*args, **named))

    async def add_consumer(self, *args: Any, **named: Any) -> Any:
        return self._lost(await super().add_consumer(*args, **named))

    async def update_stream(self, *args: Any, **named: Any) -> Any:
        return self._lost(await super().update_stream(*args, **named))

    async def delete_msg(self, *args: Any, **named: Any) -> Any:
        return self._lost(await super().delete_msg(*args, **named))

    async def delete_stream(self, *args: Any, **named: Any) -> Any:
        return self._lost(await super().delete_stream(*args, **named))


async def anew(client: Client) -> None:
    """Under each retired name of a bus of today as much as if it had just been moved there from release 0.1."""
    js = client.jetstream()
    for name in await streams(js) & set(RETIRED):
        await js.delete_stream(name)
    await released_bus.build(client, "release-0.1", only=RETIRED)
    for stream in ("INBOUND", "DEADLETTER_RETRIES", "KV_stopped-messages", "KV_recent-automatic-mail"):
        config = (await js.stream_info(stream)).config
        consumers = [info.config for info in await js.consumers_info(stream)]
        await js.delete_stream(stream)
        await js.add_stream(config)
        for consumer in consumers:
            await js.add_consumer(stream, consumer)
    of_before = ConsumerConfig(durable_name="admin-api-inbound", filter_subject="inbound.guessed")
    await js.delete_consumer("INBOUND", "admin-api-inbound")
    await js.add_consumer("INBOUND", of_before)
    await fill(js)


async def assert_whole_and_once(js: JetStreamContext) -> None:
    """All that `fill` put under retired names is there under those of today, once."""
    assert not await streams(js) & set(RETIRED)
    assert set(await told(js, "KV_stopped-messages")) == {"$KV.stopped-messages.71", "$KV.stopped-messages.73"}
    assert set(await told(js, "KV_recent-automatic-mail")) == {"$KV.recent-automatic-mail.somebody"}
    decisions = [each.data for each in await messages(js, "DEADLETTER_RETRIES")]
    assert decisions == [b"decision-1", b"decision-2", b"decision-3"]
    probes = [(each.subject, each.data) for each in await messages(js, "INBOUND")]
    assert probes == [("inbound.secret-probe", b"probe-1"), ("inbound.secret-probe", b"probe-2")]


# Slow: each of 22 interruptions wants an old bus of its own.
async def test_interrupted_anywhere_and_begun_again_it_ends_in_the_same(client: Client) -> None:
    js = client.jetstream()
    nth, finished = 0, False
    while not finished:
        nth += 1
        await anew(client)
        try:
            interrupted = Interrupted(client, nth)
            await retired.move_subjects(interrupted)
            await retired.move_streams(interrupted)
            finished = True
        except ConnectionLost:
            await retired.move_subjects(js)
            await retired.move_streams(js)

        await assert_whole_and_once(js)
    # Both names heard; 2 probes and 3 decisions said anew and deleted; 4 streams closed and deleted; 3 entries.
    assert nth == 1 + 2 * 2 + 2 * 3 + 2 * 4 + 3 + 1


class Overtaken(JetStreamContext):
    """A connection whose every write somebody else has made just before."""

    async def publish(self, *args: Any, **named: Any) -> Any:
        await super().publish(*args, **named)
        return await super().publish(*args, **named)

    async def update_stream(self, *args: Any, **named: Any) -> Any:
        await super().update_stream(*args, **named)
        return await super().update_stream(*args, **named)

    async def delete_msg(self, *args: Any, **named: Any) -> Any:
        await super().delete_msg(*args, **named)
        return await super().delete_msg(*args, **named)

    async def delete_stream(self, *args: Any, **named: Any) -> Any:
        await super().delete_stream(*args, **named)
        return await super().delete_stream(*args, **named)


async def test_what_another_operator_has_just_done_is_taken_as_done(client: Client) -> None:
    await anew(client)
    overtaken = Overtaken(client)

    await retired.move_subjects(overtaken)
    await retired.move_streams(overtaken)

    await assert_whole_and_once(client.jetstream())


async def test_who_still_writes_under_an_old_name_is_told_before_anything_is_deleted(client: Client) -> None:
    js = client.jetstream()
    await released_bus.build(client, "release-0.1", only=RETIRED)
    await js.publish("$KV.superseded.71", b"stopped")
    with pytest.raises(ConnectionLost):
        await retired.move_streams(Interrupted(client, 3))  # AGAIN closed and deleted, `superseded` closed
    with pytest.raises(NoStreamResponseError):
        await js.publish("$KV.superseded.72", b"too late")
    assert await told(js, "KV_superseded") == {"$KV.superseded.71": b"stopped"}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("again.registry", "dead-letter-retry.registry"),
        ("inbound.guessed", "inbound.secret-probe"),
        ("$KV.superseded.71", "$KV.stopped-messages.71"),
        ("$KV.postmen.one", "$KV.dispatchers.one"),
        ("inbound.guessed.more", "inbound.guessed.more"),
        ("against", "against"),
        ("message.approved", "message.approved"),
    ],
)
def test_what_lies_in_an_outbox_is_said_under_the_name_of_today(before: str, now: str) -> None:
    assert declared.current_subject(before) == now


def test_no_name_of_today_is_a_retired_one() -> None:
    assert not {bucket.name for bucket in declared.BUCKETS} & {bucket.name for bucket in BUCKETS}
    assert not {stream.name for stream in declared.STREAMS} & {stream.name for stream in STREAMS}
    assert not {each.subject.name for each in declared.SUBJECTS} & {
        each for spec in consumers() for each in spec.filters
    }
