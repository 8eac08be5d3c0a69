"""Real dispatchers whose pace is overridden while they run, and who tell how they are."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from contracts.pace import DispatcherStatus, PaceOrder, PaceState
from contracts.streams import DISPATCHERS, PACE
from renrakumo_cli.local.nats import NatsServer
from runtime.bus.keyvalue import contents
from simulator.behaviour import overload
from simulator.carriers import CarrierSimulator
from tests.dispatcher.harness import Harness, Office, kinds, people

DOCOMO, GMAIL = "docomo.ne.jp", "gmail.com"


async def reports(office: Office) -> list[DispatcherStatus]:
    return [
        DispatcherStatus.model_validate_json(value) for value in (await contents(office.bus, DISPATCHERS.name)).values()
    ]


async def docomo_at(office: Office) -> list[PaceState]:
    return [state for report in await reports(office) for state in report.carriers if state.carrier == "docomo"]


async def until(office: Office, condition: Callable[[list[PaceState]], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition(await docomo_at(office)):  # noqa: ASYNC110 (the bus is asked anew each time)
            await asyncio.sleep(0.2)


async def order(office: Office, order: PaceOrder) -> None:
    await office.bus.kv_put(PACE.name, "docomo", order.model_dump_json().encode())


# Slow: two dispatchers start one after the other.
async def test_a_paused_carrier_gets_nothing_until_resumed_even_after_a_restart_and_stops_no_other(
    fresh_nats: NatsServer, tmp_path: Path
) -> None:
    harness = Harness.build(fresh_nats, tmp_path)
    async with (
        harness.office() as office,
        CarrierSimulator(DOCOMO, harness.carrier_ports[DOCOMO]) as docomo,
        CarrierSimulator(GMAIL, harness.carrier_ports[GMAIL]),
    ):
        await order(office, PaceOrder(paused=True))
        first, second = harness.new_process(), harness.new_process()
        await first.start()
        waiting = await office.send(people(5, DOCOMO), lane="urgent")
        other = await office.send(people(5, GMAIL))
        assert kinds(await office.ends(other)) == {"delivered": 5}
        await until(office, lambda states: any(state.waiting.get("urgent") == 5 for state in states))
        assert [state.paused_by_hand for state in await docomo_at(office)] == [True]
        await first.stop()
        await second.start()
        await until(office, lambda states: any(state.waiting.get("urgent") == 5 for state in states))
        assert docomo.stats.connections == 0
        await order(office, PaceOrder())
        assert kinds(await office.ends(waiting)) == {"delivered": 5}
        await second.stop()


# Slow: two dispatchers start, and find each other before anything is sent.
async def test_dispatchers_that_are_merely_started_share_a_carriers_limits(
    fresh_nats: NatsServer, tmp_path: Path
) -> None:
    harness = Harness.build(fresh_nats, tmp_path)
    processes = [harness.new_process() for _ in range(2)]

    async def each(work: Callable[[int], Awaitable[object]]) -> None:
        await asyncio.gather(*(work(number) for number in range(2)))

    four = overload(connections=4)
    async with harness.office() as office, CarrierSimulator(DOCOMO, harness.carrier_ports[DOCOMO], four) as docomo:
        await order(office, PaceOrder(connections=4))
        await each(lambda number: processes[number].start())
        await until(office, lambda states: [state.connections_limit for state in states] == [2, 2])
        batches = [await office.send(people(40, DOCOMO, 100 * number)) for number in range(6)]
        for batch in batches:
            assert kinds(await office.ends(batch)) == {"delivered": 40}
        assert (docomo.stats.connections_refused, docomo.stats.connections in range(2, 5)) == (0, True)
        await each(lambda number: processes[number].stop())
        assert await reports(office) == []
