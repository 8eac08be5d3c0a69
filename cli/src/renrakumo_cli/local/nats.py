"""A nats-server of our own, run with the very files that a deployment uses: deploy/nats/server.conf and accounts.conf,
and for each server of a cluster cluster.conf around them.

Everything that differs from place to place (host, port, store, how often to sync, passwords, the other servers of a
cluster) comes in by environment.
"""

import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from renrakumo_cli.bus.nats_accounts import USERS, password_variable
from renrakumo_cli.local import paths, ports
from renrakumo_cli.local.configuration import NATS_SERVERS, Configuration
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.process import ChildProcess
from renrakumo_cli.local.services import CLUSTER_OF, NATS, cluster_port_variable, nats_names, nats_port_variable
from renrakumo_cli.secret_store import NATS_CLUSTER_VARIABLE, SecretStore

# The server reads a variable as if it stood in its file: a word that starts with a letter is taken as it is.
_SAFE_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9]{15,}\Z")


@dataclass(frozen=True, slots=True)
class ClusterPlace:
    """A server's place in a cluster: its name, the port on which the others meet it, the ports of all, and the password
    that they know each other by."""

    name: str
    port: int
    ports: Sequence[int]
    password: str

    def environment(self) -> dict[str, str]:
        """What cluster.conf wants to know."""
        routes = ", ".join(f'"nats://cluster:{self.password}@127.0.0.1:{port}"' for port in self.ports)
        return {
            "RENRAKUMO_NATS_NAME": self.name,
            "RENRAKUMO_NATS_CLUSTER_HOST": "127.0.0.1",
            "RENRAKUMO_NATS_CLUSTER_PORT": str(self.port),
            NATS_CLUSTER_VARIABLE: self.password,
            "RENRAKUMO_NATS_ROUTES": f"[{routes}]",
        }


class NatsServer:
    """The embedded server. `durable=False` leaves syncing to the system (tests)."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        passwords: Mapping[str, str],
        durable: bool = True,
        place: ClusterPlace | None = None,
    ) -> None:
        """`passwords`: of each user in USERS. Port 0 takes a free one. `place`: None for a server on its own."""
        self.folder = folder
        self.port = port or ports.free_port()
        self.passwords = dict(passwords)
        self._durable = durable
        self._place = place
        told = {password_variable(user): self.passwords.get(user, "") for user in USERS}
        if place is not None:
            told[NATS_CLUSTER_VARIABLE] = place.password
        for variable, password in told.items():
            if not _SAFE_PASSWORD.match(password):
                raise LocalError(f"{variable} must be 16 or more letters and digits, a letter first.")
        settings = "server.conf" if place is None else "cluster.conf"
        self.process = ChildProcess(
            "nats" if place is None else place.name,
            [str(paths.nats_server()), "-c", str(paths.deploy_folder() / "nats" / settings)],
            environment=self._environment(),
            log_path=folder / "nats.log",
        )

    @property
    def url(self) -> str:
        """nats:// URL without credentials."""
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start and wait until clients are served. Raises LocalError. Blocks."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Start without waiting. The system stops the server with the thread that called this."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process.start()

    def wait_ready(self) -> None:
        """Wait until clients are served. Raises LocalError. Blocks."""
        self.process.await_condition(lambda: ports.accepts(self.port), within=60)

    def stop(self) -> None:
        """Stop in good order. Blocks until it is gone."""
        self.process.stop(within=20)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal."""
        self.process.send(number)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "RENRAKUMO_NATS_HOST": "127.0.0.1",
            "RENRAKUMO_NATS_PORT": str(self.port),
            "RENRAKUMO_NATS_STORE": f'"{self.folder / "store"}"',
            "RENRAKUMO_NATS_SYNC": "always" if self._durable else "2m",
            **{password_variable(user): self.passwords[user] for user in USERS},
            **({} if self._place is None else self._place.environment()),
        }


def of_stack(configuration: Configuration, secrets: SecretStore) -> dict[str, NatsServer]:
    """The server of a local stack, or those of its cluster, by name; none of them started.

    Raises LocalError when what the folder holds was kept by another number of servers: these would not find it, and
    begin with nothing.
    """
    folders = {name: configuration.state / name for name in configuration.nats_names}
    _check_folders(configuration, folders[NATS])
    cluster_ports = [configuration.ports[cluster_port_variable(name)] for name in folders if len(folders) > 1]
    return {
        name: NatsServer(
            folder,
            port=configuration.ports[nats_port_variable(name)],
            passwords=secrets.nats_passwords(),
            durable=configuration.durable,
            place=ClusterPlace(name, cluster_ports[number], cluster_ports, secrets.nats_cluster_password())
            if cluster_ports
            else None,
        )
        for number, (name, folder) in enumerate(folders.items())
    }


def _check_folders(configuration: Configuration, first: Path) -> None:
    was_cluster = any((configuration.state / name).exists() for name in nats_names(CLUSTER_OF)[1:])
    was_alone = (first / "store").exists() and not was_cluster
    if was_cluster if configuration.nats_servers == 1 else was_alone:
        raise LocalError(
            f"what {configuration.state} holds was kept by {CLUSTER_OF if was_cluster else 1} NATS server(s): "
            f"set {NATS_SERVERS} to that, or RENRAKUMO_STATE_DIR to another folder"
        )
