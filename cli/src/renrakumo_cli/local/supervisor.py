"""Keep one child alive: start it, notice its end, start it again after a pause that grows while it keeps dying.

A child that ends because of its settings (exit code 78) is not started again: that would only repeat the complaint.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from renrakumo_cli.local.paths import LocalError
from renrakumo_cli.local.process import ChildProcess

EX_CONFIG = 78
_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_LONG_LIFE = 60.0
_PATIENCE = 20.0


@dataclass
class SupervisedProcess:
    """A child and how to bring it up: `spawn` starts it at once, `ready` waits until it serves."""

    name: str
    process: ChildProcess
    spawn: Callable[[], None]
    ready: Callable[[], Awaitable[None]]
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 20.0
    wanted: bool = False
    starts: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def bring_up(self, *, retry: bool = False) -> None:
        """Start and wait until ready. `retry`: try again for a while (a killed database needs a moment to let go).

        Raises LocalError with the end of the log.
        """
        deadline = time.monotonic() + _PATIENCE
        async with self._lock:
            while True:
                try:
                    self._spawn()
                    await self.ready()
                    self.wanted = True
                    return
                except LocalError:
                    if not retry or time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(0.5)

    async def take_down(self, *, first: signal.Signals | None = None) -> None:
        """Stop and leave it stopped. `first` is the signal to begin with (SIGKILL: no farewell)."""
        async with self._lock:
            self.wanted = False
            await self.process.stop_soon(first=first or self.stop_signal, within=self.stop_within)

    async def keep_alive(self, say: Callable[[str], None]) -> None:
        """Start it again whenever it ends unwanted. Returns only when its settings are wrong, raising LocalError."""
        pause = 0
        while True:
            began = time.monotonic()
            await self.process.wait_gone()
            if not self.wanted:
                await asyncio.sleep(0.1)
                continue
            if self.process.exit_code == EX_CONFIG:
                raise LocalError(f"{self.name} does not accept its settings:\n{self.process.log_tail()}")
            pause = 0 if time.monotonic() - began > _LONG_LIFE else min(pause + 1, len(_PAUSES) - 1)
            say(f"{self.name} ended with code {self.process.exit_code}: starting again in {_PAUSES[pause]:g} s")
            await asyncio.sleep(_PAUSES[pause])
            async with self._lock:
                if self.wanted:
                    self._spawn()

    def _spawn(self) -> None:
        if not self.process.running:
            self.spawn()
            self.starts += 1
