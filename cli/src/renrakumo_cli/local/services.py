"""The seven services as the local stack sees them: module, database, ports and the variables that name them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Database = Literal["personal", "general"]


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One process. `listens`: host variable, port variable and default port of what it serves to the world; `of`: the
    service that it is a further instance of."""

    name: str
    health_port: int
    stage: int
    database: Database | None = None
    listens: tuple[str, str, int] | None = None
    module: str = ""
    of: str = ""

    @property
    def service(self) -> str:
        """The service that it is: whose secrets and rights it has."""
        return self.of or self.name

    @property
    def package(self) -> str:
        """Import name."""
        return self.service.replace("-", "_")

    @property
    def main(self) -> str:
        """Module that is run."""
        return self.module or f"{self.package}.main"

    @property
    def health_variable(self) -> str:
        """Variable that moves its health port when all services run together."""
        return f"RENRAKUMO_{self.name.replace('-', '_').upper()}_HEALTH_PORT"


# `stage` is the order of stopping: first who takes work in, then who does it.
SERVICES: tuple[ServiceSpec, ...] = (
    ServiceSpec("ingress-smtp", 9101, 1, listens=("RENRAKUMO_SMTP_HOST", "RENRAKUMO_SMTP_PORT", 2525)),
    ServiceSpec("registry", 9102, 2, "personal"),
    ServiceSpec("dispatcher", 9103, 3),
    ServiceSpec("responder", 9104, 2, "general"),
    ServiceSpec("receipts", 9105, 3, "general"),
    ServiceSpec("info-site", 9106, 1, "general", ("RENRAKUMO_INFO_HOST", "RENRAKUMO_INFO_PORT", 8081)),
    ServiceSpec("admin-api", 9107, 1, "general", ("RENRAKUMO_WEB_HOST", "RENRAKUMO_WEB_PORT", 8080)),
)


MOST_INSTANCES = 9
"""Of one service, side by side."""


def processes(dispatchers: int = 1, ingresses: int = 1) -> tuple[ServiceSpec, ...]:
    """The services, with so many processes of dispatcher and ingress-smtp: `dispatcher`, `dispatcher-2` ..."""
    return (*SERVICES, *_more("dispatcher", dispatchers), *_more("ingress-smtp", ingresses))


def _more(name: str, instances: int) -> Iterator[ServiceSpec]:
    first = next(spec for spec in SERVICES if spec.name == name)
    for number in range(2, instances + 1):
        yield replace(first, name=f"{name}-{number}", of=name, health_port=first.health_port + 10 * (number - 1))


@dataclass(frozen=True, slots=True)
class Owner:
    """A package that owns tables: in which database and schema (None: the database is all its own)."""

    package: str
    database: Database
    schema: str | None

    @property
    def name(self) -> str:
        """The tables as a person names them: `general.office`, or `personal`."""
        return f"{self.database}.{self.schema}" if self.schema else self.database


OWNERS: tuple[Owner, ...] = (
    Owner("admin_api", "general", "office"),
    Owner("receipts", "general", "ledger"),
    Owner("registry", "personal", None),
)
"""In the order in which their tables are brought up to date: the ledger refers to the office's views."""

LOCAL_HOST = "127.0.0.1"
NATS = "nats"
NATS_PORT: tuple[str, int] = ("RENRAKUMO_NATS_PORT", 14222)
CLUSTER_OF = 3
"""Servers of a NATS cluster: the fewest of which one may be missing."""
POSTGRES_PORT: tuple[str, int] = ("RENRAKUMO_POSTGRES_PORT", 15432)


def nats_names(servers: int) -> tuple[str, ...]:
    """Names of the NATS servers: `nats`, `nats-2` ..."""
    return (NATS, *(f"{NATS}-{number}" for number in range(2, servers + 1)))


def nats_port_variable(name: str) -> str:
    """Variable that moves the port on which a NATS server serves clients."""
    return f"RENRAKUMO_{name.replace('-', '_').upper()}_PORT"


def cluster_port_variable(name: str) -> str:
    """Variable that moves the port on which it meets the other servers of its cluster."""
    return f"RENRAKUMO_{name.replace('-', '_').upper()}_CLUSTER_PORT"


def default_ports(dispatchers: int = 1, nats_servers: int = 1, ingresses: int = 1) -> Mapping[str, int]:
    """Variable -> default port, of everything that listens."""
    ports = {POSTGRES_PORT[0]: POSTGRES_PORT[1], **_nats_ports(nats_servers)}
    for spec in processes(dispatchers, ingresses):
        if spec.listens:
            ports[spec.listens[1]] = spec.listens[2]
        ports[spec.health_variable] = spec.health_port
    return ports


def _nats_ports(servers: int) -> dict[str, int]:
    names = list(enumerate(nats_names(servers)))
    ports = {nats_port_variable(name): NATS_PORT[1] + number for number, name in names}
    if servers > 1:
        ports |= {cluster_port_variable(name): NATS_PORT[1] + 100 + number for number, name in names}
    return ports
