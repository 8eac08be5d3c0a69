"""Between the paces and the bus: overrides come in, the state goes out, limits are shared with other dispatchers.

    bucket `pace` (carrier -> PaceOrder) -> in force now? -> PaceTable.override
    PaceTable + queues -> DispatcherStatus -> metrics, bucket `dispatchers` (instance -> status; gone after a minute)
    bucket `dispatchers` -> who else lives behind our sending address -> PaceTable.share
`load` reads both buckets before the first copy goes out, so that an override outlives a restart and a new dispatcher
begins with its own share. While the bus is away the overrides known so far hold, and end when they end.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from math import inf
from time import monotonic
from typing import Protocol

from pydantic import ValidationError

from contracts.base import LANES, Lane
from contracts.pace import DispatcherStatus, PaceOrder, PaceState
from contracts.streams import DISPATCHERS, PACE
from dispatcher import metrics
from dispatcher.pace.table import PaceTable
from runtime.bus.keyvalue import KV_READY, Watchable, contents
from runtime.errors import BusRefused, BusUnavailable
from runtime.logs import get_logger

TELL_SECONDS = 2.0
"""So often overrides are looked at and what has changed is told."""
ALIVE_SECONDS = 6.0
"""So often it is told that we live, though nothing has changed."""
DEAD_SECONDS = 20.0
"""Who is silent for so long shares no more."""

log = get_logger(__name__)


class QueueCounts(Protocol):
    """What the delivery queues count, by carrier."""

    def open(self) -> Mapping[str, int]: ...

    def waiting(self) -> Mapping[str, Mapping[Lane, int]]: ...


class PaceBus(Watchable, Protocol):
    """The verbs of the bus by which paces are heard of and told."""

    async def kv_put(self, bucket: str, key: str, value: bytes) -> int: ...

    async def kv_delete(self, bucket: str, key: str) -> None: ...


class PaceSharing:
    """Overrides, status and shares of this dispatcher. `instance` is this process's own name, `sending_address` the one
    that carriers know it by together with other dispatchers. `now` is the time of day, `clock` one that never goes
    back."""

    def __init__(
        self,
        bus: PaceBus,
        paces: PaceTable,
        queues: QueueCounts,
        *,
        instance: str,
        sending_address: str,
        now: Callable[[], datetime],
        clock: Callable[[], float] = monotonic,
        tell_seconds: float = TELL_SECONDS,
    ) -> None:
        self._bus = bus
        self._paces = paces
        self._queues = queues
        self._instance = instance
        self._address = sending_address
        self._now = now
        self._clock = clock
        self._tell_seconds = tell_seconds
        self._overrides: dict[str, PaceOrder] = {}
        self._others: dict[str, float] = {}
        self._sharing = 1
        self._told: DispatcherStatus | None = None
        self._told_at = -inf
        self._away = False

    async def load(self) -> None:
        """Everything once, before work begins. A bus that doesn't tell in time delays no mail: it is told later."""
        await self._put(self._report())
        try:
            orders, reports = await contents(self._bus, PACE.name), await contents(self._bus, DISPATCHERS.name)
        except BusUnavailable:
            log.warning("pace_overrides_not_loaded")
            return
        for carrier, value in orders.items():
            self._hear_override(carrier, value)
        for instance, value in reports.items():
            self._hear_status(instance, value)
        self._look()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow overrides and other dispatchers and report, until `stop`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.follow_overrides(stop))
            tasks.create_task(self.follow_others(stop))
            tasks.create_task(self.report(stop))

    async def follow_overrides(self, stop: asyncio.Event) -> None:
        """Follow what operators order, until `stop`."""
        told = set[str]()
        async for change in self._bus.kv_watch(PACE.name, stop=stop):
            if change == KV_READY:
                # After a lost connection everything is told again, but not what was deleted meanwhile.
                self._overrides = {carrier: order for carrier, order in self._overrides.items() if carrier in told}
                told = set()
            else:
                told.add(change.key)
                self._hear_override(*change)
            self._apply_overrides()

    async def follow_others(self, stop: asyncio.Event) -> None:
        """Follow who else is at work, until `stop`."""
        async for change in self._bus.kv_watch(DISPATCHERS.name, stop=stop):
            if change != KV_READY:
                self._hear_status(*change)
                self._share()

    async def report(self, stop: asyncio.Event) -> None:
        """Tell every few seconds what has changed, until `stop`; then leave our share to the others."""
        while not stop.is_set():
            self._look()
            report = self._report()
            measure(report)
            if report != self._told or self._clock() >= self._told_at + ALIVE_SECONDS:
                await self._put(report)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._tell_seconds):
                    await stop.wait()
        with contextlib.suppress(BusUnavailable, BusRefused):
            await self._bus.kv_delete(DISPATCHERS.name, self._instance)

    # -- in

    def _hear_override(self, carrier: str, value: bytes | None) -> None:
        if value is None:
            self._overrides.pop(carrier, None)
            return
        try:
            self._overrides[carrier] = PaceOrder.model_validate_json(value)
        except ValidationError:
            log.error("pace_override_not_understood", carrier=carrier)

    def _hear_status(self, instance: str, value: bytes | None) -> None:
        if instance == self._instance:
            return
        self._others.pop(instance, None)
        if value is None:
            return
        try:
            report = DispatcherStatus.model_validate_json(value)
        except ValidationError:
            log.error("dispatcher_status_not_understood")
            return
        if report.sending_address == self._address:
            self._others[instance] = self._clock()

    def _look(self) -> None:
        """What time alone has changed."""
        self._apply_overrides()
        self._share()

    def _apply_overrides(self) -> None:
        now = self._now()
        for carrier in self._paces.carriers:
            order = self._overrides.get(carrier)
            self._paces.override(carrier, None if order is None else order.in_force(now))

    def _share(self) -> None:
        oldest = self._clock() - DEAD_SECONDS
        self._others = {instance: at for instance, at in self._others.items() if at > oldest}
        everybody = sorted([self._instance, *self._others])
        if len(everybody) != self._sharing:
            self._sharing = len(everybody)
            log.info("pace_shared", dispatchers=self._sharing)
        self._paces.share(self._sharing, everybody.index(self._instance))

    # -- out

    def _report(self) -> DispatcherStatus:
        now, open_, waiting = self._now(), self._queues.open(), self._queues.waiting()
        return DispatcherStatus(
            instance=self._instance,
            sending_address=self._address,
            sharing=self._sharing,
            carriers=tuple(
                self._state(carrier, now, open_.get(carrier, 0), waiting.get(carrier, {}))
                for carrier in self._paces.carriers
            ),
        )

    def _state(self, carrier: str, now: datetime, open_: int, waiting: Mapping[Lane, int]) -> PaceState:
        view = self._paces.view(carrier)
        pace = view.pace
        return PaceState(
            carrier=carrier,
            connections_limit=pace.connections_limit,
            connections_allowed=pace.connections,
            connections_open=open_,
            connections_per_server=view.per_server,
            rate_limit=pace.rate_limit,
            rate=pace.rate,
            paused_until=_moment(now, pace.pause) if 0 < pace.pause < inf else None,
            by_hand=pace.overridden,
            paused_by_hand=pace.paused_by_override,
            throttles=view.servers,
            slowed=view.slowed,
            pausing=view.pausing,
            waiting={lane: waiting[lane] for lane in LANES if waiting.get(lane)},
            accepted_last_minute=pace.accepted,
            slow_downs_last_minute=pace.slow_downs,
            last_sign=None if pace.last_sign is None else pace.last_sign.value,
            last_sign_at=None if pace.last_sign is None else _moment(now, -pace.last_sign_ago),
        )

    async def _put(self, report: DispatcherStatus) -> None:
        try:
            await self._bus.kv_put(DISPATCHERS.name, self._instance, report.model_dump_json().encode())
        except (BusUnavailable, BusRefused):
            if not self._away:
                log.warning("pace_status_not_told")
            self._away = True
            return
        self._told, self._told_at, self._away = report, self._clock(), False


def measure(report: DispatcherStatus) -> None:
    """Show a report on /metrics."""
    for state in report.carriers:
        metrics.PACE_CONNECTIONS.labels(state.carrier).set(state.connections_allowed)
        metrics.PACE_RATE.labels(state.carrier).set(inf if state.rate is None else state.rate)
        metrics.PACE_PAUSED.labels(state.carrier).set(state.paused_by_hand or state.paused_until is not None)
        metrics.PACE_SLOWED.labels(state.carrier).set(state.slowed)
        for lane in LANES:
            metrics.WAITING.labels(state.carrier, lane).set(state.waiting.get(lane, 0))


def _moment(now: datetime, seconds: float) -> datetime:
    """To the second, so that the same moment is told the same way each time."""
    return (now + timedelta(seconds=seconds + 0.5)).replace(microsecond=0)
