"""Names on the bus that an earlier release used, and what took their place.

    renrakumo bus apply   carries over what lies under them, then deletes them (renrakumo_cli.bus.retired)
    current_subject       the same for what lies elsewhere: in an outbox, in a dead letter
An entry may go when nobody can come from the release that is named beside it any more. A consumer has no entry of its
own: those of a retired stream go with it, and have nothing of their own once its messages have moved.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.streams import (
    DEADLETTER_RETRIES,
    DISPATCHERS,
    INBOUND,
    RECENT_AUTOMATIC_MAIL,
    STOPPED_MESSAGES,
    BucketSpec,
    StreamSpec,
)


@dataclass(frozen=True, slots=True)
class RetiredBucket:
    """A bucket that has another name now. `carried`: its entries are facts that nobody would tell again."""

    name: str
    successor: BucketSpec
    carried: bool = True

    @property
    def stream(self) -> str:
        """The stream that holds the bucket."""
        return f"KV_{self.name}"


@dataclass(frozen=True, slots=True)
class RetiredSubject:
    """A subject that has another name now; one that ends in a dot stands for all that begin with it."""

    name: str
    successor: str

    def renamed(self, subject: str) -> str | None:
        """What takes the place of `subject`; None when it is another one."""
        if self.name.endswith("."):
            return self.successor + subject.removeprefix(self.name) if subject.startswith(self.name) else None
        return self.successor if subject == self.name else None


@dataclass(frozen=True, slots=True)
class RetiredStream:
    """A work queue that has another name now, and so have its subjects."""

    name: str
    successor: StreamSpec
    subject: RetiredSubject


@dataclass(frozen=True, slots=True)
class RenamedInStream:
    """A subject that has another name now, in a stream that stays."""

    stream: StreamSpec
    subject: RetiredSubject


# Of release 0.1.
BUCKETS: tuple[RetiredBucket, ...] = (
    RetiredBucket("superseded", STOPPED_MESSAGES),
    RetiredBucket("answered", RECENT_AUTOMATIC_MAIL),
    # Dispatchers tell anew how they are every few seconds; those of before are gone.
    RetiredBucket("postmen", DISPATCHERS, carried=False),
)
STREAMS: tuple[RetiredStream, ...] = (
    RetiredStream("AGAIN", DEADLETTER_RETRIES, RetiredSubject("again.", "dead-letter-retry.")),
)
SUBJECTS: tuple[RenamedInStream, ...] = (
    RenamedInStream(INBOUND, RetiredSubject("inbound.guessed", "inbound.secret-probe")),
)


def current_subject(subject: str) -> str:
    """The subject under which a message is said today that an earlier release meant for `subject`."""
    return next((renamed for each in _subjects() if (renamed := each.renamed(subject)) is not None), subject)


def _subjects() -> Iterable[RetiredSubject]:
    yield from (each.subject for each in STREAMS)
    yield from (each.subject for each in SUBJECTS)
    yield from (RetiredSubject(f"$KV.{each.name}.", f"$KV.{each.successor.name}.") for each in BUCKETS)
