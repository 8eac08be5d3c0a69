"""The whole way of a broadcast: the office takes a message by REST, and everybody's copy is accepted by a carrier.

A house of its own for each measurement: seed the members -> a small message, so that connections and caches are as
in a house that has been up for a while -> the clock starts with the REST request -> first copy, last copy at the
carriers -> until the ledger says that all are delivered. Processor time is counted from the request to the ledger's
last entry. Carriers accept everything at once and keep nothing; they share this machine's cores with the services.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from renrakumo_cli.local.services import SERVICES
from renrakumo_cli.local.stack import NATS, POSTGRES
from tests.support import usage
from tests.support.behaviour import sink
from tests.support.carriers import ReceivedMail
from tests.support.crowd import DOMAINS, make_crowd
from tests.support.house import House
from tests.system import seeding
from tests.system.school import School, open_school

SEED = 20260408
UNIT = "minami"
WARMING = 20
CARRIERS = "(carriers)"
"""Name of the row of this very process: simulated carriers, and the office's client."""
OTHERS = "(others)"
"""Name of the row of all else on this machine, the kernel's own work included: large when the figures were disturbed."""

TEXT = "本日の下校時刻についてお知らせします。\n\n台風が近づいているため、全学年とも13時に下校します。\n" * 4


@dataclass(frozen=True)
class FullPath:
    """Figures of one run. Times in seconds from the request; `cpu`: seconds, `memory`: octets, by process;
    `octets`: of all copies as the carriers got them."""

    recipients: int
    first_copy: float
    last_copy: float
    settled: float
    octets: int
    cpu: dict[str, float]
    memory: dict[str, int]

    @property
    def copies_per_s(self) -> float:
        return self.recipients / self.last_copy

    @property
    def cpu_us_per_copy(self) -> dict[str, int]:
        return {name: round(seconds / self.recipients * 1e6) for name, seconds in self.cpu.items()}


@dataclass
class Arrivals:
    """When the first and the last copy arrived. Who gets a second one counts once; `octets` of all."""

    wanted: int
    recipients: set[str] = field(default_factory=set)
    octets: int = 0
    first: float = 0.0
    last: float = 0.0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, mail: ReceivedMail) -> None:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.recipients.add(mail.recipient)
        self.octets += len(mail.raw)
        if len(self.recipients) == self.wanted:
            self.complete.set()


async def measure(state: Path, recipients: int, *, within: float, say: Callable[[str], None]) -> FullPath:
    """One broadcast to so many. Raises TimeoutError when it takes longer than `within` seconds."""
    crowd = make_crowd(SEED, recipients + WARMING)
    async with await House.build(state, carriers={name: sink() for name in DOMAINS}, say=say) as house:
        await house.parents.stop()
        school = await open_school(house, UNIT, "みなみ小学校", receipts=True, groups={"all": "全校", "few": "少し"})
        say(f"seeding {recipients} members")
        await seeding.enter(house.stack, UNIT, "few", crowd[:WARMING])
        await seeding.enter(house.stack, UNIT, "all", crowd[WARMING:])
        async with asyncio.timeout(within):
            await _broadcast(house, school, "few", WARMING)
            say(f"sending to {recipients}")
            before = _cpu(house)
            began, arrivals, settled = await _broadcast(house, school, "all", recipients)
            after = _cpu(house)
        return FullPath(
            recipients=recipients,
            first_copy=arrivals.first - began,
            last_copy=arrivals.last - began,
            settled=settled - began,
            octets=arrivals.octets,
            cpu={name: max(0.0, after[name] - before[name]) for name in after},
            memory=_memory(house),
        )


async def _broadcast(house: House, school: School, group: str, copies: int) -> tuple[float, Arrivals, float]:
    """Send and wait until the ledger knows that all have it: when it began, the arrivals, when it was settled."""
    arrivals = Arrivals(copies)
    for carrier in house.carriers.values():
        carrier.on_mail.append(arrivals.note)
    began = time.perf_counter()
    message = await school.send("下校時刻の変更", TEXT, groups=[group])
    await arrivals.complete.wait()
    while (await school.counts(message))["delivered"] < copies:  # noqa: ASYNC110  the office is asked, as a screen would
        await asyncio.sleep(0.05)
    settled = time.perf_counter()
    for carrier in house.carriers.values():
        carrier.on_mail.remove(arrivals.note)
    return began, arrivals, settled


def _names() -> list[str]:
    return [*(spec.name for spec in SERVICES), NATS, POSTGRES]


def _cpu(house: House) -> dict[str, float]:
    used = {name: usage.cpu_seconds(house.stack.pid(name)) for name in _names()}
    used[CARRIERS] = time.process_time()
    return used | {OTHERS: usage.machine_seconds() - sum(used.values())}


def _memory(house: House) -> dict[str, int]:
    pid = house.stack.pid
    return {
        name: usage.family_memory(pid(name)) if name == POSTGRES else usage.peak_memory(pid(name)) for name in _names()
    }
