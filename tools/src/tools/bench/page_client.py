"""Readers of the info site's pages: a few connections that stay open, each asking again when it has its answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from renrakumo_cli.local.services import LOCAL_HOST


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """An answer. `seconds`: from the request to its last octet."""

    status: int
    body: str
    seconds: float


@dataclass
class Readings:
    """What a reader was given while he read on and on."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def note(self, page: PageAnswer) -> None:
        self.seconds.append(page.seconds)
        self.statuses[page.status] = self.statuses.get(page.status, 0) + 1


class PageClient:
    """One connection to the info site."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def get(self, path: str) -> PageAnswer:
        """Ask for a path and read the answer."""
        began = time.perf_counter()
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOCAL_HOST}\r\n\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = int(head.partition("content-length:")[2].split("\r\n", 1)[0])
        body = (await self._reader.readexactly(length)).decode()
        return PageAnswer(int(head.split(maxsplit=2)[1]), body, time.perf_counter() - began)

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[PageClient]:
    """A connection, until the end of the block."""
    client = PageClient(*await asyncio.open_connection(LOCAL_HOST, port))
    try:
        yield client
    finally:
        client.close()


async def read_on(port: int, path: Callable[[int], str], stop: asyncio.Event, *, pause: float = 0.0) -> Readings:
    """Read the pages `path(0)`, `path(1)` … one after the other until `stop` is set."""
    found, number = Readings(), 0
    async with connected(port) as client:
        while not stop.is_set():
            found.note(await client.get(path(number)))
            number += 1
            await asyncio.sleep(pause)
    return found


async def rate(port: int, paths: Sequence[str], *, connections: int, seconds: float) -> float:
    """Pages a second over so many connections."""
    stop = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, stop.set)
    began = time.perf_counter()

    def starting_at(first: int) -> Callable[[int], str]:
        return lambda number: paths[(first + number) % len(paths)]

    readers = (read_on(port, starting_at(first), stop) for first in range(connections))
    found = await asyncio.gather(*readers)
    return sum(len(each.seconds) for each in found) / (time.perf_counter() - began)
