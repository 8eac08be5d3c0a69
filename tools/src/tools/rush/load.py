"""The load of the rush, in a process of its own: `python -m tools.rush.load PLAN RESULT`, both JSON files.

    mails in their order, evenly over the plan's seconds -> so many connections to ingress-smtp, one write for envelope
        and DATA, one for the text
    4xx or a torn connection -> the mail waits and is handed in again, as a carrier's server does
    what our service sends comes to the town's own sink: news are timed, the guide to a registration is replied to

Each asker and each registering parent has an address of his own, so every answer can be told apart and counted.
"""

import asyncio
import contextlib
import heapq
import itertools
import json
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvloop

from simulator.server_connection import ServerConnection

HOST = "127.0.0.1"
RETRY_SECONDS = 2.0
_REPLY_TO = re.compile(rb"^Reply-To: .*?<?(r-[a-z2-7]{48}@[^\s>]+)>?", re.MULTILINE | re.IGNORECASE)
_BACKLOG = 1024


@dataclass(order=True)
class Mail:
    """One mail on its way to ingress-smtp. `due`: time.monotonic()."""

    due: float
    number: int
    kind: str = field(compare=False)
    sender: str = field(compare=False)
    to: str = field(compare=False)
    data: bytes = field(compare=False, repr=False)


class LoadGenerator:
    """Everybody's mail server and mailbox."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._port = int(plan["smtp_port"])
        self._seconds = float(plan["seconds"])
        self._patience = float(plan["patience"])
        self._connections = int(plan["sessions"])
        self._numbers = count()
        self._start = time.monotonic() + 1.0
        self._queue: list[Mail] = []
        self._wake = asyncio.Condition()
        self._in_flight = 0
        mails = plan["mails"]
        for turn, each in enumerate(mails):
            due = self._start + turn * self._seconds / max(1, len(mails))
            mail = Mail(due, next(self._numbers), each["kind"], each["from"], each["to"], each["data"].encode())
            self._queue.append(mail)
        heapq.heapify(self._queue)
        self._asked: dict[str, float] = {}
        self._guided: set[str] = set()
        kinds = Counter(each["kind"] for each in mails)
        self._expected = {"news": kinds["info"], "guide": kinds["entry"], "completion": kinds["entry"]}
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.deferred: Counter[str] = Counter()
        self.torn = 0
        self.came: Counter[str] = Counter()
        self.twice: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.last_accepted = 0.0
        self._boxes: dict[tuple[str, str], int] = {}

    # -- going out

    async def run(self) -> dict[str, Any]:
        """Until everything is accepted and answered, or patience has ended."""
        deadline = self._start + self._seconds + self._patience
        workers = [asyncio.create_task(self._work()) for _ in range(self._connections)]
        while time.monotonic() < deadline and not self._done():  # noqa: ASYNC110  many things end it
            await asyncio.sleep(0.1)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return self._result()

    def _done(self) -> bool:
        answered = all(self.came[what] >= wanted for what, wanted in self._expected.items())
        return answered and not self._queue and not self._in_flight

    async def _next(self) -> Mail:
        while True:
            async with self._wake:
                now = time.monotonic()
                if self._queue and self._queue[0].due <= now:
                    self._in_flight += 1
                    mail = heapq.heappop(self._queue)
                    self._asked.setdefault(mail.sender, now)
                    return mail
                wait = min(0.25, self._queue[0].due - now) if self._queue else 0.25
            await asyncio.sleep(max(0.001, wait))

    def put(self, mail: Mail) -> None:
        heapq.heappush(self._queue, mail)

    async def _work(self) -> None:
        while True:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                await self._use_connection()
            await asyncio.sleep(0.3)

    async def _use_connection(self) -> None:
        reader, writer = await asyncio.open_connection(HOST, self._port)
        try:
            if not (await _reply(reader)).startswith("220"):
                return
            writer.write(b"EHLO town.example\r\n")
            await _reply(reader)
            for _ in range(100):
                mail = await self._next()
                try:
                    told = await _hand_in(reader, writer, mail)
                except (OSError, EOFError, TimeoutError):
                    self.torn += 1
                    self._later(mail)
                    raise
                except asyncio.CancelledError:
                    self.put(mail)
                    raise
                finally:
                    self._in_flight -= 1
                self._settle(mail, told)
                if told.startswith("421"):
                    return
        finally:
            writer.close()

    def _settle(self, mail: Mail, told: str) -> None:
        if told.startswith("2"):
            self.accepted[mail.kind] += 1
            self.last_accepted = time.monotonic()
        elif told.startswith("4"):
            self.deferred[told[:9]] += 1
            self._later(mail)
        else:
            self.refused[told[:9]] += 1

    def _later(self, mail: Mail) -> None:
        mail.due = time.monotonic() + RETRY_SECONDS
        self.put(mail)

    # -- coming in

    def arrived(self, recipient: str, raw: bytes) -> None:
        """Something came for one of the town's people; the local part tells who."""
        now = time.monotonic()
        what = self._what(recipient, raw)
        seen = self._boxes.get((recipient, what), 0)
        self._boxes[recipient, what] = seen + 1
        if seen:
            self.twice[what] += 1
            return
        self.came[what] += 1
        if what == "news":
            self.latencies.append(now - self._asked[recipient])
        elif what == "guide" and (token := _REPLY_TO.search(raw)):
            text = b"From: <%b>\r\nSubject: Re: \r\n\r\nyes\r\n" % recipient.encode()
            self.put(Mail(now, next(self._numbers), "confirm", recipient, token[1].decode(), text))

    def _what(self, recipient: str, raw: bytes) -> str:
        if recipient.startswith("asker"):
            return "news"
        if recipient in self._guided:
            return "completion" if not _REPLY_TO.search(raw) else "guide"
        self._guided.add(recipient)
        return "guide"

    def _result(self) -> dict[str, Any]:
        return {
            "accepted": dict(self.accepted),
            "deferred": dict(self.deferred),
            "refused": dict(self.refused),
            "torn": self.torn,
            "left": len(self._queue),
            "came": dict(self.came),
            "twice": dict(self.twice),
            "seconds_to_accept": round(self.last_accepted - self._start, 2),
            "seconds": round(time.monotonic() - self._start, 2),
            "latencies": [round(each, 4) for each in self.latencies],
        }


async def _reply(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(60):
        while True:
            line = (await reader.readline()).decode("ascii", "replace")
            if not line:
                raise EOFError
            if line[3:4] != "-":
                return line


async def _hand_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mail: Mail) -> str:
    """The final reply. Envelope and DATA in one write (RFC 2920)."""
    writer.write(f"MAIL FROM:<{mail.sender}>\r\nRCPT TO:<{mail.to}>\r\nDATA\r\n".encode())
    replies = [await _reply(reader) for _ in range(3)]
    if replies[2].startswith("354"):
        refused = next((told for told in replies[:2] if not told.startswith("2")), None)
        writer.write(b".\r\n" if refused else mail.data + b".\r\n")
        told = await _reply(reader)
        return refused or told
    writer.write(b"RSET\r\n")
    await _reply(reader)
    return next(told for told in replies if not told.startswith("2"))


class _Box:
    """The town's own mail server (server_connection.Host)."""

    name = "town"
    reply_delay = 0.0
    size_limit = 20 * 1024 * 1024
    pipelining = True

    def __init__(self, town: LoadGenerator) -> None:
        self._town = town
        self._numbers = itertools.count(1)

    def connection(self) -> ServerConnection:
        return ServerConnection(self, next(self._numbers))

    def opened(self, connection: ServerConnection) -> str:
        return "220 town ESMTP"

    def closed(self, connection: ServerConnection) -> None:
        pass

    def mail(self, connection: ServerConnection) -> str:
        return "250 2.1.0 OK"

    def rcpt(self, connection: ServerConnection, recipient: str) -> str:
        return "250 2.1.5 OK"

    def message(self, connection: ServerConnection, raw: bytes) -> str | None:
        for recipient in connection.recipients:
            self._town.arrived(recipient, raw)
        return "250 2.0.0 OK"


async def main(plan: Path, result: Path) -> None:
    told = json.loads(plan.read_text(encoding="utf-8"))
    town = LoadGenerator(told)
    server = await asyncio.get_running_loop().create_server(
        _Box(town).connection, HOST, int(told["sink"]), backlog=_BACKLOG
    )
    async with server:
        found = await town.run()
    result.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
