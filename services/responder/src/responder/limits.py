"""How many automatic mails one address may cause in an hour, counted on the bus so that all processes count together.

The bucket `recent-automatic-mail` holds what was sent lately, by sender key; an event that is delivered again is
therefore not counted twice. Whether one more may go out is a pure rule (`may_answer`). Compare-and-set: whoever
loses reads again.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from contracts.streams import RECENT_AUTOMATIC_MAIL
from runtime.bus.client import KvEntry
from runtime.errors import TransientError, WrongRevision

_ROUNDS = 10
_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class AutomaticAnswer:
    """One automatic mail to an address. `event`: what it answers; `at`: seconds since the epoch; `about`: which
    question, of which unit and group; `told`: the same as long as the answer would be the same."""

    event: str
    at: float
    about: str
    told: str = ""


@dataclass(frozen=True, slots=True)
class PerHour:
    """Mails that one address gets at most in an hour: when it is shown that the question came from there, and when
    anybody may have asked in its name."""

    proven: int
    unproven: int


def may_answer(earlier: Sequence[AutomaticAnswer], wanted: AutomaticAnswer, *, proven: bool, per_hour: PerHour) -> bool:
    """May this go out too? In anybody's name the same question is answered once an hour, unless there is something new
    to tell, and few questions in all, so that nobody can be flooded with our answers."""
    recent = [each for each in earlier if wanted.at - each.at < _HOUR]
    if proven:
        return len(recent) < per_hour.proven
    if len(recent) >= per_hour.unproven:
        return False
    return all((each.about, each.told) != (wanted.about, wanted.told) for each in recent)


class Bucket(Protocol):
    """The verbs of the bus that are needed; all raise BusUnavailable (transient)."""

    async def kv_entry(self, bucket: str, key: str) -> KvEntry | None: ...

    async def kv_create(self, bucket: str, key: str, value: bytes) -> int: ...

    async def kv_update(self, bucket: str, key: str, value: bytes, revision: int) -> int: ...


class AnswerLimit:
    """Counts what one sender key was answered, and says when it is enough."""

    def __init__(self, bucket: Bucket, per_hour: PerHour) -> None:
        self._bucket = bucket
        self._per_hour = per_hour

    async def allow(
        self, sender_key: str, event_id: str, now: datetime, *, about: str, told: str = "", proven: bool
    ) -> bool:
        """Count this answer and say whether it may go out. TransientError when it cannot be told now."""
        wanted = AutomaticAnswer(event_id, now.timestamp(), about, told)
        for _ in range(_ROUNDS):
            entry = await self._bucket.kv_entry(RECENT_AUTOMATIC_MAIL.name, sender_key)
            earlier = [] if entry is None else [AutomaticAnswer(*each) for each in json.loads(entry.value)]
            if any(each.event == event_id for each in earlier):
                return True
            if not may_answer(earlier, wanted, proven=proven, per_hour=self._per_hour):
                return False
            recent = [each for each in (*earlier, wanted) if wanted.at - each.at < _HOUR]
            value = json.dumps([(each.event, each.at, each.about, each.told) for each in recent]).encode()
            try:
                if entry is None:
                    await self._bucket.kv_create(RECENT_AUTOMATIC_MAIL.name, sender_key, value)
                else:
                    await self._bucket.kv_update(RECENT_AUTOMATIC_MAIL.name, sender_key, value, entry.revision)
            except WrongRevision:
                continue
            return True
        raise TransientError("answer_limit_contended")
