"""What the local stack is told: state folder, ports, external servers, and which variable each child receives.

Pure: it reads a mapping of variables and answers with values. Nothing is started here.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from renrakumo_cli.local import paths, ports
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.services import (
    CLUSTER_OF,
    LOCAL_HOST,
    MOST_INSTANCES,
    POSTGRES_PORT,
    Database,
    ServiceSpec,
    cluster_port_variable,
    default_ports,
    nats_names,
    nats_port_variable,
    processes,
)
from renrakumo_cli.secret_store import SECRET_VARIABLES

NATS_URL = "RENRAKUMO_NATS_URL"
DATABASE_URLS: Mapping[Database, str] = {
    "personal": "RENRAKUMO_PERSONAL_DATABASE_URL",
    "general": "RENRAKUMO_GENERAL_DATABASE_URL",
}
DISPATCHERS = "RENRAKUMO_DISPATCHERS"
INGRESSES = "RENRAKUMO_INGRESSES"
NATS_SERVERS = "RENRAKUMO_NATS_SERVERS"
_STACK_ONLY = frozenset(
    {
        NATS_URL,
        *DATABASE_URLS.values(),
        *default_ports(MOST_INSTANCES, CLUSTER_OF, MOST_INSTANCES),
        DISPATCHERS,
        INGRESSES,
        NATS_SERVERS,
        "RENRAKUMO_STATE_DIR",
    }
)


def state_folder(variables: Mapping[str, str] | None = None) -> Path:
    """Folder of everything that the local stack keeps: RENRAKUMO_STATE_DIR, or `var/` of the checkout."""
    chosen = (os.environ if variables is None else variables).get("RENRAKUMO_STATE_DIR")
    return Path(chosen).resolve() if chosen else paths.repository_root() / "var"


@dataclass(frozen=True)
class Configuration:
    """Everything that was decided before the first process starts. `ports`: by variable name; `dispatchers`,
    `ingresses`: how many of them share the work; `nats_servers`: 1, or 3 for a cluster."""

    state: Path
    ports: Mapping[str, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    external_nats: str | None = None
    external_databases: Mapping[Database, str] = field(default_factory=dict)
    durable: bool = True
    dispatchers: int = 1
    nats_servers: int = 1
    ingresses: int = 1

    @classmethod
    def from_environment(cls, variables: Mapping[str, str]) -> "Configuration":
        """What `renrakumo up` takes from the environment. Raises LocalError for a port that is no number or half an
        external database."""
        dispatchers, ingresses = _instances(variables, DISPATCHERS), _instances(variables, INGRESSES)
        nats_servers = _nats_servers(variables)
        external = {kind: variables[name] for kind, name in DATABASE_URLS.items() if variables.get(name)}
        if len(external) == 1:
            raise LocalError(f"Set both {' and '.join(DATABASE_URLS.values())}, or neither.")
        for kind, url in external.items():
            check_names_no_user(kind, url)
        return cls(
            state=state_folder(variables),
            ports=_resolved(
                {
                    name: _port(variables, name, default)
                    for name, default in default_ports(dispatchers, nats_servers, ingresses).items()
                }
            ),
            settings={name: value for name, value in variables.items() if _passes(name)},
            external_nats=variables.get(NATS_URL) or None,
            external_databases=external,
            dispatchers=dispatchers,
            nats_servers=nats_servers,
            ingresses=ingresses,
        )

    @classmethod
    def for_trial(
        cls,
        state: Path,
        settings: Mapping[str, str] | None = None,
        *,
        dispatchers: int = 1,
        nats_servers: int = 1,
        ingresses: int = 1,
    ) -> "Configuration":
        """For tests and the demo: free ports everywhere, quick servers, nothing from the environment."""
        ports = _resolved(dict.fromkeys(default_ports(dispatchers, nats_servers, ingresses), 0))
        return cls(
            state,
            ports,
            dict(settings or {}),
            durable=False,
            dispatchers=dispatchers,
            nats_servers=nats_servers,
            ingresses=ingresses,
        )

    @property
    def processes(self) -> tuple[ServiceSpec, ...]:
        """What runs, beside the servers."""
        return processes(self.dispatchers, self.ingresses)

    @property
    def base_domain(self) -> str:
        """Domain below which every unit has its own."""
        return self.settings.get("RENRAKUMO_BASE_DOMAIN", "renrakumo.example")

    @property
    def nats_url(self) -> str:
        """Where services reach the bus: every server, comma between."""
        return self.external_nats or ",".join(
            f"nats://{LOCAL_HOST}:{self.ports[nats_port_variable(name)]}" for name in self.nats_names
        )

    @property
    def nats_names(self) -> tuple[str, ...]:
        """The NATS servers of our own by name."""
        return nats_names(self.nats_servers)

    def database_url(self, database: Database, role: str, password: str) -> str:
        """postgresql:// URL with which a role reaches a database."""
        external = self.external_databases.get(database)
        base = external or f"postgresql://{LOCAL_HOST}:{self.ports[POSTGRES_PORT[0]]}/renrakumo_{database}"
        return role_url(base, role, password)

    def service_variables(self, spec: ServiceSpec) -> dict[str, str]:
        """What one service is told, secrets and database aside."""
        variables = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "RENRAKUMO_ROUTES": "*=127.0.0.1:2526",  # a trial never writes to strangers
            "RENRAKUMO_PUBLIC_URL": f"http://{LOCAL_HOST}:{self.ports['RENRAKUMO_INFO_PORT']}",
            "RENRAKUMO_HELO_NAME": self.base_domain,
            "RENRAKUMO_COOKIE_SECURE": "false",  # the local office speaks plain http
            **self.settings,
            "RENRAKUMO_BASE_DOMAIN": self.base_domain,
            "RENRAKUMO_NATS_URL": self.nats_url,
            "RENRAKUMO_HEALTH_HOST": LOCAL_HOST,
            "RENRAKUMO_HEALTH_PORT": str(self.ports[spec.health_variable]),
        }
        if spec.listens:
            host, port, _ = spec.listens
            variables[host] = self.settings.get(host, LOCAL_HOST)
            variables[port] = str(self.ports[port])
        if spec.service == "ingress-smtp" and self.ingresses > 1:
            variables["RENRAKUMO_SMTP_SHARE_PORT"] = "on"
        return variables

    def wanted_ports(self) -> dict[str, tuple[str, int]]:
        """Variable -> (host, port) of everything that will listen on this machine."""
        hosts = {spec.listens[1]: spec.listens[0] for spec in self.processes if spec.listens}
        unused = {
            *(self._nats_variables() if self.external_nats else []),
            *([POSTGRES_PORT[0]] if self.external_databases else []),
        }
        return {
            name: (self.settings.get(hosts.get(name, ""), LOCAL_HOST), port)
            for name, port in self.ports.items()
            if name not in unused
        }

    def _nats_variables(self) -> list[str]:
        return [variable(name) for name in self.nats_names for variable in (nats_port_variable, cluster_port_variable)]


def check_names_no_user(database: Database, url: str) -> None:
    """Raises LocalError when a database's URL holds a user, where several roles are to enter by it."""
    if urlsplit(url).username:
        raise LocalError(
            f"{DATABASE_URLS[database]} must name no user here: each service enters with a role of its own "
            "(passwords: secrets/postgres.env, rights: deploy/postgres/roles.sql)."
        )


def role_url(url: str, role: str, password: str) -> str:
    """The URL of a database, `postgresql://host:port/name`, with the user and password of a service's role."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"renrakumo_{role}:{quote(password, safe='')}@{parts.netloc}"))


def _passes(name: str) -> bool:
    """Does an operator's variable go on to the services? Secrets never: each service gets only its own."""
    return name.startswith("RENRAKUMO_") and name not in SECRET_VARIABLES and name not in _STACK_ONLY


def _instances(variables: Mapping[str, str], name: str) -> int:
    text = variables.get(name, "") or "1"
    if not text.isdigit() or not 1 <= int(text) <= MOST_INSTANCES:
        raise LocalError(f"{name} must be a number from 1 to {MOST_INSTANCES}")
    return int(text)


def _nats_servers(variables: Mapping[str, str]) -> int:
    text = variables.get(NATS_SERVERS, "") or "1"
    if text not in ("1", str(CLUSTER_OF)):
        raise LocalError(f"{NATS_SERVERS} must be 1, or {CLUSTER_OF} for a cluster")
    return int(text)


def _port(variables: Mapping[str, str], name: str, default: int) -> int:
    text = variables.get(name, "") or str(default)
    if not text.isdigit() or int(text) > 65535:
        raise LocalError(f"{name} must be a port number")
    return int(text)


def _resolved(wanted: Mapping[str, int]) -> dict[str, int]:
    """Each 0 replaced by a free port of its own."""
    taken = {port for port in wanted.values() if port}
    resolved: dict[str, int] = {}
    for name, port in wanted.items():
        chosen = port
        while not chosen or (not port and chosen in taken):
            chosen = ports.free_port()
        taken.add(chosen)
        resolved[name] = chosen
    return resolved
