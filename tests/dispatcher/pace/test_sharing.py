"""Overrides reach the paces and outlive a restart; dispatchers behind one address share its limits and tell how
they are, without naming a server or a domain."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from prometheus_client import REGISTRY

from contracts.base import Lane
from contracts.pace import DispatcherStatus, PaceOrder, PaceState
from contracts.streams import DISPATCHERS, PACE
from dispatcher.pace.sharing import ALIVE_SECONDS, DEAD_SECONDS, PaceSharing, measure
from dispatcher.pace.state import Sign
from dispatcher.pace.table import PaceTable
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.smtp.next_hop import MailHost, NextHop
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.client import Bus
from runtime.errors import BusUnavailable
from tests.runtime.conftest import connected
from tests.support.fake_bus import FakeBus

START = datetime(2026, 4, 8, 8, 0, tzinfo=UTC)
DOCOMO = CarrierPolicy("docomo", 8, 8, rate=10.0, pause_after_421=10.0)
OTHER = CarrierPolicy("other", 24, 4, each_hop_apart=True)
HOP = NextHop("mx.yamada-family.example", (MailHost("mx.yamada-family.example"),))


@dataclass
class FakeQueues:
    """DeliveryQueues with these numbers."""

    connections: dict[str, int] = field(default_factory=dict)
    copies: dict[str, dict[Lane, int]] = field(default_factory=dict)

    def open(self) -> Mapping[str, int]:
        return self.connections

    def waiting(self) -> Mapping[str, Mapping[Lane, int]]:
        return self.copies


@dataclass
class Clocks:
    """Both clocks, which go together."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1000)

    def __call__(self) -> float:
        return self.seconds


class Dispatchers:
    """Dispatchers on one bus."""

    def __init__(self, bus: FakeBus | Bus) -> None:
        self.bus = bus
        self.clocks = Clocks()
        self.queues = FakeQueues()

    def dispatcher(
        self, instance: str, address: str = "mail-1", bus: Bus | None = None
    ) -> tuple[PaceSharing, PaceTable]:
        paces = PaceTable([DOCOMO, OTHER], self.clocks)
        control = PaceSharing(
            bus or self.bus,
            paces,
            self.queues,
            instance=instance,
            sending_address=address,
            now=self.clocks.now,
            clock=self.clocks,
            tell_seconds=0.01,
        )
        return control, paces

    async def order(self, carrier: str, order: PaceOrder) -> None:
        await self.bus.kv_put(PACE.name, carrier, order.model_dump_json().encode())


@asynccontextmanager
async def at_work(*controls: PaceSharing) -> AsyncIterator[None]:
    stop = asyncio.Event()
    running = [asyncio.create_task(control.run(stop)) for control in controls]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*running)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 (the condition changes in another task)
            await asyncio.sleep(0.01)


def wait(paces: PaceTable) -> float:
    return paces.of(DOCOMO, HOP).wait()


def connections(paces: PaceTable) -> int:
    return paces.of(DOCOMO, HOP).connections


def told(bus: FakeBus, instance: str) -> dict[str, PaceState]:
    report = DispatcherStatus.model_validate_json(bus.bucket(DISPATCHERS.name)[instance])
    return {state.carrier: state for state in report.carriers}


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def dispatchers(bus: FakeBus) -> Dispatchers:
    return Dispatchers(bus)


# -- orders


async def test_an_order_is_followed_and_undone_while_at_work(dispatchers: Dispatchers) -> None:
    control, paces = dispatchers.dispatcher("a")
    async with at_work(control):
        await dispatchers.order("docomo", PaceOrder(paused=True))
        await until(lambda: wait(paces) == inf)
        await dispatchers.order("docomo", PaceOrder(connections=2))
        await until(lambda: wait(paces) == 0 and connections(paces) == 2)
        await dispatchers.bus.kv_delete(PACE.name, "docomo")
        await until(lambda: connections(paces) == 8)
    assert wait(paces) == 0


async def test_an_order_outlives_a_restart_of_the_dispatcher(dispatchers: Dispatchers) -> None:
    await dispatchers.order("docomo", PaceOrder(paused=True, rate=2.0))
    control, paces = dispatchers.dispatcher("a")
    await control.load()
    assert (wait(paces), paces.of(DOCOMO, HOP).rate) == (inf, 2.0)


async def test_pause_and_pace_by_override_end_each_at_its_own_time(dispatchers: Dispatchers) -> None:
    order = PaceOrder(
        paused=True,
        paused_until=START + timedelta(minutes=30),
        connections=3,
        until=START + timedelta(hours=2),
    )
    await dispatchers.order("docomo", order)
    control, paces = dispatchers.dispatcher("a")
    async with at_work(control):
        await until(lambda: wait(paces) == inf)
        dispatchers.clocks.seconds += 30 * 60
        await until(lambda: wait(paces) == 0)
        assert connections(paces) == 3
        dispatchers.clocks.seconds += 90 * 60
        await until(lambda: connections(paces) == 8)


async def test_an_order_that_nobody_understands_changes_nothing(dispatchers: Dispatchers, bus: FakeBus) -> None:
    control, paces = dispatchers.dispatcher("a")
    await dispatchers.order("docomo", PaceOrder(connections=2))
    await bus.kv_put(PACE.name, "elsewhere", b"{}")
    await control.load()
    async with at_work(control):
        await bus.kv_put(PACE.name, "docomo", b'{"connections": -1}')
        await bus.kv_put(PACE.name, "other", PaceOrder(paused=True).model_dump_json().encode())
        await until(lambda: paces.of(OTHER, HOP).wait() == inf)
    assert connections(paces) == 2


async def test_a_bus_that_is_away_delays_no_mail(dispatchers: Dispatchers, bus: FakeBus) -> None:
    bus.away = True
    control, paces = dispatchers.dispatcher("a")
    await control.load()
    assert (wait(paces), connections(paces)) == (0, 8)


# -- shares


async def test_dispatchers_behind_one_address_share_its_limits(dispatchers: Dispatchers) -> None:
    one, paces_one = dispatchers.dispatcher("a")
    two, paces_two = dispatchers.dispatcher("b")
    elsewhere, paces_elsewhere = dispatchers.dispatcher("c", address="mail-2")
    async with at_work(one, two, elsewhere):
        await until(lambda: connections(paces_one) == connections(paces_two) == 4)
        assert paces_one.of(DOCOMO, HOP).rate == 5.0
        assert connections(paces_elsewhere) == 8


async def test_a_new_dispatcher_begins_with_its_share(dispatchers: Dispatchers) -> None:
    one, paces_one = dispatchers.dispatcher("a")
    two, paces_two = dispatchers.dispatcher("b")
    async with at_work(one):
        await until(lambda: "a" in told_by(dispatchers))
        await two.load()
        assert connections(paces_two) == 4
        await until(lambda: connections(paces_one) == 4)


def told_by(dispatchers: Dispatchers) -> set[str]:
    assert isinstance(dispatchers.bus, FakeBus)
    return set(dispatchers.bus.bucket(DISPATCHERS.name))


async def test_who_leaves_or_falls_silent_leaves_its_share_to_the_others(
    dispatchers: Dispatchers, bus: FakeBus
) -> None:
    one, paces_one = dispatchers.dispatcher("a")
    two, _ = dispatchers.dispatcher("b")
    killed, _ = dispatchers.dispatcher("c")
    await killed.load()
    async with at_work(one):
        async with at_work(two):
            await until(lambda: connections(paces_one) == 3)
        await until(lambda: connections(paces_one) == 4)
        dispatchers.clocks.seconds += DEAD_SECONDS
        await until(lambda: connections(paces_one) == 8)
    assert set(bus.bucket(DISPATCHERS.name)) == {"c"}  # which its time of life removes on a real bus


# -- what is told


async def test_the_state_is_told_when_it_changes_and_otherwise_only_to_show_life(
    dispatchers: Dispatchers, bus: FakeBus
) -> None:
    control, paces = dispatchers.dispatcher("a")
    async with at_work(control):
        await until(lambda: len(bus.messages) == 1)
        dispatchers.queues.connections["docomo"] = 3
        dispatchers.queues.copies["docomo"] = {"urgent": 0, "ordinary": 70}
        paces.of(DOCOMO, HOP).slow_down(Sign.BUSY)
        await until(lambda: told(bus, "a")["docomo"].connections_open == 3)
        state = told(bus, "a")["docomo"]
        assert (state.connections_limit, state.connections_allowed, state.slowed) == (8, 4, 1)
        assert state.waiting == {"ordinary": 70}
        assert (state.last_sign, state.last_sign_at, state.slow_downs_last_minute) == ("busy", START, 1)
        assert state.paused_until == START + timedelta(seconds=10)
        puts = len(bus.messages)
        await asyncio.sleep(0.1)
        assert len(bus.messages) <= puts + 1
        dispatchers.clocks.seconds += ALIVE_SECONDS
        puts = len(bus.messages)
        await until(lambda: len(bus.messages) > puts)


async def test_servers_and_domains_of_others_are_counted_never_named(dispatchers: Dispatchers, bus: FakeBus) -> None:
    control, paces = dispatchers.dispatcher("a")
    used = paces.of(OTHER, HOP)
    used.slow_down(Sign.RESET)
    used.accepted()
    async with at_work(control):
        await until(lambda: "a" in told_by(dispatchers))
    state = DispatcherStatus.model_validate_json(await report_of(control, bus)).carriers[1]
    assert (state.throttles, state.slowed, state.pausing, state.accepted_last_minute) == (1, 1, 1, 1)
    assert (state.connections_limit, state.connections_per_server, state.last_sign) == (24, 4, "reset")
    assert b"yamada" not in await report_of(control, bus)


async def report_of(control: PaceSharing, bus: FakeBus) -> bytes:
    await control.load()
    return bus.bucket(DISPATCHERS.name)["a"]


def test_the_same_numbers_stand_on_metrics() -> None:
    slowed = PaceState(
        carrier="docomo",
        connections_limit=8,
        connections_allowed=2,
        rate=2.5,
        paused_until=START,
        slowed=1,
        waiting={"urgent": 3},
    )
    calm = PaceState(carrier="au", connections_limit=8, connections_allowed=8)
    measure(DispatcherStatus(instance="a", sending_address="mail-1", carriers=(slowed, calm)))

    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"renrakumo_{name}", labels)

    assert [value(f"pace_{name}", carrier="docomo") for name in ("connections", "rate", "paused", "slowed")] == [
        2,
        2.5,
        1,
        1,
    ]
    assert [value(f"pace_{name}", carrier="au") for name in ("connections", "rate", "paused", "slowed")] == [
        8,
        inf,
        0,
        0,
    ]
    assert [value("waiting_copies", carrier="docomo", lane=lane) for lane in ("urgent", "ordinary")] == [3, 0]


def test_signs_are_counted_by_carrier_and_kind() -> None:
    def signs() -> float:
        return (
            REGISTRY.get_sample_value("renrakumo_pace_slow_downs_total", {"carrier": "docomo", "sign": "slower"}) or 0
        )

    before = signs()
    PaceTable([DOCOMO]).of(DOCOMO, HOP).slow_down(Sign.SLOWER)
    assert signs() == before + 1


# -- on a real bus


async def undo(office: Bus, carrier: str) -> None:
    """Undo an order on a bus that is coming back."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await office.kv_delete(PACE.name, carrier)
            except BusUnavailable:
                await asyncio.sleep(0.1)


# Slow: a server of its own is stopped and started.
async def test_two_dispatchers_on_a_real_bus_follow_orders_and_share(fresh_nats: NatsServer) -> None:
    office = await connected(fresh_nats, "admin-api")
    buses = [await connected(fresh_nats, "dispatcher") for _ in range(2)]
    dispatchers = Dispatchers(office)
    (one, paces_one), (two, paces_two) = (
        dispatchers.dispatcher(name, bus=bus) for name, bus in zip(("a", "b"), buses, strict=True)
    )
    await dispatchers.order("docomo", PaceOrder(connections=6))
    await one.load()
    assert connections(paces_one) == 6
    async with at_work(one):
        async with at_work(two):
            await until(lambda: connections(paces_one) == connections(paces_two) == 3)
            await dispatchers.order("docomo", PaceOrder(paused=True))
            await until(lambda: wait(paces_one) == wait(paces_two) == inf)
            fresh_nats.stop()
            fresh_nats.start()
            assert wait(paces_one) == inf
            await undo(office, "docomo")
            await until(lambda: wait(paces_one) == wait(paces_two) == 0)
        await until(lambda: connections(paces_one) == 8)
    for bus in (office, *buses):
        await bus.close()
