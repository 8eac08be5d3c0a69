"""`make bench`: measure ourselves and the peers in turn, print tables and bars, and keep the figures in
var/bench/latest.json and the chart in var/bench/latest.png. QUICK=1: fewer sizes, under five minutes."""

import argparse
import asyncio
import dataclasses
import os
import platform
import signal
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from renrakumo_cli.local.paths import LocalError
from tools import figures
from tools.bench import boards, chart, inbound, plan, run, show
from tools.bench.figures import LANES, PEERS, Aim, Row, aims, as_json, summarise
from tools.bench.lanes import URGENT
from tools.bench.run import BenchResult, Parts

_PARTS = ("ours", "peers", "lanes", "acceptance", "rush", "boards")


def main() -> int:
    chosen = plan.QUICK if figures.quick() else plan.FULL
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--recipients", type=int, nargs="+", default=list(chosen.sizes), help="sizes of our full path")
    parser.add_argument("--rounds", type=int, default=chosen.rounds)
    parser.add_argument("--only", choices=_PARTS, nargs="+", default=list(_PARTS), help="leave out the rest")
    parser.add_argument("--ordinary", type=int, default=chosen.ordinary, help="copies in the queue (lanes)")
    parser.add_argument("--dispatchers", type=int, default=1, help="how many share the work")
    told = parser.parse_args()
    chosen = dataclasses.replace(
        chosen, sizes=tuple(sorted(told.recipients)), rounds=told.rounds, ordinary=told.ordinary
    )
    parts = Parts(**{part: part in told.only for part in _PARTS})
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.strftime('%H:%M:%S')}  {line}", style="dim", markup=False)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(_until_told(run.run(chosen, parts, say, dispatchers=told.dispatchers)))
    except (LocalError, TimeoutError) as error:
        console.print(f"The benchmark can't go on: {error or 'it took too long'}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    except asyncio.CancelledError:
        return 143
    rows = summarise(outcome.measurements)
    found = aims(rows, None if outcome.lanes is None else outcome.lanes.ratio)
    found += inbound.acceptance_aims(outcome.acceptance) if outcome.acceptance else []
    found += [] if outcome.rush is None else inbound.aims(outcome.rush)
    _show(console, outcome, rows, found)
    about = {
        "seconds": round(time.monotonic() - began),
        "rounds": max((row.rounds for row in rows), default=0),
        "dispatchers": told.dispatchers,
        "machine": machine(),
    }
    kept = figures.keep("bench", kept_form(outcome, rows, found) | about)
    console.print(f"kept in {kept}", markup=False)
    if rows:
        picture = kept.with_suffix(".png")
        chart.draw(rows, f"Renrakumo and its peers: {machine()['cpu']}, {os.cpu_count()} cores", picture)
        console.print(f"chart in {picture}", markup=False)
    return 1 if outcome.failed else 0


async def _until_told(work: Coroutine[Any, Any, BenchResult]) -> BenchResult:
    """SIGTERM (`timeout` sends it) ends the work as Ctrl-C does: everything that was started is stopped."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def kept_form(outcome: BenchResult, rows: list[Row], found: list[Aim]) -> dict[str, Any]:
    """What latest.json holds of a run."""
    kept = [as_json(row) for row in rows]
    if outcome.lanes is not None:
        kept.append(_lanes_row(outcome))
    return {
        "rows": kept,
        "acceptance": [dataclasses.asdict(each) | {"rate": round(each.rate, 1)} for each in outcome.acceptance],
        "rush": None if outcome.rush is None else outcome.rush.as_dict(),
        "boards": None if outcome.boards is None else dataclasses.asdict(outcome.boards),
        "aims": [dataclasses.asdict(aim) for aim in found],
        "missing": outcome.missing,
        "failed": outcome.failed,
        "sink": outcome.sink,
    }


def machine() -> dict[str, Any]:
    """What it ran on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = cpuinfo.read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def _lanes_row(outcome: BenchResult) -> dict[str, Any]:
    lanes = outcome.lanes
    assert lanes is not None
    under_load = sorted(lanes.under_load)[len(lanes.under_load) // 2]
    return {
        "case": LANES,
        "recipients": URGENT,
        "dkim": "off",
        "copies_per_s": round(URGENT / under_load, 1),
        "cpu_us_per_copy": None,
        "ratios": dict.fromkeys(PEERS.values()),
        "alone_to_under_load": round(lanes.ratio, 3),
        "alone_s": [round(seconds, 3) for seconds in lanes.alone],
        "under_load_s": [round(seconds, 3) for seconds in lanes.under_load],
        "ordinary": lanes.ordinary,
        "ordinary_waiting_then": lanes.waiting,
    }


def _show(console: Console, outcome: BenchResult, rows: list[Row], found: list[Aim]) -> None:
    if rows:
        console.print(f"Everybody sent to {outcome.sink}.", markup=False)
        show.speed(console, rows)
        show.times(console, rows)
        show.bars(console, rows)
        show.costs(console, rows)
    if outcome.lanes is not None:
        show.lanes(console, outcome.lanes)
    if outcome.acceptance:
        inbound.show_acceptance(console, outcome.acceptance)
    if outcome.rush is not None:
        inbound.show(console, outcome.rush)
    if outcome.boards is not None:
        boards.show(console, outcome.boards)
    show.aims(console, found)
    for peer, why in outcome.missing.items():
        console.print(f"{peer} is missing: {why}", style="yellow", markup=False)
    for case, why in outcome.failed.items():
        console.print(f"{case} failed: {why}", style="red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
