"""Wrong tries at secret post addresses: counted for each group, told once a minute at most, best effort.

Only what could have been a secret counts (`contracts.directory.could_be_secret`): whoever mistypes `entry` probes
nothing. Somebody who still writes to the address before the last roll is counted, and so is a slip in the last letter;
it takes many to be an attack, and that is for the reader of the events to say.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime

from contracts.events import InboundSecretProbe
from ingress_smtp import metrics
from ingress_smtp.publisher import Publisher
from runtime.bus.client import Outgoing
from runtime.ids import new_id
from runtime.logs import get_logger

SECONDS = 60.0
log = get_logger(__name__)


class SecretProbes:
    """Probes that were not told yet, by unit and group."""

    def __init__(self, publisher: Publisher, clock: Callable[[], datetime]) -> None:
        self._publisher = publisher
        self._clock = clock
        self._tries: Counter[tuple[str, str]] = Counter()

    def note(self, unit: str, group: str) -> None:
        """Somebody tried a wrong secret of this group."""
        metrics.SECRET_PROBES.inc()
        self._tries[unit, group] += 1

    async def publish(self) -> None:
        """Tell what was counted since the last time. What the bus does not take counts for the next time."""
        tries, self._tries = self._tries, Counter()
        if not tries:
            return
        events = [self._event(unit, group, count) for (unit, group), count in tries.items()]
        messages = [Outgoing(each.bus_subject(), each.model_dump_json().encode(), each.id) for each in events]
        results = await self._publisher.publish_many(messages, timeout=5)
        for event, problem in zip(events, results, strict=True):
            if problem is None:
                log.warning("post_secret_probed", unit=event.unit, group=event.group, tries=event.tries)
            else:
                self._tries[event.unit, event.group] += event.tries

    async def run(self, stop: asyncio.Event, every: float = SECONDS) -> None:
        """Publish every minute until `stop`, and then once more."""
        while not stop.is_set():
            try:
                async with asyncio.timeout(every):
                    await stop.wait()
            except TimeoutError:
                pass
            await self.publish()

    def _event(self, unit: str, group: str, tries: int) -> InboundSecretProbe:
        # Several servers tell in the same minute: each has seen others.
        identity = f"guessed-{unit}-{group}-{new_id()}"
        return InboundSecretProbe(id=identity, occurred_at=self._clock(), unit=unit, group=group, tries=tries)
