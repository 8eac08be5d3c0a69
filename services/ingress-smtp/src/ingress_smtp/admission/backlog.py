"""Asks the bus every few seconds how much of what we stored still waits for each service that reads it."""

import asyncio
from typing import Protocol

from contracts.streams import ConsumerSpec
from ingress_smtp.admission.pressure import READERS, Pressure
from runtime.errors import RenrakumoError
from runtime.logs import get_logger

SECONDS = 2.0
log = get_logger(__name__)


class Waiting(Protocol):
    """The part of the bus that is needed here."""

    async def waiting(self, spec: ConsumerSpec) -> int:
        """Messages that a consumer has not acknowledged yet. Raises RenrakumoError."""
        ...


async def watch(bus: Waiting, pressure: Pressure, stop: asyncio.Event, every: float = SECONDS) -> None:
    """Keep `pressure` informed until `stop`. While the bus is away the last numbers count: nothing is taken then
    anyway."""
    silent = False
    while not stop.is_set():
        try:
            pressure.set_backlog({spec.name: await bus.waiting(spec) for spec in READERS})
            silent = False
        except RenrakumoError:
            if not silent:
                log.warning("backlog_unknown")
            silent = True
        try:
            async with asyncio.timeout(every):
                await stop.wait()
        except TimeoutError:
            continue
