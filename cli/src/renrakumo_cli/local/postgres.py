"""A PostgreSQL server of our own: made on first start, listening on one local TCP port, with our roles and databases.

Flow: initdb (once) -> postgres -> deploy/postgres/roles.sql by psql (idempotent, each start).
PostgreSQL refuses to run as root. Where we are root it runs in a user namespace in which root is an ordinary user
(files keep their owner); where namespaces are forbidden, as the user nobody.
"""

import functools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from renrakumo_cli.local import paths, ports
from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.process import ChildProcess
from renrakumo_cli.secret_store import DATABASE_ROLES

PERSONAL_DATABASE = "renrakumo_personal"
GENERAL_DATABASE = "renrakumo_general"

_SAFE = {"shared_buffers": "64MB", "max_connections": "150", "log_min_messages": "warning"}
# Without fsync a kill of the server still loses nothing (the system has the pages), only a power cut does.
_FAST = {**_SAFE, "fsync": "off", "max_wal_size": "256MB"}


@dataclass(frozen=True)
class _Identity:
    """How to run a program that refuses root: words before the command, or a user id to change to."""

    prefix: tuple[str, ...] = ()
    user: int | None = None


class PostgresServer:
    """The embedded server. `durable=False` trades safety for speed (tests)."""

    def __init__(self, folder: Path, *, port: int = 0, passwords: Mapping[str, str], durable: bool = True) -> None:
        """`passwords`: of the superuser `postgres` and of each role in DATABASE_ROLES. Port 0 takes a free one."""
        self.folder = folder
        self.port = port or ports.free_port()
        self._passwords = dict(passwords)
        self._durable = durable
        self._identity = _identity()
        self.process = ChildProcess(
            "postgres",
            self._command(),
            environment=_environment(),
            log_path=folder / "postgres.log",
            prefix=self._identity.prefix,
            user=self._identity.user,
            death_signal=signal.SIGINT,
            folder=folder,
        )

    def start(self) -> None:
        """Make the cluster if there is none, start the server and apply roles. Raises LocalError. Blocks."""
        self.spawn()
        self.wait_ready()

    def spawn(self) -> None:
        """Make the cluster if there is none and start the server, without waiting for it. Raises LocalError.

        Call it from a thread that lives as long as the server shall: the system stops the server with that thread.
        """
        if not (self._data / "PG_VERSION").is_file():
            self._initialise()
        self.process.start()

    def wait_ready(self) -> None:
        """Wait until queries are answered, then apply roles. Raises LocalError. Blocks."""
        self.process.await_condition(self._accepts_queries, within=60)
        self.apply_roles()

    def stop(self) -> None:
        """Stop with PostgreSQL's fast shutdown. Blocks until it is gone."""
        self.process.stop(first=signal.SIGINT, within=30)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to the postmaster only."""
        self.process.send(number)

    def url(self, role: str, database: str) -> str:
        """postgresql:// URL of a service's role (or `postgres`) in a database."""
        user = "postgres" if role == "postgres" else f"renrakumo_{role}"
        return f"postgresql://{user}:{quote(self._passwords[role], safe='')}@127.0.0.1:{self.port}/{database}"

    def personal_url(self, role: str = "registry") -> str:
        """URL of the personal database. Every role but registry is refused by the server."""
        return self.url(role, PERSONAL_DATABASE)

    def general_url(self, role: str) -> str:
        """URL of the general database."""
        return self.url(role, GENERAL_DATABASE)

    def apply_roles(self, *, personal: str = PERSONAL_DATABASE, general: str = GENERAL_DATABASE) -> None:
        """Run deploy/postgres/roles.sql for this pair of databases. Idempotent. Raises LocalError."""
        environment = {variable: self._passwords[role] for role, variable in DATABASE_ROLES.items()}
        script = paths.deploy_folder() / "postgres" / "roles.sql"
        self._psql("-v", f"personal={personal}", "-v", f"general={general}", "-f", str(script), extra=environment)

    def copy(self, database: str, name: str) -> None:
        """Make a database like another one, to which nobody may be connected. Rights on it as a whole aren't copied:
        `apply_roles` gives them. Raises LocalError."""
        self._psql("-c", f'CREATE DATABASE "{name}" TEMPLATE "{database}"')

    def drop(self, *databases: str) -> None:
        """Drop databases, cutting the connections to them."""
        steps = [f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)' for database in databases]
        self._psql(*(word for step in steps for word in ("-c", step)))

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            **(_SAFE if self._durable else _FAST),
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(paths.postgres_program("postgres")), "-D", str(self._data), *options]

    def _psql(self, *arguments: str, extra: Mapping[str, str] | None = None) -> None:
        command = [str(paths.postgres_program("psql")), "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        done = subprocess.run(
            command,
            env={**self._client_environment(), **(extra or {})},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise LocalError(f"PostgreSQL refused a step of its preparation:\n{done.stderr.strip()}")

    def _accepts_queries(self) -> bool:
        if not ports.accepts(self.port):
            return False
        command = [str(paths.postgres_program("pg_isready")), "-q"]
        return subprocess.run(command, env=self._client_environment(), check=False).returncode == 0

    def _client_environment(self) -> dict[str, str]:
        return {
            **_environment(),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": "postgres",
            "PGDATABASE": "postgres",
            "PGPASSWORD": self._passwords["postgres"],
            "PGOPTIONS": "--client-min-messages=warning",
        }

    def _initialise(self) -> None:
        data, identity = self._data, self._identity
        if data.exists() and any(data.iterdir()):
            shutil.rmtree(data)  # a first start that was cut short: no PG_VERSION, so nothing was ever stored
        self.folder.mkdir(parents=True, exist_ok=True)
        password_file = self.folder / "superuser.password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._passwords["postgres"])
        if identity.user is not None:
            _give_to(identity.user, self.folder, password_file)
        command = [
            *identity.prefix,
            str(paths.postgres_program("initdb")),
            "--pgdata",
            str(data),
            "--username=postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password_file}",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            *([] if self._durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            command,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            user=identity.user,
            group=identity.user,
            extra_groups=None if identity.user is None else [],
        )
        password_file.unlink()
        if done.returncode:
            raise LocalError(f"PostgreSQL could not be prepared:\n{done.stderr.strip() or done.stdout.strip()}")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


@functools.cache
def _identity() -> _Identity:
    if os.geteuid() != 0:
        return _Identity()
    unshare = shutil.which("unshare")
    if unshare is not None:
        prefix = (unshare, "-U", "--map-user=1000", "--")
        tried = subprocess.run([*prefix, "true"], check=False, capture_output=True)
        if tried.returncode == 0:
            return _Identity(prefix=prefix)
    return _Identity(user=pwd.getpwnam("nobody").pw_uid)


def _give_to(user: int, folder: Path, password_file: Path) -> None:
    """Let the user nobody own the data. Only our own folders are touched; one further up that is shut is an error."""
    os.chown(folder, user, -1)
    os.chown(password_file, user, -1)
    program = paths.postgres_program("postgres")
    for needed in (folder, program.parent):
        for parent in needed.resolve().parents:
            if not parent.stat().st_mode & 0o001:
                raise LocalError(
                    "PostgreSQL refuses to run as root, and the user nobody cannot reach "
                    f"{needed.name} through {parent}. Run as an ordinary user, or set RENRAKUMO_STATE_DIR to a folder "
                    "that everybody may enter, or name a server of your own in RENRAKUMO_PERSONAL_DATABASE_URL and "
                    "RENRAKUMO_GENERAL_DATABASE_URL."
                )
