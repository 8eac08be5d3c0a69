"""Streams, consumers and buckets of the bus, declared once and applied by `renrakumo bus apply`.

Services bind to what is declared here; they never create. A stream's `replicas` are set when it is applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from contracts.base import CARRIERS, LANES

DAY = 86_400.0


GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream. Times in seconds. `max_bytes` (None: as much as the disk holds): when it is reached, a stream with
    `refuses_when_full` takes nothing new, so that what was accepted stays; any other drops its oldest."""

    name: str
    subjects: tuple[str, ...]
    retention: Literal["limits", "interest", "workqueue"] = "limits"
    max_age: float = 14 * DAY
    duplicate_window: float = 600.0
    schedules: bool = False
    max_bytes: int | None = None
    refuses_when_full: bool = False


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """One durable pull consumer and the service that reads it. `ack_wait` in seconds; delivery is without limit, as the
    bus loop decides when to give up."""

    stream: str
    name: str
    service: str
    filters: tuple[str, ...]
    ack_wait: float = 30.0
    max_ack_pending: int = 1000


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """One key-value bucket. `ttl` in seconds, 0 = for ever."""

    name: str
    ttl: float = 0.0
    max_value: int = 4_000_000
    writers: tuple[str, ...] = field(default=())
    readers: tuple[str, ...] = field(default=())


# Mail stays only until everybody whom it concerns has handled it, so its size is what still waits.
INBOUND = StreamSpec("INBOUND", ("inbound.>",), retention="interest", max_bytes=2 * GIGABYTE, refuses_when_full=True)
EVENTS = StreamSpec(
    "EVENTS",
    ("registration.>", "leave.>", "post.>", "message.>", "confirmation.>", "answer.>", "copy.>", "command.done"),
    max_age=30 * DAY,
)
COMMANDS = StreamSpec("COMMANDS", ("command.registry.*",), retention="workqueue")
DELIVERY = StreamSpec(
    "DELIVERY",
    (*(f"delivery.{lane}.*" for lane in LANES), "delivery.schedule.*"),
    retention="workqueue",
    schedules=True,
)
OUTCOMES = StreamSpec("OUTCOMES", ("delivery.planned", "delivery.settled"), max_age=30 * DAY)
PROGRESS = StreamSpec("PROGRESS", ("progress.*.*",), max_age=3 * DAY)
# Anybody can cause dead letters (tokens that aren't ours), so they must not fill the disk. They stay only until the
# office has them: what it erases lies nowhere else.
DEADLETTERS = StreamSpec("DEADLETTERS", ("dead.*",), retention="interest", max_age=30 * DAY, max_bytes=GIGABYTE)
DEADLETTER_RETRIES = StreamSpec("DEADLETTER_RETRIES", ("dead-letter-retry.*",), retention="workqueue")
"""What the operator decided about dead letters, a subject for each service that gave one up."""

STREAMS: tuple[StreamSpec, ...] = (
    INBOUND,
    EVENTS,
    COMMANDS,
    DELIVERY,
    OUTCOMES,
    PROGRESS,
    DEADLETTERS,
    DEADLETTER_RETRIES,
)

DIRECTORY = BucketSpec(
    "directory", writers=("admin-api",), readers=("ingress-smtp", "registry", "responder", "dispatcher")
)
CONTENT = BucketSpec("content", ttl=40 * DAY, writers=("admin-api",), readers=("dispatcher",))
# What an address was sent automatically within the last hour, by sender key: the limit counts it.
RECENT_AUTOMATIC_MAIL = BucketSpec("recent-automatic-mail", ttl=3_600.0, writers=("responder",), readers=("responder",))
# Longer than any copy is tried for; what is older cannot come back.
STOPPED_MESSAGES = BucketSpec(
    "stopped-messages", ttl=4 * DAY, max_value=1_000, writers=("admin-api",), readers=("dispatcher",)
)
PACE = BucketSpec("pace", max_value=1_000, writers=("admin-api",), readers=("admin-api", "dispatcher"))
# A dispatcher that tells nothing for so long is no more.
DISPATCHERS = BucketSpec(
    "dispatchers", ttl=60.0, max_value=64_000, writers=("dispatcher",), readers=("admin-api", "dispatcher")
)

BUCKETS: tuple[BucketSpec, ...] = (DIRECTORY, CONTENT, RECENT_AUTOMATIC_MAIL, STOPPED_MESSAGES, PACE, DISPATCHERS)

REGISTRY_INBOUND = ConsumerSpec(
    "INBOUND", "registry-inbound", "registry", ("inbound.entry", "inbound.leave", "inbound.post")
)
# What is left of a broadcast whose registry was killed waits for `ack_wait`, so it is short.
REGISTRY_EVENTS = ConsumerSpec(
    "EVENTS",
    "registry-events",
    "registry",
    ("confirmation.given", "message.approved", "copy.bounced"),
    ack_wait=20.0,
)
REGISTRY_COMMANDS = ConsumerSpec("COMMANDS", "registry-commands", "registry", ("command.registry.*",))
REGISTRY_OUTCOMES = ConsumerSpec("OUTCOMES", "registry-outcomes", "registry", ("delivery.settled",))
RESPONDER_INBOUND = ConsumerSpec("INBOUND", "responder-inbound", "responder", ("inbound.info", "inbound.operator"))
RESPONDER_EVENTS = ConsumerSpec(
    "EVENTS", "responder-events", "responder", ("registration.*", "leave.*", "post.held", "post.closed")
)
RECEIPTS_INBOUND = ConsumerSpec(
    "INBOUND",
    "receipts-inbound",
    "receipts",
    ("inbound.reply", "inbound.bounce", "inbound.feedback", "inbound.unsubscribe"),
)
RECEIPTS_OUTCOMES = ConsumerSpec("OUTCOMES", "receipts-outcomes", "receipts", ("delivery.planned", "delivery.settled"))
ADMIN_API_EVENTS = ConsumerSpec(
    "EVENTS", "admin-api-events", "admin-api", ("post.recognised", "post.refused", "confirmation.given")
)
# Not with the other events: somebody may be waiting at the screen.
ADMIN_API_COMMANDS = ConsumerSpec("EVENTS", "admin-api-commands", "admin-api", ("command.done",))
ADMIN_API_INBOUND = ConsumerSpec("INBOUND", "admin-api-inbound", "admin-api", ("inbound.secret-probe",))
ADMIN_API_DEADLETTERS = ConsumerSpec("DEADLETTERS", "admin-api-deadletters", "admin-api", ("dead.*",))


def dead_letter_retry_consumer(service: str) -> ConsumerSpec:
    """The consumer of the operator's decisions about what this service gave up: to be handled once more, or never."""
    name = f"{service}-dead-letter-retry"
    return ConsumerSpec(DEADLETTER_RETRIES.name, name, service, (f"dead-letter-retry.{service}",))


GIVING_UP: tuple[str, ...] = ("registry", "dispatcher", "responder", "receipts", "admin-api")
"""Services that read the bus, and so may write dead letters."""


def delivery_consumer(lane: str, carrier: str) -> ConsumerSpec:
    """The queue of one carrier in one lane, so that a slow carrier's backlog waits on the bus and delays no other.

    What a killed dispatcher had in flight waits for `ack_wait`, so it is short; progress is fenced, so it may be."""
    return ConsumerSpec(
        "DELIVERY",
        f"dispatcher-{lane}-{carrier}",
        "dispatcher",
        (f"delivery.{lane}.{carrier}",),
        ack_wait=20.0,
        max_ack_pending=256,
    )


def consumers(carriers: Sequence[str] = CARRIERS) -> tuple[ConsumerSpec, ...]:
    """Every consumer of the system, with a delivery queue for each of these carriers in each lane."""
    return (
        REGISTRY_INBOUND,
        REGISTRY_EVENTS,
        REGISTRY_COMMANDS,
        REGISTRY_OUTCOMES,
        RESPONDER_INBOUND,
        RESPONDER_EVENTS,
        RECEIPTS_INBOUND,
        RECEIPTS_OUTCOMES,
        ADMIN_API_EVENTS,
        ADMIN_API_COMMANDS,
        ADMIN_API_INBOUND,
        ADMIN_API_DEADLETTERS,
        *(dead_letter_retry_consumer(service) for service in GIVING_UP),
        *(delivery_consumer(lane, carrier) for lane in LANES for carrier in carriers),
    )
