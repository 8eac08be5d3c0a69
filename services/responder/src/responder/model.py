"""Pure rules of responder: what a batch is called, and when there is something new to tell."""

import hashlib
import re

from board.model import News

NEWEST_NOTICES = 3
_NOT_IN_A_BATCH_ID = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_BATCH_ID = 100


def batch_id(event_id: str) -> str:
    """The id of the batch that answers an event: always the same, in characters that a subject of the bus may hold."""
    clean = _NOT_IN_A_BATCH_ID.sub("-", event_id)
    if clean != event_id or len(clean) > _LONGEST_BATCH_ID:
        clean = f"{clean[:_LONGEST_BATCH_ID]}-{hashlib.sha256(event_id.encode()).hexdigest()[:16]}"
    return f"auto-{clean}"


def fingerprint(news: News) -> str:
    """A fingerprint of the news: it changes when there is something new to tell."""
    return hashlib.sha256(repr((news.notices, news.days)).encode()).hexdigest()[:16]
