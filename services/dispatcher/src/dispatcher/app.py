"""The only place where the dispatcher is wired together."""

import os
import random
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from dispatcher import consumers
from dispatcher.attempt.copies import Stationery
from dispatcher.attempt.rendering_cache import Press
from dispatcher.attempt.stopped import Halted
from dispatcher.handlers import Postman, Timing
from dispatcher.pace.sharing import Control
from dispatcher.pace.table import Paces
from dispatcher.policy.carriers_file import OTHER, CarrierTable, load_carriers
from dispatcher.queue.delivery_queues import Desks
from dispatcher.routing.mta_sts import NoPolicies, Policies, StsPolicies
from dispatcher.routing.mx import MxLookup, OurNames
from dispatcher.routing.router import Router
from dispatcher.routing.sts_fetch import PolicyFetcher
from dispatcher.settings import SERVICE, Settings
from dispatcher.smtp.client import Connector
from dispatcher.store import BusStore
from runtime.crypto.sealing import Opener, Sealer
from runtime.dns.cache import RememberedDns
from runtime.dns.client import SystemDns
from runtime.process.lifecycle import Service

SIGNERS_A_PROCESSOR = 4
"""Threads that sign. More than can sign at once: after each signature one waits for the interpreter."""


def utc_now() -> datetime:
    return datetime.now(UTC)


async def set_up(service: Service, settings: Settings, *, now: Callable[[], datetime] = utc_now) -> None:
    """Connect and register everything on `service`."""
    bus = await service.connect_bus()
    store = BusStore(bus)
    carriers = load_carriers(settings.carriers)
    opener = Opener(SERVICE, settings.seal_private_keys)
    stationery = Stationery(
        settings.base_domain, settings.token_keys.current[1], settings.public_url, settings.dkim_keys
    )
    paces = Paces(carriers.policies.values())
    desks = Desks(paces.of, Connector(settings.helo_name or settings.base_domain).open)
    paces.on_change(desks.wake)
    halted = Halted(bus)
    control = Control(
        bus,
        paces,
        desks,
        instance=secrets.token_hex(6),
        sending_address=settings.sending_address or socket.gethostname(),
        now=now,
    )
    await control.load()
    postman = Postman(
        store=store,
        opener=opener,
        sealer=Sealer(settings.seal_public_keys),
        press=Press(store, opener, stationery),
        routing=_router(settings, carriers),
        desks=desks,
        carriers=carriers,
        halted=halted,
        timing=Timing(now, random.random, settings.retry_plan),
        signers=ThreadPoolExecutor(SIGNERS_A_PROCESSOR * (os.cpu_count() or 1), thread_name_prefix="signer"),
        stopping=service.stop,
    )
    service.health.add("superseded", halted.check)
    service.task("halted", halted.follow)
    service.task("desks", desks.tend)
    service.task("control", control.run)
    consumers.register(service, bus, postman, carriers)


def _router(settings: Settings, carriers: CarrierTable) -> Router:
    def is_carrier(name: str) -> bool:
        return carriers.of_domain(name).name != OTHER or carriers.of_servers((name,)) is not None

    asked = SystemDns(settings.dns_servers, is_carrier=is_carrier)
    remembered = RememberedDns(asked)
    lookup = MxLookup(
        remembered,
        fresh=asked,
        ours=OurNames((settings.helo_name or settings.base_domain).lower(), settings.base_domain),
        private=settings.mx_private == "allow",
    )
    policies: Policies = StsPolicies(remembered, PolicyFetcher(lookup.addresses)) if settings.mta_sts else NoPolicies()
    return Router(settings.routes, lookup, carriers, policies=policies, port=settings.mx_port)
