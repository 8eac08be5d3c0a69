"""An urgent message while ordinary ones wait in the queue: does it leave as if they weren't there?

Carriers with the limits that are shipped, whose servers take a moment for each reply, so that the queue doesn't drain
at once. The urgent message goes to `URGENT` people who aren't among the others; its time is that from the REST request
to its last copy. First some alone; then the ordinary message goes out, and once all its copies are planned and the
first have arrived, some more, as long as ordinary ones wait. The ratio is the median alone : the median under load.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from renrakumo_cli.local.paths import LocalError
from simulator.behaviour import canonical, sink, slow
from simulator.carriers import ReceivedMail
from simulator.crowd import DOMAINS, make_crowd
from simulator.school import School, open_school
from simulator.trial import Trial
from tools.bench import sample_mail
from tools.bench.full_path import SEED, WARM_GROUP, WARMING
from tools.load import members
from tools.load.delivered import settled

URGENT = 600
REPLY_SECONDS = 0.02
REPEATS = 3
_URGENT_GROUP, _ORDINARY_GROUP = "urgent", "many"
_PLANNED_WITHIN = 300.0
_UNDER_WAY = 100
"""Ordinary copies that have arrived before the urgent message is sent."""


@dataclass(frozen=True)
class Lanes:
    """Seconds of each urgent message; `waiting`: ordinary copies that had not arrived when each of the urgent messages
    under load was through."""

    ordinary: int
    alone: list[float]
    under_load: list[float]
    waiting: list[int]

    @property
    def ratio(self) -> float:
        """Near 1: the queue isn't felt."""
        return median(self.alone) / median(self.under_load)


@dataclass
class LaneArrivals:
    """Who of the urgent message's recipients has it, and how many ordinary copies have come."""

    wanted: frozenset[str]
    reached: set[str] = field(default_factory=set)
    ordinary: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, mail: ReceivedMail) -> None:
        address = canonical(mail.recipient)
        if address in self.wanted:
            self.reached.add(address)
            if len(self.reached) == len(self.wanted):
                self.complete.set()
        else:
            self.ordinary += 1
            if self.ordinary == _UNDER_WAY:
                self.under_way.set()

    def anew(self) -> None:
        """Wait for the next urgent message."""
        self.reached.clear()
        self.complete.clear()


async def measure(folder: Path, ordinary: int, within: float, say: Callable[[str], None]) -> Lanes:
    """`within`: seconds for each urgent message. Raises TimeoutError, LocalError; LocalError also when the queue was
    empty before an urgent message was through under load."""
    behaviours = {name: sink() | slow(REPLY_SECONDS) for name in DOMAINS}
    async with await Trial.build(folder, carriers=behaviours, say=say) as trial:
        await trial.parents.stop()
        groups = {_URGENT_GROUP: "緊急", _ORDINARY_GROUP: "一般", WARM_GROUP: "少し"}
        school = await open_school(trial, sample_mail.UNIT, sample_mail.SCHOOL, receipts=True, groups=groups)
        say(f"writing {ordinary + URGENT} members into the personal database")
        crowd = [parent.address for parent in make_crowd(SEED, WARMING + URGENT + ordinary)]
        people = {
            WARM_GROUP: crowd[:WARMING],
            _URGENT_GROUP: crowd[WARMING : WARMING + URGENT],
            _ORDINARY_GROUP: crowd[WARMING + URGENT :],
        }
        await members.enter(trial.stack, sample_mail.UNIT, people)
        arrivals = LaneArrivals(frozenset(map(canonical, people[_URGENT_GROUP])))
        for carrier in trial.carriers.values():
            carrier.on_mail.append(arrivals.note)
        await settled(school, await _send(school, WARM_GROUP, "ordinary"), WARMING, within)

        say(f"an urgent message to {URGENT}, alone")
        alone = [await _urgent(school, arrivals, within) for _ in range(REPEATS)]
        say(f"{ordinary} ordinary copies into the queue")
        arrivals.ordinary = 0
        await _planned(school, await _send(school, _ORDINARY_GROUP, "ordinary"), ordinary)
        await asyncio.wait_for(arrivals.under_way.wait(), within)

        say(f"an urgent message to {URGENT}, before them in the queue")
        under_load: list[float] = []
        waiting: list[int] = []
        while len(under_load) < REPEATS:
            seconds = await _urgent(school, arrivals, within)
            if arrivals.ordinary >= ordinary:
                break
            under_load.append(seconds)
            waiting.append(ordinary - arrivals.ordinary)
        if not under_load:
            raise LocalError("the ordinary copies were through before the first urgent message was")
        return Lanes(ordinary, alone, under_load, waiting)


async def _urgent(school: School, arrivals: LaneArrivals, within: float) -> float:
    arrivals.anew()
    began = time.perf_counter()
    message = await _send(school, _URGENT_GROUP, "urgent")
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(arrivals.complete.wait(), within)
    seconds = time.perf_counter() - began
    if not arrivals.complete.is_set():
        raise TimeoutError(f"{len(arrivals.reached)} of {URGENT} urgent copies had arrived after {within:.0f} s")
    await settled(school, message, URGENT, within)  # so that the next one doesn't meet this one's paperwork
    return seconds


async def _send(school: School, group: str, lane: str) -> str:
    return await school.send(sample_mail.SUBJECT, sample_mail.TEXT, groups=[group], lane=lane)


async def _planned(school: School, message: str, copies: int) -> None:
    """Until the ledger knows of all copies: all batches are in the queue then, or have left it."""
    async with asyncio.timeout(_PLANNED_WITHIN):
        while (await school.counts(message))["planned"] < copies:  # noqa: ASYNC110  as a screen would ask
            await asyncio.sleep(0.25)
