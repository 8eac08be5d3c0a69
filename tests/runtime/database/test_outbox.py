"""A message is on the bus if and only if its transaction committed, once, whatever dies in between."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, cast

import pytest
from sqlalchemy import MetaData, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts import retired
from contracts.base import Event
from contracts.streams import ConsumerSpec
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.postgres import PostgresServer
from runtime import tracing
from runtime.bus.client import Bus, Outgoing
from runtime.bus.connection import Connection
from runtime.database.engine import check, create_engine
from runtime.database.outbox import Inbox, Outbox, inbox_table, outbox_table
from runtime.database.relay import OutboxRelay
from runtime.errors import BusUnavailable
from simulator import servers
from simulator.servers import Databases
from tests.runtime.conftest import connected, declare, subject_of
from tests.support.fake_bus import FakeBus


class Happened(Event):
    name: ClassVar[str] = "happened"
    number: int
    subject: str

    def bus_subject(self) -> str:
        return self.subject


@dataclass
class Tables:
    engine: AsyncEngine
    outbox: Table
    inbox: Table

    async def left(self) -> int:
        async with self.engine.connect() as conn:
            return int((await conn.execute(text("SELECT count(*) FROM outbox"))).scalar_one())

    async def empty(self) -> None:
        async with asyncio.timeout(30):
            while await self.left():  # noqa: ASYNC110 (another connection changes it)
                await asyncio.sleep(0.05)


async def make_tables(url: str) -> Tables:
    metadata = MetaData()
    outbox, inbox = outbox_table(metadata, None), inbox_table(metadata, None)
    engine = create_engine(url, service="registry")
    async with engine.begin() as conn:
        await conn.run_sync(metadata.create_all)
    return Tables(engine, outbox, inbox)


@pytest.fixture
async def tables(fresh_databases: Databases) -> AsyncIterator[Tables]:
    tables = await make_tables(fresh_databases.personal_url())
    yield tables
    await tables.engine.dispose()


def events(spec: ConsumerSpec, numbers: range) -> list[Happened]:
    now = datetime.now(UTC)
    run = uuid.uuid4().hex
    return [Happened(id=f"{run}-{n}", occurred_at=now, number=n, subject=subject_of(spec)) for n in numbers]


async def on_the_bus(bus: Bus, spec: ConsumerSpec) -> list[int]:
    info = await bus.jetstream.stream_info(spec.stream)
    found = []
    for sequence in range(1, info.state.last_seq + 1):
        message = await bus.jetstream.get_msg(spec.stream, seq=sequence)
        found.append(Happened.model_validate_json(message.data or b"").number)
    return found


class Watched(Bus):
    """A bus over another's connection, which remembers what went through it."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(Connection(bus.client), bus.name)
        self.published: list[str | None] = []

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]:
        self.published += [message.msg_id for message in messages]
        return await super().publish_many(messages, timeout=timeout)


async def start(relay: OutboxRelay) -> Callable[[], None]:
    stop = asyncio.Event()
    task = asyncio.create_task(relay.run(stop))
    running.append((task, stop))
    return stop.set


running: list[tuple["asyncio.Task[None]", asyncio.Event]] = []


@pytest.fixture(autouse=True)
async def end_relays() -> AsyncIterator[None]:
    running.clear()
    yield
    for task, stop in running:
        stop.set()
        await asyncio.wait({task}, timeout=10)


async def test_what_was_committed_is_published_in_order(bus: Bus, tables: Tables) -> None:
    spec = await declare(bus)
    outbox = Outbox(tables.outbox)
    with tracing.accept({"Renrakumo-Correlation": "the-mail"}):
        async with tables.engine.begin() as conn:
            await outbox.add_many(conn, events(spec, range(600)))
            await outbox.add(conn, events(spec, range(600, 601))[0])
        async with tables.engine.connect() as conn:
            await outbox.add(conn, events(spec, range(999, 1000))[0])
            await conn.rollback()
    await start(OutboxRelay(tables.engine, tables.outbox, bus))
    await tables.empty()
    assert await on_the_bus(bus, spec) == list(range(601))
    last = await bus.last(spec.stream, subject_of(spec))
    assert last is not None
    assert last.headers["Renrakumo-Correlation"] == "the-mail"


async def test_the_newest_change_of_a_key_is_what_stays_in_its_bucket(tables: Tables) -> None:
    # The first message is refused, as by a bus whose leader is being chosen.
    outbox, bus = Outbox(tables.outbox), FakeBus(failures=[BusUnavailable("bus_error_10008")])
    async with tables.engine.begin() as conn:
        for number, key in enumerate(("sakura", "sakura", "momiji", "sakura")):
            await outbox.add_raw(conn, f"$KV.directory.unit.{key}", f"{key} {number}".encode(), f"change-{number}")
    await start(OutboxRelay(tables.engine, tables.outbox, cast(Bus, bus)))
    await tables.empty()
    assert [each.data for each in bus.messages if each.data.startswith(b"sakura")] == [
        b"sakura 0",
        b"sakura 1",
        b"sakura 3",
    ]


async def test_what_an_earlier_release_left_behind_is_told_under_the_names_of_today(tables: Tables) -> None:
    # The first message is refused, as by a bus whose leader is being chosen.
    outbox, bus = Outbox(tables.outbox), FakeBus(failures=[BusUnavailable("bus_error_10008")])
    bucket, stream = retired.BUCKETS[0], retired.STREAMS[0]
    async with tables.engine.begin() as conn:
        await outbox.add_raw(conn, f"$KV.{bucket.name}.71", b"before", "stop-71")
        await outbox.add_raw(conn, f"$KV.{bucket.successor.name}.71", b"after", "stop-71-again")
        await outbox.add_raw(conn, f"{stream.subject.name}receipts", b"decision", "decision-1")
    await start(OutboxRelay(tables.engine, tables.outbox, cast(Bus, bus)))
    await tables.empty()
    # Of one key the newest is stored last, whatever name its bucket had.
    assert [each.data for each in bus.messages] == [b"before", b"after", b"decision"]
    assert [each.subject for each in bus.messages] == [
        "$KV.stopped-messages.71",
        "$KV.stopped-messages.71",
        "dead-letter-retry.receipts",
    ]


async def test_a_relay_that_died_before_deleting_publishes_nothing_twice(bus: Bus, tables: Tables) -> None:
    spec = await declare(bus)
    async with tables.engine.begin() as conn:
        await Outbox(tables.outbox).add_many(conn, events(spec, range(20)))

    class Killed(OutboxRelay):
        def __init__(self) -> None:
            super().__init__(tables.engine, tables.outbox, bus)
            # The statement that never came to be executed.
            self._delete = "DELETE FROM outbox WHERE id = ANY($1::bigint[]) AND pg_sleep(3600) IS NULL"

    task = asyncio.create_task(Killed().run(asyncio.Event()))
    async with asyncio.timeout(20):
        while len(await on_the_bus(bus, spec)) < 20:  # noqa: ASYNC110 (the server tells nobody what it holds)
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.wait({task})
    assert await tables.left() == 20
    await start(OutboxRelay(tables.engine, tables.outbox, bus))
    await tables.empty()
    assert await on_the_bus(bus, spec) == list(range(20))


async def test_of_two_relays_one_works_and_the_other_takes_over(bus: Bus, tables: Tables) -> None:
    spec = await declare(bus)
    outbox = Outbox(tables.outbox)
    watched = Watched(bus)
    first = await start(OutboxRelay(tables.engine, tables.outbox, watched))
    await start(OutboxRelay(tables.engine, tables.outbox, watched))
    for number in range(30):
        async with tables.engine.begin() as conn:
            await outbox.add(conn, events(spec, range(number, number + 1))[0])
        if number == 15:
            first()
    await tables.empty()
    assert await on_the_bus(bus, spec) == list(range(30))
    assert len(watched.published) == 30, "two relays worked at the same time"


# Slow: PostgreSQL and NATS of its own are stopped and started.
async def test_the_relay_survives_both_servers_restarting(
    fresh_nats: NatsServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    postgres: PostgresServer = await asyncio.to_thread(servers.start_postgres, tmp_path_factory.mktemp("pg"))
    bus = await connected(fresh_nats)
    try:
        tables = await make_tables(postgres.personal_url())
        spec = await declare(bus)
        outbox = Outbox(tables.outbox)
        await start(OutboxRelay(tables.engine, tables.outbox, bus))
        async with tables.engine.begin() as conn:
            await outbox.add_many(conn, events(spec, range(300)))
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(postgres.start)
        await asyncio.to_thread(fresh_nats.stop)
        async with tables.engine.begin() as conn:
            await outbox.add_many(conn, events(spec, range(300, 600)))
        await asyncio.to_thread(fresh_nats.start)
        await tables.empty()
        assert await on_the_bus(bus, spec) == list(range(600))
        await tables.engine.dispose()
    finally:
        await bus.close()
        await asyncio.to_thread(postgres.stop)


async def test_an_event_is_handled_the_first_time_only(tables: Tables) -> None:
    inbox = Inbox(tables.inbox)

    async def effect() -> bool:
        async with tables.engine.begin() as conn:
            return await inbox.first_time(conn, "EVENTS", "e1")

    assert sorted(await asyncio.gather(*(effect() for _ in range(5)))) == [False] * 4 + [True]
    async with tables.engine.begin() as conn:
        assert await inbox.first_time(conn, "INBOUND", "e1")
        assert not await inbox.first_time(conn, "EVENTS", "e1")
        assert await inbox.forget(conn, timedelta(days=1)) == 0


async def test_an_event_whose_transaction_failed_comes_as_the_first_again(tables: Tables) -> None:
    inbox = Inbox(tables.inbox)
    async with tables.engine.connect() as conn:
        assert await inbox.first_time(conn, "EVENTS", "e2")
        await conn.rollback()
    async with tables.engine.begin() as conn:
        assert await inbox.first_time(conn, "EVENTS", "e2")


async def test_the_database_soon_notices_a_machine_that_vanished(tables: Tables) -> None:
    """Its relay's lock falls with its connection; until then no other process relays."""
    async with tables.engine.connect() as conn:
        found = [
            int((await conn.execute(text(f"SELECT setting FROM pg_settings WHERE name = '{name}'"))).scalar_one())
            for name in ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
        ]
    idle, interval, count, unacknowledged = found
    assert 0 < idle + interval * count <= 120
    assert 0 < unacknowledged <= 120_000


async def test_errors_of_the_database_show_no_parameters(tables: Tables) -> None:
    await check(tables.engine)
    with pytest.raises(Exception) as caught:
        async with tables.engine.begin() as conn:
            await conn.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": "taro@docomo.ne.jp"})
    assert "taro" not in str(caught.value)


def test_a_bad_database_url_is_refused_without_showing_it() -> None:
    for url in ("mysql://u:s3cret@h/d", "s3cret", ""):
        with pytest.raises(ValueError) as caught:
            create_engine(url, service="x")
        assert "s3cret" not in str(caught.value)
