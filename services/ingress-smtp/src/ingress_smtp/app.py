"""Where the service is put together: bus, directory in memory, context of the handlers, SMTP server."""

import asyncio
import resource
import ssl
from datetime import UTC, datetime

from contracts.streams import DIRECTORY
from ingress_smtp.admission import backlog
from ingress_smtp.admission.pressure import Pressure
from ingress_smtp.admission.secret_probes import SecretProbes
from ingress_smtp.authentication import Authenticator, CircuitBreakerDns
from ingress_smtp.context import Context
from ingress_smtp.publisher import Publisher
from ingress_smtp.settings import Settings
from ingress_smtp.smtp.server import SmtpServer
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
    """Wire everything; the server listens at once and says 451 until the directory has been read."""
    bus = await service.connect_bus()
    directory = Directory()
    service.health.add("directory", directory.check)
    secret_probes = SecretProbes(bus, _now)
    context = build_context(settings, directory, bus, secret_probes)
    server = build_server(settings, context)
    allow_files(settings.smtp_max_connections + _OTHER_FILES)

    async def follow(stop: asyncio.Event) -> None:
        await directory.follow(bus.kv_watch(DIRECTORY.name, stop=stop))

    async def serve(stop: asyncio.Event) -> None:
        await server.run(settings.smtp_host, settings.smtp_port, stop, share=settings.smtp_share_port)

    async def watch_backlog(stop: asyncio.Event) -> None:
        await backlog.watch(bus, server.pressure, stop)

    service.task("directory", follow)
    service.task("smtp", serve)
    service.task("backlog", watch_backlog)
    service.task("secret_probes", secret_probes.run)


def allow_files(wanted: int) -> None:
    """Each connection is an open file: take as many as are needed, or as the system allows at most."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def build_context(
    settings: Settings, directory: Directory, publisher: Publisher, secret_probes: SecretProbes
) -> Context:
    """What the handlers work with, storing through `publisher`."""
    return Context(
        base_domain=settings.base_domain,
        operator_address=settings.operator_address,
        publish_timeout=settings.publish_timeout,
        reading_limits=Limits(**settings.reading_limits()),
        directory=directory,
        publisher=publisher,
        sealer=Sealer(settings.seal_public_keys),
        sender_hash=KeyedHash(settings.sender_key.value),
        secret_hash=KeyedHash(settings.post_secret_key.value),
        clock=_now,
        secret_probes=secret_probes,
        authenticator=build_authenticator(settings) if settings.authentication else None,
    )


def build_server(settings: Settings, context: Context) -> SmtpServer:
    """The SMTP server of these settings; it does not listen yet."""
    pressure = Pressure(memory=settings.smtp_in_hand, slow=settings.smtp_backlog_slow, full=settings.smtp_backlog_full)
    name = settings.helo_name or settings.base_domain
    return SmtpServer(context, settings, pressure, name=name, tls=_certificate(settings))


def build_authenticator(settings: Settings) -> Authenticator:
    """What asks DNS for a mail's origin."""
    asked = SystemDns(settings.dns_servers, seconds=settings.authentication_seconds)
    dns = DnsCache(CircuitBreakerDns(asked, settings.base_domain))
    examiner = Examiner(Organisations(), settings.trusted_arc)
    return Authenticator(examiner, dns, relays=settings.trusted_relays, seconds=settings.authentication_seconds)


def _now() -> datetime:
    return datetime.now(UTC)


def _certificate(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls_certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context
