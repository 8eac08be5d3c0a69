"""The boards of many units in the memories of info-site and responder, as real processes with a real database.

    filled tables -> each service's start, memory -> refreshes while nothing, one unit, fifty units change -> pages
    -> five thousand events for one unit in one transaction -> PostgreSQL killed and started again
    -> the same boards in a memory that is too small: every page as before

While something happens, a reader asks for page after page of units to which nothing happens.
"""

import asyncio
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from board.model import japanese_day
from renrakumo_cli.local import ports, probe
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.process import ChildProcess
from renrakumo_cli.local.services import OWNERS, SERVICES
from renrakumo_cli.local.stack import POSTGRES, LocalStack
from tools import usage
from tools.bench import page_client
from tools.bench.page_client import PageAnswer, Readings

READERS = ("info-site", "responder")
NOTICES, EVENTS, DAYS = 30, 200, 400
BULK = 5000
_REFRESH_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_REPEATS = 5
_WITHIN = 120.0
_METRIC = re.compile(r"^renrakumo_board_(\w+) (\S+)$", re.MULTILINE)
_MB = 1e6


@dataclass(frozen=True)
class BoardsSize:
    """`units`: how many have a board; `tight`: MiB that are too few for them."""

    units: int = 1000
    tight: int = 24


QUICK = BoardsSize(units=200, tight=6)


@dataclass
class Boards:
    """Figures by what they are of: info-site, responder, postgres, pages. `wrong`: what was not as it must be."""

    size: BoardsSize
    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, of: str, value: float) -> None:
        self.figures.setdefault(what, {})[of] = value


async def measure(folder: Path, size: BoardsSize, say: Callable[[str], None]) -> Boards:
    """Raises LocalError when a service or server doesn't start."""
    found = Boards(size)
    async with _running(folder, size, say) as station:
        say(f"boards: {size.units} units of {NOTICES} notices and {EVENTS} events")
        for service in READERS:
            await station.stack.halt(service)
        await station.fill()
        await _starts(station, found)
        await _pages(station, found)
        await _refreshes(station, found)
        await _bulk(station, found, say)
        await _outage(station, found, say)
        await _tight(station, found, folder, say)
    return found


class BoardStation:
    """The stack of bus, database and both services, and the tables' owner."""

    def __init__(self, stack: LocalStack, owner: "asyncpg.Connection[Any]", units: Sequence[str]) -> None:
        self.stack, self.owner, self.units = stack, owner, units
        self.port = stack.port("RENRAKUMO_INFO_PORT")
        self._number = 10**9

    async def fill(self) -> None:
        """Every unit with its notices and events."""
        await self.owner.executemany(
            "INSERT INTO office.units (code, name, receipts) VALUES ($1, $1, false)", [(unit,) for unit in self.units]
        )
        for unit in self.units:
            async with self.owner.transaction():
                await self.add_notices(unit, NOTICES)
                await self.add_events(unit, EVENTS)
        await self.owner.execute("VACUUM (ANALYZE) office.units, office.notices, office.events, office.board_changes")

    async def add_notices(self, unit: str, count: int, title: str = "お知らせ") -> None:
        now = datetime.now(UTC)
        rows = [
            (self._next(), unit, f"{title} 第{each}号", "保護者の皆様へ。" * 25, now - timedelta(hours=each + 1))
            for each in range(count)
        ]
        columns = ("id", "unit", "title", "body", "published_at")
        await self.owner.copy_records_to_table("notices", schema_name="office", records=rows, columns=columns)

    async def add_events(self, unit: str, count: int, *, first: date | None = None) -> None:
        """Spread over the days to come."""
        first = first or japanese_day(datetime.now(UTC))
        rows = [
            (
                self._next(),
                unit,
                first + timedelta(days=each * DAYS // count),
                f"第{each}回 避難訓練",
                "上履き",
                "体育館",
            )
            for each in range(count)
        ]
        columns = ("id", "unit", "starts_on", "title", "note", "place")
        await self.owner.copy_records_to_table("events", schema_name="office", records=rows, columns=columns)

    async def change(self, count: int, title: str) -> None:
        """One transaction that changes the newest notice of so many units."""
        await self.owner.execute(
            "UPDATE office.notices SET title = $1 WHERE id IN "
            "(SELECT min(id) FROM office.notices WHERE unit = ANY ($2::text[]) GROUP BY unit)",
            title,
            list(self.units[:count]),
        )

    async def metrics(self, service: str) -> dict[str, float]:
        _, text = await probe.ask(self.stack.health_port(service), "/metrics")
        return {name: float(value) for name, value in _METRIC.findall(text)}

    def cpu(self) -> float:
        return usage.precise_cpu_seconds(self.stack.pid(POSTGRES))

    def memory(self, service: str) -> float:
        return usage.family_memory(self.stack.pid(service)) / _MB

    def _next(self) -> int:
        self._number += 1
        return self._number


@asynccontextmanager
async def _running(folder: Path, size: BoardsSize, say: Callable[[str], None]) -> AsyncIterator[BoardStation]:
    settings = {"RENRAKUMO_NEWS_REFRESH": str(_REFRESH_SECONDS)}
    services = [spec for spec in SERVICES if spec.name in READERS]
    stack = LocalStack(Configuration.for_trial(folder, settings), services=services, owners=OWNERS[:1], say=say)
    await stack.start()
    try:
        owner = await asyncpg.connect(stack.database_url("admin_api"))
        yield BoardStation(stack, owner, [f"unit{number}" for number in range(size.units)])
        if not owner.is_closed():
            await owner.close()
    finally:
        await stack.stop()


async def _starts(station: BoardStation, found: Boards) -> None:
    for service in READERS:
        began = time.perf_counter()
        await station.stack.resume(service)
        found.note("start until ready, s", service, time.perf_counter() - began)
        metrics = await station.metrics(service)
        found.note("memory after the start, MB", service, station.memory(service))
        found.note("boards as they are counted, MB", service, metrics["bytes"] / _MB)


async def _all_pages(port: int, units: Sequence[str]) -> dict[str, PageAnswer]:
    async with page_client.connected(port) as client:
        pages = {unit: await client.get(f"/{unit}/") for unit in units}
    if any(page.status != 200 for page in pages.values()):
        raise LocalError("a page of a unit is not there")
    return pages


async def _pages(station: BoardStation, found: Boards) -> None:
    await station.stack.restart("info-site")
    async with page_client.connected(station.port) as client:
        found.note("the first page, ms", "pages", 1000 * (await client.get("/unit0/")).seconds)
        again = [(await client.get(f"/{unit}/")).seconds for unit in station.units]
    found.note("a page, median, ms", "pages", 1000 * median(again))
    paths = [f"/{unit}/" for unit in station.units]
    found.note("pages a second", "pages", await page_client.rate(station.port, paths, connections=8, seconds=5))


async def _refreshes(station: BoardStation, found: Boards) -> None:
    for changed, name in ((0, "nothing"), (1, "one unit"), (50, "50 units")):
        if changed > len(station.units):
            continue
        async with _read_meanwhile(station, found, f"when {name} changed"):
            seconds: dict[str, list[float]] = {service: [] for service in READERS}
            used = []
            for turn in range(_REPEATS):
                before = {service: await station.metrics(service) for service in READERS}
                cpu = station.cpu()
                if changed:
                    await station.change(changed, f"お知らせ {turn}")
                else:
                    await asyncio.sleep(_REFRESH_SECONDS)
                for service in READERS:
                    seconds[service].append(await _refreshed(station, service, before[service], changed))
                used.append(station.cpu() - cpu)
        for service in READERS:
            found.note(f"refresh when {name} changed, ms", service, 1000 * median(seconds[service]))
        found.note(f"refresh when {name} changed, ms", "postgres", 1000 * mean(used))


async def _refreshed(station: BoardStation, service: str, before: dict[str, float], boards: int) -> float:
    """Seconds that the refresh took in which the last of so many boards was read."""
    last, longest = before, 0.0
    async with asyncio.timeout(_WITHIN):
        while True:
            now = await station.metrics(service)
            if now["refresh_seconds_count"] > last["refresh_seconds_count"]:
                longest = max(longest, now["refresh_seconds_sum"] - last["refresh_seconds_sum"])
                if now["read_total"] - before["read_total"] >= boards:
                    return longest
                last = now
            await asyncio.sleep(_LOOK_SECONDS)


async def _bulk(station: BoardStation, found: Boards, say: Callable[[str], None]) -> None:
    say(f"boards: {BULK} events for one unit")
    before = {service: await station.metrics(service) for service in READERS}
    async with _read_meanwhile(station, found, f"while {BULK} events are written"):
        cpu, began = station.cpu(), time.perf_counter()
        async with station.owner.transaction():
            await station.add_events(station.units[0], BULK)
        found.note(f"{BULK} events of a unit written, ms", "postgres", 1000 * (time.perf_counter() - began))
        for service in READERS:
            took = await _refreshed(station, service, before[service], 1)
            found.note(f"{BULK} events of a unit written, ms", service, 1000 * took)
        found.note(f"{BULK} events of a unit, processor ms", "postgres", 1000 * (station.cpu() - cpu))


async def _outage(station: BoardStation, found: Boards, say: Callable[[str], None]) -> None:
    say("boards: PostgreSQL is killed")
    async with _read_meanwhile(station, found, "while PostgreSQL is away"):
        await station.stack.halt(POSTGRES, first=signal.SIGKILL)
        await asyncio.sleep(5 * _REFRESH_SECONDS)
        await station.stack.resume(POSTGRES)
        await station.owner.close(timeout=5) if not station.owner.is_closed() else None
        station.owner = await asyncpg.connect(station.stack.database_url("admin_api"))
        await station.change(1, "再開しました")
        began = time.perf_counter()
        async with page_client.connected(station.port) as client, asyncio.timeout(_WITHIN):
            while "再開しました" not in (await client.get("/unit0/")).body:  # noqa: ASYNC110  as a parent would look
                await asyncio.sleep(_LOOK_SECONDS)
        found.note("a change on the page after PostgreSQL came back, s", "pages", time.perf_counter() - began)


async def _tight(station: BoardStation, found: Boards, folder: Path, say: Callable[[str], None]) -> None:
    """A second info-site beside the first, with less memory than the boards need: it must show the same."""
    say(f"boards: {found.size.tight} MiB for all")
    wanted = await _all_pages(station.port, station.units)
    variables, port, health = station.stack.variables("info-site"), ports.free_port(), ports.free_port()
    variables |= {
        "RENRAKUMO_BOARD_MEMORY": str(found.size.tight),
        "RENRAKUMO_INFO_PORT": str(port),
        "RENRAKUMO_HEALTH_PORT": str(health),
    }
    process = ChildProcess(
        "tight", [sys.executable, "-m", "info_site.main"], environment=variables, log_path=folder / "tight.log"
    )
    process.start()
    try:
        async with asyncio.timeout(_WITHIN):
            while (await probe.ask(health, "/readyz"))[0] != 200:  # noqa: ASYNC110  another process gets ready
                await asyncio.sleep(_LOOK_SECONDS)
        for _ in range(2):
            shown = await _all_pages(port, station.units)
            found.wrong += [
                f"{unit} is another with little memory" for unit in wanted if shown[unit].body != wanted[unit].body
            ]
        seconds = [page.seconds for page in shown.values()]
        of = f"info-site, {found.size.tight} MiB"
        found.note("a page, median, ms", of, 1000 * median(seconds))
        found.note("memory after the start, MB", of, usage.family_memory(process.pid) / _MB)
        paths = [f"/{unit}/" for unit in station.units]
        found.note("pages a second", of, await page_client.rate(port, paths, connections=8, seconds=5))
    finally:
        await process.stop_soon()


@asynccontextmanager
async def _read_meanwhile(station: BoardStation, found: Boards, when: str) -> AsyncIterator[None]:
    """Somebody reads the page of a unit to which nothing happens, from the beginning to the end of the block."""
    stop = asyncio.Event()
    quiet = station.units[len(station.units) // 2 :]
    reading = asyncio.create_task(
        page_client.read_on(station.port, lambda number: f"/{quiet[number % len(quiet)]}/", stop, pause=0.005)
    )
    try:
        yield
    finally:
        stop.set()
        readings: Readings = await reading
    found.note(f"the slowest page {when}, ms", "pages", 1000 * max(readings.seconds))
    if readings.statuses.keys() != {200}:
        found.wrong.append(f"answers {when}: {readings.statuses}")


def show(console: Console, found: Boards) -> None:
    """What was measured, a line for each figure."""
    size = found.size
    table = Table(title=f"Boards of {size.units:,} units, each with {NOTICES} notices and {EVENTS} events")
    columns = list(dict.fromkeys(of for figure in found.figures.values() for of in figure))
    for heading in ("what", *columns):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what, figure in found.figures.items():
        table.add_row(what, *(f"{figure[of]:,.1f}" if of in figure else "" for of in columns))
    console.print(table)
