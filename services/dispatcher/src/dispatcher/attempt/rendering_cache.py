"""A message's content on its way to the copies: fetched, opened and compiled once, kept for the batches that follow.

Content of a broadcast lies in the bucket `content` and is shared by many batches; that of an automatic mail travels
sealed inside its batch and is used once. What is kept is bounded and holds no address.
"""

from collections import OrderedDict

from contracts.events.delivery import DeliveryBatch
from contracts.sealed import CardFields, MessageContent
from dispatcher.attempt.copies import CopyHeaders, CopyWriter
from dispatcher.store import Store
from mail.outgoing.rendering import Rendering, RenderingError
from runtime.crypto.sealing import Opener
from runtime.errors import PermanentError

_KEPT = 64


class ContentMissing(PermanentError):
    """There is no content under the batch's key (yet, or any more)."""


class RenderingCache:
    """Compiled contents of late, and with them the CopyWriter of a batch."""

    def __init__(self, store: Store, opener: Opener, copy_headers: CopyHeaders) -> None:
        self._store = store
        self._opener = opener
        self._copy_headers = copy_headers
        self._kept: OrderedDict[tuple[str, str], Rendering] = OrderedDict()

    async def copy_writer(self, batch: DeliveryBatch) -> CopyWriter:
        """What writes the copies of a batch. Raises ContentMissing, SealError when a box is not ours,
        BusUnavailable."""
        extra = None if batch.extra is None else self._opener.open(batch.extra, CardFields)
        return CopyWriter(self._copy_headers, batch, await self._rendering(batch), extra)

    async def _rendering(self, batch: DeliveryBatch) -> Rendering:
        if batch.content_key is None:
            if batch.content is None:
                raise PermanentError("batch_without_content")
            return self._compile(batch, self._opener.open(batch.content, MessageContent))
        # The date is part of what copies share, and waves of one message differ in it.
        key = (batch.content_key, f"{batch.unit} {batch.first_planned_at.isoformat()}")
        known = self._kept.get(key)
        if known is None:
            sealed = await self._store.content(batch.content_key)
            if sealed is None:
                raise ContentMissing("content_missing")
            known = self._compile(batch, self._opener.open(sealed, MessageContent))
            self._kept[key] = known
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return known

    def _compile(self, batch: DeliveryBatch, content: MessageContent) -> Rendering:
        try:
            return self._copy_headers.compile(batch, content)
        except RenderingError:
            raise PermanentError("content_cannot_be_rendered") from None
