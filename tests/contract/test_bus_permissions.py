"""A stolen password of one service opens nothing of another: every forbidden subject is tried on a real server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from itertools import chain

import nats
import pytest
from nats.aio.client import Client

from contracts.permissions import RIGHTS, SERVICES
from contracts.streams import BUCKETS, STREAMS, ConsumerSpec, consumers
from renrakumo_cli.bus.nats_accounts import OPERATOR, accounts_file
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.paths import deploy_folder
from simulator import servers
from tests.support.nats_wire import LoginRefused, refused_publishes, refused_subscriptions

STREAM_NAMES = [spec.name for spec in STREAMS]
BUCKET_STREAMS = [f"KV_{bucket.name}" for bucket in BUCKETS]


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server of this file alone: some attempts would destroy streams if they were let through."""
    server = servers.start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


@contextlib.asynccontextmanager
async def logged_in(bus: NatsServer, user: str) -> AsyncIterator[Client]:
    client = await nats.connect(
        bus.url, user=user, password=bus.passwords[user], inbox_prefix=f"_INBOX_{user}", allow_reconnect=False
    )
    try:
        yield client
    finally:
        await client.close()


def example(subject: str) -> str:
    """A subject without wildcards that the pattern matches."""
    return subject.replace("*", "docomo").replace(">", "x.y")


def event_subjects() -> set[str]:
    """An example of every subject that any service publishes, and of every stream's subjects."""
    said = chain.from_iterable(rights.publishes for rights in RIGHTS.values())
    kept = chain.from_iterable(spec.subjects for spec in STREAMS)
    return {example(subject) for subject in chain(said, kept)}


def consumer_subjects(spec: ConsumerSpec) -> set[str]:
    place = f"{spec.stream}.{spec.name}"
    return {
        f"$JS.API.CONSUMER.MSG.NEXT.{place}",
        f"$JS.API.CONSUMER.INFO.{place}",
        f"$JS.ACK.{place}.1.1.1.1.1",
    }


def bucket_reading(stream: str) -> set[str]:
    return {
        f"$JS.API.STREAM.MSG.GET.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}",
        f"$JS.API.CONSUMER.CREATE.{stream}.thief",
        f"$JS.API.CONSUMER.DELETE.{stream}.other",
    }


def forbidden_to_publish(service: str) -> set[str]:
    own_events = {example(subject) for subject in RIGHTS[service].publishes}
    everyones_events = event_subjects()
    asks = {subject for rights in RIGHTS.values() for subject in (*rights.asks, *rights.answers)}
    others_consumers = {
        subject for spec in consumers() if spec.service != service for subject in consumer_subjects(spec)
    }
    others_consumers -= {f"$JS.API.CONSUMER.INFO.{counted}" for counted in RIGHTS[service].counts}
    never = {
        pattern.format(stream)
        for stream in (*STREAM_NAMES, *BUCKET_STREAMS)
        for pattern in (
            "$JS.API.DIRECT.GET.{}",
            "$JS.API.DIRECT.GET.{}.inbound.entry",
            "$JS.API.CONSUMER.DURABLE.CREATE.{}.thief",
            "$JS.API.CONSUMER.NAMES.{}",
            "$JS.API.CONSUMER.LIST.{}",
            "$JS.API.STREAM.CREATE.{}",
            "$JS.API.STREAM.UPDATE.{}",
            "$JS.API.STREAM.DELETE.{}",
            "$JS.API.STREAM.PURGE.{}",
            "$JS.API.STREAM.MSG.DELETE.{}",
            "$JS.API.STREAM.SNAPSHOT.{}",
            "$JS.API.STREAM.RESTORE.{}",
        )
    }
    events_read_whole = set(
        chain.from_iterable(
            bucket_reading(stream) - {f"$JS.API.STREAM.MSG.GET.{looked}" for looked in RIGHTS[service].looks_into}
            for stream in STREAM_NAMES
        )
    )
    buckets_read = {
        subject
        for bucket in BUCKETS
        if service not in bucket.readers
        for subject in bucket_reading(f"KV_{bucket.name}")
    }
    buckets_written = {f"$KV.{bucket.name}.key" for bucket in BUCKETS if service not in bucket.writers}
    inboxes = {f"_INBOX_{other}.reply" for other in (*SERVICES, OPERATOR) if other != service}
    system = {"$SYS.REQ.SERVER.PING", "$SYS.REQ.USER.INFO.X", "$JS.API.INFO", "$JS.API.STREAM.NAMES", "anything"}
    return (
        (everyones_events - own_events)
        | (asks - set(RIGHTS[service].asks))
        | others_consumers
        | {f"$JS.API.CONSUMER.DELETE.{spec.stream}.{spec.name}" for spec in consumers()}
        | never
        | events_read_whole
        | buckets_read
        | buckets_written
        | inboxes
        | system
    )


def forbidden_to_hear(service: str) -> set[str]:
    questions = {subject for rights in RIGHTS.values() for subject in (*rights.asks, *rights.answers)}
    inboxes = {f"_INBOX_{other}.>" for other in (*SERVICES, OPERATOR) if other != service}
    wide = {">", "*", "*.*", "$JS.>", "$JS.ACK.>", "$KV.>", "$SYS.>", "_INBOX.>", "ask.>", "ask.registry.*"}
    kept = set(chain.from_iterable(spec.subjects for spec in STREAMS))
    return event_subjects() | kept | (questions - set(RIGHTS[service].answers)) | inboxes | wide


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_say_what_is_not_its_own(bus: NatsServer, service: str) -> None:
    wanted = forbidden_to_publish(service)
    assert await refused_publishes(bus.url, service, bus.passwords[service], wanted) == wanted


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_cannot_listen_to_others(bus: NatsServer, service: str) -> None:
    wanted = forbidden_to_hear(service)
    assert await refused_subscriptions(bus.url, service, bus.passwords[service], wanted) == wanted


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_can_say_hear_and_fetch_what_its_work_needs(bus: NatsServer, service: str) -> None:
    password = bus.passwords[service]
    said = {example(subject) for subject in (*RIGHTS[service].publishes, *RIGHTS[service].asks)}
    heard = {f"_INBOX_{service}.>", *RIGHTS[service].answers}
    assert await refused_publishes(bus.url, service, password, said) == set()
    assert await refused_subscriptions(bus.url, service, password, heard) == set()
    async with logged_in(bus, service) as client:
        js = client.jetstream()
        for spec in consumers():
            if spec.service == service:
                subscription = await js.pull_subscribe_bind(spec.name, spec.stream)
                with contextlib.suppress(nats.errors.TimeoutError):
                    for message in await subscription.fetch(1, timeout=0.05):
                        await message.ack_sync()
        for bucket in BUCKETS:
            if service in bucket.writers:
                await (await js.key_value(bucket.name)).put("key", b"value")
            if service in bucket.readers:
                watcher = await (await js.key_value(bucket.name)).watchall()
                await watcher.updates(timeout=5)
                await watcher.stop()


async def test_registry_answers_what_admin_api_asks_and_nobody_else_may_ask(bus: NatsServer) -> None:
    subject = RIGHTS["registry"].answers[0]
    async with logged_in(bus, "registry") as registry, logged_in(bus, "admin-api") as office:
        subscription = await registry.subscribe(subject, queue="registry")
        await registry.flush()
        asked = office.request(subject, b"question", timeout=5)

        async def answer() -> None:
            await (await subscription.next_msg(timeout=5)).respond(b"answer")

        reply, _ = await asyncio.gather(asked, answer())
        assert reply.data == b"answer"


async def test_strangers_are_not_let_in(bus: NatsServer) -> None:
    with pytest.raises(LoginRefused):
        await refused_publishes(bus.url, "registry", "wrong", [])
    with pytest.raises(LoginRefused):
        await refused_publishes(bus.url, "nobody", "", [])


def test_the_committed_accounts_follow_from_the_contracts() -> None:
    committed = (deploy_folder() / "nats" / "accounts.conf").read_text()
    assert committed == accounts_file(), "run: renrakumo bus accounts > deploy/nats/accounts.conf"
