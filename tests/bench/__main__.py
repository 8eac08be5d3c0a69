"""`make bench`: measure, print, and keep the figures in var/bench/latest.json. QUICK=1: 600 recipients only."""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from renrakumo_cli.local.paths import LocalError
from tests.bench.full_path import OTHERS, FullPath, measure
from tests.support import figures

SMALL, LARGE = 600, 5000
SLOWEST = 10.0
"""Copies a second. Who is slower than this is broken, and the run ends."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--recipients", type=int, nargs="+", default=[SMALL] if figures.quick() else [SMALL, LARGE])
    sizes: list[int] = parser.parse_args().recipients
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        results = [asyncio.run(_full_path(console, size)) for size in sizes]
    except (LocalError, TimeoutError) as error:
        console.print(f"The benchmark ended early: {error or 'it took too long'}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130
    _show(console, results)
    kept = figures.keep("bench", {"cores": os.cpu_count(), "rows": [_row(result) for result in results]})
    console.print(f"kept in {kept}", markup=False)
    return 0


async def _full_path(console: Console, recipients: int) -> FullPath:
    with tempfile.TemporaryDirectory(prefix="renrakumo-bench-") as state:
        return await measure(
            Path(state),
            recipients,
            within=60 + recipients / SLOWEST,
            say=lambda line: console.print(line, style="dim", markup=False),
        )


def _row(result: FullPath) -> dict[str, Any]:
    cpu = result.cpu_us_per_copy
    others = cpu.pop(OTHERS)
    return {
        "case": "full-path",
        "recipients": result.recipients,
        "dkim": "off",
        "octets_per_copy": result.octets // result.recipients,
        "seconds": round(result.last_copy, 3),
        "settled_s": round(result.settled, 3),
        "copies_per_s": round(result.copies_per_s, 1),
        "first_copy_ms": round(result.first_copy * 1000),
        "cpu_us_per_copy": cpu,
        "others_us_per_copy": others,
        "memory_mb": {name: round(octets / 1e6, 1) for name, octets in result.memory.items()},
    }


def _show(console: Console, results: Sequence[FullPath]) -> None:
    speed = Table(title=f"From the REST request to the last copy at a carrier ({os.cpu_count()} cores)")
    for heading in ("recipients", "first copy ms", "last copy s", "copies/s", "all in the ledger s", "octets a copy"):
        speed.add_column(heading, justify="right")
    cost = Table(title="What it cost: processor time, and memory (peak; postgres: at the end)")
    cost.add_column("process")
    for result in results:
        speed.add_row(
            f"{result.recipients}",
            f"{result.first_copy * 1000:.0f}",
            f"{result.last_copy:.2f}",
            f"{result.copies_per_s:.0f}",
            f"{result.settled:.2f}",
            f"{result.octets // result.recipients}",
        )
        cost.add_column(f"{result.recipients}: µs/copy", justify="right")
        cost.add_column("MB", justify="right")
    for name in results[0].cpu:
        cells: list[str] = []
        for result in results:
            memory = result.memory.get(name)
            cells += [f"{result.cpu_us_per_copy[name]}", "" if memory is None else f"{memory / 1e6:.0f}"]
        cost.add_row(name, *cells)
    ours = [sum(us for name, us in result.cpu_us_per_copy.items() if name != OTHERS) for result in results]
    cost.add_row("all but others", *(cell for us in ours for cell in (f"{us}", "")), style="bold")
    console.print(speed)
    console.print(cost)


if __name__ == "__main__":
    sys.exit(main())
