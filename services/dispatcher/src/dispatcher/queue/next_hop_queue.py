"""The copies that wait for one next hop, by lane, and the connection workers that carry them."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from contracts.base import LANES, Lane
from dispatcher.pace.state import Pace
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.policy.reply_rules import Disposition
from dispatcher.queue.lanes import BULK
from dispatcher.queue.queued_delivery import QueuedDelivery
from dispatcher.smtp.next_hop import NextHop

SWEEP_SECONDS = 5.0
"""While copies wait they are looked at this often: some may be of no use any more, and the limits may have risen."""


class Worker(Protocol):
    """What the queues know of a connection worker. `lane`: of the copy that it carries; `opening`: its connection is
    not there yet; `connected`: it is."""

    queue: "NextHopQueue"
    lane: Lane | None

    @property
    def opening(self) -> bool: ...

    @property
    def connected(self) -> bool: ...

    def leave(self) -> None:
        """Go as soon as nothing is in flight."""

    def stop(self) -> None:
        """Go as soon as nothing is in flight, and do not wait for a server that has not answered yet."""


@dataclass(slots=True, eq=False)
class NextHopQueue:
    """Copies for one next hop. Of its `workers` those that are `idle` (the last used at the end), how many are
    `leaving`, and how many carry `bulk` mail. `troubles` in a row with the hop."""

    hop: NextHop
    policy: CarrierPolicy
    pace: Pace
    lanes: dict[Lane, deque[QueuedDelivery]] = field(default_factory=lambda: {lane: deque() for lane in LANES})
    workers: set[Worker] = field(default_factory=set)
    idle: list[Worker] = field(default_factory=list)
    leaving: int = 0
    bulk: int = 0
    troubles: int = 0
    timer: asyncio.TimerHandle | None = None
    swept_at: float = 0.0

    @property
    def waiting(self) -> int:
        return sum(map(len, self.lanes.values()))

    @property
    def bulk_waiting(self) -> int:
        return sum(len(self.lanes[lane]) for lane in BULK)

    @property
    def connections(self) -> int:
        """How many connections with this hop may be open now."""
        return self.pace.connections_per_hop

    def swept(self, now: float) -> dict[Disposition, list[QueuedDelivery]]:
        """Take out the copies that are of no use any more, at most every few seconds; those that need an outcome."""
        skipped: dict[Disposition, list[QueuedDelivery]] = {}
        if now < self.swept_at + SWEEP_SECONDS:
            return skipped
        self.swept_at = now
        for lane, waiting in self.lanes.items():
            stays: deque[QueuedDelivery] = deque()
            for delivery in waiting:
                if delivery.tracker.failed:
                    continue
                if (reason := delivery.attempt.skip_reason()) is None:
                    stays.append(delivery)
                else:
                    skipped.setdefault(reason, []).append(delivery)
            self.lanes[lane] = stays
        return skipped
