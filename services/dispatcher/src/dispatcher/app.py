"""The only place where the dispatcher is wired together."""

import random
from collections.abc import Callable
from datetime import UTC, datetime

from contracts.base import CARRIERS
from dispatcher import NAME, consumers
from dispatcher.carriers import policy_of
from dispatcher.client import Connector
from dispatcher.content import Press
from dispatcher.copies import Stationery
from dispatcher.delivery import HopDelivery
from dispatcher.handlers import Carriers, Postman, Timing
from dispatcher.lanes import Slots
from dispatcher.mx import MxLookup, SystemDns
from dispatcher.pacing import Pauses
from dispatcher.pool import Pool
from dispatcher.router import Router
from dispatcher.settings import Settings
from dispatcher.store import BusStore
from runtime.lifecycle import Service
from runtime.sealing import Opener, Sealer


def utc_now() -> datetime:
    return datetime.now(UTC)


async def setup(service: Service, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> None:
    """Connect and register everything on `service`."""
    bus = await service.connect_bus()
    store = BusStore(bus)
    opener = Opener(NAME, settings.seal_private_keys)
    stationery = Stationery(settings.base_domain, settings.token_keys.current[1], settings.public_url)
    pool = Pool(Connector(settings.helo_name or settings.base_domain).open)
    policies = {name: policy_of(name) for name in CARRIERS}
    postman = Postman(
        store=store,
        opener=opener,
        sealer=Sealer(settings.seal_public_keys),
        press=Press(store, opener, stationery),
        routing=Router(settings.routes, MxLookup(SystemDns())),
        delivery=HopDelivery(pool, Pauses(), service.stop),
        carriers=Carriers(policies, {name: Slots(policy.connections) for name, policy in policies.items()}),
        timing=Timing(now, random.random, settings.retry_plan),
        stopping=service.stop,
    )
    consumers.register(service, bus, postman, tuple(policies.values()))
    service.task("pool", pool.tend)
    service.on_close(pool.close)
