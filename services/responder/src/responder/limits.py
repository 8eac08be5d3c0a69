"""How many automatic mails one address may cause in an hour, counted on the bus so that all processes count together.

The bucket `answered` holds the ids of the events that were answered, by sender key and hour; an event that is delivered
again is therefore not counted twice. Compare-and-set: whoever loses reads again.
"""

import json
from datetime import datetime
from typing import Protocol

from contracts.streams import ANSWERED
from responder.model import window
from runtime.bus import KvEntry
from runtime.errors import TransientError, WrongRevision

_ROUNDS = 10


class Bucket(Protocol):
    """The verbs of the bus that are needed; all raise BusUnavailable (transient)."""

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None: ...

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int: ...

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int: ...


class AnswerLimit:
    """At most `per_hour` answers to one sender key in an hour."""

    def __init__(self, bucket: Bucket, per_hour: int) -> None:
        self._bucket = bucket
        self._per_hour = per_hour

    async def allow(self, sender_key: str, event_id: str, now: datetime) -> bool:
        """Count this event and say whether it may be answered. TransientError when it cannot be told now."""
        key = f"{sender_key}.{window(now)}"
        for _ in range(_ROUNDS):
            entry = await self._bucket.kv_entry(ANSWERED.name, key)
            answered: list[str] = [] if entry is None else json.loads(entry.value)
            if event_id in answered:
                return True
            if len(answered) >= self._per_hour:
                return False
            value = json.dumps([*answered, event_id]).encode()
            try:
                if entry is None:
                    await self._bucket.kv_create(ANSWERED.name, key, value)
                else:
                    await self._bucket.kv_update(ANSWERED.name, key, value, entry.revision)
            except WrongRevision:
                continue
            return True
        raise TransientError("answer_limit_contended")
