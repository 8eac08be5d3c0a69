"""What the dispatcher's handlers are given."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dispatcher.attempt.batches_at_work import BatchesAtWork
from dispatcher.attempt.rendering_cache import RenderingCache
from dispatcher.attempt.stopped import StoppedMessages
from dispatcher.policy.carrier_table import CarrierTable
from dispatcher.queue.delivery_queues import DeliveryQueues
from dispatcher.routing.router import Route
from dispatcher.store import Store
from runtime.crypto.sealing import Opener, Sealer


class Routing(Protocol):
    """Finds the route of mail for a domain; raises NoMail or DnsTrouble."""

    async def route_for(self, domain: str) -> Route: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What is wired in. `signers`: threads that render and sign. `stopping` is set when the process is to end. `now`
    gives the present as an aware UTC time, `chance` a number from 0 to 1; `retry_plan` is RENRAKUMO_RETRY_PLAN if
    set."""

    store: Store
    opener: Opener
    sealer: Sealer
    renderings: RenderingCache
    routing: Routing
    queues: DeliveryQueues
    carriers: CarrierTable
    stopped: StoppedMessages
    at_work: BatchesAtWork
    signers: Executor
    stopping: asyncio.Event
    now: Callable[[], datetime]
    chance: Callable[[], float]
    retry_plan: Sequence[float] | None = None
