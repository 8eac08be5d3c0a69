"""In the middle of a broadcast to 2,000 people every service is killed with -9, and bus and databases are restarted:
everybody gets the message, nobody is skipped, only copies in flight at a kill come twice, every answer is kept once."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from renrakumo_cli.local.services import SERVICES
from simulator import bus_view, databases, seeding
from simulator.behaviour import Behaviour, GreylistBy, greylisting, overload, slow
from simulator.crowd import make_crowd
from simulator.incoming import MailKind
from simulator.office import Office
from simulator.parents import ActKind
from simulator.people import Parent, Survey
from simulator.school import open_school
from simulator.trial import Trial

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SEED = int(os.environ.get("RENRAKUMO_TEST_SEED", "20260408"))
PEOPLE = 2000
SILENT = 0.75
SURVEY = Survey("健康調査", ("良好", "せきあり", "発熱あり"), seed=str(SEED))
CARRIERS: dict[str, Behaviour] = {
    "docomo": greylisting(2, by=GreylistBy.RECIPIENT) | slow(0.03),
    "au": slow(0.05),
    "softbank": slow(0.03) | overload(connections=4, messages_per_session=50),
    "gmail": slow(0.05),
}


@dataclass
class Blows:
    """Kills and restarts at moments that the seed chooses: when so many copies have arrived, plus a moment."""

    trial: Trial
    office: Office
    rng: random.Random
    in_flight: int = 0
    struck: list[str] = field(default_factory=list)

    @property
    def arrived(self) -> int:
        return sum(carrier.stats.messages for carrier in self.trial.carriers.values())

    def plan(self) -> list[tuple[int, str]]:
        """(copies arrived, whom): each service once, the dispatcher again near the end, the servers in the middle. The
        office and the registry go first, when the message has only just been approved."""
        first = ["admin-api", "registry"]
        rest = [spec.name for spec in SERVICES if spec.name not in first]
        self.rng.shuffle(rest)
        middle = len(rest) // 2
        rest = [*rest[:middle], "nats", "postgres", *rest[middle:], "dispatcher"]
        moments = sorted(self.rng.uniform(0.02, 0.85) for _ in rest)
        return [(0, name) for name in first] + [
            (int(part * PEOPLE), name) for part, name in zip(moments, rest, strict=True)
        ]

    async def strike(self) -> None:
        for copies, name in self.plan():
            while self.arrived < copies:  # noqa: ASYNC110  carriers in this very loop, one condition over all of them
                await asyncio.sleep(0.02)
            await asyncio.sleep(self.rng.uniform(0, 0.3))
            assert self.arrived < PEOPLE, f"the broadcast was over before {name} could be killed"
            if name == "dispatcher":
                self.in_flight += sum(carrier.stats.active for carrier in self.trial.carriers.values())
            self.struck.append(f"{name} at {self.arrived}")
            self.trial.say(f"{self.arrived:5} of {PEOPLE} copies arrived: killing {name}")
            if name == "nats":
                await self.trial.stack.restart_nats(first=signal.SIGKILL)
            elif name == "postgres":
                await self.trial.stack.restart_postgres(first=signal.SIGQUIT)
            else:
                self.trial.stack.kill(name, signal.SIGKILL)


# Slow: a whole trial is started.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trial(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trial]:
    people = make_crowd(SEED, PEOPLE, silent=SILENT, vacation=0, late_answers=0)
    async with await Trial.build(
        tmp_path_factory.mktemp("kills"), carriers=CARRIERS, people=people, say=_said
    ) as running:
        running.parents.surveys.append(SURVEY)
        yield running


# Slow: each service and each server is killed while a message goes to hundreds and they answer.
async def test_whoever_dies_everybody_gets_the_message_and_every_answer_is_kept_once(trial: Trial) -> None:
    people = trial.parents.people
    school = await open_school(trial, "minami", "みなみ小学校", receipts=True, groups={"all": "全校"})
    members = await seeding.enter(trial.stack, "minami", "all", people)
    print(f"\nseed {SEED}: {len(members)} members at {len(trial.carriers)} carriers")

    message = await school.send(SURVEY.subject, "今日の様子をお知らせください。", asks="choice", choices=SURVEY.choices)
    blows = Blows(trial, school.office, random.Random(SEED))
    await blows.strike()

    told = 0

    async def settled() -> bool:
        nonlocal told
        counts = await school.counts(message)
        if counts["delivered"] != told:
            told = counts["delivered"]
            _said(f"{blows.arrived:5} copies arrived, the ledger says {told} delivered")
        return bool(counts["delivered"] == PEOPLE)

    for name in (spec.name for spec in SERVICES):
        await trial.stack.ready(name)
    assert await trial.until("every copy is settled", settled, within=180)
    await trial.parents.idle(timeout=120)

    mails = [got for got in trial.parents.mails if got.kind is MailKind.BROADCAST]
    reached = {got.parent.number for got in mails}
    twice = sum(got.repeated for got in mails)
    print(f"{len(reached)} people reached by {len(mails)} mails; {twice} came twice, {blows.in_flight} were in flight")
    print(f"struck: {', '.join(blows.struck)}")
    assert reached == {parent.number for parent in people}, "somebody was skipped"
    assert len(mails) == len(people) + twice, "somebody got two different mails"
    assert twice <= blows.in_flight

    await _ledger_is_right(trial, members, int(message))
    await _answers_are_right(trial, members, message)
    assert not trial.parents.problems
    assert not [each.reason for each in await bus_view.dead_letters(trial.stack)]


def _said(line: str) -> None:
    print(f"{time.monotonic() % 1000:7.2f} s  {line}")


async def _ledger_is_right(trial: Trial, members: dict[int, Parent], message: int) -> None:
    query = "SELECT member, state FROM ledger.copies WHERE message = $1"
    rows = await databases.rows(trial.stack, databases.GENERAL_DATABASE, query, message)
    states = Counter(row["state"] for row in rows)
    assert states == {"delivered": PEOPLE}
    assert {row["member"] for row in rows} == set(members)


async def _answers_are_right(trial: Trial, members: dict[int, Parent], message: str) -> None:
    given = trial.parents.acts_of(ActKind.ANSWER)
    assert given
    assert all(200 <= act.code < 300 for act in given)
    query = "SELECT member, choice, needs_look FROM ledger.answers WHERE message = $1"

    async def recorded() -> bool:
        rows = await databases.rows(trial.stack, databases.GENERAL_DATABASE, query, int(message))
        return len(rows) >= len(given)

    assert await trial.until("every answer is recorded", recorded, within=120)
    rows = await databases.rows(trial.stack, databases.GENERAL_DATABASE, query, int(message))
    answers = Counter(members[row["member"]].number for row in rows)
    print(f"{len(given)} answers given, {len(rows)} recorded")
    assert answers == Counter(act.parent.number for act in given), "an answer was lost or kept twice"
    wrong = [row for row in rows if row["needs_look"] or row["choice"] != SURVEY.choice_for(members[row["member"]])]
    assert not wrong
