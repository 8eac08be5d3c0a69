"""A simulated mobile carrier: an SMTP server on 127.0.0.1 that takes mail and misbehaves as told.

    carrier = CarrierSimulator("docomo", behaviour=greylisting(2) | unknown_users(share=0.03))
    await carrier.start()         # carrier.port is known now
    ...                           # mails come in: carrier.mailbox("a@docomo.ne.jp"), carrier.attempts, carrier.stats
    await carrier.stop()

The connection (server_connection.py) speaks the protocol, `Behaviour` (behaviour.py) says what should happen, and this class
decides, remembers, and tells: by `on_mail` callbacks, by `feed()` (async iteration), by `wait_until`. The behaviour
may be replaced while it runs. Nothing here leaves this machine.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Self

from . import mailer
from .behaviour import Behaviour, GreylistBy, Keep, LateDsn, ResetMoment, canonical
from .carrier_records import Attempt, CarrierStats, Fate, MailFeed, ReceivedMail
from .dsn import delivery_report
from .server_connection import ServerConnection

__all__ = ["Attempt", "CarrierSimulator", "CarrierStats", "Fate", "MailFeed", "ReceivedMail"]

DSN_ATTEMPTS = 5
DSN_RETRY_SECONDS = 0.5


class CarrierSimulator:
    """One carrier. `domains`: those it hosts; empty = any (others are refused with 550 5.7.1)."""

    def __init__(
        self, name: str, port: int = 0, behaviour: Behaviour | None = None, domains: Iterable[str] = ()
    ) -> None:
        self.name = name
        self.port = port
        self.behaviour = behaviour or Behaviour()
        self.domains = frozenset(domain.lower() for domain in domains)
        self.received: list[ReceivedMail] = []
        self.attempts: list[Attempt] = []
        self.refused_after_data: list[Attempt] = []
        self.on_mail: list[Callable[[ReceivedMail], None]] = []
        self.stats = CarrierStats()
        self._boxes: dict[str, list[ReceivedMail]] = {}
        self._feeds: list[MailFeed] = []
        self._connections: set[ServerConnection] = set()
        self._connection_numbers = count(1)
        self._data_count = 0
        self._dsn_numbers = count(1)
        self._first_seen: dict[tuple[str, str], float] = {}
        self._data_attempts: Counter[str] = Counter()
        self._dsn_tasks: set[asyncio.Task[None]] = set()
        self._dsn_slots = asyncio.Semaphore(20)
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Event()

    # -- life

    async def start(self) -> None:
        """Listen on 127.0.0.1; port 0 takes a free one and puts it into `port`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_connection, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, tear what is open, drop reports not yet sent, end the feeds."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.tear()
        for task in list(self._dsn_tasks):
            task.cancel()
        await asyncio.gather(*self._dsn_tasks, return_exceptions=True)
        for feed in list(self._feeds):
            feed.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # -- what tests look at

    def mailbox(self, address: str) -> list[ReceivedMail]:
        """What lies in the parent's mailbox, oldest first; needs Keep.ALL or Keep.ENVELOPE."""
        return list(self._boxes.get(canonical(address), ()))

    def duplicates(self) -> dict[tuple[str, str], int]:
        """(recipient, Message-ID) -> how often it lies in the mailbox, where that is more than once."""
        seen = Counter((canonical(mail.recipient), mail.message_id) for box in self._boxes.values() for mail in box)
        return {key: number for key, number in seen.items() if number > 1}

    def feed(self) -> MailFeed:
        """Mails that reach a mailbox from now on."""
        feed = MailFeed(self._forget_feed)
        self._feeds.append(feed)
        return feed

    async def wait_until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:
        """Wait for a condition about this carrier; looked at after each thing that happens. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def wait_for_mails(self, address: str, number: int = 1, timeout: float = 10.0) -> list[ReceivedMail]:
        """The mailbox as soon as it holds `number` mails. Raises TimeoutError."""
        await self.wait_until(lambda: len(self._boxes.get(canonical(address), ())) >= number, timeout)
        return self.mailbox(address)

    # -- server_connection.Host

    @property
    def reply_delay(self) -> float:
        return self.behaviour.reply_delay

    @property
    def size_limit(self) -> int:
        return self.behaviour.size_limit

    @property
    def pipelining(self) -> bool:
        return self.behaviour.pipelining

    def opened(self, connection: ServerConnection) -> str:
        stats = self.stats
        self._connections.add(connection)
        stats.connections += 1
        stats.active += 1
        stats.peak_active = max(stats.peak_active, stats.active)
        limit = self.behaviour.max_connections
        if limit is not None and stats.active > limit:
            stats.connections_refused += 1
            self._changed.set()
            return f"421 4.7.0 {self.name} Too many connections"
        return f"220 {self.name} ESMTP"

    def closed(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
        self.stats.active -= 1
        self._changed.set()

    def mail(self, connection: ServerConnection) -> str:
        limit = self.behaviour.max_messages_per_session
        if limit is not None and connection.messages >= limit:
            self.stats.sessions_ended += 1
            self._changed.set()
            return "421 4.7.0 Too many messages in this session"
        return "250 2.1.0 OK"

    def rcpt(self, connection: ServerConnection, recipient: str) -> str:
        reply = self._reply_to_rcpt(connection, recipient)
        if self.behaviour.keep is not Keep.NOTHING:
            self.attempts.append(self._attempt(connection, recipient, reply))
        self._changed.set()
        return reply

    def message(self, connection: ServerConnection, raw: bytes) -> str | None:
        behaviour, stats = self.behaviour, self.stats
        connection.messages += 1
        self._data_count += 1
        filtered = [address for address in connection.recipients if behaviour.is_filtered(address)]
        if filtered:  # SMTP has one reply for all of them
            stats.filtered += len(filtered)
            for address in connection.recipients:
                self.refused_after_data.append(self._attempt(connection, address, behaviour.filtered_reply))
            self._changed.set()
            return behaviour.filtered_reply
        moment = None
        if behaviour.reset is not None:
            first = canonical(connection.recipients[0])
            self._data_attempts[first] += 1
            moment = behaviour.resets(self._data_count, first, self._data_attempts[first])
        if moment is ResetMoment.BEFORE_RECORDING:
            stats.resets_before_recording += 1
            self._changed.set()
            return None
        stats.messages += 1
        stats.octets += len(raw)
        self._record(connection, raw, unanswered=moment is not None)
        if moment is not None:
            stats.resets_after_recording += 1
            return None
        return f"250 2.0.0 Queued as {self._data_count:X}"

    # -- inside

    def _new_connection(self) -> ServerConnection:
        return ServerConnection(self, next(self._connection_numbers))

    def _forget_feed(self, feed: MailFeed) -> None:
        if feed in self._feeds:
            self._feeds.remove(feed)

    def _attempt(self, connection: ServerConnection, recipient: str, reply: str) -> Attempt:
        return Attempt(connection.sender, recipient, int(reply[:3]), reply, datetime.now(UTC), connection.number)

    def _reply_to_rcpt(self, connection: ServerConnection, recipient: str) -> str:
        behaviour, stats = self.behaviour, self.stats
        if self.domains and recipient.rpartition("@")[2].lower() not in self.domains:
            stats.not_ours += 1
            return "550 5.7.1 Relaying denied"
        if behaviour.is_unknown(recipient):
            stats.unknown += 1
            return behaviour.unknown_reply
        per_message, per_session = behaviour.max_recipients_per_message, behaviour.max_recipients_per_session
        if (per_message is not None and len(connection.recipients) >= per_message) or (
            per_session is not None and connection.recipients_accepted >= per_session
        ):
            stats.too_many_recipients += 1
            return "452 4.5.3 Too many recipients"
        if behaviour.greylist_seconds is not None and self._greylisted(connection.sender, recipient):
            stats.greylisted += 1
            return "450 4.7.1 Greylisted, try again later"
        stats.recipients_accepted += 1
        return "250 2.1.5 OK"

    def _greylisted(self, sender: str, recipient: str) -> bool:
        behaviour = self.behaviour
        now = asyncio.get_running_loop().time()
        by_pair = behaviour.greylist_by is GreylistBy.PAIR
        key = (canonical(sender) if by_pair else "", canonical(recipient))
        first = self._first_seen.setdefault(key, now)
        return first == now or now - first < (behaviour.greylist_seconds or 0.0)

    def _record(self, connection: ServerConnection, raw: bytes, *, unanswered: bool) -> None:
        behaviour = self.behaviour
        plan = behaviour.late_dsn
        if behaviour.keep is Keep.NOTHING and plan is None and not self.on_mail and not self._feeds:
            self._changed.set()
            return
        at = datetime.now(UTC)
        for recipient in connection.recipients:
            later = plan is not None and not unanswered and behaviour.bounces_later(recipient)
            fate = Fate.BOUNCED_LATER if later else Fate.UNANSWERED if unanswered else Fate.DELIVERED
            kept = raw if behaviour.keep is not Keep.ENVELOPE else b""
            mail = ReceivedMail(self.name, connection.sender, recipient, kept, at, connection.number, fate)
            if behaviour.keep is not Keep.NOTHING:
                self.received.append(mail)
            if later and plan is not None:
                self.stats.bounced_later += 1
                self._report_later(connection.sender, recipient, raw, plan)
                continue
            if behaviour.keep is not Keep.NOTHING:
                self._boxes.setdefault(canonical(recipient), []).append(mail)
            for feed in self._feeds:
                feed.put(mail)
            for callback in self.on_mail:
                callback(mail)
        self._changed.set()

    def _report_later(self, sender: str, recipient: str, raw: bytes, plan: LateDsn) -> None:
        if not sender:  # RFC 5321 6.1: a report is never reported
            return
        task = asyncio.get_running_loop().create_task(self._report(sender, recipient, raw, plan))
        self._dsn_tasks.add(task)
        task.add_done_callback(self._dsn_tasks.discard)

    async def _report(self, sender: str, recipient: str, raw: bytes, plan: LateDsn) -> None:
        await asyncio.sleep(plan.delay)
        report = delivery_report(
            carrier=f"{self.name}.example",
            envelope_from=sender,
            recipient=recipient,
            raw=raw,
            plan=plan,
            at=datetime.now(UTC),
            number=next(self._dsn_numbers),
        )
        for attempt in range(1, DSN_ATTEMPTS + 1):
            try:
                async with self._dsn_slots:
                    reply = (await mailer.send(plan.host, plan.port, "", [sender], report, helo=self.name))[sender]
            except (OSError, TimeoutError):
                reply = mailer.ServerReply(451, "connection failed")
            if reply.accepted:
                self.stats.dsns_sent += 1
                break
            if reply.code >= 500 or attempt == DSN_ATTEMPTS:
                self.stats.dsns_failed += 1
                break
            await asyncio.sleep(DSN_RETRY_SECONDS * attempt)
        self._changed.set()
