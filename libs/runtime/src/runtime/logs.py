"""Logs: one JSON object a line on stderr, a static event name, ids as fields, never personal data.

Our loggers and those of the libraries (uvicorn, aiosmtpd, sqlalchemy, nats) go through the same chain: level, time,
service, correlation, exception text, and last a redaction that nothing can pass by. Ours write straight to stderr, as
there is a line for each mail and the standard library's records cost more than all the rest of it.
"""

import json
import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime import tracing
from runtime.redaction import redact_value, traceback_of

# They bring handlers of their own, which would pass the redaction by.
_WITH_HANDLERS = (
    "alembic",
    "mail.debug",
    "mail.log",
    "nats",
    "sqlalchemy",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.error",
)
# These tell every server that is asked: one that belongs to a recipient's domain may name a family.
_TELLING_SERVERS = ("httpx", "httpcore")
LIBRARIES = (*_WITH_HANDLERS, *_TELLING_SERVERS)
"""Loggers of libraries, which `configure` changes beside the root."""


def configure(service: str, level: str) -> None:
    """Set up logging for this process; `level` is a name of the logging module, for example INFO."""

    def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        number = tracing.correlation()
        if number is not None:
            event.setdefault("correlation", number)
            event.setdefault("traceparent", tracing.traceparent())
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_context,
    ]
    last: list[Processor] = [_render_exception, _redact, structlog.processors.JSONRenderer(serializer=_dumps)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *last,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=_Straight,
        cache_logger_on_first_use=True,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _WITH_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    # These two tell every SMTP line and every access otherwise.
    logging.getLogger("mail.log").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("uvicorn").setLevel(max(logging.WARNING, root.level))
    for name in _TELLING_SERVERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Straight:
    """What structlog asks of a logger of the standard library; a finished line goes to stderr at once."""

    disabled = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.getEffectiveLevel = logging.getLogger(name).getEffectiveLevel

    def info(self, line: str) -> None:
        sys.stderr.write(line + "\n")

    debug = warning = error = critical = exception = info


class _Stderr(logging.Handler):
    """Writes to what sys.stderr is at that moment, so that a replaced stderr is respected."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; call it with a static event name and fields: `log.info("mail_accepted", unit=unit)`."""
    return structlog.stdlib.get_logger(name)


def _render_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = traceback_of(error)
    event.pop("stack_info", None)
    return event


def _redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {key: redact_value(value) for key, value in event.items()}


def _dumps(value: object, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
