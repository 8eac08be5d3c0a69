"""One rush, from the first mail to the last answer, with everything counted on both sides.

    a trial with one school, members written in bulk -> the question goes out to all of them
    -> the town (a process of its own) replies, asks and registers within a minute, while a second message goes out
    -> all accepted? -> the office's tally, the ledger's rows, the members, the town's own count of what came

`Strikes`, if any, kill services in the middle (the soak); then what was in flight may come twice, and nothing else.
"""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg

from contracts.streams import INBOUND
from mail.tokens import Token, TokenKind, hour_of, mint
from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR
from renrakumo_cli.local import ports
from renrakumo_cli.local.process import ChildProcess
from renrakumo_cli.local.services import NATS
from renrakumo_cli.local.stack import POSTGRES
from simulator.bus_view import dead_letters, key_ring
from simulator.crowd import DOMAINS, make_crowd
from simulator.school import School, open_school
from simulator.trial import BASE_DOMAIN, Trial
from tools import usage
from tools.load import members, sink
from tools.load.carriers import lifted_limits
from tools.load.delivered import settled
from tools.rush import mails
from tools.rush.strikes import Strikes

SEED = 20260408
UNIT, GROUP, NEWCOMERS = "minami", "all", "new"
BROADCAST_AFTER = 0.1
"""Of the rush's time; then the second message goes out."""
_PATIENCE = 120.0


@dataclass(frozen=True)
class Size:
    """How many of each, within how many seconds, over how many sessions."""

    replies: int = 10_000
    questions: int = 10_000
    entries: int = 2_000
    members: int = 20_000
    seconds: float = 60.0
    sessions: int = 60


@dataclass
class RushResult:
    """What was promised and what came. Times in seconds, memory in octets, `cpu`: seconds by process."""

    size: Size
    town: dict[str, Any] = field(default_factory=dict)
    news_p50: float = 0.0
    news_p95: float = 0.0
    news_worst: float = 0.0
    answers: int = 0
    answers_wrong: int = 0
    joined: int = 0
    broadcast: int = 0
    broadcast_seconds: float = 0.0
    read_seconds: float = 0.0
    backlog: int = 0
    dead: int = 0
    kills: int = 0
    in_flight: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        return int(sum(self.town["accepted"].values()))

    @property
    def lost(self) -> int:
        """Mails that were accepted and had no effect, or never accepted."""
        size, came = self.size, self.town["came"]
        wanted = size.replies + size.questions + 2 * size.entries
        there = self.answers + came.get("news", 0) + self.joined + came.get("completion", 0)
        return int(wanted - there)

    @property
    def twice(self) -> int:
        """Answers of ours that came more than once, and answers of parents that are in the ledger twice."""
        return int(sum(self.town["twice"].values())) + max(0, self.answers - self.size.replies)

    @property
    def good(self) -> bool:
        """Everything had its effect, once; only what was in flight when a dispatcher was killed may have come twice."""
        once = self.answers == self.size.replies and self.twice <= self.in_flight
        return self.lost == 0 and once and not self.answers_wrong and not self.town["refused"] and not self.dead

    def as_dict(self) -> dict[str, Any]:
        """For keeping and showing; the single times are left out."""
        told = asdict(self)
        told["town"] = {name: value for name, value in self.town.items() if name != "latencies"}
        told["memory_mb"] = {name: round(octets / 1e6, 1) for name, octets in told.pop("memory").items()}
        told["cpu"] = {name: round(seconds, 1) for name, seconds in self.cpu.items()}
        return told | {"lost": self.lost, "came_twice": self.twice, "good": self.good}


async def run(folder: Path, size: Size, say: Callable[[str], None], strikes: Strikes | None = None) -> RushResult:
    """Raises LocalError or TimeoutError when the trial can't be started or doesn't do what comes before the rush."""
    town_port = ports.free_port()
    async with sink.running(folder) as target:
        trial_folder = folder / "trial"
        trial_folder.mkdir()
        carriers = trial_folder / "carriers.yaml"
        carriers.write_text(lifted_limits(dict.fromkeys([*DOMAINS, "other"], 24)))
        to_sink = f"{sink.HOST}:{target.port}"
        routes = {domain: to_sink for hosted in DOMAINS.values() for domain in hosted}
        routes |= {"*": to_sink, mails.DOMAIN: f"{sink.HOST}:{town_port}"}
        extra = {"dispatcher": {"RENRAKUMO_CARRIERS": str(carriers)}}
        async with await Trial.build(trial_folder, routes=routes, extra=extra, say=say) as trial:
            await trial.parents.stop()
            school = await open_school(
                trial, UNIT, "みなみ小学校", receipts=True, groups={GROUP: "全校", NEWCOMERS: "新入生"}
            )
            say(f"writing {size.members} members into the personal database")
            crowd = [parent.address for parent in make_crowd(SEED, size.members)]
            await members.enter(trial.stack, UNIT, {GROUP: crowd})
            question = await _ask(school, target, size)
            written, tally = await _mails(trial, question, size)
            outcome = RushResult(size)
            await _rush(folder, trial, school, target, town_port, written, outcome, say, strikes)
            await _count(trial, school, question, tally, outcome)
            return outcome


async def _ask(school: School, target: sink.Sink, size: Size) -> int:
    """The question that the town will answer is in everybody's mailbox."""
    expected = target.expect(size.members)
    message = await school.send(
        mails.SUBJECT, mails.TEXT, groups=[GROUP], asks="choice", choices=list(mails.CHOICES), lane="urgent"
    )
    await expected.arrived(300)
    await settled(school, message, size.members, 120)
    return int(message)


async def _mails(trial: Trial, question: int, size: Size) -> tuple[list[dict[str, str]], list[int]]:
    """Everything that the town will write, mixed evenly, and the tally that its replies add up to."""
    key = key_ring(trial.stack, "dispatcher", "RENRAKUMO_TOKEN_KEYS").current[1]
    connection = await asyncpg.connect(trial.stack.database_url("registry"))
    try:
        rows = await connection.fetch("SELECT copies FROM batches WHERE message = $1 ORDER BY batch", question)
    finally:
        await connection.close()
    copies = [copy for row in rows for copy in row["copies"]][: size.replies]
    hour, domain = hour_of(datetime.now(UTC)), f"{UNIT}.{BASE_DOMAIN}"
    people = [
        (f"{mint(key, UNIT, Token(TokenKind.ANSWER, question, copy, hour))}@{domain}", f"p{turn}@docomo.ne.jp")
        for turn, copy in enumerate(copies)
    ]
    replies, tally = mails.replies(SEED, people)
    others = (
        mails.questions(size.questions, f"info@{domain}"),
        mails.entries(size.entries, f"{NEWCOMERS}-entry@{domain}"),
    )
    placed = [(turn / max(1, len(kind)), each) for kind in (replies, *others) for turn, each in enumerate(kind)]
    placed.sort(key=lambda pair: pair[0])
    return [each for _, each in placed], tally


async def _rush(
    folder: Path,
    trial: Trial,
    school: School,
    target: sink.Sink,
    town_port: int,
    written: list[dict[str, str]],
    outcome: RushResult,
    say: Callable[[str], None],
    strikes: Strikes | None,
) -> None:
    size = outcome.size
    plan, result = folder / "plan.json", folder / "result.json"
    smtp_port = trial.stack.port("RENRAKUMO_SMTP_PORT")
    told = {"smtp_port": smtp_port, "sink": town_port, "seconds": size.seconds, "sessions": size.sessions}
    plan.write_text(json.dumps({**told, "patience": _PATIENCE, "mails": written}))
    stack = trial.stack
    pids = {name: stack.pid(name) for name in (*(spec.name for spec in stack.services), NATS, POSTGRES)}
    for pid in pids.values():
        usage.forget_peak(pid)
    before = {name: usage.precise_cpu_seconds(pid) for name, pid in pids.items()}
    town = ChildProcess(
        "town",
        [sys.executable, "-m", "tools.rush.load", str(plan), str(result)],
        environment={},
        log_path=folder / "town.log",
        folder=Path(__file__).resolve().parents[4],
    )
    say(f"{len(written)} mails within {size.seconds:.0f} s")
    town.start()
    watching = asyncio.create_task(_watch(trial, outcome))
    ports_of_ours = {town_port, target.port}
    striking = None if strikes is None else asyncio.create_task(strikes.run(trial, ports_of_ours))
    try:
        await asyncio.sleep(1 + size.seconds * BROADCAST_AFTER)
        expected, began = target.expect(size.members), time.monotonic()
        await school.send("避難所の開設", "体育館を開けました。", groups=[GROUP])
        await expected.arrived(_PATIENCE + size.seconds)
        outcome.broadcast, outcome.broadcast_seconds = size.members, round(time.monotonic() - began, 2)
        await asyncio.to_thread(town.await_condition, result.exists, within=size.seconds + _PATIENCE + 30)
        await asyncio.sleep(0.2)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(town.stop, within=5)
        if striking is not None and strikes is not None:
            await striking
            outcome.kills, outcome.in_flight = strikes.kills, strikes.in_flight
    outcome.town = json.loads(result.read_text())
    if strikes is None:
        outcome.cpu = {name: max(0.0, usage.precise_cpu_seconds(pid) - before[name]) for name, pid in pids.items()}
        outcome.memory = {name: usage.peak_memory(pid) for name, pid in pids.items() if name != POSTGRES}
        outcome.memory[POSTGRES] = usage.family_memory(pids[POSTGRES])


async def _watch(trial: Trial, outcome: RushResult) -> None:
    """The most mails that waited on the bus at once, as its consumers say."""
    password = trial.stack.secrets.nats_passwords()[OPERATOR]
    async with bus.connected(trial.stack.configuration.nats_url, OPERATOR, password) as client:
        js = client.jetstream(timeout=5)
        while True:
            with contextlib.suppress(Exception):  # the bus itself may be struck
                waiting = [info.num_pending or 0 for info in await js.consumers_info(INBOUND.name)]
                outcome.backlog = max(outcome.backlog, sum(waiting))
            await asyncio.sleep(1)


async def _count(trial: Trial, school: School, question: int, tally: list[int], outcome: RushResult) -> None:
    """What became of it, from the office's screen and from the databases."""
    size, began = outcome.size, time.monotonic()
    path = school.path(f"messages/{question}")

    async def read() -> bool:
        return bool(sum(each["count"] for each in (await school.office.get(path))["tallies"]) >= size.replies)

    await trial.until("all replies read", read, within=_PATIENCE)
    outcome.read_seconds = round(time.monotonic() - began, 2)
    shown = {each["choice"]: each["count"] for each in (await school.office.get(path))["tallies"]}
    outcome.answers_wrong = sum(abs(shown.get(turn, 0) - wanted) for turn, wanted in enumerate(tally, 1))
    general = await asyncpg.connect(trial.stack.database_url("receipts"))
    personal = await asyncpg.connect(trial.stack.database_url("registry"))
    try:
        outcome.answers = await general.fetchval(
            "SELECT count(*) FROM ledger.recorded_answers WHERE message = $1", question
        )
        outcome.joined = await personal.fetchval(
            "SELECT count(*) FROM memberships WHERE group_code = $1 AND left_at IS NULL", NEWCOMERS
        )
    finally:
        await general.close()
        await personal.close()
    outcome.dead = len(await dead_letters(trial.stack))
    latencies = sorted(outcome.town["latencies"])
    if len(latencies) > 1:
        cut = quantiles(latencies, n=20)
        outcome.news_p50, outcome.news_p95, outcome.news_worst = cut[9], cut[18], latencies[-1]


def summary(outcome: RushResult) -> Mapping[str, Any]:
    """What to print, in reading order."""
    town, size = outcome.town, outcome.size
    return {
        "mails": size.replies + size.questions + size.entries,
        "accepted": outcome.accepted,
        "told 4xx": town["deferred"],
        "told 5xx": town["refused"],
        "accepted within s": town["seconds_to_accept"],
        "answers to info mails": town["came"].get("news", 0),
        "p50, p95, worst s": (round(outcome.news_p50, 2), round(outcome.news_p95, 2), round(outcome.news_worst, 2)),
        "answers in the ledger": outcome.answers,
        "answers read wrong": outcome.answers_wrong,
        "registered": outcome.joined,
        "broadcast copies": outcome.broadcast,
        "broadcast s": outcome.broadcast_seconds,
        "lost": outcome.lost,
        "came twice": outcome.twice,
        "most mails waiting on the bus": outcome.backlog,
        "dead letters": outcome.dead,
        "kills, mails in flight at them": (outcome.kills, outcome.in_flight),
    }
