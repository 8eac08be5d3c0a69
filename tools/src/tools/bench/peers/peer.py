"""What a peer is to the benchmark, and how its program is run: in a process of its own, ended by its own pid."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

from tools.bench.figures import Measurement
from tools.bench.sample_mail import BenchMail
from tools.load.sink import Arrivals, Expectation, Sink

REPOSITORY = Path(__file__).resolve().parents[5]
_LAST_WORDS = 600


class PeerMissing(Exception):
    """The peer can't be had here; the text says why."""


class PeerFailed(Exception):
    """The peer is here but didn't do its work; the text says what it said."""


class Peer(Protocol):
    """`case`: as in results.PEERS. `rate`: copies a second that it surely manages, to bound the wait."""

    case: str

    async def prepare(self) -> None:
        """Find or install it. Raises PeerMissing."""
        ...

    async def measure(self, sink: Sink, copies: int, mail: BenchMail, folder: Path, within: float) -> Measurement:
        """Send so many copies; `folder` is empty and its own. Raises TimeoutError, PeerFailed, LocalError."""
        ...


@asynccontextmanager
async def program(
    command: Sequence[str], *, told: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a program, tell it something as JSON on its standard input; it has ended when the block is left."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env=None if environment is None else dict(environment),
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(told or {}).encode())
        process.stdin.close()
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def answer(process: asyncio.subprocess.Process, name: str, within: float) -> str:
    """What the program wrote, once it has ended well. Raises TimeoutError, PeerFailed with its last words."""
    async with asyncio.timeout(within):
        out, err = await process.communicate()
    if process.returncode:
        raise PeerFailed(f"{name} ended with {process.returncode}: {err.decode(errors='replace')[-_LAST_WORDS:]}")
    return out.decode()


async def arrivals_of(
    process: asyncio.subprocess.Process, expected: Expectation, name: str, within: float
) -> tuple[Arrivals, str]:
    """Wait until all copies are there and the program has ended: the arrivals, and what it wrote. Raises as `answer`."""
    ending = asyncio.create_task(answer(process, name, within))

    def check() -> None:
        if ending.done():
            ending.result()

    try:
        arrivals = await expected.arrived(within, check)
        return arrivals, await ending
    finally:
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
