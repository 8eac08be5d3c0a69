"""The bus loop: takes messages of one declared consumer, has them handled, and sees each to its end.

    puller -> in flight (bounded) -> handler -> ack
                                            -> outage:  nak with a delay, without limit
                                            -> mistake: nak with a delay, after max_attempts dead letter, then term
                                            -> PermanentError: dead letter, then term
While a message is in flight the bus is told so every third of ack_wait, so a slow handler is never run twice at once.
A message is terminated only after its dead letter is stored. On stop: no more messages, what is in flight gets ten
seconds to finish, the rest goes back to the bus at once. A server that restarts in the middle costs nothing but
deliveries again, which is why every handler's effect must be repeatable: runtime.database.outbox.Inbox makes it so.
"""

import asyncio
import base64
import contextlib
import zlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import TypeVar

from nats.aio.msg import Msg
from pydantic import BaseModel, ValidationError

from contracts.events.dead import DeadLetter
from contracts.streams import ConsumerSpec
from runtime import metrics, tracing
from runtime.bus.client import Bus
from runtime.bus.puller import Puller
from runtime.errors import BusRefused, PermanentError, Postponed
from runtime.faults import is_outage
from runtime.logs import get_logger
from runtime.redaction import reason_of

STREAM_HEADER = "Renrakumo-Stream"
SEQUENCE_HEADER = "Renrakumo-Sequence"
"""Where a dead letter tells from which stream its message came, and which number it had there."""

OUTAGE_DELAY = 30.0
FINISH_SECONDS = 10.0
_REMEMBERED = 10_000

E = TypeVar("E", bound=BaseModel)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a handler sees it. `attempt` is 1 for the first delivery; `sequence` its number in the stream,
    which took it in at `stored_at`."""

    subject: str
    data: bytes
    headers: Mapping[str, str]
    attempt: int
    stream: str
    sequence: int
    correlation: str = ""
    stored_at: datetime | None = None

    def event(self, model: type[E]) -> E:
        """The body as `model`; PermanentError when it is not one."""
        try:
            return model.model_validate_json(self.data)
        except ValidationError:
            raise PermanentError("message_not_understood") from None


def dead_letter_id(spec: ConsumerSpec, delivery: Delivery) -> str:
    """Id of a message's dead letter: the same however often the message comes, and no other message's, also on a bus
    that was made anew and counts from one again."""
    moment = "" if delivery.stored_at is None else f"-{int(delivery.stored_at.timestamp() * 1000)}"
    return f"{delivery.stream}-{delivery.sequence}-{spec.name}{moment}"


def dead_letter(spec: ConsumerSpec, delivery: Delivery, error: Exception) -> DeadLetter:
    """What is kept of a message that this consumer gave up on."""
    kept = error.kept if isinstance(error, PermanentError) else None
    return DeadLetter(
        id=dead_letter_id(spec, delivery),
        occurred_at=datetime.now(UTC),
        service=spec.service,
        consumer=spec.name,
        subject=delivery.subject,
        reason=reason_of(error),
        attempts=delivery.attempt,
        headers={**delivery.headers, STREAM_HEADER: delivery.stream, SEQUENCE_HEADER: str(delivery.sequence)},
        payload=base64.b64encode(delivery.data if kept is None else kept).decode(),
    )


def packed(letter: DeadLetter) -> DeadLetter:
    """A dead letter with its payload compressed: what is sealed travels as text, and so loses a quarter."""
    if letter.packed:
        return letter
    payload = base64.b64encode(zlib.compress(letter.message(), level=1)).decode()
    return letter.model_copy(update={"payload": payload, "packed": True})


@dataclass(slots=True)
class _InFlight:
    """A message being handled; `message` is its newest delivery, the one to acknowledge."""

    message: Msg
    task: "asyncio.Task[None] | None" = field(default=None)


class ConsumerLoop:
    """Reads one consumer. `concurrency` bounds what is in flight, `batch` what is asked for at once; `backoff`: the
    delays in seconds before each further attempt (the last one repeats), `finish_seconds`: how long a stop waits,
    `make_dead_letter` writes what is kept of a message that is given up (default: `dead_letter`)."""

    def __init__(
        self,
        bus: Bus,
        spec: ConsumerSpec,
        handler: Callable[[Delivery], Awaitable[None]],
        *,
        concurrency: int = 16,
        batch: int = 100,
        max_attempts: int = 8,
        backoff: Sequence[float] = (0.2, 1, 5, 15, 60),
        finish_seconds: float = FINISH_SECONDS,
        make_dead_letter: Callable[[ConsumerSpec, Delivery, Exception], DeadLetter] = dead_letter,
    ) -> None:
        self._bus = bus
        self._spec = spec
        self._handler = handler
        self._make_dead_letter = make_dead_letter
        self._max_attempts = max_attempts
        self._backoff = tuple(backoff)
        self._finish_seconds = finish_seconds
        self._puller = Puller(bus, spec.stream, spec.name, max_in_flight=concurrency, batch=batch)
        self._in_flight: dict[int, _InFlight] = {}
        self._mistakes: OrderedDict[int, int] = OrderedDict()
        self._stopping = False
        labels = spec.name
        self._consumed = metrics.CONSUMED.labels(labels)
        self._acked = metrics.ACKED.labels(labels)
        self._delayed = metrics.DELAYED.labels(labels)
        self._dead = metrics.DEAD.labels(labels)
        self._handling = metrics.HANDLING.labels(labels)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is in flight (bounded) and give back the rest."""
        alive = asyncio.create_task(self._keep_alive())
        try:
            await self._puller.run(stop, self._received)
        finally:
            self._stopping = True
            try:
                await self._puller.end()
                await self._finish()
            finally:
                alive.cancel()

    async def _received(self, message: Msg) -> None:
        sequence = message.metadata.sequence.stream
        known = self._in_flight.get(sequence)
        if known is not None:
            # Delivered again while still in flight (the server had restarted): never run it twice at once.
            known.message = message
            self._puller.done()
            return
        if self._stopping:
            self._puller.done()
            await self._tell(message.nak)
            return
        entry = _InFlight(message)
        self._in_flight[sequence] = entry
        self._consumed.inc()
        entry.task = asyncio.create_task(self._work(entry, sequence))

    async def _work(self, entry: _InFlight, sequence: int) -> None:
        message = entry.message
        headers = message.headers or {}
        try:
            with tracing.accept(headers) as correlation:
                delivery = Delivery(
                    subject=message.subject,
                    data=message.data,
                    headers=headers,
                    attempt=message.metadata.num_delivered,
                    stream=message.metadata.stream,
                    sequence=sequence,
                    correlation=correlation,
                    stored_at=message.metadata.timestamp,
                )
                started = monotonic()
                try:
                    await self._handler(delivery)
                except PermanentError as error:
                    await self._give_up(entry, delivery, error)
                except Exception as error:
                    await self._try_later(entry, delivery, error)
                else:
                    await self._tell(entry.message.ack)
                    self._acked.inc()
                    self._mistakes.pop(sequence, None)
                finally:
                    self._handling.observe(monotonic() - started)
        finally:
            self._in_flight.pop(sequence, None)
            self._puller.done()

    async def _try_later(self, entry: _InFlight, delivery: Delivery, error: Exception) -> None:
        if is_outage(error):
            usual = min(self._delay(delivery.attempt), OUTAGE_DELAY)
            delay = error.delay if isinstance(error, Postponed) else usual
            log.warning("message_delayed", **self._fields(delivery), delay=delay, reason=reason_of(error))
        else:
            mistakes = self._mistakes.pop(delivery.sequence, 0) + 1
            if mistakes >= self._max_attempts:
                await self._give_up(entry, delivery, error)
                return
            self._mistakes[delivery.sequence] = mistakes
            while len(self._mistakes) > _REMEMBERED:
                self._mistakes.popitem(last=False)
            delay = self._delay(mistakes)
            log.warning("message_failed", **self._fields(delivery), delay=delay, exc_info=error)
        self._delayed.inc()
        await self._tell(entry.message.nak, delay)

    async def _give_up(self, entry: _InFlight, delivery: Delivery, error: Exception) -> None:
        try:
            await self._store_dead_letter(delivery, error)
        except Exception as problem:
            # Not stored, so not given up: the message comes again.
            log.warning("dead_letter_not_stored", **self._fields(delivery), reason=reason_of(problem))
            await self._tell(entry.message.nak, OUTAGE_DELAY)
            return
        self._dead.inc()
        self._mistakes.pop(delivery.sequence, None)
        log.error("message_dead", **self._fields(delivery), reason=reason_of(error))
        await self._tell(entry.message.term)

    async def _store_dead_letter(self, delivery: Delivery, error: Exception) -> None:
        letter = self._make_dead_letter(self._spec, delivery, error)
        # Smaller and smaller, until it is not too large for the bus.
        with contextlib.suppress(BusRefused):
            await self._bus.publish(letter)
            return
        with contextlib.suppress(BusRefused):
            await self._bus.publish(await asyncio.to_thread(packed, letter))
            return
        await self._bus.publish(letter.model_copy(update={"payload": "", "packed": False}))

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._spec.ack_wait / 3)
            for entry in tuple(self._in_flight.values()):
                await self._tell(entry.message.in_progress)

    async def _finish(self) -> None:
        tasks = [entry.task for entry in self._in_flight.values() if entry.task is not None]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._finish_seconds)
        back = [entry for entry in self._in_flight.values() if entry.task in late]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)
        for entry in back:
            await self._tell(entry.message.nak)
        if back:
            log.warning("unfinished_given_back", consumer=self._spec.name, count=len(back))

    async def _tell(self, verb: Callable[..., Awaitable[None]], *arguments: float) -> None:
        # If the bus does not hear it, it delivers the message again; that must never end the loop.
        try:
            async with asyncio.timeout(5):
                await verb(*arguments)
        except Exception as error:
            log.warning("acknowledgement_not_sent", consumer=self._spec.name, reason=reason_of(error))

    def _delay(self, attempt: int) -> float:
        return self._backoff[min(attempt, len(self._backoff)) - 1]

    def _fields(self, delivery: Delivery) -> dict[str, object]:
        return {
            "consumer": self._spec.name,
            "subject": delivery.subject,
            "sequence": delivery.sequence,
            "attempt": delivery.attempt,
        }
