"""`python -m tools.rush`: one rush by itself."""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from tools.rush import run
from tools.rush.strikes import Strikes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.rush", description=__doc__)
    parser.add_argument("--replies", type=int, default=10_000)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--entries", type=int, default=2_000)
    parser.add_argument("--members", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--kill", action="store_true", help="kill each service in the middle")
    told = vars(parser.parse_args())
    strikes = Strikes(run.SEED, told["seconds"]) if told.pop("kill") else None
    size = run.Size(**told)
    with (
        tempfile.TemporaryDirectory(prefix="renrakumo-rush-") as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        outcome = runner.run(run.run(Path(name), size, _say, strikes))
    for what, figure in run.summary(outcome).items():
        print(f"{what:32} {figure}")
    print(json.dumps(outcome.as_dict(), ensure_ascii=False))
    return 0 if outcome.good else 1


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
