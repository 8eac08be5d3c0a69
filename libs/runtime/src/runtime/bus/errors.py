"""What the errors of the NATS client mean for us."""

import nats.errors
import nats.js.errors

from runtime.errors import BusFull, BusRefused, BusUnavailable, WrongRevision

_FULL = (10077, 10047, 10023)
_WRONG_SEQUENCE = (10071, 10164)
AWAY = (
    nats.errors.TimeoutError,
    nats.errors.NoRespondersError,
    nats.errors.ConnectionClosedError,
    nats.errors.ConnectionDrainingError,
    nats.errors.ConnectionReconnectingError,
    nats.errors.OutboundBufferLimitError,
    nats.errors.StaleConnectionError,
    nats.js.errors.NoStreamResponseError,
    nats.js.errors.TooManyStalledMsgsError,
    TimeoutError,
    OSError,
)
"""The bus did not answer, or is not there: later it may."""


def translated(error: BaseException) -> Exception:
    """What an error of the NATS client means for us."""
    if isinstance(error, nats.js.errors.APIError):
        if error.err_code in _WRONG_SEQUENCE:
            return WrongRevision("wrong_revision")
        if error.err_code in _FULL:
            return BusFull("bus_full")
        if (error.code or 500) >= 500:
            return BusUnavailable(f"bus_error_{error.err_code}")
        return BusRefused(f"bus_refused_{error.err_code}")
    if isinstance(error, nats.errors.MaxPayloadError):
        return BusRefused("message_too_large")
    if isinstance(error, nats.errors.BadSubjectError | nats.errors.BadHeaderError | nats.js.errors.InvalidKeyError):
        return BusRefused("bad_subject_or_header")
    if isinstance(error, AWAY):
        return BusUnavailable("bus_not_acknowledged")
    if isinstance(error, nats.errors.Error):
        return BusUnavailable(f"bus_{type(error).__name__}")
    return error if isinstance(error, Exception) else BusUnavailable("bus_interrupted")
