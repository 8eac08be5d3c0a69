"""The whole way of a broadcast: the office takes a message by REST, and everybody's copy is accepted at the sink.

One trial for the whole run, entered anew for each variant and round, so that nothing of ours runs while a peer is
measured:

    build: members in bulk -> enter(variant): start everything -> a small message, so that caches are as in a trial
    that has been up for a while -> for each size: a moment of quiet, in which idle sessions are closed -> the clock
    starts with the REST request -> first copy, last copy at the sink -> until the ledger says that all are delivered

Processor time is counted from the request to the ledger's last entry, in all services, the bus and the databases.
One recipient of the small message has his mail kept: it tells how long a copy is, and that it is signed if it is to be.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import NATS
from renrakumo_cli.local.stack import POSTGRES, LocalStack
from simulator.behaviour import accept
from simulator.carriers import CarrierSimulator
from simulator.crowd import DOMAINS, make_crowd
from simulator.school import School, open_school
from simulator.trial import Trial
from tools import usage
from tools.bench import sample_mail
from tools.bench.clock import Clock
from tools.bench.figures import Measurement
from tools.bench.variants import Variant
from tools.load import members
from tools.load.delivered import settled
from tools.load.sink import HOST, Arrivals, Expectation, Sink

SEED = 20260408
WARMING = 20
WARM_GROUP = "few"
KEPT_AT = "kept.example"
QUIET_SECONDS = 2.5
_WARM_WITHIN = 60.0


class Station:
    """The trial, and the school in it whose members get the mail."""

    def __init__(self, trial: Trial, school: School, sink: Sink, kept: CarrierSimulator) -> None:
        self._trial = trial
        self._school = school
        self._sink = sink
        self._kept = kept

    @classmethod
    @asynccontextmanager
    async def build(
        cls, folder: Path, sink: Sink, sizes: Sequence[int], say: Callable[[str], None], *, dispatchers: int = 1
    ) -> AsyncIterator[Self]:
        """A trial in `folder` with a group for each size; it is stopped until it is entered. Raises LocalError."""
        async with CarrierSimulator("kept", behaviour=accept(), domains=(KEPT_AT,)) as kept:
            to_sink = f"{HOST}:{sink.port}"
            routes = {domain: to_sink for hosted in DOMAINS.values() for domain in hosted}
            routes |= {"*": to_sink, KEPT_AT: f"{HOST}:{kept.port}"}
            async with await Trial.build(folder, routes=routes, dispatchers=dispatchers, say=say) as trial:
                await trial.parents.stop()
                names = {WARM_GROUP: "少し"} | {group(size): f"{size}人" for size in sizes}
                school = await open_school(trial, sample_mail.UNIT, sample_mail.SCHOOL, receipts=True, groups=names)
                say(f"writing {max(sizes)} members into the personal database")
                crowd = [parent.address for parent in make_crowd(SEED, WARMING + max(sizes))]
                few = [*crowd[:WARMING], f"somebody@{KEPT_AT}"]
                sized = {group(size): crowd[WARMING : WARMING + size] for size in sizes}
                await members.enter(trial.stack, sample_mail.UNIT, {WARM_GROUP: few, **sized})
                await trial.stack.stop()
                yield cls(trial, school, sink, kept)

    @property
    def logs(self) -> Path:
        """Folder with what the services wrote."""
        return self._trial.stack.configuration.state / "logs"

    @asynccontextmanager
    async def enter(self, variant: Variant) -> AsyncIterator["Way"]:
        """Start everything as the variant says, warm it up; all has stopped when the block is left."""
        configuration = self._trial.stack.configuration
        told = variant.settings(configuration.state)
        stack = self._trial.stack = LocalStack(configuration, extra={"dispatcher": told}, say=self._trial.say)
        await stack.start()
        try:
            path = Way(stack, self._school, self._sink, variant)
            await path.warm_up(self._kept)
            yield path
        finally:
            await stack.stop()


class Way:
    """The running trial, ready to be measured. `octets`: of one copy."""

    def __init__(self, stack: LocalStack, school: School, sink: Sink, variant: Variant) -> None:
        self._stack = stack
        self._school = school
        self._sink = sink
        self._variant = variant
        self.octets = 0

    async def warm_up(self, kept: CarrierSimulator) -> None:
        """Raises TimeoutError; LocalError when copies aren't signed although they should be, or the reverse."""
        before = len(kept.received)
        expected = self._sink.expect(WARMING)
        message = await self._send(WARM_GROUP)
        await expected.arrived(_WARM_WITHIN)
        await settled(self._school, message, WARMING + 1, _WARM_WITHIN)
        await kept.wait_until(lambda: len(kept.received) > before, _WARM_WITHIN)
        copy = kept.received[-1].raw
        self.octets = len(copy)
        signed = b"\r\ndkim-signature:" in b"\r\n" + copy.lower()
        if signed != (self._variant.dkim != "off"):
            raise LocalError(f"copies are {'' if signed else 'not '}signed with DKIM set to {self._variant.dkim}")

    async def measure(self, recipients: int, within: float) -> Measurement:
        """One broadcast to so many. Raises TimeoutError when it takes longer than `within` seconds."""
        await asyncio.sleep(QUIET_SECONDS)
        pids = {spec.name: self._stack.pid(spec.name) for spec in self._stack.services}
        pids |= {name: self._stack.pid(name) for name in (NATS, POSTGRES)}
        for pid in pids.values():
            usage.forget_peak(pid)
        before = {name: usage.precise_cpu_seconds(pid) for name, pid in pids.items()}
        expected, clock = self._sink.expect(recipients), Clock(self._sink)
        arrivals, message = await self._sent(expected, group(recipients), within)
        await settled(self._school, message, recipients, within)
        in_ledger = time.perf_counter()
        cpu = {name: max(0.0, usage.precise_cpu_seconds(pid) - before[name]) for name, pid in pids.items()}
        costs = clock.stop(living=sum(cpu.values()))
        memory = {name: usage.peak_memory(pid) for name, pid in pids.items() if name != POSTGRES}
        memory[POSTGRES] = usage.family_memory(pids[POSTGRES])
        return Measurement(
            case=self._variant.case,
            recipients=recipients,
            seconds=arrivals.last - clock.began,
            dkim=self._variant.dkim,
            cpu=cpu,
            sink_cpu=costs.sink,
            others_share=costs.others_share,
            memory=memory,
            octets=self.octets,
            first_copy=arrivals.first - clock.began,
            settled=in_ledger - clock.began,
            came_twice=max(0, expected.beyond),
        )

    async def _sent(self, expected: Expectation, to: str, within: float) -> tuple[Arrivals, str]:
        """Send and wait for the copies; the sink is watched from the request on, not from its answer on."""
        sending = asyncio.create_task(self._send(to))

        def check() -> None:
            if sending.done():
                sending.result()

        try:
            return await expected.arrived(within, check), await sending
        finally:
            sending.cancel()

    async def _send(self, to: str) -> str:
        return await self._school.send(sample_mail.SUBJECT, sample_mail.TEXT, groups=[to])


def group(size: int) -> str:
    """Code of the group with so many members."""
    return f"g{size}"
