"""Carry over what lies on the bus under a name that an earlier release used (contracts.retired), then delete the name.

    subject of a stream that stays   its readers hear both names -> each message said anew under the new one, the old
                                     one deleted; what the readers hear in the end is the caller's affair
    work queue                       closed to writers -> each message said anew in the new one with its message id, the
                                     old one deleted -> deleted when it is empty
    bucket                           closed to writers -> each entry that the new one lacks written there -> deleted
A message or an entry is deleted only when its new place has been acknowledged. So dying anywhere and beginning again
ends in the same; what was said twice in that moment, the bus drops by its message id, or the reader by the event's.
Two may do it at once, for what the other has already deleted is what this one was about to delete.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, Header, RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from contracts.retired import BUCKETS, STREAMS, SUBJECTS, RenamedInStream, RetiredBucket, RetiredSubject
from contracts.streams import consumers
from renrakumo_cli.bus.change import Change, Kind

_ALL = ">"
_WRONG_LAST_SEQUENCE = (10071, 10164)
_ON_ITS_WAY = 10158
_SETTLED_WITHIN = 15.0
_PAUSE = 0.05
_OPERATION = "KV-Operation"
_MARKER = "Nats-Marker-Reason"
_EXPECTED = "Nats-Expected-"


async def move_subjects(js: JetStreamContext) -> list[Change]:
    """Move messages of renamed subjects within their streams. Before consumers are brought up to date: a stream may
    keep only what one of them is to hear."""
    changes = []
    for renamed in SUBJECTS:
        if await _first(js, renamed.stream.name, renamed.subject.name) is not None:
            await _hear_both(js, renamed)
            await _move(js, renamed.stream.name, renamed.stream.name, renamed.subject)
            changes.append(_moved("subject", renamed.subject.name, renamed.subject.successor))
    return changes


async def move_streams(js: JetStreamContext) -> list[Change]:
    """Move what retired work queues and buckets hold, and delete these. Their successors must be there."""
    changes = []
    for stream in STREAMS:
        if await _close(js, stream.name):
            await _move(js, stream.name, stream.successor.name, stream.subject)
            await _delete(js, stream.name)
            changes.append(_moved("stream", stream.name, stream.successor.name))
    for bucket in BUCKETS:
        if await _close(js, bucket.stream):
            if bucket.carried:
                await _copy_entries(js, bucket)
            await _delete(js, bucket.stream)
            changes.append(_moved("bucket", bucket.name, bucket.successor.name))
    return changes


def names() -> frozenset[str]:
    """Streams that are carried over, those of buckets among them."""
    return frozenset((*(stream.name for stream in STREAMS), *(bucket.stream for bucket in BUCKETS)))


def _moved(kind: Kind, old: str, new: str) -> Change:
    return Change(kind, f"{old} -> {new}", "moved")


async def _close(js: JetStreamContext, name: str) -> bool:
    """See to it that nobody writes into this stream any more; False when it is not there."""
    closed = [f"retired.{name}"]
    try:
        config = (await js.stream_info(name)).config
        if config.subjects != closed:
            await js.update_stream(config.evolve(subjects=closed))
    except NotFoundError:
        return False
    return True


async def _delete(js: JetStreamContext, name: str) -> None:
    with contextlib.suppress(NotFoundError):
        await js.delete_stream(name)


async def _hear_both(js: JetStreamContext, renamed: RenamedInStream) -> None:
    stream, subject = renamed.stream.name, renamed.subject
    for spec in consumers():
        if spec.stream != stream or subject.successor not in spec.filters:
            continue
        try:
            config = (await js.consumer_info(stream, spec.name)).config
        except NotFoundError:
            config = ConsumerConfig(durable_name=spec.name)
        both = sorted({*spec.filters, subject.name})
        await js.add_consumer(stream, config.evolve(filter_subject=None, filter_subjects=both))


async def _move(js: JetStreamContext, source: str, target: str, subject: RetiredSubject) -> None:
    filtered = f"{subject.name}{_ALL}" if subject.name.endswith(".") else subject.name
    async for message in _messages(js, source, filtered):
        renamed = subject.renamed(str(message.subject))
        assert renamed is not None
        headers = _headers(message)
        number = headers.get(Header.MSG_ID, f"{source}-{message.seq}")
        # Within one stream the old id would be a duplicate.
        headers[Header.MSG_ID] = f"{number}/moved" if source == target else number
        await _say(js, renamed, message.data or b"", stream=target, headers=headers)
        await _delete_message(js, source, int(message.seq or 0))


async def _delete_message(js: JetStreamContext, stream: str, number: int) -> None:
    try:
        await js.delete_msg(stream, number)
    except APIError:
        left = await _first(js, stream, _ALL, number)
        if left is not None and left.seq == number:
            raise


async def _copy_entries(js: JetStreamContext, bucket: RetiredBucket) -> None:
    before, target = f"$KV.{bucket.name}.", f"KV_{bucket.successor.name}"
    async for message in _messages(js, bucket.stream, _ALL):
        headers = _headers(message)
        if _OPERATION in headers or _MARKER in headers:
            continue
        key = str(message.subject).removeprefix(before)
        # One that is there already was copied before, or told anew since.
        headers[Header.EXPECTED_LAST_SUBJECT_SEQUENCE] = "0"
        await _say(js, f"$KV.{bucket.successor.name}.{key}", message.data or b"", stream=target, headers=headers)


async def _say(js: JetStreamContext, subject: str, data: bytes, *, stream: str, headers: dict[str, str]) -> None:
    """Return when the message is stored, or was before. While another's is on its way to the servers of a cluster, it
    is neither: this one is refused, and that one may still be lost."""
    async with asyncio.timeout(_SETTLED_WITHIN):
        while True:
            try:
                await js.publish(subject, data, stream=stream, headers=headers)
                return
            except APIError as error:
                if error.err_code in _WRONG_LAST_SEQUENCE:
                    if await _first(js, stream, subject) is not None:
                        return
                elif error.err_code != _ON_ITS_WAY:
                    raise
            await asyncio.sleep(_PAUSE)


def _headers(message: RawStreamMsg) -> dict[str, str]:
    """The headers of a message but for those that were for its old place."""
    return {name: value for name, value in (message.headers or {}).items() if not name.startswith(_EXPECTED)}


async def _messages(js: JetStreamContext, stream: str, subject: str) -> AsyncIterator[RawStreamMsg]:
    number = 1
    while (message := await _first(js, stream, subject, number)) is not None:
        yield message
        number = int(message.seq or 0) + 1


async def _first(js: JetStreamContext, stream: str, subject: str, number: int = 1) -> RawStreamMsg | None:
    """The first message of this subject from this number on; None when there is none, or no such stream."""
    try:
        return await js.get_msg(stream, seq=number, subject=subject, next=True)
    except NotFoundError:
        return None
