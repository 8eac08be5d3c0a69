"""`make soak`: kill processes all through a large broadcast, then each server of a cluster of the bus in a smaller one;
last a rush of replies, questions and registrations, in which every service is killed. Figures in var/soak/latest.json,
exit 0 only when nobody was skipped, nothing was lost, the ledger is right, and nothing came twice but what was in
flight. QUICK=1: small ones."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import CLUSTER_OF
from tools import figures
from tools.rush import run
from tools.rush.strikes import Strikes
from tools.soak import kills

SEED = 20260408
SLOWEST = 20.0
"""Copies a second at which the run gives up, beside a minute for each kill."""
CLUSTER_DISPATCHERS = 2
RUSH = run.Size(seconds=120.0)
QUICK_RUSH = run.Size(replies=3000, questions=3000, entries=600, members=6000, seconds=40.0)


def main() -> int:
    quick = figures.quick()
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    parser.add_argument("--recipients", type=int, default=5000 if quick else 20_000, help="0: the cluster only")
    parser.add_argument("--kills", type=int, default=6 if quick else 20)
    parser.add_argument("--cluster-recipients", type=int, default=1500 if quick else 5000, help="0: no cluster")
    parser.add_argument("--no-rush", action="store_true", help="leave the rush out")
    parser.add_argument("--seed", type=int, default=SEED)
    told = parser.parse_args()
    outcomes: dict[str, kills.SoakResult | run.RushResult] = {}
    try:
        if told.recipients:
            outcomes["kills"] = _run(told.recipients, told.kills, told.seed, kills.DISPATCHERS)
        if told.cluster_recipients:
            _say("a bus of three servers, each of which is killed")
            outcomes["cluster"] = _run(
                told.cluster_recipients, CLUSTER_OF, told.seed, CLUSTER_DISPATCHERS, cluster=True
            )
        if not told.no_rush:
            _say("a rush in which every service and the bus are killed")
            outcomes["rush"] = _rush(QUICK_RUSH if quick else RUSH, told.seed)
    except (LocalError, TimeoutError) as error:
        print(f"The soak cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    kept: dict[str, Any] = outcomes["kills"].as_dict() if "kills" in outcomes else {}
    kept |= {name: outcomes[name].as_dict() for name in ("cluster", "rush") if name in outcomes}
    print(f"kept in {figures.keep('soak', kept)}")
    return 0 if all(outcome.good for outcome in outcomes.values()) else 1


def _run(recipients: int, struck: int, seed: int, dispatchers: int, *, cluster: bool = False) -> kills.SoakResult:
    """One broadcast; its logs are kept when it wasn't good."""
    state = Path(tempfile.mkdtemp(prefix="renrakumo-soak-"))
    good = False
    try:
        outcome = asyncio.run(
            kills.run(
                state,
                recipients=recipients,
                kills=struck,
                seed=seed,
                within=60 + recipients / SLOWEST + 60 * struck,
                say=_say,
                dispatchers=dispatchers,
                cluster=cluster,
            )
        )
        good = outcome.good
    finally:
        if good:
            shutil.rmtree(state, ignore_errors=True)
        else:
            print(f"Logs: {state / 'logs'}", file=sys.stderr)
    for name, figure in outcome.as_dict().items():
        print(f"{name:20} {figure}")
    return outcome


def _rush(size: run.Size, seed: int) -> run.RushResult:
    """One rush; the town's own log is kept when it wasn't good."""
    with tempfile.TemporaryDirectory(prefix="renrakumo-rush-") as folder:
        outcome = asyncio.run(run.run(Path(folder), size, _say, Strikes(seed, size.seconds)))
        if not outcome.good:
            kept = figures.folder("soak") / "failed"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(Path(folder) / "trial" / "logs", kept)
            print(f"Logs: {kept}", file=sys.stderr)
    for what, figure in run.summary(outcome).items():
        print(f"{what:32} {figure}")
    return outcome


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
