"""Where all copies of a benchmark go: one SMTP server that takes everything at once, keeps nothing, and counts.

It is smtp-sink where it is found (compiled, so it takes the least of the machine's time), or else our own lean one
(lean_sink.py). Both write `sess=S quit=Q mesg=N` after each mail; their output is a file, whose end `watch` reads
every two milliseconds: nothing fills up, nobody is woken per copy, and who sends is the same to the sink.
"""

import asyncio
import os
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from renrakumo_cli.local import ports
from renrakumo_cli.local.process import ChildProcess
from tools import usage

HOST = "127.0.0.1"
PROGRAM = "smtp-sink"
_LOOK_EVERY = 0.002
_COUNTER = re.compile(rb"sess=(\d+) quit=\d+ mesg=(\d+)\r")
_TAIL = 256
_SESSIONS = "1000"


@dataclass(frozen=True)
class Arrivals:
    """Times of time.perf_counter(), as the watcher saw them: up to `_LOOK_EVERY` late. `sessions`: opened meanwhile."""

    first: float
    last: float
    sessions: int


class Sink:
    """The running sink."""

    def __init__(self, process: ChildProcess, port: int, program: str) -> None:
        self.port = port
        self.program = program
        self._process = process
        self._log: int | None = None

    @property
    def cpu_seconds(self) -> float:
        return usage.cpu_seconds(self._process.pid)

    def counters(self) -> tuple[int, int]:
        """Sessions and mails so far."""
        if self._log is None:
            self._log = os.open(self._process.log_path, os.O_RDONLY)
        size = os.fstat(self._log).st_size
        found = _COUNTER.findall(os.pread(self._log, _TAIL, max(0, size - _TAIL)))
        return (int(found[-1][0]), int(found[-1][1])) if found else (0, 0)

    @property
    def mails(self) -> int:
        return self.counters()[1]

    def expect(self, copies: int) -> "Expectation":
        """Call it before sending; `arrived` of what it gives ends when so many more mails are here."""
        return Expectation(self, copies)

    def end(self) -> None:
        self._process.stop(within=3)
        if self._log is not None:
            os.close(self._log)
            self._log = None


class Expectation:
    """So many more mails are to come."""

    def __init__(self, sink: Sink, copies: int) -> None:
        self._sink = sink
        self._copies = copies
        self._sessions, self._before = sink.counters()

    async def arrived(self, within: float, check: Callable[[], None] = lambda: None) -> Arrivals:
        """Wait for all of them. Raises TimeoutError after `within` seconds, or what `check` raises meanwhile."""
        deadline = time.perf_counter() + within
        first = 0.0
        while True:
            sessions, mails = self._sink.counters()
            now = time.perf_counter()
            come = mails - self._before
            if come and not first:
                first = now
            if come >= self._copies:
                return Arrivals(first, now, sessions - self._sessions)
            if now > deadline:
                raise TimeoutError(f"{come} of {self._copies} copies had arrived after {within:.0f} s")
            check()
            await asyncio.sleep(_LOOK_EVERY)

    @property
    def beyond(self) -> int:
        """Mails that came beyond those expected, until now."""
        return self._sink.mails - self._before - self._copies


@asynccontextmanager
async def running(folder: Path, *, compiled: bool = True) -> AsyncIterator[Sink]:
    """The sink, on a free port; its output goes to a file in `folder`. `compiled`: smtp-sink where it is found.

    Raises LocalError when it does not start.
    """
    port = ports.free_port()
    found = program(PROGRAM) if compiled else None
    if found:
        user = ["-u", "nobody"] if os.geteuid() == 0 else []  # as root it insists
        command = [found, "-c", "-m", _SESSIONS, *user, f"{HOST}:{port}", _SESSIONS]
    else:
        command = [sys.executable, "-m", "tools.bench.lean_sink", str(port)]
    process = ChildProcess(
        PROGRAM,
        command,
        environment={"PATH": os.environ.get("PATH", os.defpath)},
        log_path=folder / "sink.log",
        folder=Path(__file__).resolve().parents[4],
    )
    process.start()
    sink = Sink(process, port, PROGRAM if found else "our own lean sink")
    try:
        await asyncio.to_thread(process.await_condition, lambda: ports.accepts(port), within=10)
        yield sink
    finally:
        sink.end()


def program(name: str) -> str | None:
    """Path of a program, also where only administrators look; None when it isn't installed."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin")))
