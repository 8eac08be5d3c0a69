"""`make soak`: kill processes all through a large broadcast; figures in var/soak/latest.json, exit 0 only when nobody
was skipped, the ledger is right, and nothing came twice but what was in flight. QUICK=1: a small one."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from renrakumo_cli.local.paths import LocalError
from tests.soak import kills
from tests.support import figures

SEED = 20260408
SLOWEST = 20.0
"""Copies a second at which the run gives up, beside a minute for each kill."""


def main() -> int:
    quick = figures.quick()
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--recipients", type=int, default=5000 if quick else 20_000)
    parser.add_argument("--kills", type=int, default=6 if quick else 20)
    parser.add_argument("--seed", type=int, default=SEED)
    told = parser.parse_args()
    state = Path(tempfile.mkdtemp(prefix="renrakumo-soak-"))
    good = False
    try:
        outcome = asyncio.run(
            kills.run(
                state,
                recipients=told.recipients,
                kills=told.kills,
                seed=told.seed,
                within=60 + told.recipients / SLOWEST + 60 * told.kills,
                say=_say,
            )
        )
        good = outcome.good
        for name, figure in outcome.as_dict().items():
            print(f"{name:20} {figure}")
        print(f"kept in {figures.keep('soak', outcome.as_dict())}")
    except LocalError as error:
        print(f"The soak cannot go on: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    finally:
        if good:
            shutil.rmtree(state, ignore_errors=True)
        else:
            print(f"Logs: {state / 'logs'}", file=sys.stderr)
    return 0 if good else 1


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
