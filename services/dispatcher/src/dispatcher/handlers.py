"""What becomes of a batch: claimed, opened, routed, rendered, handed to the desks, settled, put off for what is left.

    claim -> open recipients -> (superseded? too late? not due? unsendable? no content?) -> way of each -> errands
          -> desks -> settle -> retry -> done
Each step can be repeated after a crash: outcomes that were recorded stand, the settlement has the attempt's own id,
and so has the retry. When this returns the batch may be acknowledged; a raised Postponed brings it back later.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Protocol

from contracts.events.delivery import CopyOutcome, DeliveryBatch, DeliverySettled
from contracts.reasons import DROPPED
from contracts.sealed import RecipientCard, RecipientCards
from dispatcher import metrics
from dispatcher.attempt.attempt import Job, Letter, Moment
from dispatcher.attempt.copies import CopyWriter
from dispatcher.attempt.progress import Progress
from dispatcher.attempt.rendering_cache import ContentMissing, Press
from dispatcher.attempt.stopped import Halted
from dispatcher.pace.state import hour_wait, steady_chance
from dispatcher.policy.carriers_file import CarrierTable
from dispatcher.policy.dispositions import Verdict
from dispatcher.queue.delivery_queues import Desks
from dispatcher.queue.queued_delivery import Bundle, Errand
from dispatcher.routing.mx import DnsTrouble, NoMail
from dispatcher.routing.router import Way, without_way
from dispatcher.settings import SERVICE
from dispatcher.store import Store
from mail.addresses import AddressError, normalise
from mail.outgoing.rendering import RenderingError
from runtime.crypto.sealing import Opener, Sealer
from runtime.errors import Postponed
from runtime.logs import get_logger

CONTENT_PATIENCE = timedelta(minutes=10)
CONTENT_SECONDS = 20.0
IN_HAND_SECONDS = 5.0
KNOWN_SECONDS = 5.0
NEARLY_DUE = timedelta(seconds=5)
"""What is due so soon after what is due now goes along with it."""
RENDERED_AT_ONCE = 16

log = get_logger(__name__)


class Routing(Protocol):
    """Which way mail for a domain goes; raises NoMail or DnsTrouble."""

    async def way_for(self, domain: str) -> Way: ...


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
        desks: Desks,
        carriers: CarrierTable,
        halted: Halted,
        timing: Timing,
        signers: Executor,
        stopping: asyncio.Event,
    ) -> None:
        self._store = store
        self._opener = opener
        self._sealer = sealer
        self._press = press
        self._routing = routing
        self._desks = desks
        self._carriers = carriers
        self._halted = halted
        self._timing = timing
        self._signers = signers
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

    async def give_up(self, batch: DeliveryBatch) -> None:
        """This batch will never be worked off: settle it with what came of it so far, the rest as failed, so that no
        copy waits for ever. Raises as `work` does."""
        if batch.batch in self._at_work:
            raise Postponed("batch_already_in_hand", IN_HAND_SECONDS)
        self._at_work.add(batch.batch)
        try:
            timing = self._timing
            cards = self._opener.open(batch.recipients, RecipientCards).cards
            progress = await Progress.claim(self._store, batch, timing.now)
            job = Job.of(batch, progress, self._halted, Moment(timing.now, timing.chance(), timing.retry_override))
            known = progress.outcomes
            left = [each for each in cards if each.copy_ref not in known or known[each.copy_ref].outcome == "deferred"]
            if left:
                await self._all_the_same(job, [Letter(card, "") for card in left], Verdict("failed", DROPPED))
            await self._settle(batch, cards, (), progress.outcomes)
        finally:
            self._at_work.discard(batch.batch)

    async def _work(self, batch: DeliveryBatch) -> None:
        if self._stopping.is_set():
            raise Postponed("dispatcher_stopping", 0)
        timing = self._timing
        if batch.lane == "ordinary":
            spread = self._carriers.named(batch.carrier).full_hour_spread
            wait = hour_wait(timing.now(), spread, steady_chance(batch.batch))
            if wait > 0:
                raise Postponed("off_the_full_hour", wait)
        started = monotonic()
        await self._know_what_is_halted()
        cards = self._opener.open(batch.recipients, RecipientCards).cards
        progress = await Progress.claim(self._store, batch, timing.now)
        job = Job.of(batch, progress, self._halted, Moment(timing.now, timing.chance(), timing.retry_override))
        now_due, later = _by_due(job, cards)
        await self._deliver(job, [card for card in now_due if card.copy_ref not in progress.outcomes])
        await self._settle(batch, now_due, later, progress.outcomes)
        metrics.BATCH_SECONDS.labels(batch.lane, batch.carrier).observe(monotonic() - started)

    async def _know_what_is_halted(self) -> None:
        try:
            async with asyncio.timeout(KNOWN_SECONDS):
                await self._halted.known()
        except TimeoutError:
            raise Postponed("superseded_messages_not_known_yet", KNOWN_SECONDS) from None

    async def _deliver(self, job: Job, cards: Sequence[RecipientCard]) -> None:
        letters = await self._readable(job, cards)
        if not letters:
            return
        spared = job.spared()
        if spared is not None:
            await self._all_the_same(job, letters, spared)
            return
        try:
            writer = await self._press.writer(job.batch)
        except ContentMissing:
            if self._timing.now() < job.batch.first_planned_at + CONTENT_PATIENCE:
                raise Postponed("content_missing", CONTENT_SECONDS) from None
            await self._all_the_same(job, letters, Verdict("failed", "content missing"))
            return
        bundle = Bundle(job)
        bundle.expect(len(letters))
        posting = asyncio.create_task(self._post(bundle, letters, writer))
        try:
            await bundle.finished()
        except asyncio.CancelledError:
            bundle.fail(Postponed("dispatcher_stopping", 0))
            raise
        finally:
            posting.cancel()

    async def _readable(self, job: Job, cards: Sequence[RecipientCard]) -> list[Letter]:
        letters: list[Letter] = []
        unsendable: list[Letter] = []
        for card in cards:
            try:
                letters.append(Letter(card, normalise(card.address)))
            except AddressError:
                unsendable.append(Letter(card, ""))
        if unsendable:
            await self._all_the_same(job, unsendable, Verdict("failed", "not a sendable address"))
        return letters

    async def _post(self, bundle: Bundle, letters: Sequence[Letter], writer: CopyWriter) -> None:
        """Each letter to its desk as soon as its way is known. A mistake fails the bundle, so that nothing of it goes
        out while it comes a second time."""
        by_domain: dict[str, list[Letter]] = {}
        for letter in letters:
            by_domain.setdefault(letter.address.rpartition("@")[2], []).append(letter)
        asked = {asyncio.create_task(self._way_or_verdict(domain)): group for domain, group in by_domain.items()}
        try:
            while asked and not bundle.failed:
                answered, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                for way, group in _by_way([(task.result(), asked.pop(task)) for task in answered]):
                    await self._post_all(bundle, way, group, writer)
        except Exception as error:
            bundle.fail(error)
        finally:
            for task in asked:
                task.cancel()

    async def _post_all(
        self, bundle: Bundle, way: Way | Verdict, letters: Sequence[Letter], writer: CopyWriter
    ) -> None:
        """Letters that go the same way; or none: then they have their outcome."""
        if isinstance(way, Verdict):
            await self._all_the_same(bundle.job, letters, way)
            bundle.done(len(letters))
            return
        for some in _batched(letters, RENDERED_AT_ONCE):
            self._desks.post(way, await self._errands(bundle, way, some, writer))

    async def _way_or_verdict(self, domain: str) -> Way | Verdict:
        try:
            return await self._routing.way_for(domain)
        except (DnsTrouble, NoMail) as error:
            return without_way(error, self._carriers.of_domain(domain))

    async def _errands(self, bundle: Bundle, way: Way, letters: Sequence[Letter], writer: CopyWriter) -> list[Errand]:
        """Rendered copies; those that cannot be rendered get their outcome here."""

        def write() -> tuple[list[Errand], list[Letter]]:
            errands: list[Errand] = []
            failed: list[Letter] = []
            for letter in letters:
                try:
                    envelope = writer.write(letter.card, letter.address, relayed=way.hop.relayed)
                except RenderingError:
                    failed.append(letter)
                else:
                    errands.append(Errand(bundle, letter, envelope))
            return errands, failed

        if writer.costly:
            errands, failed = await asyncio.get_running_loop().run_in_executor(self._signers, write)
        else:
            errands, failed = write()
        if failed:
            await self._all_the_same(bundle.job, failed, Verdict("failed", "cannot be rendered"))
            bundle.done(len(failed))
        return errands

    async def _all_the_same(self, job: Job, letters: Sequence[Letter], verdict: Verdict) -> None:
        """An outcome without a word with any server."""
        await job.record(letters, verdict, self._carriers.named(job.batch.carrier))

    async def _settle(
        self,
        batch: DeliveryBatch,
        tried: Sequence[RecipientCard],
        later: Sequence[RecipientCard],
        recorded: Mapping[int, CopyOutcome],
    ) -> None:
        outcomes = tuple(recorded[card.copy_ref] for card in tried)
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
        left = [
            card.model_copy(update={"tries": card.tries + 1, "due": outcome.next_attempt_at})
            for card, outcome in zip(tried, outcomes, strict=True)
            if outcome.next_attempt_at is not None
        ]
        left += later
        if left:
            due = min(card.due for card in left if card.due is not None)
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

    def _smaller(self, batch: DeliveryBatch, left: Sequence[RecipientCard], now: datetime) -> DeliveryBatch:
        """The batch of the next attempt."""
        attempt = batch.attempt + 1
        return batch.model_copy(
            update={
                "id": f"{batch.batch}/{attempt}",
                "occurred_at": now,
                "attempt": attempt,
                "recipients": self._sealer.seal(RecipientCards(cards=tuple(left)), SERVICE),
            }
        )


def _by_due(job: Job, cards: Sequence[RecipientCard]) -> tuple[list[RecipientCard], list[RecipientCard]]:
    """Those that are tried in this attempt, and those that only came along and wait on: unless none need wait, being
    spared. Who takes the attempt over decides the same, since an attempt is settled once: by the moment when it was
    begun, and by what was recorded. Some are always due, even if our clock is behind the one that brought them back."""
    progress, planned = job.progress, job.batch.first_planned_at
    if not progress.taken_over and job.spared() is not None:
        return list(cards), []
    until = max(progress.begun, min((card.due or planned for card in cards), default=planned)) + NEARLY_DUE
    now_due: list[RecipientCard] = []
    later: list[RecipientCard] = []
    for card in cards:
        waits = card.due is not None and card.due > until and card.copy_ref not in progress.outcomes
        (later if waits else now_due).append(card)
    return now_due, later


def _by_way(
    found: Sequence[tuple[Way | Verdict, Sequence[Letter]]],
) -> list[tuple[Way | Verdict, list[Letter]]]:
    """Letters to the same servers together, since they are rendered together."""
    groups: dict[object, tuple[Way | Verdict, list[Letter]]] = {}
    for way, letters in found:
        key = way if isinstance(way, Verdict) else (way.policy.name, way.hop.key)
        groups.setdefault(key, (way, []))[1].extend(letters)
    return list(groups.values())


def _batched(letters: Sequence[Letter], size: int) -> Iterator[Sequence[Letter]]:
    return (letters[start : start + size] for start in range(0, len(letters), size))
