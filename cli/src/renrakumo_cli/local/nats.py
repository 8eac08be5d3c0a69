"""A nats-server of our own, run with the very files that a deployment uses: deploy/nats/server.conf and accounts.conf.

Everything that differs from place to place (host, port, store, how often to sync, passwords) comes in by environment.
"""

import os
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from renrakumo_cli.bus.accounts import USERS, password_variable
from renrakumo_cli.local import paths, ports
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.process import ChildProcess

# The server reads a variable as if it stood in its file: a word that starts with a letter is taken as it is.
_SAFE_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9]{15,}\Z")


class NatsServer:
    """The embedded server. `durable=False` leaves syncing to the system (tests)."""

    def __init__(self, folder: Path, *, port: int = 0, passwords: Mapping[str, str], durable: bool = True) -> None:
        """`passwords`: of each user in USERS. Port 0 takes a free one."""
        self.folder = folder
        self.port = port or ports.free_port()
        self.passwords = dict(passwords)
        self._durable = durable
        for user in USERS:
            if not _SAFE_PASSWORD.match(self.passwords.get(user, "")):
                raise LocalError(f"{password_variable(user)} must be 16 or more letters and digits, a letter first.")
        self.process = ChildProcess(
            "nats",
            [str(paths.nats_server()), "-c", str(paths.deploy_folder() / "nats" / "server.conf")],
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
        }
