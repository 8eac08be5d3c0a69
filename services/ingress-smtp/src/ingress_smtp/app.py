"""Where the front door is put together: bus, directory in memory, intake, socket."""

import asyncio
import resource
import ssl
from datetime import UTC, datetime

from contracts.streams import DIRECTORY
from ingress_smtp import backlog
from ingress_smtp.authentication import Authenticator, FusedDns
from ingress_smtp.bounds import Bounds, ErrorBounds, PeerBounds, SizeBounds, TimeBounds
from ingress_smtp.guesses import Guesses
from ingress_smtp.handlers import Intake, Publisher, Rules
from ingress_smtp.limits import Allowance
from ingress_smtp.pressure import Pressure
from ingress_smtp.settings import Settings
from ingress_smtp.smtp import Door
from mail.mime.reading import Limits
from mail.sender.authentication import Examiner
from mail.sender.dmarc import Organisations
from runtime.bus.directory import Directory
from runtime.crypto.ciphers import KeyedHash
from runtime.crypto.sealing import Sealer
from runtime.dns.cache import DnsCache
from runtime.dns.client import SystemDns
from runtime.process.lifecycle import Service

_OTHER_FILES = 200
"""Open beside connections: bus, health, DNS."""


async def set_up(service: Service, settings: Settings) -> None:
    """Wire everything; the door opens at once and says 451 until the directory has been read."""
    bus = await service.connect_bus()
    directory = Directory()
    service.health.add("directory", directory.check)
    guesses = Guesses(bus, _now)
    pressure = build_pressure(settings)
    door = build_door(settings, directory, bus, guesses, pressure)

    async def follow(stop: asyncio.Event) -> None:
        await directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop))

    allow_files(settings.smtp_max_connections + _OTHER_FILES)

    async def serve(stop: asyncio.Event) -> None:
        await door.run(settings.smtp_host, settings.smtp_port, stop, share=settings.smtp_share_port)

    async def look_at_backlog(stop: asyncio.Event) -> None:
        await backlog.watch(bus, pressure, stop)

    service.task("directory", follow)
    service.task("smtp", serve)
    service.task("backlog", look_at_backlog)
    service.task("guesses", guesses.run)


def allow_files(wanted: int) -> None:
    """Each connection is an open file: take as many as are needed, or as the system allows at most."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def build_pressure(settings: Settings) -> Pressure:
    return Pressure(in_hand=settings.smtp_in_hand, slow=settings.smtp_backlog_slow, full=settings.smtp_backlog_full)


def build_door(
    settings: Settings, directory: Directory, publisher: Publisher, guesses: Guesses, pressure: Pressure
) -> Door:
    """The door for these settings, storing through `publisher`."""
    intake = Intake(
        Rules(
            settings.base_domain,
            settings.operator_address,
            settings.publish_timeout,
            Limits(**settings.reading_limits()),
        ),
        directory=directory,
        publisher=publisher,
        sealer=Sealer(settings.seal_public_keys),
        sender_hash=KeyedHash(settings.sender_key.value),
        secret_hash=KeyedHash(settings.post_secret_key.value),
        clock=_now,
        guessed=guesses.note,
        authenticator=build_authenticator(settings) if settings.authentication else None,
    )
    name = settings.helo_name or settings.base_domain
    return Door(intake, build_bounds(settings), pressure, name=name, tls=_certificate(settings))


def build_authenticator(settings: Settings) -> Authenticator:
    """What asks DNS for a mail's origin."""
    asked = SystemDns(settings.dns_servers, seconds=settings.authentication_seconds)
    dns = DnsCache(FusedDns(asked, settings.base_domain))
    examiner = Examiner(Organisations(), settings.trusted_arc)
    return Authenticator(examiner, dns, relays=settings.trusted_relays, seconds=settings.authentication_seconds)


def build_bounds(settings: Settings) -> Bounds:
    """The bounds that these settings ask for."""
    return Bounds(
        sizes=SizeBounds(
            max_size=settings.smtp_max_size,
            max_recipients=settings.smtp_max_recipients,
            refuse_bare_ends=settings.smtp_bare_newlines == "refuse",
        ),
        times=TimeBounds(
            timeout=settings.smtp_timeout,
            session=settings.smtp_session_seconds,
            slowest=settings.smtp_min_rate,
            patience=settings.smtp_patience,
            greeting=settings.smtp_greeting_delay,
            tarpit=settings.smtp_tarpit,
        ),
        errors=ErrorBounds(hard=settings.smtp_max_errors, unknown=settings.smtp_max_unknown_recipients),
        peers=PeerBounds(
            connections=settings.smtp_max_connections,
            connections_per_peer=settings.smtp_max_connections_per_peer,
            connecting=Allowance(settings.smtp_connecting_rate_per_peer, settings.smtp_connecting_burst_per_peer),
            mails=Allowance(settings.smtp_rate_per_peer, settings.smtp_burst_per_peer),
            unknown=Allowance(settings.smtp_unknown_rate_per_peer, settings.smtp_unknown_burst_per_peer),
            mails_of_sender=Allowance(settings.smtp_rate_per_sender, settings.smtp_burst_per_sender),
            of_unit=settings.smtp_unit_limits,
        ),
        tls_required_from=settings.smtp_tls_required_from,
        proxy_from=settings.proxy_from,
    )


def _now() -> datetime:
    return datetime.now(UTC)


def _certificate(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
