"""A bus with all rights, and a stream with one consumer for each test that wants its own."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from nats.js.api import ConsumerConfig, StreamConfig

from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.settings import ServiceSettings

_numbers = itertools.count(1)


def settings_for(server: NatsServer, user: str = "operator") -> ServiceSettings:
    """Settings of a service that logs in as `user`."""
    return ServiceSettings(
        nats_url=server.url,
        nats_user=user,
        nats_password=server.passwords[user],  # type: ignore[arg-type]
        base_domain="example.test",
        health_port=0,
    )


async def connected(server: NatsServer, user: str = "operator") -> Bus:
    """A bus on that server; its final end is not expected."""
    return await Bus.connect(settings_for(server, user), name=user, on_closed=lambda: None)


async def declare(bus: Bus, *, ack_wait: float = 30.0) -> ConsumerSpec:
    """A new stream `T<n>` on `t<n>.>` and one consumer of it."""
    number = next(_numbers)
    name = f"T{number}"
    await bus.jetstream.add_stream(StreamConfig(name=name, subjects=[f"t{number}.>"]))
    await bus.jetstream.add_consumer(
        name,
        ConsumerConfig(durable_name=f"reader-{number}", ack_wait=ack_wait, max_deliver=-1, max_ack_pending=1000),
    )
    return ConsumerSpec(name, f"reader-{number}", "registry", (f"t{number}.>",), ack_wait=ack_wait)


def subject_of(spec: ConsumerSpec) -> str:
    """A subject that the consumer reads."""
    return spec.filters[0].replace(">", "x")


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    """A bus on the shared server."""
    bus = await connected(nats_server)
    yield bus
    await bus.close()


@pytest.fixture
def new_consumer(bus: Bus) -> Callable[..., Awaitable[ConsumerSpec]]:
    """Declares a stream and consumer for this test."""

    async def make(**options: float) -> ConsumerSpec:
        return await declare(bus, **options)

    return make
