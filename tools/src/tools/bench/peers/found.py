"""Find a peer's programs, or install them: Debian's packages when we are root, Python packages in a venv of their own.

Installing Postfix starts nothing: a policy file that forbids it lies where Debian's scripts look for one meanwhile.
"""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tools.bench.peers.peer import PeerFailed, PeerMissing, answer, program
from tools.load.sink import program as path_of

_POLICY = Path("/usr/sbin/policy-rc.d")
_FORBIDS = "#!/bin/sh\n# A benchmark is installing a package: nothing is to be started.\nexit 101\n"
_WITHIN = 120.0


async def postfix_program(name: str) -> str:
    """Path of a program of Debian's package postfix, which is installed when need be. Raises PeerMissing."""
    if (path := path_of(name)) is None:
        await _debian_package("postfix")
        path = path_of(name)
    if path is None:
        raise PeerMissing(f"{name} isn't there although postfix is installed")
    return path


async def venv(folder: Path, requirement: str, module: str) -> str:
    """The Python of a venv that has `requirement` installed, made when need be. Raises PeerMissing."""
    python, complete = folder / "bin" / "python", folder / ".complete"
    if complete.is_file() and complete.read_text() == requirement:
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    await _run([sys.executable, "-m", "venv", str(folder)], requirement)
    await _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement], requirement)
    await _run([str(python), "-c", f"import {module}"], requirement)
    complete.write_text(requirement)
    return str(python)


async def _debian_package(name: str) -> None:
    apt = shutil.which("apt-get")
    if os.geteuid() != 0 or apt is None:
        raise PeerMissing(f"not installed (Debian's package {name}; as root this benchmark installs it)")
    print(f"installing Debian's package {name}, nothing of it is started", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    async with _nothing_starts():
        await _run([apt, "-qq", "update"], name, environment)
        await _run([apt, "-qq", "install", "-y", "--no-install-recommends", name], name, environment)


@asynccontextmanager
async def _nothing_starts() -> AsyncIterator[None]:
    """Debian's scripts ask the policy file before they start a service; a file that is there already is left alone."""
    ours = False
    if not _POLICY.exists():
        _POLICY.write_text(_FORBIDS)
        _POLICY.chmod(0o755)
        ours = True
    try:
        yield
    finally:
        if ours:
            _POLICY.unlink(missing_ok=True)


async def _run(command: Sequence[str], what: str, environment: Mapping[str, str] | None = None) -> None:
    try:
        async with program(command, environment=environment) as process:
            await answer(process, Path(command[0]).name, _WITHIN)
    except (OSError, TimeoutError, PeerFailed) as error:
        last = (str(error).strip() or "it took too long").splitlines()[-1]
        raise PeerMissing(f"{what} could not be installed: {last}") from error
