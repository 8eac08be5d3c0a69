"""Correlation: one id that follows a mail through every service, and W3C traceparent beside it.

Both live in context variables, go out with every message as headers, come back in with every delivery, and are put
on every log line, so that one search finds the whole story of one mail without naming anybody.
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

CORRELATION_HEADER = "Renrakumo-Correlation"
TRACEPARENT_HEADER = "traceparent"

_CORRELATION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})")

_correlation: ContextVar[str | None] = ContextVar("correlation", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def correlation() -> str | None:
    """The correlation id of the work at hand, if any."""
    return _correlation.get()


def traceparent() -> str | None:
    """The traceparent of the work at hand, if any."""
    return _traceparent.get()


def headers() -> dict[str, str]:
    """Headers for an outgoing message: what is current, begun anew when nothing is."""
    trace = _traceparent.get()
    return {
        CORRELATION_HEADER: _correlation.get() or secrets.token_hex(8),
        TRACEPARENT_HEADER: trace or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00",
    }


@contextmanager
def accept(incoming: Mapping[str, str] | None) -> Iterator[str]:
    """Make the ids of an incoming message (or new ones) current for the block; yields the correlation id.

    Malformed ids are replaced: they come from outside and end up in logs. The trace id is kept, the span is ours.
    """
    given = incoming or {}
    number = given.get(CORRELATION_HEADER, "")
    number = number if _CORRELATION.fullmatch(number) else secrets.token_hex(8)
    match = _TRACEPARENT.fullmatch(given.get(TRACEPARENT_HEADER, ""))
    trace_id, flags = match.groups() if match else (secrets.token_hex(16), "00")
    first = _correlation.set(number)
    second = _traceparent.set(f"00-{trace_id}-{secrets.token_hex(8)}-{flags}")
    try:
        yield number
    finally:
        _correlation.reset(first)
        _traceparent.reset(second)
