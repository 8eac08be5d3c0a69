"""Where the front door is put together: bus, directory in memory, intake, socket."""

import asyncio
import ssl
from datetime import UTC, datetime

from contracts.streams import DIRECTORY
from ingress_smtp.handlers import Intake, Publisher, Rules
from ingress_smtp.settings import Settings
from ingress_smtp.smtp import Bounds, Door
from runtime.ciphers import KeyedHash
from runtime.directory import Directory
from runtime.lifecycle import Service
from runtime.sealing import Sealer


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything; the door opens at once and says 451 until the directory has been read."""
    bus = await service.connect_bus()
    directory = Directory()
    service.health.add("directory", directory.check)
    door = build_door(settings, directory, bus)

    async def follow(stop: asyncio.Event) -> None:
        await directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop))

    async def serve(stop: asyncio.Event) -> None:
        await door.run(settings.smtp_host, settings.smtp_port, stop)

    service.task("directory", follow)
    service.task("smtp", serve)


def build_door(settings: Settings, directory: Directory, publisher: Publisher) -> Door:
    """The door for these settings, storing through `publisher`."""
    intake = Intake(
        Rules(settings.base_domain, settings.operator_address, settings.publish_timeout),
        directory=directory,
        publisher=publisher,
        sealer=Sealer(settings.seal_public_keys),
        sender_hash=KeyedHash(settings.sender_key.value),
        secret_hash=KeyedHash(settings.post_secret_key.value),
        clock=lambda: datetime.now(UTC),
    )
    bounds = Bounds(
        max_size=settings.smtp_max_size,
        max_recipients=settings.smtp_max_recipients,
        max_unknown=settings.smtp_max_unknown_recipients,
        timeout=settings.smtp_timeout,
        session_seconds=settings.smtp_session_seconds,
        connections=settings.smtp_max_connections,
        connections_per_peer=settings.smtp_max_connections_per_peer,
        rate_per_peer=settings.smtp_rate_per_peer,
        burst_per_peer=settings.smtp_burst_per_peer,
        unknown_rate_per_peer=settings.smtp_unknown_rate_per_peer,
        unknown_burst_per_peer=settings.smtp_unknown_burst_per_peer,
    )
    return Door(intake, bounds, name=settings.helo_name or settings.base_domain, tls=_certificate(settings))


def _certificate(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
