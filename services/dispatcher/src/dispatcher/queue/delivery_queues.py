"""All delivery queues of this process, one a carrier, made when first needed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from contracts.base import Lane
from dispatcher.pace.state import Pace
from dispatcher.policy.carrier_table import CarrierPolicy
from dispatcher.queue.carrier_queue import CarrierQueue
from dispatcher.queue.connection_worker import OpenConnection
from dispatcher.queue.queued_delivery import QueuedDelivery
from dispatcher.routing.router import Route
from dispatcher.smtp.next_hop import NextHop
from runtime.errors import Postponed


class DeliveryQueues:
    """The queues of all carriers. `pace_of` gives the pace of a carrier (or of a hop), `open_connection` is
    Connector.open."""

    def __init__(self, pace_of: Callable[[CarrierPolicy, NextHop], Pace], open_connection: OpenConnection) -> None:
        self._pace_of = pace_of
        self._open_connection = open_connection
        self._queues: dict[str, CarrierQueue] = {}
        self._stopped: Postponed | None = None

    def enqueue(self, route: Route, deliveries: Iterable[QueuedDelivery]) -> None:
        """Have these go out by that route."""
        if self._stopped is not None:
            for delivery in deliveries:
                delivery.tracker.fail(self._stopped)
            return
        self._of(route.policy).enqueue(route.hop, deliveries)

    def _of(self, policy: CarrierPolicy) -> CarrierQueue:
        queue = self._queues.get(policy.name)
        if queue is None:
            queue = self._queues[policy.name] = CarrierQueue(policy, self._pace_of, self._open_connection)
        return queue

    def open(self) -> Mapping[str, int]:
        """Connections by carrier."""
        return {name: queue.open for name, queue in self._queues.items()}

    def waiting(self) -> Mapping[str, Mapping[Lane, int]]:
        """Copies that wait, by carrier and lane."""
        return {name: queue.waiting() for name, queue in self._queues.items()}

    def pace_changed(self, carrier: str) -> None:
        """An override, or this dispatcher's share, changed what the carrier takes: its queue looks again."""
        if (queue := self._queues.get(carrier)) is not None:
            queue.pace_changed()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then every batch goes back to the bus as soon as nothing of it is in flight."""
        await stop.wait()
        self._stopped = reason = Postponed("dispatcher_stopping", 0)
        await asyncio.gather(*(queue.stop(reason) for queue in self._queues.values()))
