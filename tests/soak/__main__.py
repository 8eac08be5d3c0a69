"""`make soak`: kill processes all through a large broadcast, then each server of a cluster of the bus in a smaller one;
figures in var/soak/latest.json, exit 0 only when nobody was skipped, the ledger is right, and nothing came twice but
what was in flight. QUICK=1: small ones."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import CLUSTER_OF
from tests.soak import kills
from tests.support import figures

SEED = 20260408
SLOWEST = 20.0
"""Copies a second at which the run gives up, beside a minute for each kill."""
CLUSTER_DISPATCHERS = 2


def main() -> int:
    quick = figures.quick()
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--recipients", type=int, default=5000 if quick else 20_000, help="0: the cluster only")
    parser.add_argument("--kills", type=int, default=6 if quick else 20)
    parser.add_argument("--cluster-recipients", type=int, default=1500 if quick else 5000, help="0: no cluster")
    parser.add_argument("--seed", type=int, default=SEED)
    told = parser.parse_args()
    outcomes: dict[str, kills.Outcome] = {}
    try:
        if told.recipients:
            outcomes["kills"] = _run(told.recipients, told.kills, told.seed, kills.DISPATCHERS)
        if told.cluster_recipients:
            _say("a bus of three servers, each of which is killed")
            outcomes["cluster"] = _run(
                told.cluster_recipients, CLUSTER_OF, told.seed, CLUSTER_DISPATCHERS, cluster=True
            )
    except LocalError as error:
        print(f"The soak cannot go on: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    kept = {
        **(outcomes["kills"].as_dict() if "kills" in outcomes else {}),
        **({"cluster": outcomes["cluster"].as_dict()} if "cluster" in outcomes else {}),
    }
    print(f"kept in {figures.keep('soak', kept)}")
    return 0 if all(outcome.good for outcome in outcomes.values()) else 1


def _run(recipients: int, struck: int, seed: int, dispatchers: int, *, cluster: bool = False) -> kills.Outcome:
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


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
