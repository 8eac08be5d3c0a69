"""All desks of this process, one a carrier, made when first needed."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

from contracts.base import Lane
from dispatcher.pace.state import Pace
from dispatcher.policy.carriers_file import CarrierPolicy
from dispatcher.queue.carrier_queue import Desk
from dispatcher.queue.connection_worker import OpenSession
from dispatcher.queue.queued_delivery import Errand
from dispatcher.routing.router import Way
from dispatcher.smtp.next_hop import Hop
from runtime.errors import Postponed


class Desks:
    """See the module. `pace_of` gives the pace of a carrier (or of a hop), `open_session` is Connector.open."""

    def __init__(self, pace_of: Callable[[CarrierPolicy, Hop], Pace], open_session: OpenSession) -> None:
        self._pace_of = pace_of
        self._open_session = open_session
        self._desks: dict[str, Desk] = {}
        self._stopped: Postponed | None = None

    def post(self, way: Way, errands: Iterable[Errand]) -> None:
        """Have these go out that way."""
        if self._stopped is not None:
            for errand in errands:
                errand.bundle.fail(self._stopped)
            return
        self._of(way.policy).post(way.hop, errands)

    def _of(self, policy: CarrierPolicy) -> Desk:
        desk = self._desks.get(policy.name)
        if desk is None:
            desk = self._desks[policy.name] = Desk(policy, self._pace_of, self._open_session)
        return desk

    def open(self) -> Mapping[str, int]:
        """Sessions by carrier."""
        return {name: desk.open for name, desk in self._desks.items()}

    def waiting(self) -> Mapping[str, Mapping[Lane, int]]:
        """Letters that wait, by carrier and lane."""
        return {name: desk.waiting() for name, desk in self._desks.items()}

    def wake(self, carrier: str) -> None:
        """The pace of a carrier was changed by hand."""
        if (desk := self._desks.get(carrier)) is not None:
            desk.wake_all()

    async def tend(self, stop: asyncio.Event) -> None:
        """Until `stop`; then every batch goes back to the bus as soon as nothing of it is in a session's hands."""
        await stop.wait()
        self._stopped = reason = Postponed("dispatcher_stopping", 0)
        await asyncio.gather(*(desk.stop(reason) for desk in self._desks.values()))
