"""What becomes of a batch: taken when its carrier has a slot free, claimed, sent, settled, put off for what is left.

    slot -> claim -> open recipients -> (too late? unsendable? no content?) -> by hop -> settle -> retry -> done
Each step can be repeated after a crash: outcomes that were recorded stand, the settlement has the attempt's own id,
and so has the retry. When this returns the batch may be acknowledged; a raised Postponed brings it back later.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliverySettled
from contracts.sealed import RecipientCard, RecipientCards
from dispatcher import NAME, metrics
from dispatcher.carriers import CarrierPolicy
from dispatcher.content import ContentMissing, Press
from dispatcher.delivery import HopDelivery, Job, Letter
from dispatcher.lanes import Slots
from dispatcher.mx import DnsTrouble, NoMail
from dispatcher.progress import Progress
from dispatcher.routes import Hop
from dispatcher.store import Store
from dispatcher.verdicts import Verdict
from mail.addresses import AddressError, normalise
from runtime.errors import Postponed
from runtime.logs import get_logger
from runtime.sealing import Opener, Sealer

CONTENT_PATIENCE = timedelta(minutes=10)
CONTENT_SECONDS = 20.0
IN_HAND_SECONDS = 5.0

log = get_logger(__name__)


class Routing(Protocol):
    """Where mail for a domain goes; raises NoMail or DnsTrouble."""

    async def hop_for(self, domain: str) -> Hop: ...


@dataclass(frozen=True, slots=True)
class Carriers:
    """What is known about each carrier, and its slots."""

    policies: Mapping[str, CarrierPolicy]
    slots: Mapping[str, Slots]

    def of(self, carrier: str) -> tuple[CarrierPolicy, Slots]:
        name = carrier if carrier in self.policies else "other"
        return self.policies[name], self.slots[name]


@dataclass(frozen=True, slots=True)
class Timing:
    """The clock, a source of chance (0..1), and RENRAKUMO_RETRY_PLAN if set."""

    now: Callable[[], datetime]
    chance: Callable[[], float]
    retry_override: Sequence[float] | None = None


class Postman:
    """Works batches off."""

    def __init__(
        self,
        *,
        store: Store,
        opener: Opener,
        sealer: Sealer,
        press: Press,
        routing: Routing,
        delivery: HopDelivery,
        carriers: Carriers,
        timing: Timing,
        stopping: asyncio.Event,
    ) -> None:
        self._store = store
        self._opener = opener
        self._sealer = sealer
        self._press = press
        self._routing = routing
        self._delivery = delivery
        self._carriers = carriers
        self._timing = timing
        self._stopping = stopping
        self._at_work: set[str] = set()

    async def work(self, batch: DeliveryBatch) -> None:
        """See the module. Raises PermanentError when the batch cannot be read, Postponed when it shall come again,
        BusUnavailable when the bus went away before it was settled."""
        if batch.batch in self._at_work:
            # The same batch a second time (the bus forgot its id): let the first come to its end.
            raise Postponed("batch_already_in_hand", IN_HAND_SECONDS)
        self._at_work.add(batch.batch)
        try:
            await self._work(batch)
        finally:
            self._at_work.discard(batch.batch)

    async def _work(self, batch: DeliveryBatch) -> None:
        policy, slots = self._carriers.of(batch.carrier)
        async with slots.enter(batch.lane):
            if self._stopping.is_set():
                raise Postponed("dispatcher_stopping", 0)
            started = monotonic()
            cards = self._opener.open(batch.recipients, RecipientCards).cards
            progress = await Progress.claim(self._store, batch, self._timing.now)
            if progress is None:
                log.info("batch_superseded_by_later_attempt", batch=batch.batch, attempt=batch.attempt)
                return
            timing = self._timing
            job = Job(batch, policy, progress, timing.retry_override, timing.now, timing.chance)
            await self._deliver(job, [card for card in cards if card.copy_ref not in progress.outcomes])
        await self._settle(batch, cards, progress.outcomes)
        metrics.BATCH_SECONDS.labels(batch.lane, batch.carrier).observe(monotonic() - started)

    async def _deliver(self, job: Job, cards: Sequence[RecipientCard]) -> None:
        letters = await self._readable(job, cards)
        if not letters:
            return
        if job.now() >= job.deadline:
            await job.record(letters, Verdict("expired", "too late to be of use"))
            return
        try:
            writer = await self._press.writer(job.batch)
        except ContentMissing:
            if job.now() < job.batch.first_planned_at + CONTENT_PATIENCE:
                raise Postponed("content_missing", CONTENT_SECONDS) from None
            await job.record(letters, Verdict("failed", "content missing"))
            return
        for hop, group in await self._by_hop(job, letters):
            await self._delivery.send_all(job, hop, group, writer)

    async def _readable(self, job: Job, cards: Sequence[RecipientCard]) -> list[Letter]:
        letters: list[Letter] = []
        unsendable: list[CopyOutcome] = []
        for card in cards:
            try:
                letters.append(Letter(card, normalise(card.address)))
            except AddressError:
                unsendable.append(job.outcome(card.copy_ref, Verdict("failed", "not a sendable address")))
        if unsendable:
            await job.progress.record(*unsendable)
        return letters

    async def _by_hop(self, job: Job, letters: Sequence[Letter]) -> list[tuple[Hop, list[Letter]]]:
        """Letters grouped by next hop; those whose domain has none get their outcome here."""
        by_domain: dict[str, list[Letter]] = {}
        for letter in letters:
            by_domain.setdefault(letter.address.rpartition("@")[2], []).append(letter)
        hops = await asyncio.gather(*(self._hop_or_verdict(domain, job.batch.carrier) for domain in by_domain))
        groups: dict[str, tuple[Hop, list[Letter]]] = {}
        unroutable: list[CopyOutcome] = []
        for found, group in zip(hops, by_domain.values(), strict=True):
            if isinstance(found, Verdict):
                unroutable += (job.outcome(letter.card.copy_ref, found) for letter in group)
            else:
                groups.setdefault(found.key, (found, []))[1].extend(group)
        if unroutable:
            await job.progress.record(*unroutable)
        return list(groups.values())

    async def _hop_or_verdict(self, domain: str, carrier: str) -> Hop | Verdict:
        try:
            return await self._routing.hop_for(domain)
        except DnsTrouble as trouble:
            return Verdict("deferred", str(trouble))
        except NoMail as no:
            # A carrier's domain doesn't vanish: if DNS says so, something is wrong with our DNS.
            return Verdict("dead", str(no)) if carrier == "other" else Verdict("deferred", str(no), "later")

    async def _settle(
        self, batch: DeliveryBatch, cards: Sequence[RecipientCard], recorded: Mapping[int, CopyOutcome]
    ) -> None:
        due = min(
            (item.next_attempt_at for item in recorded.values() if item.next_attempt_at is not None), default=None
        )
        outcomes = tuple(
            outcome if outcome.next_attempt_at is None else outcome.model_copy(update={"next_attempt_at": due})
            for outcome in (recorded[card.copy_ref] for card in cards)
        )
        now = self._timing.now()
        await self._store.settle(
            DeliverySettled(
                id=f"{batch.batch}/{batch.attempt}",
                occurred_at=now,
                unit=batch.unit,
                message=batch.message,
                wave=batch.wave,
                batch=batch.batch,
                attempt=batch.attempt,
                lane=batch.lane,
                carrier=batch.carrier,
                tracked=batch.tracked,
                outcomes=outcomes,
            )
        )
        if due is not None:
            left = tuple(card for card in cards if recorded[card.copy_ref].outcome == "deferred")
            await self._store.send_later(self._smaller(batch, left, now), max(due, now))
        counts = Counter(outcome.outcome for outcome in outcomes)
        for kind, number in counts.items():
            metrics.COPIES.labels(batch.carrier, kind).inc(number)
        log.info(
            "batch_settled",
            batch=batch.batch,
            message_ref=batch.message,
            attempt=batch.attempt,
            lane=batch.lane,
            carrier=batch.carrier,
            outcomes=dict(counts),
        )

    def _smaller(self, batch: DeliveryBatch, left: tuple[RecipientCard, ...], now: datetime) -> DeliveryBatch:
        """The batch of the next attempt."""
        attempt = batch.attempt + 1
        return batch.model_copy(
            update={
                "id": f"{batch.batch}/{attempt}",
                "occurred_at": now,
                "attempt": attempt,
                "recipients": self._sealer.seal(RecipientCards(cards=left), NAME),
            }
        )
