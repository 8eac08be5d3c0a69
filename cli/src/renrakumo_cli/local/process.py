"""One child process: started through launch.py, writing straight into its log file, stopped by its own pid.

The child holds the log file itself, so nothing of ours stands between the two: no pipe fills up, and what it wrote
before a kill is there. Starting and stopping are plain blocking calls (fixtures use them outside any event loop);
`wait_gone` is for those who run one.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from renrakumo_cli.local.paths import LocalError

_LAUNCHER = Path(__file__).with_name("launch.py")
_TAIL_LINES = 20


class ChildProcess:
    """A program with its environment and log file. It can be started again after it ended."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        log_path: Path,
        prefix: Sequence[str] = (),
        user: int | None = None,
        death_signal: signal.Signals = signal.SIGTERM,
        folder: Path | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._command = list(command)
        self._environment = dict(environment)
        self._prefix = list(prefix)
        self._user = user
        self._death_signal = death_signal
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self) -> None:
        """Start the program. Raises RuntimeError when it already runs, LocalError when it cannot be executed."""
        if self.running:
            raise RuntimeError(f"{self.name} already runs")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            try:
                self._process = subprocess.Popen(
                    [*self._prefix, *self._launcher(), *self._command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=self._folder,
                    start_new_session=True,  # Ctrl-C is for us; the children are told in order
                    user=self._user,
                    group=self._user,
                    extra_groups=None if self._user is None else [],
                )
            except OSError as error:
                raise LocalError(f"{self.name} could not be started: {error.strerror}") from error

    def _launcher(self) -> list[str]:
        """Words that tie the child's life to ours; not for another user, who may not even reach our Python."""
        if self._user is not None:
            return []
        return [sys.executable, "-I", "-S", str(_LAUNCHER), str(int(self._death_signal)), str(os.getpid())]

    @property
    def pid(self) -> int:
        """Process id. Raises RuntimeError when it was never started."""
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        """True while the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Exit code (negative: the signal that ended it), None while it runs or before it ever ran."""
        return None if self._process is None else self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens when the process is gone."""
        if self._process is not None:
            self._process.send_signal(number)

    def stop(self, *, first: signal.Signals = signal.SIGTERM, within: float = 15.0) -> int | None:
        """Ask to end, wait at most `within` seconds, then kill. Returns the exit code. Blocks."""
        if self._process is None:
            return None
        self.send(first)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    async def stop_soon(self, *, first: signal.Signals = signal.SIGTERM, within: float = 15.0) -> int | None:
        """`stop` for those who run an event loop."""
        return await asyncio.to_thread(self.stop, first=first, within=within)

    async def wait_gone(self) -> int:
        """Wait until the process ended and return its exit code."""
        while self.running:  # noqa: ASYNC110  the system tells a process's end to who asks
            await asyncio.sleep(0.1)
        return self._process.returncode if self._process is not None else 0

    def log_tail(self) -> str:
        """The last lines that were written since the start, for an error message."""
        if not self.log_path.is_file():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_TAIL_LINES:])

    def await_condition(self, met: Callable[[], bool], *, within: float) -> None:
        """Wait until `met()` holds. Raises LocalError with the log's end when the process dies or time runs out."""
        deadline = time.monotonic() + within
        while not met():
            if not self.running:
                raise LocalError(f"{self.name} ended with code {self.exit_code} while starting:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise LocalError(f"{self.name} was not ready within {within:.0f} s:\n{self.log_tail()}")
            time.sleep(0.02)
