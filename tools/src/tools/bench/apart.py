"""One service by itself with real servers: what the audience's expansion, or the ledger, costs a copy.

    python -m tools.bench.apart expansion 5000 100000
    python -m tools.bench.apart ledger 5000 100000

Processor time is read from the scheduler's own counters (nanoseconds, /proc/<pid>/task/*/schedstat), so that other
programs on the machine and the system's coarse clock disturb little. `first` is the time from the approval on the bus
to the first batch there.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from nats.aio.client import Client

from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.services import NATS, SERVICES
from renrakumo_cli.local.stack import POSTGRES, LocalStack
from tools import usage
from tools.bench import expansion, ledger

UNIT = "minami"


@dataclass(frozen=True)
class Share:
    """Figures of one run: µs of processor a copy and octets of memory (peak) by process, seconds until all was done,
    milliseconds until the first was."""

    case: str
    recipients: int
    cpu: dict[str, float]
    memory: dict[str, int]
    first_ms: float | None
    seconds: float

    def line(self) -> str:
        first = "" if self.first_ms is None else f"  first {self.first_ms:.0f} ms"
        cpu = "  ".join(f"{name} {us:6.1f} µs {self.memory[name] / 1e6:4.0f} MB" for name, us in self.cpu.items())
        return (
            f"{self.case:9} {self.recipients:7}  {cpu}  together {sum(self.cpu.values()):6.1f} µs"
            f"{first}  all {self.seconds:.2f} s"
        )


@asynccontextmanager
async def stack_of(service: str, say: Callable[[str], None]) -> AsyncIterator[LocalStack]:
    """Servers, all migrations and streams, and this one service."""
    with tempfile.TemporaryDirectory(prefix="renrakumo-bench-") as state:
        only = [spec for spec in SERVICES if spec.name == service]
        settings = {"RENRAKUMO_BASE_DOMAIN": "renrakumo.example"}
        stack = LocalStack(Configuration.for_trial(Path(state), settings), services=only, say=say)
        await stack.start()
        try:
            yield stack
        finally:
            await stack.stop()


@asynccontextmanager
async def operator(stack: LocalStack) -> AsyncIterator[Client]:
    password = stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(stack.configuration.nats_url, OPERATOR, password) as client:
        yield client


async def measure(case: str, recipients: int, say: Callable[[str], None]) -> Share:
    """Run one case once."""
    part = {"expansion": expansion, "ledger": ledger}[case]
    async with stack_of(part.SERVICE, say) as stack, operator(stack) as client:
        work = await part.prepare(stack, client, UNIT, recipients)
        names = (part.SERVICE, POSTGRES, NATS)
        before = {name: usage.precise_cpu_seconds(stack.pid(name)) for name in names}
        first, seconds = await work()
        after = {name: usage.precise_cpu_seconds(stack.pid(name)) for name in names}
        memory = {
            name: usage.family_memory(stack.pid(name)) if name == POSTGRES else usage.peak_memory(stack.pid(name))
            for name in names
        }
        return Share(
            case,
            recipients,
            {name: (after[name] - before[name]) / recipients * 1e6 for name in names},
            memory,
            None if first is None else first * 1000,
            seconds,
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.apart", description=__doc__)
    parser.add_argument("case", choices=("expansion", "ledger"))
    parser.add_argument("recipients", type=int, nargs="*", default=[5000])
    parser.add_argument("--json", action="store_true", help="one JSON object a run")
    chosen = parser.parse_args()
    for recipients in chosen.recipients:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            share = runner.run(measure(chosen.case, recipients, lambda line: None))
        print(json.dumps(share.__dict__ | {"cores": os.cpu_count()}) if chosen.json else share.line(), flush=True)


if __name__ == "__main__":
    main()
