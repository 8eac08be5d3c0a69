"""Tells an outage from a mistake.

An outage (a database or the bus is away, not yet prepared, or too slow) says nothing about the message at hand: it is
tried again for as long as the outage lasts. A mistake is tried a limited number of times.
Database errors are told by class name and SQLSTATE, so that services without a database need no database library.
"""

import nats.errors

from runtime.errors import TransientError

_OUTAGES: tuple[type[BaseException], ...] = (TransientError, OSError, TimeoutError, nats.errors.Error)
_DATABASE_OUTAGES = {
    "sqlalchemy.exc": {"OperationalError", "InterfaceError", "TimeoutError"},
    "asyncpg.exceptions._base": {"InterfaceError"},
    "asyncpg.exceptions": {"PostgresConnectionError"},
}
# Connection, rollback (deadlock, serialization), refused login, no such database, resources, operator intervention;
# then a schema, table, column or right that is not there yet because the migrations have not run.
_OUTAGE_STATES = ("08", "28", "3D", "3F", "40", "53", "57", "42P01", "42703", "42501")


def is_outage(error: BaseException) -> bool:
    """Whether `error` means that something we depend on is away."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_outage(part) for part in error.exceptions)
    if isinstance(error, _OUTAGES) or getattr(error, "connection_invalidated", False):
        return True
    if any(kind.__name__ in _DATABASE_OUTAGES.get(kind.__module__, ()) for kind in type(error).__mro__):
        return True
    state = getattr(error, "sqlstate", None) or getattr(getattr(error, "orig", None), "sqlstate", None)
    return str(state or "").startswith(_OUTAGE_STATES)
