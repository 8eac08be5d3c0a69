"""The only place where the dispatcher is wired together."""

import os
import random
import secrets
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from dispatcher import consumers
from dispatcher.attempt.batches_at_work import BatchesAtWork
from dispatcher.attempt.copies import CopyHeaders
from dispatcher.attempt.rendering_cache import RenderingCache
from dispatcher.attempt.stopped import StoppedMessages
from dispatcher.context import Context
from dispatcher.pace.sharing import PaceSharing
from dispatcher.pace.table import PaceTable
from dispatcher.policy.carrier_table import OTHER, CarrierTable
from dispatcher.policy.carriers_file import load_carriers
from dispatcher.queue.delivery_queues import DeliveryQueues
from dispatcher.routing.mta_sts import NoStsPolicies, StsLookup, StsPolicies
from dispatcher.routing.mx import MxLookup, OurNames
from dispatcher.routing.router import Router
from dispatcher.routing.sts_fetch import PolicyFetcher
from dispatcher.settings import SERVICE, Settings
from dispatcher.smtp.client import Connector
from dispatcher.store import BusStore
from runtime.crypto.sealing import Opener, Sealer
from runtime.dns.cache import DnsCache
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
    copy_headers = CopyHeaders(
        settings.base_domain, settings.token_keys.current[1], settings.public_url, settings.dkim_keys
    )
    paces = PaceTable(carriers.policies.values())
    queues = DeliveryQueues(paces.of, Connector(settings.helo_name or settings.base_domain).open)
    paces.on_change(queues.pace_changed)
    stopped = StoppedMessages(bus)
    sharing = PaceSharing(
        bus,
        paces,
        queues,
        instance=secrets.token_hex(6),
        sending_address=settings.sending_address or socket.gethostname(),
        now=now,
    )
    await sharing.load()
    context = Context(
        store=store,
        opener=opener,
        sealer=Sealer(settings.seal_public_keys),
        renderings=RenderingCache(store, opener, copy_headers),
        routing=_router(settings, carriers),
        queues=queues,
        carriers=carriers,
        stopped=stopped,
        at_work=BatchesAtWork(),
        signers=ThreadPoolExecutor(SIGNERS_A_PROCESSOR * (os.cpu_count() or 1), thread_name_prefix="signer"),
        stopping=service.stop,
        now=now,
        chance=random.random,
        retry_plan=settings.retry_plan,
    )
    service.health.add("stopped_messages", stopped.check)
    service.task("stopped_messages", stopped.follow)
    service.task("queues", queues.run)
    service.task("pace", sharing.run)
    consumers.register(service, bus, context)


def _router(settings: Settings, carriers: CarrierTable) -> Router:
    def is_carrier(name: str) -> bool:
        return carriers.of_domain(name).name != OTHER or carriers.of_servers((name,)) is not None

    asked = SystemDns(settings.dns_servers, is_carrier=is_carrier)
    remembered = DnsCache(asked)
    lookup = MxLookup(
        remembered,
        fresh=asked,
        ours=OurNames((settings.helo_name or settings.base_domain).lower(), settings.base_domain),
        private=settings.mx_private == "allow",
    )
    policies: StsLookup = (
        StsPolicies(remembered, PolicyFetcher(lookup.addresses)) if settings.mta_sts else NoStsPolicies()
    )
    return Router(settings.routes, lookup, carriers, policies=policies, port=settings.mx_port)
