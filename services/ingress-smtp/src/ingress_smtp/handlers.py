"""What the front door does with a sender, a recipient and a whole mail. Plain calls, no SMTP and no NATS types.

    sender, recipient   answered from memory
    accept              read once -> one event a recipient -> all published together -> 250 only when the bus has
                        acknowledged every one; else 451, and the sender's server tries again

The ids of the events are made from the mail and its envelope, so that trying again stores nothing twice.
"""

import asyncio
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Protocol

from contracts import directory as contract
from contracts.events.inbound import Authentication, Inbound
from ingress_smtp import metrics, model
from ingress_smtp.authentication import Authenticator
from ingress_smtp.event_builder import Scribe
from ingress_smtp.model import Recipient, Reply, Sender
from mail.addresses import Kind
from mail.mime.reading import DEFAULT_LIMITS, Limits
from mail.sender.authentication import Origin
from runtime import tracing
from runtime.bus.client import Outgoing
from runtime.bus.directory import Directory
from runtime.crypto.ciphers import KeyedHash
from runtime.crypto.sealing import Sealer
from runtime.errors import BusFull, BusRefused
from runtime.logs import get_logger

_IN_A_THREAD = 100_000
log = get_logger(__name__)


class Publisher(Protocol):
    """The part of the bus that the front door needs."""

    @property
    def ready(self) -> bool: ...

    async def publish_many(self, messages: Sequence[Outgoing], *, timeout: float = 10) -> list[Exception | None]: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What is set from outside. `operator_address` is normalised; `publish_timeout` in seconds; `limits`: how much of a
    mail is looked at."""

    base_domain: str
    operator_address: str | None = None
    publish_timeout: float = 5.0
    limits: Limits = DEFAULT_LIMITS


class Intake:
    """Takes mail in."""

    def __init__(
        self,
        rules: Rules,
        *,
        directory: Directory,
        publisher: Publisher,
        sealer: Sealer,
        sender_hash: KeyedHash,
        secret_hash: KeyedHash,
        clock: Callable[[], datetime],
        guessed: Callable[[str, str], None] = lambda unit, group: None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._rules = rules
        self._directory = directory
        self._publisher = publisher
        self._sealer = sealer
        self._sender_hash = sender_hash
        self._secret_hash = secret_hash
        self._clock = clock
        self._guessed = guessed
        self._authenticator = authenticator

    def sender(self, given: str) -> Sender | Reply:
        """Who writes? `given` is "" for the null sender. While the bus is away nobody needs to send a whole mail."""
        if not self._publisher.ready:
            return model.NOT_STORED
        return model.read_sender(given)

    def sender_key(self, sender: Sender) -> str:
        """Recognises this sender again without naming him."""
        return self._sender_hash.hexdigest(sender.mailbox)

    def recipient(self, address: str, sender: Sender) -> Recipient | Reply:
        """For whom is it? From memory; while the directory has never been read nobody is refused for good."""
        found = model.resolve(address, sender, self._rules.base_domain, self._directory.active_unit, self._secret_fits)
        return model.NOT_READY if found == model.UNKNOWN and not self._directory.loaded else found

    async def accept(self, sender: Sender, recipients: Sequence[Recipient], raw: bytes, origin: Origin) -> Reply:
        """Store the mail for all its recipients, or, as far as its sender is told, for none."""
        started = monotonic()
        with tracing.accept(None):
            wanted = tuple(dict.fromkeys(recipients))
            shown = await self._authenticator.look(origin, raw) if self._authenticator is not None else None
            if len(raw) > _IN_A_THREAD:
                written = await asyncio.to_thread(self._write_down, sender, wanted, raw, shown)
            else:
                written = self._write_down(sender, wanted, raw, shown)
            if isinstance(written, Reply):
                return written
            events, messages = written
            results = await self._publisher.publish_many(messages, timeout=self._rules.publish_timeout)
            metrics.STORING.observe(monotonic() - started)
            failed = [problem for problem in results if problem is not None]
            if failed:
                refused = any(isinstance(problem, BusRefused) for problem in failed)
                full = any(isinstance(problem, BusFull) for problem in failed)
                log.warning(
                    "mail_not_stored",
                    events=len(events),
                    failed=len(failed),
                    refused=refused,
                    full=full,
                    size=len(raw),
                )
                return model.TOO_LARGE if refused else model.NO_ROOM if full else model.NOT_STORED
            for event in events:
                kind = event.name.removeprefix("inbound.")
                metrics.ACCEPTED.labels(kind).inc()
                log.info("mail_accepted", id=event.id, kind=kind, unit=event.unit, size=event.size)
            return model.STORED

    def _write_down(
        self, sender: Sender, recipients: Sequence[Recipient], raw: bytes, shown: Authentication | None
    ) -> tuple[list[Inbound], list[Outgoing]] | Reply:
        scribe = Scribe(
            sender,
            raw,
            now=self._clock(),
            authentication=shown,
            sealer=self._sealer,
            sender_hash=self._sender_hash,
            base_domain=self._rules.base_domain,
            operator_address=self._rules.operator_address,
            limits=self._rules.limits,
        )
        # Said at the door, while the sender's own server can still tell him; further in nobody could.
        if scribe.text_length > model.LONGEST_POST and any(one.kind is Kind.POST for one in recipients):
            return model.TEXT_TOO_LONG
        events = [scribe.event(recipient) for recipient in recipients]
        messages = [Outgoing(event.bus_subject(), event.model_dump_json().encode(), event.id) for event in events]
        return events, messages

    def _secret_fits(self, unit: str, group: str, secret: str, hashes: tuple[str, ...]) -> bool:
        given = self._secret_hash.hexdigest(contract.secret_text(unit, group, secret))
        fits = False
        for wanted in hashes:  # all of them, so that the time taken says nothing
            fits |= hmac.compare_digest(given, wanted)
        if not fits and hashes and contract.could_be_secret(secret):
            self._guessed(unit, group)
        return fits
