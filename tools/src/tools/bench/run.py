"""One run: everybody in turn, several rounds, into the same sink.

    each round:  ours without signatures, all sizes -> ours with RSA -> ours with the shipped limits
                 -> smtp-source -> Postfix -> aiosmtplib -> Mailman
    at the end:  the urgent message before a full queue; ingress-smtp beside Postfix's smtpd; a rush of replies,
                 questions and registrations; the boards of many units

Taking turns spreads whatever else happens on the machine over all of them. A peer that can't be had, or fails, is named
with the reason and left out; what fails of ours is named, too, and the run goes on.
"""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from renrakumo_cli.local.paths import LocalError
from tools import figures
from tools.bench import acceptance, boards, lanes, sample_mail
from tools.bench.acceptance import Acceptance
from tools.bench.boards import Boards
from tools.bench.figures import ACCEPTANCE, BOARDS, LANES, RUSH, Measurement
from tools.bench.full_path import Station
from tools.bench.lanes import Lanes
from tools.bench.peers.aiosmtplib_alone import AiosmtplibAlone
from tools.bench.peers.mailman import Mailman
from tools.bench.peers.peer import Peer, PeerFailed, PeerMissing
from tools.bench.peers.postfix import Postfix
from tools.bench.peers.wire import SmtpSource
from tools.bench.plan import AFTER_THE_ROUNDS, Plan
from tools.bench.variants import PLAIN, SESSIONS, SHIPPED, SIGNED, Variant
from tools.load import sink
from tools.load.sink import Sink
from tools.rush import run as rush
from tools.rush.run import RushResult

_FAILURES = (LocalError, PeerFailed, TimeoutError, RuntimeError, OSError)
"""Everything that programs and services which don't do as they should end in; RuntimeError: the office's refusals."""


@dataclass
class BenchResult:
    """All that was measured. `missing`: peer -> why it isn't here; `failed`: case -> what went wrong."""

    sink: str = ""
    measurements: list[Measurement] = field(default_factory=list)
    lanes: Lanes | None = None
    acceptance: list[Acceptance] = field(default_factory=list)
    rush: RushResult | None = None
    boards: Boards | None = None
    missing: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parts:
    """What of it is run."""

    ours: bool = True
    peers: bool = True
    lanes: bool = True
    acceptance: bool = True
    rush: bool = True
    boards: bool = True

    def seconds_after_the_rounds(self) -> float:
        """About how long those parts take that come after the rounds."""
        return sum(seconds for part, seconds in AFTER_THE_ROUNDS.items() if getattr(self, part))


async def run(plan: Plan, parts: Parts, say: Callable[[str], None], *, dispatchers: int = 1) -> BenchResult:
    """Everything in turn. Raises LocalError when not even the sink or our trial can be started."""
    outcome, started = BenchResult(), time.monotonic()
    enough = None if plan.budget is None else started + plan.budget - parts.seconds_after_the_rounds()
    peers = await _peers(outcome, say) if parts.peers else []
    if parts.ours or peers:
        with tempfile.TemporaryDirectory(prefix="renrakumo-bench-") as name:
            folder = Path(name)
            async with sink.running(folder) as target:
                outcome.sink = target.program
                if parts.ours:
                    sizes = sorted({*plan.sizes, plan.shipped})
                    async with Station.build(
                        folder / "trial", target, sizes, _quietly(say), dispatchers=dispatchers
                    ) as station:
                        await _rounds(plan, station, peers, target, outcome, say, enough)
                else:
                    await _rounds(plan, None, peers, target, outcome, say, enough)
    if parts.lanes:
        await _lanes(plan, outcome, say)
    if parts.acceptance:
        await _acceptance(plan, outcome, say)
    if parts.rush:
        await _rush(plan, outcome, say)
    if parts.boards:
        await _boards(plan, outcome, say)
    return outcome


async def _peers(outcome: BenchResult, say: Callable[[str], None]) -> list[Peer]:
    here: list[Peer] = []
    everybody: list[Peer] = [SmtpSource(SESSIONS), Postfix(), AiosmtplibAlone(), Mailman()]
    for peer in everybody:
        try:
            await peer.prepare()
            here.append(peer)
        except PeerMissing as missing:
            outcome.missing[peer.case] = str(missing)
            say(f"{peer.case} is missing: {missing}")
    return here


async def _rounds(
    plan: Plan,
    station: Station | None,
    peers: Sequence[Peer],
    target: Sink,
    outcome: BenchResult,
    say: Callable[[str], None],
    enough: float | None,
) -> None:
    """`enough`: no round is begun that would end after that moment, but the first."""
    longest = 0.0
    for number in range(1, plan.rounds + 1):
        began = time.monotonic()
        if enough is not None and began + longest > enough and number > 1:
            say(f"no time is left for round {number} of {plan.rounds}")
            return
        say(f"round {number} of {plan.rounds}")
        if station is not None:
            for variant, sizes in ((PLAIN, plan.sizes), (SIGNED, plan.sizes), (SHIPPED, (plan.shipped,))):
                await _ours(station, variant, sizes, outcome, say)
        for peer in peers:
            if peer.case not in outcome.failed:
                await _peer(peer, plan.peer_copies[peer.case], target, outcome, say)
        longest = max(longest, time.monotonic() - began)


async def _ours(
    station: Station, variant: Variant, sizes: Sequence[int], outcome: BenchResult, say: Callable[[str], None]
) -> None:
    name = f"{variant.case}, DKIM {variant.dkim}"
    try:
        async with station.enter(variant) as way:
            for size in sizes:
                name = f"{variant.case}, DKIM {variant.dkim}, {size}"
                _keep(await way.measure(size, Plan.within(size)), outcome, say)
    except _FAILURES as error:
        _fail(name, error, outcome, say)
        say(f"what the services said: {_keep_logs(station.logs)}")


async def _peer(peer: Peer, copies: int, target: Sink, outcome: BenchResult, say: Callable[[str], None]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="renrakumo-peer-") as folder:
            Path(folder).chmod(0o755)  # some work as another user
            measured = await peer.measure(target, copies, sample_mail.sample(), Path(folder), Plan.within(copies))
        _keep(measured, outcome, say)
    except _FAILURES as error:
        _fail(peer.case, error, outcome, say)


async def _lanes(plan: Plan, outcome: BenchResult, say: Callable[[str], None]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="renrakumo-lanes-") as folder:
            outcome.lanes = await lanes.measure(Path(folder), plan.ordinary, Plan.within(lanes.URGENT), _quietly(say))
    except _FAILURES as error:
        _fail(LANES, error, outcome, say)


async def _acceptance(plan: Plan, outcome: BenchResult, say: Callable[[str], None]) -> None:
    receivers = [acceptance.ONE]
    try:
        with contextlib.suppress(PeerMissing):  # named with the other peers
            await Postfix().prepare()
            receivers.append(acceptance.POSTFIX)
        outcome.acceptance = await acceptance.compare(plan.acceptance, plan.acceptance_rounds, receivers, say)
    except _FAILURES as error:
        _fail(ACCEPTANCE, error, outcome, say)


async def _rush(plan: Plan, outcome: BenchResult, say: Callable[[str], None]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="renrakumo-rush-") as folder:
            outcome.rush = await rush.run(Path(folder), plan.rush, _quietly(say))
        if not outcome.rush.good:
            outcome.failed[RUSH] = "something was lost, came twice, or was read wrong"
    except _FAILURES as error:
        _fail(RUSH, error, outcome, say)


async def _boards(plan: Plan, outcome: BenchResult, say: Callable[[str], None]) -> None:
    try:
        with tempfile.TemporaryDirectory(prefix="renrakumo-boards-") as folder:
            outcome.boards = await boards.measure(Path(folder), plan.boards, _quietly(say))
        if outcome.boards.wrong:
            outcome.failed[BOARDS] = "; ".join(outcome.boards.wrong[:5])
    except _FAILURES as error:
        _fail(BOARDS, error, outcome, say)


def _keep(measurement: Measurement, outcome: BenchResult, say: Callable[[str], None]) -> None:
    outcome.measurements.append(measurement)
    say(
        f"{measurement.case}, DKIM {measurement.dkim}: {measurement.recipients} copies in {measurement.seconds:.2f} s, "
        f"{measurement.copies_per_s:.0f}/s (others had {measurement.others_share:.0%} of the machine)"
    )


def _fail(name: str, error: BaseException, outcome: BenchResult, say: Callable[[str], None]) -> None:
    why = str(error).strip() or "it took too long"
    outcome.failed[name] = why
    say(f"{name} failed: {why}")


def _keep_logs(logs: Path) -> Path:
    """The trial goes with its folder; what its services wrote is worth reading after a failure."""
    kept = figures.folder("bench") / "failed"
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(logs, kept)
    return kept


def _quietly(say: Callable[[str], None]) -> Callable[[str], None]:
    """A trial tells each step of each start; only what it does once is told on."""
    return lambda line: None if line.startswith(("starting", "bringing", "streams")) else say(line)
