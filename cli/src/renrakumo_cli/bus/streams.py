"""Apply what contracts declare to a bus: streams, consumers and buckets, created or brought up to date.

One explicit step, run by the operator, by `make up` and by a deployment before services start. Doing it twice changes
nothing. What an earlier release called otherwise is moved to its new name (`retired`), and nothing else is deleted:
what the bus has and contracts don't know is reported as `unknown` and left alone.
"""

import contextlib
from collections.abc import Mapping

import nats.errors
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError

from contracts.streams import BUCKETS, STREAMS, BucketSpec, ConsumerSpec, StreamSpec, consumers
from renrakumo_cli.bus import retired
from renrakumo_cli.bus.change import Change, Kind, NotApplied
from renrakumo_cli.bus.cluster import formed, streams
from renrakumo_cli.bus.login import connected

_BUCKET_DUPLICATES = 120.0
_LEADERS_WITHIN = 15.0
_QUESTIONS = 8
_QUESTION_WITHIN = 2.0
_RETENTION = {
    "limits": RetentionPolicy.LIMITS,
    "interest": RetentionPolicy.INTEREST,
    "workqueue": RetentionPolicy.WORK_QUEUE,
}


async def apply(
    url: str, user: str, password: str, *, replicas: int | None = None, within: float = 0.0
) -> list[Change]:
    """Bring the bus at `url` to what contracts declare. `user` needs the whole JetStream API (user `operator`).

    `replicas`: copies of each stream; None leaves them as they are, and makes a new stream like the others. `within`:
    seconds to wait for a cluster's servers to find each other. Raises NotApplied.
    """
    try:
        async with connected(url, user, password) as client:
            if within:
                await formed(client.jetstream(timeout=3), servers=replicas or 1, within=within)
            return await bring_up_to_date(client.jetstream(timeout=15), replicas)
    except (OSError, nats.errors.Error) as error:
        raise NotApplied(error) from error


async def bring_up_to_date(js: JetStreamContext, replicas: int | None = None) -> list[Change]:
    """`apply` by a connection of the caller's; whatever goes wrong is raised as it is."""
    known = {info.config.name: info.config for info in await streams(js, within=_LEADERS_WITHIN)}
    usual = max([config.num_replicas or 1 for config in known.values()], default=1)
    copies = {spec.name: replicas or _copies(known, spec.name, usual) for spec in STREAMS}
    bucket_copies = {spec.name: replicas or _copies(known, f"KV_{spec.name}", usual) for spec in BUCKETS}
    # What nobody is to read goes at the moment when a stream begins to keep only what somebody is.
    turning = {spec.name for spec in STREAMS if spec.retention == "interest" and _keeps_all(known.get(spec.name))}
    first = [spec for spec in consumers() if spec.stream in turning]
    changes = await retired.move_subjects(js)
    changes += [await _consumer(js, spec) for spec in first]
    changes += [
        await _stream(js, known, "stream", _stream_config(spec, copies[spec.name]), spec.name) for spec in STREAMS
    ]
    changes += [
        await _stream(js, known, "bucket", _bucket_config(spec, bucket_copies[spec.name]), spec.name)
        for spec in BUCKETS
    ]
    changes += [await _consumer(js, spec) for spec in consumers() if spec not in first]
    changes += await retired.move_streams(js)
    changes += await _unknown(js, set(known) - retired.names())
    return changes


def _keeps_all(known: StreamConfig | None) -> bool:
    return known is not None and known.retention == RetentionPolicy.LIMITS


def _copies(known: Mapping[str | None, StreamConfig], name: str, usual: int) -> int:
    return (known[name].num_replicas or 1) if name in known else usual


def _stream_config(spec: StreamSpec, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=spec.name,
        subjects=list(spec.subjects),
        retention=_RETENTION[spec.retention],
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW if spec.refuses_when_full else DiscardPolicy.OLD,
        max_bytes=spec.max_bytes or -1,
        max_age=spec.max_age,
        duplicate_window=spec.duplicate_window,
        max_msgs_per_subject=-1,
        num_replicas=replicas,
        allow_msg_schedules=spec.schedules or None,
        allow_rollup_hdrs=spec.schedules,  # schedules need it: the server would switch it on by itself
    )


def _bucket_config(spec: BucketSpec, replicas: int) -> StreamConfig:
    return StreamConfig(
        name=f"KV_{spec.name}",
        subjects=[f"$KV.{spec.name}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=spec.ttl,
        duplicate_window=min(_BUCKET_DUPLICATES, spec.ttl or _BUCKET_DUPLICATES),
        max_msgs_per_subject=1,
        max_msg_size=spec.max_value,
        num_replicas=replicas,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_msg_ttl=True,
    )


def _consumer_config(spec: ConsumerSpec) -> ConsumerConfig:
    single = len(spec.filters) == 1
    return ConsumerConfig(
        name=spec.name,
        durable_name=spec.name,
        filter_subject=spec.filters[0] if single else None,
        filter_subjects=None if single else list(spec.filters),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait,
        max_ack_pending=spec.max_ack_pending,
        max_deliver=-1,
    )


async def _stream(
    js: JetStreamContext,
    known: dict[str | None, StreamConfig],
    kind: Kind,
    wanted: StreamConfig,
    name: str,
) -> Change:
    current = known.pop(wanted.name, None)
    if current is None:
        await js.add_stream(wanted)
        return Change(kind, name, "created")
    if _covers(current, wanted):
        return Change(kind, name, "unchanged")
    await js.update_stream(wanted)
    return Change(kind, name, "updated")


async def _consumer(js: JetStreamContext, spec: ConsumerSpec) -> Change:
    wanted = _consumer_config(spec)
    current = await _known_consumer(js, spec)
    if current is None:
        await js.add_consumer(spec.stream, wanted)
        return Change("consumer", f"{spec.stream}/{spec.name}", "created")
    if _covers(current, wanted):
        return Change("consumer", f"{spec.stream}/{spec.name}", "unchanged")
    await js.add_consumer(spec.stream, wanted)
    return Change("consumer", f"{spec.stream}/{spec.name}", "updated")


async def _known_consumer(js: JetStreamContext, spec: ConsumerSpec) -> ConsumerConfig | None:
    """None when there is none. One that another operator is just making on a cluster leaves a question without an
    answer, so it is asked again."""
    for _ in range(_QUESTIONS - 1):
        with contextlib.suppress(nats.errors.TimeoutError):
            return await _ask(js, spec)
    return await _ask(js, spec)


async def _ask(js: JetStreamContext, spec: ConsumerSpec) -> ConsumerConfig | None:
    try:
        info: ConsumerInfo = await js.consumer_info(spec.stream, spec.name, timeout=_QUESTION_WITHIN)
    except NotFoundError:
        return None
    return info.config


def _covers(current: StreamConfig | ConsumerConfig, wanted: StreamConfig | ConsumerConfig) -> bool:
    """Does the server hold every value that we state? What we leave open is the server's own choice."""
    existing = current.as_dict()
    return all(_same(existing.get(key), value) for key, value in wanted.as_dict().items())


def _same(existing: object, stated: object) -> bool:
    """The server says "none" and "no limit" in several ways: they are one."""
    return existing == stated or (_is_none(existing) and _is_none(stated))


def _is_none(value: object) -> bool:
    return value in (None, False, 0, "", [], -1)


async def _unknown(js: JetStreamContext, foreign_streams: set[str | None]) -> list[Change]:
    changes = [Change("stream", str(name), "unknown") for name in sorted(map(str, foreign_streams))]
    declared = {(spec.stream, spec.name) for spec in consumers()}
    for stream in STREAMS:
        for info in await js.consumers_info(stream.name):
            if info.config.durable_name and (stream.name, info.name) not in declared:
                changes.append(Change("consumer", f"{stream.name}/{info.name}", "unknown"))
    return changes
