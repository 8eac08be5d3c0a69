"""A line: the letters for one next hop, waiting at a desk, and the senders that work for it."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

from contracts.base import LANES, Lane
from dispatcher.pace.state import Pace
from dispatcher.policy.carriers_file import CarrierPolicy
from dispatcher.policy.reply_rules import Verdict
from dispatcher.queue.connection_worker import Sender
from dispatcher.queue.lanes import BULK
from dispatcher.queue.queued_delivery import Errand
from dispatcher.smtp.next_hop import Hop

SWEEP_SECONDS = 5.0
"""While letters wait they are looked at this often: some may be of no use any more, and the limits may have risen."""


@dataclass(slots=True, eq=False)
class Line:
    """Where the letters for one next hop wait. `senders` that work for it, those of them that are `idle` (the last used
    at the end); `leaving` of them are on their way out, `bulk` carry bulk mail. `troubles` in a row with the hop."""

    hop: Hop
    policy: CarrierPolicy
    pace: Pace
    queues: dict[Lane, deque[Errand]] = field(default_factory=lambda: {lane: deque() for lane in LANES})
    senders: set[Sender] = field(default_factory=set)
    idle: list[Sender] = field(default_factory=list)
    leaving: int = 0
    bulk: int = 0
    troubles: int = 0
    timer: asyncio.TimerHandle | None = None
    swept_at: float = 0.0

    @property
    def waiting(self) -> int:
        return sum(map(len, self.queues.values()))

    @property
    def bulk_waiting(self) -> int:
        return sum(len(self.queues[lane]) for lane in BULK)

    @property
    def connections(self) -> int:
        """How many sessions with this hop may be open now."""
        return self.pace.connections_per_hop

    def swept(self, now: float) -> dict[Verdict, list[Errand]]:
        """Take out the letters that are of no use any more, at most every few seconds; those that need an outcome."""
        spared: dict[Verdict, list[Errand]] = {}
        if now < self.swept_at + SWEEP_SECONDS:
            return spared
        self.swept_at = now
        for lane, queue in self.queues.items():
            stays: deque[Errand] = deque()
            for errand in queue:
                if errand.bundle.failed:
                    continue
                if (verdict := errand.job.spared()) is None:
                    stays.append(errand)
                else:
                    spared.setdefault(verdict, []).append(errand)
            self.queues[lane] = stays
        return spared
