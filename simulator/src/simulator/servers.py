"""Real servers for tests: the same embedded nats-server and PostgreSQL that `make up` runs, quick and throw-away."""

import asyncio
import itertools
import secrets
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from renrakumo_cli import bus
from renrakumo_cli.bus.nats_accounts import OPERATOR, USERS
from renrakumo_cli.local import nats
from renrakumo_cli.local.configuration import Configuration
from renrakumo_cli.local.nats import NatsServer
from renrakumo_cli.local.postgres import PostgresServer
from renrakumo_cli.local.services import CLUSTER_OF
from renrakumo_cli.secret_store import DATABASE_ROLES, SecretStore

T = TypeVar("T")

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Databases:
    """A pair of empty databases with roles and schemas as deploy/postgres makes them, on a shared server."""

    server: PostgresServer
    personal: str
    general: str

    def personal_url(self, role: str = "registry") -> str:
        """postgresql:// URL of the personal database for a service's role."""
        return self.server.url(role, self.personal)

    def general_url(self, role: str) -> str:
        """postgresql:// URL of the general database for a service's role."""
        return self.server.url(role, self.general)


@dataclass(frozen=True)
class NatsCluster:
    """The servers of a bus by name; `url` names them all."""

    servers: dict[str, NatsServer]
    url: str
    passwords: dict[str, str]

    async def leader(self, stream: str) -> str:
        """Name of the server that leads a stream."""
        async with bus.connected(self.url, OPERATOR, self.passwords[OPERATOR]) as client:
            cluster = (await client.jetstream().stream_info(stream)).cluster
        return str(cluster.leader) if cluster else ""

    async def lose(self, name: str) -> None:
        """Kill a server and leave it."""
        self.servers[name].kill()
        await self.servers[name].process.wait_gone()

    async def heal(self) -> None:
        """Start those that are missing and wait until all hold everything."""
        for server in self.servers.values():
            if not server.process.running:
                server.spawn()  # here: it would end together with another thread
                await asyncio.to_thread(server.wait_ready)
        await bus.in_sync(self.url, OPERATOR, self.passwords[OPERATOR], replicas=len(self.servers), within=60)

    def stop(self) -> None:
        """Stop all. Blocks."""
        for server in self.servers.values():
            server.stop()


def start_postgres(folder: Path) -> PostgresServer:
    """A running PostgreSQL with both databases, unsafe settings and new passwords. The caller stops it."""
    passwords = {role: new_password() for role in ("postgres", *DATABASE_ROLES)}
    server = PostgresServer(folder, passwords=passwords, durable=False)
    server.start()
    return server


def new_databases(server: PostgresServer, *, like: Databases | None = None) -> Databases:
    """One more pair of databases on this server, the general one empty or as that of `like`. The caller drops them."""
    number = next(_numbers)
    pair = Databases(server, f"personal_{number}", f"general_{number}")
    if like is not None:
        server.copy(like.general, pair.general)
    server.apply_roles(personal=pair.personal, general=pair.general)
    return pair


def start_nats(folder: Path) -> NatsServer:
    """A running nats-server with all accounts, streams, consumers and buckets. The caller stops it."""
    server = NatsServer(folder, passwords={user: new_password() for user in USERS}, durable=False)
    server.start()
    run_apart(lambda: bus.apply(server.url, OPERATOR, server.passwords[OPERATOR]))
    return server


def start_nats_cluster(folder: Path) -> NatsCluster:
    """A running cluster with all accounts, streams, consumers and buckets on each server. The caller stops it."""
    cluster = start_empty_nats_cluster(folder)
    run_apart(lambda: bus.apply(cluster.url, OPERATOR, cluster.passwords[OPERATOR], replicas=CLUSTER_OF, within=60))
    return cluster


def start_empty_nats_cluster(folder: Path) -> NatsCluster:
    """Three servers with all accounts, which may not have found each other yet. The caller stops them."""
    secret = SecretStore(folder / "secrets")
    secret.init()
    configuration = Configuration.for_trial(folder, nats_servers=CLUSTER_OF)
    cluster = NatsCluster(nats.of_stack(configuration, secret), configuration.nats_url, secret.nats_passwords())
    for server in cluster.servers.values():
        server.spawn()
    for server in cluster.servers.values():
        server.wait_ready()
    return cluster


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a thread of its own, so that it never meets the event loop of a test."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def new_password() -> str:
    """A password that every server and URL takes as it is."""
    return f"p{secrets.token_hex(16)}"
